"""The metrics against matrices worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.results import metrics
from orchestrator.results.r_matrix import build_r

# Rows: after 0, 1, 2, 3 tasks. Columns: tasks 1, 2, 3.
R = np.array(
    [
        [0.10, 0.20, 0.30],
        [0.90, 0.40, 0.35],
        [0.95, 0.80, 0.50],
        [0.60, 0.70, 0.85],
    ]
)
NAN = float("nan")
# The metrics whose cells are known to the tests here.
KNOWN = {"acc", "average_incremental_accuracy", "bwt", "fwt", "forgetting", "learning_accuracy"}


def change(after: int, task: int, value: float = NAN) -> np.ndarray:
    r = R.copy()
    r[after, task - 1] = value
    return r


def matrices(low: int, high: int) -> st.SearchStrategy[np.ndarray]:
    def draw_matrix(num_tasks: int) -> st.SearchStrategy[np.ndarray]:
        cells = (num_tasks + 1) * num_tasks
        values = st.lists(st.floats(0, 1), min_size=cells, max_size=cells)
        return values.map(lambda v: np.array(v, dtype=float).reshape(num_tasks + 1, num_tasks))

    return st.integers(low, high).flatmap(draw_matrix)


def test_average_accuracy_is_the_mean_of_the_last_row() -> None:
    assert metrics.acc(R) == pytest.approx((0.60 + 0.70 + 0.85) / 3)


@given(num_tasks=st.integers(1, 40), seed=st.integers(0, 2**32 - 1))
def test_an_average_has_the_bits_of_numpy_s_mean(num_tasks: int, seed: int) -> None:
    r = np.random.default_rng(seed).random((num_tasks + 1, num_tasks))
    assert metrics.acc(r) == float(np.mean(r[-1]))
    assert metrics.learning_accuracy(r) == float(np.mean(np.diagonal(r, offset=-1)))


@given(r=matrices(1, 5), data=st.data())
def test_the_cells_of_a_matrix_make_it_in_any_order_and_the_others_are_nan(
    r: np.ndarray, data: st.DataObject
) -> None:
    cells = [(after, column + 1, x) for (after, column), x in np.ndenumerate(r)]
    shown = data.draw(st.lists(st.sampled_from(cells), unique_by=lambda cell: cell[:2]))
    made = build_r(*np.reshape(shown, (-1, 3)).T, r.shape[1])
    given_cells = {cell[:2] for cell in shown}
    for after, task, x in cells:
        expected = x if (after, task) in given_cells else np.nan
        np.testing.assert_equal(made[after, task - 1], expected)


def test_backward_transfer_compares_the_end_with_when_each_task_was_learned() -> None:
    assert metrics.bwt(R) == pytest.approx(((0.60 - 0.90) + (0.70 - 0.80)) / 2)


@pytest.mark.parametrize("scenario", ["task", "domain"])
def test_forward_transfer_compares_the_eve_of_learning_with_the_untrained_network(
    scenario: str,
) -> None:
    assert metrics.fwt(R, scenario) == pytest.approx(((0.40 - 0.20) + (0.50 - 0.30)) / 2)


def test_forgetting_counts_from_the_best_accuracy_since_learning() -> None:
    assert metrics.forgetting(R) == pytest.approx(((0.95 - 0.60) + (0.80 - 0.70)) / 2)


def test_learning_accuracy_is_the_mean_just_after_learning() -> None:
    assert metrics.learning_accuracy(R) == pytest.approx((0.90 + 0.80 + 0.85) / 3)


def test_average_incremental_accuracy_is_the_mean_over_stages_of_the_mean_over_tasks_seen() -> None:
    stages = [0.90, (0.95 + 0.80) / 2, (0.60 + 0.70 + 0.85) / 3]
    assert metrics.accuracy_seen(R) == pytest.approx(stages)
    assert metrics.average_incremental_accuracy(R) == pytest.approx(np.mean(stages))
    assert metrics.average_incremental_accuracy(metrics.r_after(R, 2)) == pytest.approx(
        np.mean(stages[:2])
    )


def test_the_accuracy_on_the_tasks_seen_can_count_every_example_alike() -> None:
    stages = [0.90, (5 * 0.95 + 0.80) / 6, (5 * 0.60 + 0.70 + 2 * 0.85) / 8]
    assert metrics.accuracy_seen(R, np.array([50.0, 10.0, 20.0])) == pytest.approx(stages)


@given(matrices(1, 5))
def test_average_incremental_accuracy_is_the_mean_of_acc_after_each_task(r: np.ndarray) -> None:
    after = [metrics.acc(metrics.r_after(r, k)) for k in range(1, r.shape[1] + 1)]
    assert metrics.average_incremental_accuracy(r) == pytest.approx(np.mean(after))


def test_forgetting_ignores_what_was_known_before_the_task_was_learned() -> None:
    assert metrics.forgetting(change(1, 2, 1.0)) == metrics.forgetting(R)


def test_forgetting_is_negative_where_the_end_is_best() -> None:
    assert metrics.forgetting(change(3, 1, 1.0)) == pytest.approx((-0.05 + 0.10) / 2)


def test_with_two_tasks_forgetting_is_minus_backward_transfer() -> None:
    two = metrics.r_after(R, 2)
    assert metrics.forgetting(two) == pytest.approx(-metrics.bwt(two))


def test_with_one_task_transfer_and_forgetting_are_undefined_and_accuracy_is_not() -> None:
    one = np.array([[0.5], [0.9]])
    assert metrics.acc(one) == metrics.learning_accuracy(one) == 0.9
    undefined = (metrics.bwt(one), metrics.fwt(one, "domain"), metrics.forgetting(one))
    assert np.isnan(undefined).all()


def test_after_no_task_every_metric_is_undefined() -> None:
    assert np.isnan(list(metrics.metrics_after(R, 0, "domain").values())).all()


@pytest.mark.parametrize(
    ("cell", "lost"),
    [
        ((3, 1), {"acc", "average_incremental_accuracy", "bwt", "forgetting"}),
        ((2, 1), {"average_incremental_accuracy", "forgetting"}),
        ((1, 1), {"average_incremental_accuracy", "bwt", "forgetting", "learning_accuracy"}),
        ((1, 2), {"fwt"}),
        ((0, 3), {"fwt"}),
        ((0, 1), set()),
        ((1, 3), set()),
    ],
)
def test_an_unknown_cell_makes_exactly_the_metrics_that_read_it_undefined(
    cell: tuple[int, int], lost: set[str]
) -> None:
    values = metrics.metrics_after(change(*cell), 3, "task")
    assert {name for name in KNOWN if np.isnan(values[name])} == lost


def test_class_incremental_forward_transfer_is_undefined_though_its_cells_are_known() -> None:
    assert np.isnan(metrics.fwt(R, "class"))


@pytest.mark.parametrize(
    ("scenario", "num_tasks", "scores_unseen", "reason"),
    [
        ("class", 5, True, "class-incremental"),
        ("task", 1, True, "only one"),
        ("task", 5, False, "before learning it"),
        ("domain", 5, False, "before learning it"),
    ],
)
def test_the_reason_forward_transfer_is_undefined_is_said(
    scenario: str, num_tasks: int, scores_unseen: bool, reason: str
) -> None:
    text = metrics.explain_undefined_fwt(scenario, num_tasks, scores_unseen)
    assert text is not None
    assert reason in text


@pytest.mark.parametrize("scenario", ["task", "domain"])
def test_no_reason_is_given_where_forward_transfer_is_defined(scenario: str) -> None:
    assert metrics.explain_undefined_fwt(scenario, 2) is None


@given(matrices(2, 5), st.data())
def test_a_metric_after_some_tasks_ignores_later_rows_and_tasks(
    r: np.ndarray, data: st.DataObject
) -> None:
    after = data.draw(st.integers(1, r.shape[1] - 1))
    blind = r.copy()
    blind[after + 1 :, :] = NAN
    blind[:, after:] = NAN
    seen, unseen = (metrics.metrics_after(m, after, "domain") for m in (r, blind))
    assert list(seen.values()) == pytest.approx(list(unseen.values()), nan_ok=True)


@given(matrices(2, 5))
def test_forgetting_is_at_least_minus_backward_transfer(r: np.ndarray) -> None:
    assert metrics.forgetting(r) >= -metrics.bwt(r) - 1e-12


@given(matrices(2, 5), st.floats(-1, 1))
def test_adding_a_constant_to_every_cell_moves_accuracy_and_no_transfer(
    r: np.ndarray, shift: float
) -> None:
    before, after = (metrics.metrics_after(m, m.shape[1], "domain") for m in (r, r + shift))
    shifted = dict.fromkeys(("acc", "average_incremental_accuracy", "learning_accuracy"), shift)
    expected = dict.fromkeys(("bwt", "fwt", "forgetting"), 0.0) | shifted
    moved = {name: after[name] - before[name] for name in expected}
    assert moved == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (3,)])
def test_a_matrix_without_the_untrained_row_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected \[T\+1, T\]"):
        metrics.acc(np.zeros(shape))


def test_a_prefix_longer_than_the_matrix_is_refused() -> None:
    with pytest.raises(ValueError, match=r"outside 0\.\.3"):
        metrics.r_after(R, 4)


def test_the_interval_of_one_two_three_is_the_table_value_over_root_three() -> None:
    mean, std, half = metrics.mean_std_interval(np.array([1.0, 2.0, 3.0]))
    assert (mean, std) == (2.0, 1.0)
    assert half == pytest.approx(4.302652729749462 / np.sqrt(3), rel=1e-12)


def test_one_value_has_a_mean_and_no_interval() -> None:
    mean, std, half = metrics.mean_std_interval(np.array([0.5]))
    assert mean == 0.5
    assert np.isnan([std, half]).all()


def test_an_undefined_value_among_others_makes_the_mean_undefined() -> None:
    assert np.isnan(metrics.mean_std_interval(np.array([0.5, NAN, 0.7]))).all()
