"""Paired statistics against values worked by hand, and against other programs' formulas."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_rel

from orchestrator.results.multiple_tests import holm, holm_against_best
from orchestrator.results.statistics import Differences, paired_differences, ranks

NAN = float("nan")
T_2 = 4.302652729749462  # Student's t, 2 degrees of freedom, 0.975


def single(values: Sequence[float]) -> Differences:
    """Return the paired difference of one row from zeros."""
    return paired_differences(np.array([values], dtype=float), np.zeros(len(values)))


def test_the_difference_of_three_seeds_is_the_one_worked_by_hand() -> None:
    # Differences 1, 2, 3: mean 2, s = 1, t = 2 sqrt(3) with 2 degrees of freedom, for which
    # P(|T| > t) = 1 - t / sqrt(t^2 + 2) = 1 - sqrt(12 / 14).
    actual = paired_differences(np.array([[2.0, 4.0, 6.0]]), np.array([1.0, 2.0, 3.0]))
    assert (actual.n[0], actual.mean[0]) == (3, 2)
    assert actual.p[0] == pytest.approx(1 - np.sqrt(12 / 14), rel=1e-12)
    half = T_2 / np.sqrt(3)
    assert (actual.low[0], actual.high[0]) == pytest.approx((2 - half, 2 + half), rel=1e-12)


def test_interval_and_p_are_those_of_scipy_s_paired_t_test_row_by_row() -> None:
    here, other = np.random.default_rng(0).normal(size=(2, 6, 8))
    actual = paired_differences(here, other)
    theirs = ttest_rel(here, other, axis=1)
    interval = theirs.confidence_interval(0.95)
    np.testing.assert_allclose(actual.p, theirs.pvalue, rtol=1e-12)
    np.testing.assert_allclose(actual.low, interval.low, rtol=1e-12)
    np.testing.assert_allclose(actual.high, interval.high, rtol=1e-12)


def test_the_other_direction_has_the_other_sign_and_the_same_p() -> None:
    here, actual = np.random.default_rng(1).normal(size=(2, 1, 5))
    one, other = paired_differences(here, actual), paired_differences(actual, here)
    assert (one.mean, one.low, one.high) == (-other.mean, -other.high, -other.low)
    assert one.p == pytest.approx(other.p, rel=1e-12)


def test_seeds_on_which_a_metric_is_undefined_do_not_count() -> None:
    actual = paired_differences(np.array([[1.0, NAN, 3.0]]), np.array([0.0, 0.0, NAN]))
    assert (actual.n[0], actual.mean[0]) == (1, 1)
    gappy = single([0.1, NAN, 0.3, 0.2])
    whole = single([0.1, 0.3, 0.2])
    assert (gappy.n, gappy.low, gappy.p) == (whole.n, whole.low, whole.p)


@pytest.mark.parametrize(("n", "mean", "rest"), [(0, 0, 0), (1, 1, 0), (2, 1, 1), (3, 1, 1)])
def test_what_few_seeds_cannot_say_is_undefined(n: int, mean: int, rest: int) -> None:
    actual = single([0.1, 0.3, 0.2][:n])
    defined = [bool(np.isfinite(x[0])) for x in (actual.mean, actual.low, actual.high, actual.p)]
    assert defined == [bool(mean), bool(rest), bool(rest), bool(rest)]


def test_differences_that_do_not_vary_are_no_difference_or_no_test() -> None:
    none = single([0.0, 0.0, 0.0])
    assert (none.p[0], none.low[0], none.high[0]) == (1, 0, 0)
    # 0.3 - 0.2 and 0.2 - 0.1 differ by rounding alone.
    constant = paired_differences(np.array([[0.3, 0.2, 0.9]]), np.array([0.2, 0.1, 0.8]))
    assert constant.mean[0] == pytest.approx(0.1)
    assert np.isnan([constant.low[0], constant.high[0], constant.p[0]]).all()


@pytest.mark.parametrize("n", [3, 4, 5, 6])
def test_the_interval_covers_as_often_as_it_says_and_agrees_with_p(n: int) -> None:
    # Standard error of the coverage: sqrt(.95 x .05 / 20,000) = .0015. The bootstrap covers .757,
    # .889, .917 and .941.
    actual = paired_differences(np.random.default_rng(n).normal(size=(20_000, n)), np.zeros(n))
    covered = (actual.low <= 0) & (actual.high >= 0)
    assert covered.mean() == pytest.approx(0.95, abs=0.006)
    np.testing.assert_array_equal(covered, actual.p >= 0.05)


def test_testing_against_a_row_chosen_as_the_best_is_corrected_for() -> None:
    # Ten equal rows on five seeds, in 400 data sets of which the seeds differ more than the rows.
    # Corrected for nine tests alone it is wrong some 11 times in 100 (standard error .016).
    rng = np.random.default_rng(7)
    wrong, naive = 0, 0
    for _ in range(400):
        values = rng.normal(size=(10, 5)) + 3 * rng.normal(size=5)
        best = int(values.mean(axis=1).argmax())
        wrong += bool((holm_against_best(values, best) < 0.05).any())
        alone = np.delete(paired_differences(values, values[best]).p, best)
        naive += bool((holm(alone) < 0.05).any())
    assert wrong / 400 <= 0.05
    assert naive / 400 > 0.07


def test_the_correction_for_the_best_is_holm_s_over_all_pairs() -> None:
    values = np.random.default_rng(8).normal(size=(4, 5)) + np.array([[0.0], [1.0], [2.0], [9.0]])
    pairs = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    corrected = holm([float(ttest_rel(values[i], values[j]).pvalue) for i, j in pairs])
    for chosen in range(4):
        actual = holm_against_best(values, chosen)
        assert np.isnan(actual[chosen])
        for pair, p in zip(pairs, corrected, strict=True):
            if chosen in pair:
                assert actual[pair[0] if pair[1] == chosen else pair[1]] == pytest.approx(p)


def test_of_very_many_rows_the_correction_is_never_smaller_than_holm_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = np.random.default_rng(9).normal(size=(6, 5)) + np.arange(6)[:, None]
    exact = holm_against_best(values, 5)
    monkeypatch.setattr("orchestrator.results.multiple_tests.MAX_ROWS", 5)
    bound = holm_against_best(values, 5)
    assert (bound[:5] >= exact[:5]).all()
    assert bound[:5] == pytest.approx(
        np.minimum(1, 15 * paired_differences(values, values[5]).p[:5])
    )


def test_holm_is_the_one_worked_by_hand() -> None:
    # Sorted: 0.01 x 4 = 0.04, 0.02 x 3 = 0.06, 0.03 x 2 = 0.06, 0.04 x 1 -> 0.06.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert list(holm([0.6, 0.9])) == [1, 1]
    assert list(holm([])) == []


def test_what_is_no_test_does_not_count_among_the_tests() -> None:
    corrected = holm([NAN, 0.01, NAN, 0.04])
    assert corrected[1::2] == pytest.approx([0.02, 0.04])
    assert np.isnan(corrected[0::2]).all()


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_keeps_the_order_and_never_makes_a_p_value_smaller(p_values: list[float]) -> None:
    corrected = holm(p_values)
    pairs = sorted(zip(p_values, map(float, corrected), strict=True))
    assert all(p <= q <= 1 for p, q in pairs)
    assert [q for _, q in pairs] == sorted(corrected)


def test_ranks_are_those_worked_by_hand_and_equals_share() -> None:
    accuracies = np.array([[0.9, 0.8, 0.7], [0.5, 0.9, 0.5], [0.1, 0.1, 0.1]])
    assert ranks(accuracies).tolist() == [[1, 2, 3], [2.5, 1, 2.5], [2, 2, 2]]
