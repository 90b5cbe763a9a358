"""The conformance suite for methods: `from methods.testing import assert_conforms`.

May import `methods`; it imports the orchestrator's training loop when a check runs. Begin with
`conformance.py`.
"""

from methods.testing.conformance import assert_conforms as assert_conforms
