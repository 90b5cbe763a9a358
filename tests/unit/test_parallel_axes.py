"""Parallel coordinates: places on the axes, round ends, and lines that leave ticks free."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from dashboards import charts
from dashboards.charts.parallel_axes import hyperparameter_axis, objective_axis
from dashboards.charts.theme import GREY, HIGHLIGHT

pytestmark = [pytest.mark.pages]
NAN = float("nan")


def candidates() -> pd.DataFrame:
    """Return four candidates, of which the third was stopped and the last has won."""
    return pd.DataFrame(
        {
            "label": ["a", "b", "c", "d"],
            "config.method.lam": [1.0, 10.0, 100.0, 1000.0],
            "config.training.lr": [0.1, 0.2, 0.3, 0.4],
            "config.method.name": "ewc",
            "objective": [0.1, 0.3, NAN, 0.5],
            "selected": [False, False, False, True],
            "tasks_done": [5, 5, 2, 5],
        }
    )


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (0.003, 0.06, ["0.002", "0.005", "0.01", "0.02", "0.05", "0.1"]),
        (1.0, 20.0, ["1", "2", "5", "10", "20"]),
        (21.3, 682086.0, ["20", "100", "1000", "10000", "100000", "1e+06"]),
        (0.21, 0.49, ["0.2", "0.5"]),
    ],
)
def test_a_logarithmic_axis_ends_at_round_values_with_ticks(
    low: float, high: float, texts: list[str]
) -> None:
    axis = hyperparameter_axis("config.training.lr", pd.Series([low, high]), True)
    assert list(axis.ticks.values()) == texts
    ends = np.log10([float(texts[0]), float(texts[-1])])
    places = (np.log10([*map(float, texts)]) - ends[0]) / (ends[1] - ends[0])
    assert list(axis.ticks) == pytest.approx(places)
    assert axis.places == pytest.approx((np.log10([low, high]) - ends[0]) / (ends[1] - ends[0]))


def test_an_axis_of_many_numbers_ends_at_round_values_around_them() -> None:
    axis = hyperparameter_axis("config.method.memory_size", pd.Series(range(23, 187, 9)))
    assert list(axis.ticks.values()) == ["0", "50", "100", "150", "200"]
    assert axis.places[0] == pytest.approx(23 / 200)


def test_a_hyperparameter_of_names_has_a_place_for_each_name() -> None:
    axis = hyperparameter_axis("config.method.policy", pd.Series(["ring", None, "reservoir"]))
    assert [axis.ticks[place] for place in axis.places] == ["ring", "–", "reservoir"]
    assert sorted(axis.ticks) == [0, 0.5, 1]


def test_an_objective_that_is_not_known_is_below_the_least() -> None:
    axis = objective_axis("objective", pd.Series([0.1, NAN, 0.5]))
    assert (axis.places[1], axis.places[2]) == (0, 1)
    assert axis.ticks == {0.0: "not known", axis.places[0]: "0.1", 1.0: "0.5"}
    assert list(objective_axis("objective", pd.Series([0.1, 0.5])).ticks) == [0, 1]


def test_lines_go_through_the_places_of_their_candidates_and_leave_the_bands_free() -> None:
    figure = charts.parallel_coordinates(candidates())
    lines = [trace for trace in figure.data if trace.mode != "text"]
    titles = [text for trace in figure.data if trace.mode == "text" for text in trace.text]
    assert titles[-4:] == [
        f"<b>{t}</b>" for t in ("lam", "training.lr", "tasks learned", "objective (validation)")
    ]
    bands = [(shape.x0, shape.x1) for shape in figure.layout.shapes]
    for trace in lines:
        for (x, _), (after, _) in pairwise(zip(trace.x, trace.y, strict=True)):
            if x is not None and after is not None:
                assert not any(x < end and start < after for start, end in bands)
    (first,) = (trace for trace in lines if "<b>a</b>" in trace.hovertext[0])
    # lam=1 and lr=0.1 are the least of their axes, five tasks the most; 0.1 is the least objective.
    known = [y for y in first.y if y is not None]
    assert known == pytest.approx([0, 0, 0, 0, 1, 1, 0.12])


def test_winners_are_thick_and_in_a_colour_of_their_own_and_the_stopped_are_grey() -> None:
    lines = {
        trace.hovertext[0][3]: trace
        for trace in charts.parallel_coordinates(candidates()).data
        if trace.hovertext
    }
    assert (lines["d"].line.color, lines["d"].name) == (HIGHLIGHT, "winner: d")
    assert lines["c"].line.color == GREY
    assert len({trace.line.color for trace in lines.values()}) == 4
    assert lines["a"].line.width < lines["b"].line.width < lines["d"].line.width
    assert [name for name, trace in lines.items() if trace.showlegend is not False] == ["c", "d"]
