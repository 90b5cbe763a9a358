"""The trial graph: which stage runs next, from the plan to the last stage.

May import `sweep` and what is below it. Begin with `trial_graph.py`, a pure state machine over
`stage_nodes.py`; `plan.py` compares a sweep with a store, `driver.py` is the loop between graph and
workers.
"""
