"""Paired statistics against values worked by hand, and against other programs' formulas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student
from scipy.stats import ttest_rel

from orchestrator.results.statistics import bootstrap_interval, difference, holm, paired_p, ranks

NAN = float("nan")


def test_the_difference_of_three_seeds_is_the_one_worked_by_hand() -> None:
    # Differences 1, 2, 3: mean 2, s = 1, t = 2 sqrt(3) with 2 degrees of freedom, for which
    # P(|T| > t) = 1 - t / sqrt(t^2 + 2) = 1 - sqrt(12 / 14).
    found = difference(np.array([2.0, 4.0, 6.0]), np.array([1.0, 2.0, 3.0]))
    assert (found.n, found.mean) == (3, 2)
    assert found.p == pytest.approx(1 - np.sqrt(12 / 14), rel=1e-12)
    assert (found.low, found.high) == (1, 3)


def test_the_p_value_is_that_of_the_paired_t_test() -> None:
    here, there = np.random.default_rng(0).normal(size=(2, 8))
    assert difference(here, there).p == pytest.approx(ttest_rel(here, there).pvalue, rel=1e-12)


def test_the_other_direction_has_the_other_sign_and_the_same_p() -> None:
    here, there = np.random.default_rng(1).normal(size=(2, 5))
    one, other = difference(here, there), difference(there, here)
    assert (one.mean, one.n) == (-other.mean, other.n)
    assert one.p == pytest.approx(other.p, rel=1e-12)


def test_seeds_on_which_a_metric_is_undefined_do_not_count() -> None:
    found = difference(np.array([1.0, NAN, 3.0]), np.array([0.0, 0.0, NAN]))
    assert (found.n, found.mean) == (1, 1)


@pytest.mark.parametrize(("n", "interval", "p"), [(0, 0, 0), (1, 0, 0), (2, 0, 1), (3, 1, 1)])
def test_what_few_seeds_cannot_say_is_undefined(n: int, interval: int, p: int) -> None:
    values = np.array([0.1, 0.3, 0.2])[:n]
    found = difference(values, np.zeros(n))
    assert np.isfinite([found.mean, found.low, found.high, found.p]).tolist() == [
        n > 0, bool(interval), bool(interval), bool(p),
    ]  # fmt: skip


def test_differences_that_do_not_vary_are_certain_or_no_difference() -> None:
    assert paired_p(np.zeros(3)) == 1
    assert np.isnan(paired_p(np.full(3, 0.1)))
    assert bootstrap_interval(np.full(3, 0.1)) == (0.1, 0.1)


def test_the_same_values_give_the_same_interval_in_any_order() -> None:
    values = np.random.default_rng(2).normal(size=6)
    assert bootstrap_interval(values) == bootstrap_interval(values[::-1].copy())


def test_with_many_seeds_the_interval_is_about_that_of_the_t_distribution() -> None:
    values = np.random.default_rng(3).normal(size=40)
    low, high = bootstrap_interval(values)
    half = student.ppf(0.975, 39) * values.std(ddof=1) / np.sqrt(40)
    assert low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_few_normal_seeds_are_covered_about_as_often_as_is_said() -> None:
    draws = np.random.default_rng(4).normal(size=(300, 5))
    covered = [low <= 0 <= high for low, high in map(bootstrap_interval, draws)]
    assert 0.9 <= np.mean(covered) <= 1  # the plain percentile interval covers 0.83


def test_holm_is_the_one_worked_by_hand() -> None:
    # Sorted: 0.01 x 4 = 0.04, 0.02 x 3 = 0.06, 0.03 x 2 = 0.06, 0.04 x 1 -> 0.06.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.6, 0.9]) == [1, 1]
    assert holm([]) == []


def test_what_is_no_test_does_not_count_among_the_tests() -> None:
    corrected = holm([NAN, 0.01, NAN, 0.04])
    assert corrected[1::2] == pytest.approx([0.02, 0.04])
    assert np.isnan(corrected[0::2]).all()


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_keeps_the_order_and_never_makes_a_p_value_smaller(p_values: list[float]) -> None:
    corrected = holm(p_values)
    pairs = sorted(zip(p_values, corrected, strict=True))
    assert all(p <= q <= 1 for p, q in pairs)
    assert [q for _, q in pairs] == sorted(corrected)


def test_ranks_are_those_worked_by_hand_and_equals_share() -> None:
    accuracies = np.array([[0.9, 0.8, 0.7], [0.5, 0.9, 0.5], [0.1, 0.1, 0.1]])
    assert ranks(accuracies).tolist() == [[1, 2, 3], [2.5, 1, 2.5], [2, 2, 2]]
