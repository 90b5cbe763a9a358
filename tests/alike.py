"""Methods by what they have in common, for tests that go through all of them."""

from __future__ import annotations

import pytest
from _pytest.mark.structures import ParameterSet

from methods import METHODS

# Of each family, `make test` goes through the first; the contract suite goes through all.
ALIKE = {
    "cumulative": "joint",
    "l2": "ewc",
    "mas": "ewc",
    "rwalk": "si",
    "derpp": "der",
    "agem": "gem",
}


def each_method() -> list[ParameterSet]:
    """Return the methods as cases; those that are like another are left to `make test-storm`."""
    return [
        pytest.param(name, marks=[pytest.mark.variant] if name in ALIKE else []) for name in METHODS
    ]
