"""The interval of a mean is one formula, for metrics, tables, surfaces and differences."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import stdtrit

from orchestrator.results.averages import average_over_seeds
from orchestrator.results.intervals import half_interval, half_width, t_quantile, t_test
from orchestrator.results.metrics import mean_std_interval
from orchestrator.results.statistics import paired_differences
from orchestrator.results.surface.exchange import ratio_of_means


def test_half_of_the_interval_of_three_values_by_hand() -> None:
    # s = 1, t_2(0.975) = 4.302653 of the tables, sqrt(3).
    assert half_width(np.array([1.0, 2.0, 3.0])) == pytest.approx(4.302653 / 3**0.5, rel=1e-6)
    assert half_interval(0.5, 4) == pytest.approx(3.182446 * 0.5 / 2, rel=1e-6)


def test_with_one_value_there_is_no_interval() -> None:
    assert np.isnan(half_width(np.ones((2, 1)))).all()
    assert t_quantile(1) == t_quantile(2)  # finite, so that NaN comes from the deviation alone


@pytest.mark.parametrize("n", [2, 3, 5, 11])
def test_metrics_tables_and_surfaces_have_the_same_interval_to_the_bit(n: int) -> None:
    values = np.random.default_rng(n).uniform(size=n)
    half = float(stdtrit(n - 1, 0.975)) * float(np.std(values, ddof=1)) / float(np.sqrt(n))
    assert mean_std_interval(values)[2] == half
    assert half_width(values[None])[0] == half
    rows = pd.DataFrame({"a": "x", "acc": values})
    row = average_over_seeds(rows, ["a"], ["acc"]).iloc[0]
    assert row["acc_ci95"] == pytest.approx(half, rel=1e-14)  # its mean is a sum in other order
    against_zero = paired_differences(values[None], np.zeros(n))
    assert against_zero.high[0] - against_zero.mean[0] == pytest.approx(half, rel=1e-12)


def test_a_mean_as_far_from_zero_as_its_interval_is_wide_has_p_of_a_twentieth() -> None:
    for n in (2, 3, 10):
        assert t_test(np.array(-t_quantile(n)), n) == pytest.approx(0.05)


def test_a_ratio_to_a_mean_without_spread_has_the_interval_of_what_is_above() -> None:
    above = np.array([1.0, 2.0, 3.0])
    ratio = ratio_of_means(above, np.full(3, 2.0))
    assert ratio.high - ratio.value == pytest.approx(float(half_width(above)) / 2)
