"""Ticks of axes of costs: two labels at least, round, and inside the axis."""

from __future__ import annotations

from math import floor, log10

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis.strategies import booleans, floats

from dashboards.charts.cost_axes import NARROW, WIDE, axis_layout, ticks, trim_zeros
from dashboards.charts.surface.prices import price_ticks

pytestmark = [pytest.mark.pages]


@settings(max_examples=200, deadline=None)
@given(low=floats(0, 12), length=floats(0.1, 6), narrow=booleans())
def test_an_axis_has_two_different_labels_or_more_of_at_most_three_digits(
    low: float, length: float, narrow: bool
) -> None:
    axis = ticks("compute_flops", low, low + length, NARROW if narrow else WIDE)
    assert len({*axis["ticktext"]}) == len(axis["tickvals"]) >= 2
    places = [log10(value) for value in axis["tickvals"]]
    assert low - 1e-9 <= places[0] < places[-1] <= low + length + 1e-9
    leading = [value / 10 ** floor(log10(value)) for value in axis["tickvals"]]
    assert all(abs(number - round(number, 2)) < 1e-9 for number in leading)


@pytest.mark.parametrize(
    ("cost", "texts"),
    [(1.27e8, ["120 M", "140 M"]), (9.9e7, ["90 M", "100 M", "110 M"]), (5.2e7, ["50 M", "55 M"])],
)
def test_equal_costs_have_ticks_around_them(cost: float, texts: list[str]) -> None:
    rows = pd.DataFrame({"compute_flops_mean": [cost, cost]})
    assert axis_layout(rows, "compute_flops", narrow=True)["ticktext"] == texts


def test_an_axis_of_prices_has_few_round_ticks_without_those_that_cost_nothing() -> None:
    axis = price_ticks(np.array([[np.nan, 0.0], [3.6e-6, 3.1e-5]]))
    assert axis["ticktext"] == ["5e-06", "1e-05", "2e-05"]
    assert axis["range"][0] < log10(3.6e-6) < log10(3.1e-5) < axis["range"][1]
    assert price_ticks(np.array([0.0])) == {}


def test_a_tick_has_no_zero_at_the_end_of_its_decimals() -> None:
    texts = ["1.50 kB", "1.00 MB", "100 GFLOP", "0.250", "10 k"]
    assert [*map(trim_zeros, texts)] == ["1.5 kB", "1 MB", "100 GFLOP", "0.25", "10 k"]
