"""Rates as text: every cell in rows, and the range of each method."""

from __future__ import annotations

import numpy as np
import pytest
from test_surface import surface

from orchestrator.results.surface.rate_cells import RATES, exchange_cells
from orchestrator.results.surface.rates import marginal_rates
from orchestrator.results.units import change_text
from orchestrator.terminal.broken_text import break_name
from orchestrator.terminal.rate_tables import rate_rows, rate_tables

SEEDS = np.array([0.0, 0.01, -0.01])
# 1 kB more buys .02, 1 GFLOP more .04: it replaces 2 kB on each seed.
GAINS = np.array([[[0.5 + SEEDS, 0.54 + SEEDS], [0.52 + SEEDS, 0.56 + SEEDS]]])
# The same means, but of bytes on one seed only.
UNSURE = GAINS + np.array([[[[0, 0, 0]] * 2, [[0.1, -0.1, 0]] * 2]])


def test_rows_have_the_rate_of_each_cell_with_its_interval() -> None:
    values = np.random.default_rng(0).uniform(0, 1, (2, 3, 2, 4))
    values[1, 0, 0, 0] = np.nan
    drawn = surface(values, compute=(1.0, 4.0))
    rates = marginal_rates(drawn)
    heads, *rows = rate_rows(drawn, "bytes")
    assert heads == ("method", "at", "1 kB to 2 kB", "2 kB to 4 kB")
    assert [row[:2] for row in rows] == [("a", "1 x"), ("a", "4 x"), ("b", "1 x"), ("b", "4 x")]
    assert rows[1][3] == change_text(rates.storage[0, 1, 1], rates.storage_half[0, 1, 1])
    assert rows[2][2] == "", "b is not complete in its first cell"
    heads, *rows = rate_rows(drawn, "FLOPs")
    assert heads == ("method", "at", "1 x to 4 x")
    assert rows[2][1:] == ("4 kB", change_text(rates.compute[0, 2, 0], rates.compute_half[0, 2, 0]))
    assert [row[:2] for row in rows[3:]] == [("b", "2 kB"), ("b", "4 kB")]


def test_what_a_gigaflop_replaces_has_the_ends_of_its_interval() -> None:
    assert rate_rows(surface(GAINS), "exchange")[1:] == [("a", "1 x", "2 kB [2 kB, 2 kB]")]
    assert rate_rows(surface(UNSURE), "exchange")[1:] == [("a", "1 x", "2.00 kB [-∞, ∞]")]
    assert rate_rows(surface(GAINS[..., :1]), "exchange")[1:] == [("a", "1 x", "2 kB")]
    assert rate_rows(surface(-GAINS), "exchange") == [], "bytes that buy nothing are not replaced"
    assert rate_rows(surface(GAINS[:, :1]), "exchange") == [], "one budget has no next"


def test_an_exchange_is_bounded_where_both_ends_are_finite() -> None:
    bounded = [each.bounded for each in exchange_cells(surface(np.concatenate([GAINS, UNSURE])))]
    assert bounded == [True, False]


def test_the_interval_of_a_rate_is_around_its_mean() -> None:
    """Over seeds a doubling of bytes buys .2 and .4: .3, and 12.706 standard errors of .1."""
    (cell,) = RATES["bytes"](surface([[[[0.1, 0.2]], [[0.3, 0.6]]]]))
    assert (cell.value, cell.low, cell.high) == pytest.approx((0.3, -0.9706, 1.5706), abs=1e-4)


def test_a_table_has_the_median_the_least_and_the_most_of_each_method() -> None:
    """At 1 x bytes buy .1, then .4; at 2 x .2, then .3."""
    values = np.array([[[0.0, 0.0], [0.1, 0.2], [0.5, 0.5]]])[..., None]
    bytes_table, flops_table, exchange_table = rate_tables(surface(values))
    cells = [list(column.cells) for column in bytes_table.columns]
    figures = [["+0.250"], ["+0.100\n1 kB and 1 x"], ["+0.400\n2 kB and 1 x"]]
    assert cells == [[break_name("a")], *figures]
    assert next(column.header for column in flops_table.columns) == "ACC per doubling of FLOPs"
    # With one seed no interval is known, so that none is bounded.
    assert [list(column.cells) for column in exchange_table.columns][-1] == ["0 of 2 cells"]
