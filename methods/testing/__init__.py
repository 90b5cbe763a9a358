"""The conformance suite for methods: `from methods.testing import assert_conforms`.

May import `methods`, torch, numpy, safetensors and the orchestrator: its counter of FLOPs, and,
when a check runs, its training loop, its networks and its names of costs. Begin with
`conformance.py`.
"""

from methods.testing.conformance import assert_conforms as assert_conforms
