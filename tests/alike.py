"""Methods by what they have in common, for tests that go through all of them."""

from __future__ import annotations

import pytest
from _pytest.mark.structures import ParameterSet

from methods import METHODS

# Of each family, `make test` goes through the first; the golden numbers hold all.
ALIKE = {
    "cumulative": "joint",
    "l2": "ewc",
    "mas": "ewc",
    "rwalk": "si",
    "derpp": "der",
    "agem": "gem",
    "progress_compress": "ewc",
    "er_ace": "er",
    "mir": "er",
}
# Options of methods whose defaults are large, for tests that hold at any size.
SMALL: dict[str, dict[str, object]] = {
    "generative_replay": {"hidden": (24,), "latent_size": 4},
    "bic": {"correction_epochs": 5},
    "ranpac": {"projection": 24},
}


def each_method() -> list[ParameterSet]:
    """Return the methods as cases; those that are like another are left to `make test-storm`."""
    return cases([(name,) for name in METHODS])


def cases(rows: list[tuple[object, ...]]) -> list[ParameterSet]:
    """Return cases that name a method; a method like another is left to `make test-storm`."""
    return [
        pytest.param(*row, marks=[] if ALIKE.keys().isdisjoint(row) else [pytest.mark.variant])
        for row in rows
    ]
