"""What a search ranks by: values by hand, what is refused and how, and the Pareto front."""

import math
import pickle
import subprocess
import sys
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.columns import COLUMNS, METRICS, Column
from orchestrator.stages.costs import CATEGORIES
from orchestrator.sweep.objective import plausible_figures as plausible
from orchestrator.sweep.objective.expression import OBJECTIVE_NAMES
from orchestrator.sweep.objective.objective import Objective
from orchestrator.sweep.objective.plausible_figures import plausible_figures

FIGURES_OF_A_TRIAL = {
    "acc": 0.75,
    "bwt": -0.5,
    "fwt": 0.25,
    "forgetting": 0.5,
    "learning_accuracy": 0.875,
    "storage_bytes": 1e6,
    "train_flops": 8.0,
    "samples": 100,
}

# How the list of what is valid begins.
VALID, ALPHABETIC = ", ".join(OBJECTIVE_NAMES), ", ".join(sorted(OBJECTIVE_NAMES))


def objective(metric: str | list[str], mode: str | list[str] | None = None) -> Objective:
    mistakes: list[str] = []
    target = Objective.parse(metric, mode, "search", mistakes)
    assert mistakes == []
    assert target is not None
    return target


def mistakes_of(metric: str | list[str], mode: str | list[str] | None = None) -> list[str]:
    mistakes: list[str] = []
    assert Objective.parse(metric, mode, "search", mistakes) is None
    return mistakes


def value(metric: str, **changes: float | None) -> float | None:
    values = objective(metric).value(FIGURES_OF_A_TRIAL | changes)
    return None if values is None else values[0]


@pytest.mark.parametrize(
    ("metric", "by_hand"),
    [
        ("acc", 0.75),
        ("acc - 0.1 * log10(storage_bytes)", 0.75 - 0.6),
        ("-acc", -0.75),
        ("+acc - -1", 1.75),
        ("acc + bwt / 2", 0.5),
        ("acc - (bwt - fwt) * 2", 2.25),
        ("2 ** 3 ** acc", 2**3**0.75),
        ("-acc ** 2", -0.5625),
        ("log2(train_flops)", 3),
        ("log(exp(forgetting))", 0.5),
        ("sqrt(samples) + abs(bwt)", 10.5),
        ("min(acc, forgetting, 0.6) - max(acc, 0.8)", -0.3),
        ("  acc\n  + 1 ", 1.75),
    ],
)
def test_an_expression_has_the_value_worked_by_hand(metric: str, by_hand: float) -> None:
    assert value(metric) == pytest.approx(by_hand, rel=1e-15)


def test_names_are_the_figures_used_each_once() -> None:
    target = objective(["bwt + acc * acc", "log10(storage_bytes) - acc"])
    assert set(target.names) == {"acc", "bwt", "storage_bytes"}
    assert len(target.names) == 3


def test_every_figure_can_be_ranked_by_alone() -> None:
    for name in OBJECTIVE_NAMES:
        assert objective(name).value({name: 0.5}) == (0.5,)
    assert {f"storage_{name}_bytes" for name in CATEGORIES} < set(OBJECTIVE_NAMES)


@pytest.mark.parametrize(
    ("metric", "changes"),
    [
        ("acc", {"acc": math.nan}),
        ("acc", {"acc": None}),
        ("acc", {"acc": math.inf}),
        ("storage_buffer_bytes", {}),
        ("max(acc, bwt)", {"bwt": math.nan}),
        ("max(bwt, acc)", {"bwt": math.nan}),
        ("log10(bwt)", {}),
        ("log10(storage_bytes)", {"storage_bytes": 0}),
        ("acc / (bwt + 0.5)", {}),
        ("exp(storage_bytes)", {}),
        ("bwt ** 0.5", {}),
        ("0 ** bwt", {}),
        ("1e308 * samples", {}),
    ],
)
def test_what_has_no_finite_value_is_undefined(metric: str, changes: dict[str, float]) -> None:
    assert value(metric, **changes) is None


