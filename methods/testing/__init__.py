"""The contract of a method, checked by running it: `assert_conforms(MyMethod)`.

The one part of `methods` that imports the orchestrator, whose training loop it runs. Begin with
`conformance.py`.
"""

from methods.testing.conformance import assert_conforms as assert_conforms
