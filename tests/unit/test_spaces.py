"""Spaces: what is drawn from each kind of domain, and what a condition does to a point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest

from orchestrator.sweep.spaces.domain_kinds import KINDS
from orchestrator.sweep.spaces.domains import (
    Domain,
    Point,
    draw_point,
    grid_points,
    is_domain,
    read_domain,
)

SIGNIFICANT = 1e-3  # seeds are fixed, so a test that passes once passes always


def draw(kind: str, args: Sequence[Any], count: int = 2000, seed: int = 0) -> list[Any]:
    random = np.random.default_rng(seed)
    return [Domain(kind, tuple(args)).sample(random) for _ in range(count)]


def objections(value: dict[str, Any]) -> list[str]:
    mistakes: list[str] = []
    assert (read_domain(value, "training.lr", mistakes) is None) == bool(mistakes)
    return mistakes


# --- what is drawn -------------------------------------------------------------------------------

finite_floats = st.floats(-1e6, 1e6, allow_nan=False)
positive_floats = st.floats(1e-9, 1e9, allow_nan=False)
seeds = st.integers(0, 2**32 - 1)


@given(st.lists(finite_floats, min_size=2, max_size=2, unique=True).map(sorted), seeds)
def test_uniform_stays_inside(ends: list[float], seed: int) -> None:
    assert all(ends[0] <= x <= ends[1] for x in draw("uniform", ends, 20, seed))


@given(st.lists(positive_floats, min_size=2, max_size=2, unique=True).map(sorted), seeds)
def test_loguniform_stays_inside_up_to_the_last_bit(ends: list[float], seed: int) -> None:
    low, high = ends[0] * (1 - 1e-14), ends[1] * (1 + 1e-14)
    assert all(low <= x <= high for x in draw("loguniform", ends, 20, seed))


@given(
    st.sampled_from(["randint", "lograndint"]),
    st.lists(st.integers(1, 10**6), min_size=2, max_size=2, unique=True).map(sorted),
    seeds,
)
def test_whole_numbers_stay_inside_and_are_whole(kind: str, ends: list[int], seed: int) -> None:
    values = draw(kind, ends, 20, seed)
    assert all(type(x) is int and ends[0] <= x <= ends[1] for x in values)


@given(st.integers(-50, 50), st.integers(1, 40), st.integers(1, 9), seeds)
def test_steps_of_whole_numbers_are_whole_and_on_the_lattice(
    low: int, steps: int, step: int, seed: int
) -> None:
    high = low + steps * step + step // 2  # the upper end need not be on the lattice
    values = draw("quniform", [low, high, step], 20, seed)
    assert all(type(x) is int and low <= x <= high and (x - low) % step == 0 for x in values)


@pytest.mark.parametrize("kind", ["randint", "lograndint", "quniform"])
def test_both_ends_of_whole_numbers_are_reached_and_so_is_all_between(kind: str) -> None:
    args = [2, 9, 1] if kind == "quniform" else [2, 9]
    assert set(draw(kind, args)) == set(range(2, 10))


def test_steps_of_reals_reach_both_ends_and_are_short_numbers() -> None:
    values = set(draw("quniform", [0.1, 0.5, 0.1]))
    assert values == {0.1, 0.2, 0.3, 0.4, 0.5}
    assert all(type(x) is float for x in values)


def test_a_range_of_whole_ends_gives_reals_where_reals_are_asked_for() -> None:
    assert all(type(x) is float for x in draw("uniform", [0, 2], 20))
    assert all(type(x) is float for x in draw("loguniform", [1, 2], 20))


@pytest.mark.parametrize("kind", ["grid", "choice"])
def test_a_list_gives_its_values_as_they_are_each_as_often(kind: str) -> None:
    values = [[400, 400], [100], "adam", None]
    sample = draw(kind, values)
    counts = [sum(x is value for x in sample) for value in values]
    assert sum(counts) == len(sample)
    assert chisquare(counts).pvalue > SIGNIFICANT


def test_uniform_is_uniform() -> None:
    assert kstest(draw("uniform", [-2, 6]), "uniform", args=(-2, 8)).pvalue > SIGNIFICANT


def test_loguniform_is_uniform_in_the_logarithm_and_not_elsewhere() -> None:
    values = draw("loguniform", [1e-4, 1e2])
    exponents = [math.log10(x) for x in values]
    assert kstest(exponents, "uniform", args=(-4, 6)).pvalue > SIGNIFICANT
    assert kstest(values, "uniform", args=(1e-4, 1e2)).pvalue < 1e-9


def test_each_whole_number_is_as_likely_as_another() -> None:
    counts = np.bincount(draw("randint", [0, 9]), minlength=10)
    assert chisquare(counts).pvalue > SIGNIFICANT


def test_a_whole_number_drawn_on_a_logarithmic_scale_stands_for_half_the_way_to_the_next() -> None:
    values = draw("lograndint", [1, 8], 4000)
    edges = np.log(np.arange(1, 10) - 0.5)
    expected = np.diff(edges) / (edges[-1] - edges[0]) * len(values)
    counts = np.bincount(values, minlength=9)[1:]
    assert chisquare(counts, expected).pvalue > SIGNIFICANT


@pytest.mark.parametrize("step", [1, 0.25])
def test_each_step_is_as_likely_as_another(step: float) -> None:
    args = [0, 8 * step, step]
    counts = np.bincount([round(x / step) for x in draw("quniform", args)], minlength=9)
    assert chisquare(counts).pvalue > SIGNIFICANT


# --- points --------------------------------------------------------------------------------------

OPTIMIZER = Domain("choice", ("adam", "sgd"))
MOMENTUM = Domain("uniform", (0.0, 1.0), (("training.optimizer", ("sgd",)),))
LR = Domain("loguniform", (1e-4, 1e-1))
CONDITIONAL = {"training.optimizer": OPTIMIZER, "training.momentum": MOMENTUM, "training.lr": LR}


def points(space: dict[str, Domain], count: int = 200, seed: int = 5) -> list[Point]:
    random = np.random.default_rng(seed)
    return [draw_point(space, random) for _ in range(count)]


@given(seeds)
def test_the_same_seed_draws_the_same_points_and_another_seed_others(seed: int) -> None:
    assert points(CONDITIONAL, 5, seed) == points(CONDITIONAL, 5, seed)
    assert points(CONDITIONAL, 5, seed) != points(CONDITIONAL, 5, seed + 1)


def test_a_domain_that_does_not_count_is_left_out() -> None:
    sample = points(CONDITIONAL)
    assert {point["training.optimizer"] for point in sample} == {"adam", "sgd"}
    for point in sample:
        assert ("training.momentum" in point) == (point["training.optimizer"] == "sgd")


def test_a_condition_shifts_nothing_that_is_drawn_after_it() -> None:
    free = CONDITIONAL | {"training.momentum": Domain(MOMENTUM.kind, MOMENTUM.args)}
    for with_condition, without in zip(points(CONDITIONAL), points(free), strict=True):
        assert {place: without[place] for place in with_condition} == with_condition


def test_a_condition_on_what_does_not_count_does_not_hold() -> None:
    nested = Domain("choice", (1, 2), (("training.momentum", (0.5,)),))
    momentum = Domain("choice", (0.5,), MOMENTUM.when)
    space = {"training.optimizer": OPTIMIZER, "training.momentum": momentum, "training.x": nested}
    for point in points(space):
        assert ("training.x" in point) == (point["training.optimizer"] == "sgd")


def test_several_conditions_hold_together_and_a_list_means_one_of_them() -> None:
    when = (("a", (1, 2)), ("b", ("x",)))
    domain = Domain("choice", (0,), when)
    active = [(a, b) for a in (1, 2, 3) for b in "xy" if domain.is_active({"a": a, "b": b})]
    assert active == [(1, "x"), (2, "x")]


def test_a_grid_is_every_point_once_the_last_changing_fastest() -> None:
    space = {"a": Domain("grid", (1, 2)), "b": Domain("choice", ("x", "y", "z"))}
    assert [tuple(point.values()) for point in grid_points(space)] == [
        (1, "x"),
        (1, "y"),
        (1, "z"),
        (2, "x"),
        (2, "y"),
        (2, "z"),
    ]


def test_a_grid_with_a_condition_has_each_point_once() -> None:
    space = {
        "optimizer": Domain("grid", ("adam", "sgd", "rmsprop")),
        "momentum": Domain("grid", (0.0, 0.5, 0.9), (("optimizer", ("sgd", "rmsprop")),)),
        "nesterov": Domain("grid", (True, False), (("momentum", (0.9,)),)),
    }
    sample = list(grid_points(space))
    assert sample[0] == {"optimizer": "adam"}
    # adam; and for each of the others 0.0, 0.5, and 0.9 with and without nesterov.
    assert len(sample) == 1 + 2 * (2 + 2)
    assert all(sample.count(point) == 1 for point in sample)
    assert all(("nesterov" in point) == (point.get("momentum") == 0.9) for point in sample)


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True),
    st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True),
    st.sets(st.integers(0, 9)),
)
def test_a_grid_holds_exactly_what_may_be_drawn(a: list[int], b: list[int], when: set[int]) -> None:
    space = {"a": Domain("grid", tuple(a)), "b": Domain("grid", tuple(b), (("a", tuple(when)),))}
    sample = list(grid_points(space))
    assert len(sample) == sum(len(b) if x in when else 1 for x in a)
    assert all(point in sample for point in points(space, 20))


# --- as a sweep gives them -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        {"grid": [1, "x"]},
        {"choice": [[4], [5]]},
        {"uniform": [-1, 2.5]},
        {"randint": [0, 1]},
        {"loguniform": [1, 1e6]},
        {"lograndint": [1, 2]},
        {"quniform": [0, 1, 0.25]},
        {"quniform": [10, 100, 90]},
        {"uniform": [0, 1], "when": {"optimizer": ["sgd", "adam"]}},
    ],
)
def test_a_domain_is_described_as_it_was_given(value: dict[str, Any]) -> None:
    mistakes: list[str] = []
    domain = read_domain(value, "x", mistakes)
    assert mistakes == []
    assert domain is not None
    assert domain.describe() == value


def test_one_value_of_a_condition_needs_no_list() -> None:
    domain = read_domain({"uniform": [0, 1], "when": {"optimizer": "sgd"}}, "x", [])
    assert domain is not None
    assert domain.when == (("optimizer", ("sgd",)),)


def test_the_ends_of_a_range_stand_for_it_and_a_list_for_itself() -> None:
    assert Domain("randint", (0, 10)).representatives() == (0, 10)
    assert Domain("quniform", (1, 10, 4)).representatives() == (1, 9)
    assert Domain("choice", (3, 1, 2)).representatives() == (3, 1, 2)


def test_a_mapping_is_a_domain_if_it_names_a_kind_perhaps_misspelt() -> None:
    assert all(is_domain({kind: []}) for kind in [*KINDS, "unifrom", "gird", "log_uniform"])
    assert not any(is_domain(value) for value in ({}, {"when": 1}, {"size": 2, 3: 4}, [0, 1], 3))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"grid": []}, "grid is a list of at least one value, given []"),
        ({"choice": [1, 2, 1]}, "choice names 1 twice, given [1, 2, 1]"),
        ({"uniform": 3}, "uniform is a list, [low, high], given 3"),
        ({"uniform": [1]}, "uniform needs [low, high], numbers, given [1]"),
        ({"uniform": [0, "x"]}, "uniform needs [low, high], numbers, given [0, 'x']"),
        ({"uniform": [False, True]}, "uniform needs [low, high], numbers, given [False, True]"),
        ({"uniform": [0, math.inf]}, "uniform needs [low, high], numbers, given [0, inf]"),
        ({"uniform": [2, 1]}, "uniform low must be below high, given [2, 1]"),
        ({"uniform": [1, 1]}, "uniform low must be below high, given [1, 1]"),
        ({"loguniform": [0, 1]}, "loguniform low must be above 0, since it is drawn on a"),
        ({"lograndint": [0, 9]}, "lograndint low must be above 0, since it is drawn on a"),
        ({"randint": [0, 1.5]}, "randint needs [low, high], whole numbers, given [0, 1.5]"),
        ({"quniform": [0, 1]}, "quniform needs [low, high, step], numbers, given [0, 1]"),
        ({"quniform": [0, 1, 0]}, "quniform step must be above 0 and at most high - low"),
        ({"quniform": [0, 1, 2]}, "quniform step must be above 0 and at most high - low"),
        ({"uniform": [0, 1], "grid": [1]}, "one kind of space is needed, given uniform and grid"),
        ({"uniform": [0, 1], "wen": {}}, "unknown kind of space 'wen'; valid: choice, grid,"),
        ({"uniform": [0, 1], "unifrom": 1}, "unknown kind of space 'unifrom'; did you mean 'unif"),
    ],
)
def test_a_wrong_domain_is_told_with_its_place_and_what_is_valid(
    value: dict[str, Any], message: str
) -> None:
    (line,) = objections(value)
    assert line.startswith(f"training.lr: {message}")


def test_a_wrong_condition_is_told_with_its_place() -> None:
    (line,) = objections({"uniform": [0, 1], "when": "sgd"})
    assert line == "training.lr.when: must be keys and values, given sgd"


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        ("uniform", (1, 3)),
        ("loguniform", (1, 3)),
        ("randint", (1, 3)),
        ("lograndint", (1, 3)),
        ("quniform", (1, 3, 1)),
        ("quniform", (1, 3, 0.5)),
    ],
)
def test_the_ends_have_the_type_of_what_is_drawn(kind: str, args: tuple[Any, ...]) -> None:
    (only,) = {type(value) for value in draw(kind, args, 20)}
    assert {type(value) for value in Domain(kind, args).representatives()} == {only}
