"""Typed configurations from plain data: all mistakes at once, each where it is."""

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal

import pytest

from methods import METHODS
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.networks.networks import NETWORKS
from orchestrator.stages.learning.learner import Training
from orchestrator.sweep.reading.decoding import decode_fields
from orchestrator.sweep.reading.grids import MAX_CONFIGURATIONS, expand_grids
from orchestrator.sweep.reading.mistakes import abbreviate
from orchestrator.sweep.sweep import Mlflow, Resources


@dataclass(frozen=True, kw_only=True)
class Oven:
    """A configuration with every type of field that ours have."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    name: str
    heat: float = 1.0
    shelves: int = 2
    fan: bool = False
    mode: Literal["top", "bottom"] = "top"
    order: Literal["natural"] | tuple[int, ...] = "natural"
    sizes: tuple[int, ...] = (1,)
    pause: int | None = None
    ratio: Any = None
    labels: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.heat < 0:
            raise ValueError(f"heat must be at least 0, given {self.heat}")
        if self.shelves < 1:
            raise ValueError(f"shelves: {self.shelves}; must be at least 1")
        if self.mode == "top" and self.pause:
            raise ValueError("pause must be left out unless mode is bottom")
        if self.name == "cold":
            raise ValueError("nothing bakes in a cold oven")


def mistakes_of(**given: Any) -> list[str]:
    mistakes: list[str] = []
    assert decode_fields(Oven, {"name": "a", **given}, "kitchen[1]", mistakes) is None
    assert "pydantic" not in "".join(mistakes)
    return mistakes


def create_oven(**given: Any) -> Oven:
    mistakes: list[str] = []
    oven = decode_fields(Oven, {"name": "a", **given}, "kitchen[1]", mistakes)
    assert mistakes == []
    return oven


def test_what_is_right_is_decoded_and_the_rest_takes_its_defaults():
    oven = create_oven(heat=2, order=[2, 1], sizes=[3, 4], pause=None)
    assert oven == Oven(name="a", heat=2.0, order=(2, 1), sizes=(3, 4))


def test_a_whole_number_given_to_a_float_field_becomes_a_float():
    assert type(create_oven(heat=2).heat) is float


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"heat": "hot"}, 'kitchen[1].heat: must be a number, given "hot"'),
        ({"heat": "3"}, 'kitchen[1].heat: must be a number, given "3"'),
        ({"heat": True}, "kitchen[1].heat: must be a number, given true"),
        ({"heat": None}, "kitchen[1].heat: must be a number, given null"),
        ({"heat": [1]}, "kitchen[1].heat: must be a number, given [1]"),
        ({"shelves": 1.5}, "kitchen[1].shelves: must be a whole number, given 1.5"),
        ({"shelves": 1.0}, "kitchen[1].shelves: must be a whole number, given 1.0"),
        ({"shelves": True}, "kitchen[1].shelves: must be a whole number, given true"),
        ({"shelves": "two"}, 'kitchen[1].shelves: must be a whole number, given "two"'),
        ({"pause": "x"}, 'kitchen[1].pause: must be a whole number, given "x"'),
        ({"name": 3}, "kitchen[1].name: must be text, given 3"),
        ({"fan": 1}, "kitchen[1].fan: must be true or false, given 1"),
        ({"fan": "yes"}, 'kitchen[1].fan: must be true or false, given "yes"'),
        ({"sizes": 3}, "kitchen[1].sizes: must be a list, given 3"),
        ({"sizes": [1, "x", 2.5]}, 'kitchen[1].sizes[1]: must be a whole number, given "x"'),
        ({"labels": [1]}, "kitchen[1].labels: must be keys and values, given [1]"),
        (
            {"mode": "botom"},
            "kitchen[1].mode: must be 'top' or 'bottom', given \"botom\"; "
            "did you mean 'bottom'? valid: bottom, top",
        ),
        ({"mode": 3}, "kitchen[1].mode: must be 'top' or 'bottom', given 3"),
        (
            {"order": "natura"},
            "kitchen[1].order: must be 'natural', or a list, given \"natura\"; "
            "did you mean 'natural'? valid: natural",
        ),
        ({"order": [1, "x"]}, 'kitchen[1].order[1]: must be a whole number, given "x"'),
        ({"heat": -1}, "kitchen[1].heat: must be at least 0, given -1.0"),
        ({"shelves": 0}, "kitchen[1].shelves: 0; must be at least 1"),
        ({"name": "cold"}, "kitchen[1]: nothing bakes in a cold oven"),
        ({"heat": float("nan")}, "kitchen[1].heat: must be finite, given nan"),
        ({"heat": float("inf")}, "kitchen[1].heat: must be finite, given inf"),
        ({"ratio": {"a": [float("nan")]}}, "kitchen[1].ratio.a[0]: must be finite, given nan"),
        ({"shelves": 2**63}, f"kitchen[1].shelves: {2**63} does not fit 64 bits"),
    ],
)
def test_a_mistake_says_where_it_is_what_is_valid_and_what_was_given(given, line):
    assert mistakes_of(**given)[0] == line


def test_both_wrong_items_of_a_list_are_named():
    assert [line.partition(":")[0] for line in mistakes_of(sizes=[1, "x", 2.5])] == [
        "kitchen[1].sizes[1]",
        "kitchen[1].sizes[2]",
    ]


def test_an_unknown_key_is_answered_with_the_nearest_of_the_valid_ones():
    (line,) = mistakes_of(shelfs=3)
    assert line.startswith(
        "kitchen[1].shelfs: unknown key 'shelfs'; did you mean 'shelves'? valid: fan,"
    )
    assert all(each.name in line for each in fields(Oven))


def test_a_key_that_is_missing_is_named():
    mistakes: list[str] = []
    assert decode_fields(Oven, {"heat": 3.0}, "kitchen[1]", mistakes) is None
    assert mistakes == ["kitchen[1].name: is missing"]


def test_types_keys_and_ranges_are_told_at_once():
    lines = mistakes_of(heat=-1, shelves=0, fan="yes", shelfs=3, order=["x"])
    assert {line.partition(":")[0] for line in lines} == {
        f"kitchen[1].{name}" for name in ("heat", "shelves", "fan", "shelfs", "order[0]")
    }


def test_a_range_that_depends_on_a_field_of_the_wrong_type_is_not_judged():
    (line,) = mistakes_of(mode=3, pause=5)
    assert line.startswith("kitchen[1].mode:")
    assert mistakes_of(pause=5) == ["kitchen[1].pause: must be left out unless mode is bottom"]


def test_a_field_left_out_because_its_grid_is_wrong_is_not_called_missing():
    mistakes: list[str] = []
    assert decode_fields(Oven, {"heat": -1}, "a", mistakes, frozenset({"name"})) is None
    assert mistakes == []
    assert decode_fields(Oven, {"name": "a", "heat": -1}, "a", mistakes, frozenset({"fan"})) is None
    assert mistakes == ["a.heat: must be at least 0, given -1.0"]


def test_what_is_decoded_of_a_wrong_mapping_is_never_used():
    assert decode_fields(Oven, {"name": "a"}, "a", [], frozenset({"fan"})) is None


# Grids


def points(given: dict[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    mistakes: list[str] = []
    return expand_grids(given, "methods[0]", mistakes), mistakes


def test_without_a_grid_there_is_one_point():
    assert points({"a": 1, "b": [1, 2]}) == ([{"a": 1, "b": [1, 2]}], [])
    assert points({}) == ([{}], [])


def test_grids_are_combined_the_last_one_fastest():
    expanded, mistakes = points({"a": {"grid": [1, 2]}, "b": 5, "c": {"grid": [[3], [4]]}})
    assert mistakes == []
    assert [(p["a"], p["b"], p["c"]) for p in expanded] == [
        (1, 5, [3]),
        (1, 5, [4]),
        (2, 5, [3]),
        (2, 5, [4]),
    ]


def test_a_million_points_is_the_most_and_more_are_counted_before_they_are_made():
    axes = {name: {"grid": list(range(1000))} for name in "ab"}
    assert (len(points(axes)[0]), points(axes)[1]) == (MAX_CONFIGURATIONS, [])
    expanded, (line,) = points({name: {"grid": list(range(1000))} for name in "abcdef"})
    assert expanded == [dict.fromkeys("abcdef", 0)]
    assert line.startswith("methods[0]: its grids have 1,000,000,000,000,000,000 combinations;")


@pytest.mark.parametrize(
    "wrong", [{"grid": []}, {"grid": 3}, {"grid": None}, {"grid": [1], "x": 2}, {"grid": {"a": 1}}]
)
def test_a_grid_that_is_no_list_of_values_is_named_and_the_rest_kept(wrong):
    expanded, (line,) = points({"a": wrong, "b": {"grid": [1, 2]}})
    assert (
        line == f"methods[0].a: a grid is a list of at least one value, given {abbreviate(wrong)}"
    )
    assert expanded == [{"b": 1}, {"b": 2}]


# What keys rest on


@pytest.mark.parametrize(
    "config",
    [
        Benchmark,
        Training,
        Resources,
        Mlflow,
        *(c.Config for c in [*METHODS.values(), *NETWORKS.values()]),
    ],
    ids=lambda config: config.__qualname__,
)
def test_a_default_written_out_gives_what_leaving_it_out_gives(config):
    given = {"name": "split_digits"} if config is Benchmark else {}
    left_out = decode_fields(config, given, "x", [])
    files = {f.name: getattr(left_out, f.name) for f in fields(config)}
    again = decode_fields(config, files, "x", [])
    assert again == left_out
    assert [type(getattr(again, name)) for name in files] == [
        type(value) for value in files.values()
    ]


def test_a_long_value_is_cut_for_a_message():
    assert (
        abbreviate(list(range(100)))
        == "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16..."
    )
    assert len(abbreviate("x" * 100)) == 60
