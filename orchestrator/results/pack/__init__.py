"""A pack: one file with the results of a folder, for another machine or another person.

May import `folder`, `tables` and `names` beside it and what is below the results. Begin with
`contents.py`, which says what a pack may hold; `write.py` and `read.py` make it and take it in.
"""