def test_one_undefined_metric_makes_all_undefined() -> None:
    assert objective(["acc", "fwt"]).value({"acc": 0.5, "fwt": math.nan}) is None


def test_a_huge_power_is_undefined_at_once() -> None:
    begun = perf_counter()
    assert value("acc + 9 ** (9 ** (999 * acc))", acc=0.99) is None
    assert Objective.parse("acc + 9 ** 9 ** 9 ** 9", None, "search", []) is None
    assert perf_counter() - begun < 1


@pytest.mark.parametrize(
    "metric",
    [
        "acc.real",
        "acc.__class__",
        "().__class__.__bases__[0]",
        "acc[0]",
        "[acc for _ in acc]",
        "(lambda: acc)()",
        "acc if bwt else fwt",
        "acc and bwt",
        "acc < bwt",
        "acc % 2",
        "acc // 2",
        "acc ^ 2",
        "~acc",
        "not acc",
        "'acc'",
        "True",
        "None",
        "1j * acc",
        "f'{acc}'",
        "(acc, bwt)",
        "{acc}",
        "max(acc, *bwt)",
        "max(acc, key=abs)",
        "(acc := 1)",
        "abs(acc.real)",
    ],
)
def test_what_is_not_arithmetic_is_refused_with_what_is(metric: str) -> None:
    (line,) = mistakes_of(metric)
    assert line.startswith("search.metric: ")
    assert "is not arithmetic; an expression is made of numbers, names, + - * / **" in line


@pytest.mark.parametrize(
    "metric", ["", "acc +", "import os", "acc; bwt", "acc = 1", "a\0", "(" * 250]
)
def test_what_cannot_be_read_is_refused(metric: str) -> None:
    (line,) = mistakes_of(metric)
    assert "cannot be read; an expression is made of" in line


def test_code_is_never_run(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = mistakes_of("print(acc)")
    assert line.startswith("search.metric: unknown function 'print'; ")
    assert mistakes_of("__import__('os').getcwd()")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (
            "accuracy",
            f"search.metric: unknown name 'accuracy'; did you mean 'acc'? valid: {ALPHABETIC}",
        ),
        ("ACC - 1", "search.metric: unknown name 'ACC'; did you mean 'acc'?"),
        ("storage", "search.metric: unknown name 'storage'; did you mean 'storage_bytes'?"),
        ("acc - storage_buffers_bytes", "did you mean 'storage_buffer_bytes'?"),
        ("acc / train_seconds", "seconds differ from run to run"),
        ("ln(acc)", "search.metric: unknown function 'ln'; "),
        ("log10(acc, 2)", "search.metric: log10 takes 1 argument, given 2"),
        ("max(acc)", "search.metric: max takes at least 2 arguments, given 1"),
        ("acc + 1e999", "search.metric: a number is too large"),
        ("acc + 1" + "0" * 290, None),
        ("1 + 2", "search.metric: '1 + 2' uses no figure; valid: " + VALID),
        ("acc + " * 60 + "acc", "search.metric: an expression has at most 300 characters"),
    ],
)
def test_a_mistake_says_what_is_wrong_and_what_is_valid(metric: str, message: str | None) -> None:
    if message is None:
        assert objective(metric)
    else:
        (line,) = mistakes_of(metric)
        assert message in line


def test_all_mistakes_are_gathered_each_with_its_place() -> None:
    lines = mistakes_of(["acc", "accuracy - bwd", "acc"], ["max", "least"])
    assert [line.split(":")[0] for line in lines] == [
        "search.metric[1]",
        "search.metric[1]",
        "search.metric[2]",
        "search.mode",
        "search.mode",
    ]
    assert "'acc' is named twice" in lines[2]
    assert "must be max or min, given 'least'" in lines[3]
    assert "a mode for each of 3 metrics" in lines[4]
    assert mistakes_of([]) == ["search.metric: a list of at least one metric is needed, given []"]


