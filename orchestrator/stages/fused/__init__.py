"""Stages of siblings trained as one batched program; a stage's bits are the same in any group.

Siblings differ in seed, learning rate or strength of the method alone. May import `learning`, the
modules of `stages` (`run_stage.py`, `measurement.py`), and what is below them. Begin with
`group.py`, of which `learning/learner.py` is the reference; `stages/siblings.py` says which stages
can be fused.
"""
