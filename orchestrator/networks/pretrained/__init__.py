"""Pretrained networks: a body with weights from a file, and a new head.

May import what `networks` may. Begin with `pretrained.py`; `backbones.py` builds the body,
`weights.py` reads its file, `input_rule.py` says how images reach it.
"""