@pytest.mark.parametrize(
    ("metric", "mode"),
    [
        ("acc", "max"),
        ("bwt", "max"),
        ("learning_accuracy", "max"),
        ("forgetting", "min"),
        ("storage_bytes", "min"),
        ("storage_buffer_bytes", "min"),
        ("train_flops", "min"),
        ("samples", "min"),
        ("(samples)", "min"),
        ("-forgetting", "max"),
        ("acc - forgetting", "max"),
    ],
)
def test_a_cost_alone_is_made_small_and_all_else_large(metric: str, mode: str) -> None:
    assert objective(metric).modes == (mode,)


def test_modes_that_are_given_count() -> None:
    assert objective("acc", "min").modes == ("min",)
    assert objective(["acc", "bwt"], ["min", "max"]).modes == ("min", "max")
    (line,) = mistakes_of(["acc", "bwt"], "max")
    assert line == "search.mode: give a mode for each of 2 metrics, as a list, given ['max']"


def test_the_key_sorts_the_better_last() -> None:
    target = objective(["acc", "storage_bytes"])
    assert target.key((0.5, 100.0)) == (0.5, -100.0)
    assert max([(0.5, 100.0), (0.5, 10.0), (0.4, 1.0)], key=target.key) == (0.5, 10.0)


def test_dominance_needs_no_worse_anywhere_and_better_somewhere() -> None:
    target = objective(["acc", "storage_bytes"])
    assert target.dominates((0.5, 10), (0.5, 100))
    assert not target.dominates((0.5, 10), (0.5, 10))
    assert not target.dominates((0.6, 100), (0.5, 10))


def test_the_front_of_a_small_example_is_the_one_seen_by_eye() -> None:
    target = objective(["acc", "storage_bytes"])
    points = [(0.9, 100.0), (0.8, 100.0), (0.5, 1.0), None, (0.9, 100.0), (0.5, 2.0), (0.7, 50.0)]
    assert target.front(points) == [0, 2, 4, 6]


@given(
    st.lists(st.none() | st.tuples(*[st.integers(0, 4).map(float)] * 3), max_size=30),
    st.lists(st.sampled_from(["max", "min"]), min_size=3, max_size=3),
)
def test_the_front_is_what_brute_force_finds(
    points: list[tuple[float, float, float] | None], modes: list[str]
) -> None:
    target = objective(["acc", "bwt", "fwt"], modes)
    known = [point for point in points if point is not None]
    by_force = [
        i
        for i, point in enumerate(points)
        if point is not None and not any(target.dominates(other, point) for other in known)
    ]
    assert target.front(points) == by_force


def test_an_objective_travels_between_processes_and_equals_itself() -> None:
    target = objective(["acc - 0.1 * log10(storage_bytes)"])
    copy = pickle.loads(pickle.dumps(target))
    assert copy == target
    assert copy.value(FIGURES_OF_A_TRIAL) == target.value(FIGURES_OF_A_TRIAL)


def test_neither_torch_nor_ray_nor_pandas_is_needed() -> None:
    code = (
        "import sys, orchestrator.sweep.objective.objective; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'ray', 'pandas', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", METRICS)
def test_a_plausible_metric_is_once_in_each_part_of_the_range_of_its_column(name: str) -> None:
    lowest = COLUMNS[name].lowest
    values = sorted(figures[name] for figures in plausible_figures(50))
    expected = [lowest + (1 - lowest) * (i + 0.5) / 50 for i in range(50)]
    assert values == pytest.approx(expected)


def test_what_is_accepted_does_not_depend_on_the_other_metrics(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = plausible_figures.__wrapped__(20)
    made_up = Column("gap", "gap", "between the best and the worst task", lowest=-1)
    monkeypatch.setitem(COLUMNS, "gap", made_up)
    monkeypatch.setattr(plausible, "QUALITIES", ("gap", *reversed(METRICS)))
    after = plausible_figures.__wrapped__(20)
    gaps = [figures.pop("gap") for figures in after]
    assert after == before
    assert min(gaps) < -0.9 < 0.9 < max(gaps)
