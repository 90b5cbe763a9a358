"""Pretrained networks: a body with weights from a file, and a new head.

May import the networks beside it but not their table, and what is below them. Begin with
`pretrained.py`; `backbones.py` builds the body, `weights.py` reads its file, `input_rule.py` says
how images reach it.
"""
