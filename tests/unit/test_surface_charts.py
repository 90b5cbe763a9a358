"""The charts of a surface, against the surface that they draw."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from math import log10
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from test_prices import market
from test_surface import surface

from dashboards import charts
from dashboards.charts.labels import spread_labels
from dashboards.charts.method_styles import method_styles
from dashboards.charts.surface.accuracies import iso_levels
from dashboards.charts.surface.budgets import HEIGHT, WIDTH
from dashboards.charts.surface.winner_lines import pack
from dashboards.charts.theme import rgba_text
from orchestrator.results.surface.prices import Prices, price_winners, trial_prices
from orchestrator.results.surface.rates import marginal_rates
from orchestrator.results.surface.surface import Surface
from orchestrator.results.surface.winners import winner_map
from orchestrator.terminal.surface_tables import winner_table

pytestmark = [pytest.mark.slow, pytest.mark.pages]

NOISE = np.array([0.0, 0.01, -0.01, 0.02, 0.0])


def create_contested() -> Surface:
    """Return a surface of 2 x 2 cells: won by a, a tie of a and b, nothing fits, not complete."""
    values = np.full((2, 2, 2, 5), np.nan)
    values[:, 0, 0] = 0.8 + NOISE, 0.3 + 2 * NOISE
    values[:, 0, 1] = 0.8 + NOISE, 0.799 + NOISE[::-1]
    unfit = np.zeros((2, 2, 2), dtype=bool)
    unfit[:, 1, 0] = True
    return surface(values, unfit)


def find_trace(figure: go.Figure, name: str) -> Any:
    (trace,) = [trace for trace in figure.data if trace.name == name]
    return trace


def test_a_cell_has_the_colours_of_its_winner_and_a_tie_a_strip_for_each() -> None:
    drawn = create_contested()
    figure = charts.winners(drawn)
    styles = dict(zip(drawn.methods, method_styles(drawn), strict=True))
    shown: dict[tuple[int, int], list[tuple[float, str]]] = {}
    for name in drawn.methods:
        trace = find_trace(figure, name)
        assert trace.marker.color == rgba_text(styles[name].color, 0.5)
        for x, base in zip(trace.x, trace.base, strict=True):
            shown.setdefault((round(base + 0.48), round(x)), []).append((x, name))
    for cell in winner_map(drawn):
        names = [name for _, name in sorted(shown.get(cell.place, []))]
        assert names == [drawn.methods[m] for m in cell.ties]
    assert list(find_trace(figure, "a").width) == [0.96, 0.48]
    assert find_trace(figure, "a").y[0] == 0.96 > find_trace(figure, "a").y[1], (
        "a tie does not fill"
    )


def test_a_cell_is_named_by_its_winners_and_hatched_where_there_is_none() -> None:
    drawn = create_contested()
    figure = charts.winners(drawn)
    texts = {(round(note.y), note.x): note.text for note in figure.layout.annotations}
    assert texts[0, 0] == f"<b>a</b><br>{drawn.mean[0, 0, 0]:.3f}"
    assert texts[0, 1].startswith("<b>a = b</b>")
    assert (texts[1, 0], texts[1, 1]) == ("nothing fits", "not complete")
    first, *_ = zip(*(column.cells for column in winner_table(drawn).columns), strict=True)
    assert first[1:] == (texts[1, 0], texts[1, 1]), "the terminal has the same words, top down"
    hatched = find_trace(figure, "does not fit")
    assert (hatched.x, hatched.base) == ((0,), (1 - 0.48,))
    assert hatched.marker.pattern.shape == "/"
    assert find_trace(figure, "not complete").x == (1,)


def test_names_of_winners_are_in_lines_that_their_cell_has_room_for() -> None:
    names = ["er", "gdumb", "derpp +4"]
    assert pack(names, 23) == ["er = gdumb = derpp +4"]
    assert pack(names, 22) == ["er = gdumb =", "derpp +4"], "a line has room for its = "
    assert pack(names, 4) == ["er =", "gdumb =", "derpp +4"]


def test_long_names_in_a_winner_map_are_shortened_alike_in_all_cells() -> None:
    long = tuple(f"{'x' * 40} batch_size={size}" for size in (8, 16))
    drawn = replace(create_contested(), methods=long)
    figure = charts.winners(drawn)
    shown = {(round(note.y), note.x): note.text for note in figure.layout.annotations}
    first, second = shown[0, 1].split("</b>")[0].removeprefix("<b>").split("<br>")
    assert shown[0, 0].startswith(f"<b>{first.removesuffix(' =')}</b>")
    assert max(len(first), len(second)) <= 42, "84 letters on two cells"
    assert "=8 =" in first
    assert "=16" in second
    assert drawn.methods[0] in find_trace(figure, long[0]).hovertext[0]


def test_cells_above_their_budget_have_a_hatch_of_their_own() -> None:
    """In the first cell a is above its budget and b does not fit, in the second a is alone."""
    values = np.full((2, 1, 2, 2), np.nan)
    values[0, 0, 1] = 0.5
    excess = np.array([[[True, False]], [[False, True]]])
    drawn = surface(values, [[[False, False]], [[True, False]]], excess=excess)
    hatched = find_trace(charts.winners(drawn), "above budget")
    assert (hatched.x, hatched.marker.pattern.shape) == ((0,), "\\")
    assert charts.winners(drawn).layout.annotations[0].text == "above budget"
    _, of_b, excess_of_b = charts.accuracies(drawn, 1).data
    assert [(each.name, each.x) for each in (of_b, excess_of_b)] == [
        ("does not fit", (0,)),
        ("above budget", (1,)),
    ]


def test_lines_have_the_means_and_intervals_at_one_other_budget() -> None:
    values = np.random.default_rng(0).uniform(0, 1, (2, 3, 2, 4))
    unfit = np.zeros((2, 3, 2), dtype=bool)
    unfit[1, 0], values[1, 0] = True, np.nan
    drawn = surface(values, unfit)
    for figure, line, axis in (
        (charts.storage_chart(drawn, 1), (0, slice(None), 1), drawn.storage),
        (charts.compute_chart(drawn, 2), (0, 2), drawn.compute),
    ):
        trace = find_trace(figure, "a")
        assert tuple(trace.x) == axis
        assert trace.y == pytest.approx(drawn.mean[line])
        assert trace.error_y.array == pytest.approx(drawn.half_width[line])
        assert figure.layout.xaxis.type == "log"
    crosses = find_trace(charts.storage_chart(drawn, 0), "b: does not fit")
    assert (crosses.x, crosses.y) == ((1000,), ("b",))
    assert np.isnan(find_trace(charts.storage_chart(drawn, 0), "b").y[0])
    labels = {note.text: note for note in charts.storage_chart(drawn, 0).layout.annotations}
    assert labels["a"].x == log10(4000)
    assert labels["a"].y == pytest.approx(drawn.mean[0, 2, 0])
    line = find_trace(charts.storage_chart(drawn, 0), "a").line
    assert labels["a"].font.color == line.color
    # What leads to a label is no data.
    assert labels["a"].arrowcolor not in {each.color for each in method_styles(drawn)}


def test_joint_retraining_is_dashed_and_its_break_even_is_on_its_line() -> None:
    values = np.array([[[0.5, 0.6, 0.6]], [[0.4, 0.5, 0.8]]])[..., None]
    drawn = surface(values, names=("er", "joint"))
    figure = charts.compute_chart(drawn, 0)
    assert find_trace(figure, "joint").line.dash == "dash" != find_trace(figure, "er").line.dash
    (mark,) = [trace for trace in figure.data if "overtakes er" in (trace.name or "")]
    assert mark.x == pytest.approx((2 * 2 ** (1 / 3),))
    assert mark.y == pytest.approx((0.6,))  # a third of the way from 0.5 to 0.8
    label = next(note for note in figure.layout.annotations if note.text == "er 2.5 x")
    assert (label.x, label.y) == (pytest.approx(log10(mark.x[0])), mark.y[0])


def test_labels_of_break_even_lie_on_no_other_and_on_no_line() -> None:
    others = [[[0.47, 0.48, 0.49]], [[0.48, 0.5, 0.6]], [[0.485, 0.52, 0.52]]]
    values = np.array([*others, [[0.46, 0.7, 0.85]]])[..., None]
    drawn = surface(values, names=("er", "derpp", "gdumb", "joint"))
    figure = charts.compute_chart(drawn, 0)
    notes = [note for note in figure.layout.annotations if note.text.endswith(" x")]
    assert len(notes) == 3
    left, right = figure.layout.xaxis.range
    low, high = figure.layout.yaxis.range
    unit = np.array([WIDTH / (right - left), HEIGHT / (high - low)])
    places = [(note.x, note.y) * unit + (note.ax, -note.ay) for note in notes]
    sizes = [np.array([6 * len(note.text), 14]) for note in notes]
    for i, j in combinations(range(3), 2):
        assert (abs(places[i] - places[j]) >= (sizes[i] + sizes[j]) / 2).any()
    exponents = np.log10(drawn.compute)
    x = np.linspace(exponents[0], exponents[-1], 200)
    for mean in drawn.mean[:, 0]:
        line = np.stack([x, np.interp(x, exponents, mean)], axis=1) * unit
        for place, size in zip(places, sizes, strict=True):
            assert not (abs(line - place) < size / 2 - 1).all(axis=1).any()


def test_labels_keep_their_order_and_a_gap() -> None:
    places = np.array([0.5, 0.1, 0.52, 0.51])
    spread = spread_labels(places, 0.05)
    assert spread[1] == pytest.approx(0.1)
    assert np.diff(spread[[0, 3, 2]]) == pytest.approx([0.05, 0.05])
    assert spread[[0, 3, 2]].mean() == pytest.approx(0.51)


def test_the_grid_of_a_method_has_its_means_and_lines_of_equal_accuracy() -> None:
    values = np.random.default_rng(0).uniform(0.2, 0.5, (2, 3, 3, 2))
    unfit = np.zeros((2, 3, 3), dtype=bool)
    unfit[1, 0, 2], values[1, 0, 2] = True, np.nan
    drawn = surface(values, unfit)
    figure = charts.accuracies(drawn, 1)
    heat, lines, hatched = figure.data
    np.testing.assert_allclose(np.array(heat.z, float), drawn.mean[1])
    assert heat.text[2][1] == f"{drawn.mean[1, 2, 1]:.3f}"
    assert (hatched.name, hatched.x, round(hatched.base[0] + 0.48)) == ("does not fit", (2,), 0)
    assert lines.type == "contour"
    axis = figure.layout.coloraxis
    assert axis.cmin <= np.nanmin(drawn.mean) < np.nanmax(drawn.mean) <= axis.cmax
    small = charts.accuracies(surface(values[:, :, :2]), 0)
    assert [trace.type for trace in small.data] == ["heatmap"], "two budgets bound no line"


def test_lines_of_equal_accuracy_are_at_common_values() -> None:
    assert iso_levels(np.array([[0.21, np.nan], [0.3, 0.68]])) == pytest.approx((0.3, 0.1, 0.6))
    assert iso_levels(np.array([[0.72, 0.84]])) == pytest.approx((0.75, 0.05, 0.8))


def test_one_row_of_known_cells_bounds_no_line() -> None:
    values = np.full((1, 3, 3, 1), np.nan)
    values[0, 2, :, 0] = 0.2, 0.5, 0.9
    assert [t.type for t in charts.accuracies(surface(values), 0).data] == ["heatmap", "bar"]
    values[0, 1, 0, 0] = 0.1
    assert charts.accuracies(surface(values), 0).data[1].type == "contour"


def test_each_method_has_a_panel_in_the_colours_of_all() -> None:
    drawn = create_contested()
    heats = [trace for trace in charts.all_accuracies(drawn).data if trace.type == "heatmap"]
    assert len({trace.xaxis for trace in heats}) == len(drawn.methods)
    for trace, mean in zip(heats, drawn.mean, strict=True):
        np.testing.assert_allclose(np.array(trace.z, float), mean)
        assert trace.coloraxis == "coloraxis"


def test_a_rate_is_a_point_with_its_interval() -> None:
    values = np.random.default_rng(0).uniform(0, 1, (2, 3, 2, 4))
    drawn = surface(values, compute=(1.0, 4.0))
    expected = marginal_rates(drawn)
    trace = find_trace(charts.rates(drawn, "bytes"), "b")
    assert list(trace.x) == pytest.approx(list(expected.storage[1].ravel()))
    assert list(trace.error_x.array) == pytest.approx(list(expected.storage_half[1].ravel()))
    assert list(trace.y) == sorted(trace.y), "the smallest budgets below"
    assert -0.5 < min(trace.y) < max(trace.y) < 0.5, "b is the last row"


def test_an_exchange_that_the_seeds_do_not_bound_is_hollow() -> None:
    seeds = np.array([0.0, 0.01, -0.01])
    gains = np.array([[[0.5 + seeds, 0.54 + seeds], [0.52 + seeds, 0.56 + seeds]]])
    unsure = gains + np.array([[[[0, 0, 0]] * 2, [[0.1, -0.1, 0]] * 2]])
    trace = find_trace(charts.rates(surface(np.concatenate([gains, unsure])), "exchange"), "a")
    assert (list(trace.x), list(trace.marker.symbol)) == ([pytest.approx(2000)], ["circle"])
    open_ended = find_trace(charts.rates(surface(unsure), "exchange"), "a")
    assert list(open_ended.marker.symbol) == ["circle-open"]
    assert list(open_ended.error_x.array) == [0]
    nothing = charts.rates(surface(-gains), "exchange")
    assert "No cell has a rate" in nothing.layout.annotations[0].text


def test_a_point_is_at_its_price_and_the_best_is_a_step_line() -> None:
    drawn, prices = market(), Prices(storage=1e-9, compute=1e-15)
    figure = charts.price_chart(drawn, prices)
    price = trial_prices(drawn, prices)
    for m, name in enumerate(drawn.methods):
        known = np.isfinite(price[m])
        assert list(find_trace(figure, name).x) == pytest.approx(list(price[m][known]))
        assert list(find_trace(figure, name).y) == pytest.approx(list(drawn.mean[m][known]))
    best = find_trace(figure, "best for the price")
    winners = list(price_winners(drawn, prices))
    assert list(best.x) == pytest.approx([*(w.price for w in winners), np.nanmax(price)])
    assert best.line.shape == "hv"
    assert best.y[-2] == best.y[-1] == np.nanmax(drawn.mean)
    nothing = surface(np.full((1, 1, 1, 2), np.nan))
    assert "No cell is complete" in charts.price_chart(nothing, prices).layout.annotations[0].text


def test_names_of_methods_are_text_to_plotly() -> None:
    figure = charts.winners(surface([[[[0.5, 0.6]]]], names=("<b>er",)))
    assert figure.data[0].name == "&lt;b&gt;er"


@pytest.mark.parametrize("free", ["storage", "compute"])
def test_a_budget_that_is_free_is_no_axis(free: str) -> None:
    drawn = surface([[[[0.5, 0.6]]]], **{free: (None,)})
    figure = charts.storage_chart(drawn, 0) if free == "storage" else charts.compute_chart(drawn, 0)
    assert "not in the means" in figure.layout.annotations[0].text
    assert charts.winners(drawn).data[0].name == "a"
