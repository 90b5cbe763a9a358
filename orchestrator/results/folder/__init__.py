"""The folder of a sweep: its writer, what is kept of former runs, and which stages it needs.

May import `tables` and `names` beside it and what is below the results. Begin with `tabulator.py`,
which writes the tables while a sweep runs; `garbage.py` deletes the stages that no folder needs.
"""
