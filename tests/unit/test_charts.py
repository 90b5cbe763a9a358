"""The charts: ink is where the numbers say, on hand-made frames; nothing is computed but places."""

from __future__ import annotations

import html
from itertools import pairwise
from math import log10
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from dashboards import charts
from dashboards.charts import label_scene, labels, matrix, short_names, theme
from dashboards.charts.cost_axes import linear_ticks
from dashboards.charts.metric_cells import metric_cells
from dashboards.charts.quantities import find_quantity
from orchestrator.results import metrics
from orchestrator.results.cells import spread_tasks
from orchestrator.results.units import decimal_text, interval_text

pytestmark = [pytest.mark.slow, pytest.mark.pages]

NAN = float("nan")


def comparison(**changes: Any) -> pd.DataFrame:
    """Return three configurations of one setting."""
    columns = {
        "sweep": "s",
        "benchmark": "split_digits",
        "scenario": "class",
        "num_tasks": 5,
        "method": ["finetune", "er", "joint"],
        "trial_id": ["f", "e", "j"],
        "label": ["finetune", "er memory_size=50", "joint"],
        "n": [3, 3, 1],
        "acc_mean": [0.2, 0.8, 0.97],
        "acc_ci95": [0.01, 0.1, NAN],
        "storage_bytes_mean": [1e5, 2e5, 4e6],
        "storage_bytes_ci95": [0.0, 0.0, NAN],
        "compute_flops_mean": [3e9, 6e9, 1e10],
        "compute_flops_ci95": [0.0, 1e8, NAN],
    }
    return pd.DataFrame(columns | changes)


def traces_by_name(figure: go.Figure) -> dict[str, Any]:
    return {trace.name: trace for trace in figure.data if trace.y is None or trace.y[0] is not None}


def test_accuracy_is_drawn_against_each_cost_with_its_interval_in_the_colour_of_its_method() -> (
    None
):
    table = comparison()
    figure = charts.trade_off(table)
    for axis, cost in (("x", "storage_bytes"), ("x2", "compute_flops")):
        points = {t.customdata[0]: t for t in figure.data if t.customdata and t.xaxis == axis}
        for row in table.fillna(0.0).to_dict("records"):
            trace = points[row["trial_id"]]
            assert (trace.x[0], trace.y[0]) == (row[f"{cost}_mean"], row["acc_mean"])
            for bar, half in ((trace.error_y, "acc_ci95"), (trace.error_x, f"{cost}_ci95")):
                # Of a bar of length 0 plotly draws the caps, a + on the point.
                assert bar.array[0] == row[half] or (row[half] == 0 and np.isnan(bar.array[0]))
        assert len({trace.marker.color[0] for trace in points.values()}) == 3
    assert figure.layout.yaxis.range == figure.layout.yaxis2.range
    assert (figure.layout.xaxis.type, figure.layout.yaxis.type) == ("log", None)
    assert not figure.layout.showlegend  # every point has its label
    texts = [note.text for note in figure.layout.annotations]
    assert sorted(texts) == sorted(2 * ["finetune", "er memory_size=50", "joint"])


def test_the_front_is_a_staircase_of_means_and_who_is_beaten_beyond_intervals_is_hollow() -> None:
    table = comparison(
        acc_mean=[0.5, 0.8, 0.7], acc_ci95=[0.0, 0.05, 0.2], compute_flops_mean=[3e9, 2e9, 1e10]
    )
    figure = charts.trade_off(table)
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert [trace.line.shape for trace in lines] == ["hv", "hv"]
    storage, compute = (list(zip(trace.x, trace.y, strict=True)) for trace in lines)
    assert storage == [(1e5, 0.5), (2e5, 0.8), (4e6, 0.8)]
    assert compute == [(2e9, 0.8), (1e10, 0.8)]
    points = [trace for trace in figure.data if trace.xaxis == "x2" and trace.customdata]
    hollow = {trace.name: str(trace.marker.symbol[0]) for trace in points}
    # finetune is beaten by er in both; joint's interval reaches that of er.
    assert [name for name, symbol in hollow.items() if "-open" in symbol] == ["finetune"]


def test_of_many_points_those_on_the_front_have_labels_and_methods_a_legend() -> None:
    num = 200
    rng = np.random.default_rng(0)
    values = {f"{name}_mean": rng.random(num) + 0.1 for name in ("storage_bytes", "compute_flops")}
    table = pd.DataFrame({"acc_mean": rng.random(num), "acc_ci95": 0.01, **values})
    names = [f"er {'with a very long name ' * 3}{i}" for i in range(num)]
    figure = charts.trade_off(table.assign(method="er", label=names, trial_id=names, n=3))
    assert figure.layout.showlegend
    assert 2 <= len(figure.layout.annotations) <= 40
    assert all(len(note.text) <= 28 for note in figure.layout.annotations)
    for note in figure.layout.annotations:
        row = table.loc[int(note.text.rpartition(" ")[2])]
        cost = row["storage_bytes_mean" if note.xref == "x" else "compute_flops_mean"]
        other = table["storage_bytes_mean" if note.xref == "x" else "compute_flops_mean"]
        assert not ((other < cost) & (table["acc_mean"] > row["acc_mean"])).any()


def test_of_many_points_the_front_and_the_best_of_each_method_alone_have_bars() -> None:
    num = 30
    line = np.arange(1.0, num + 1)
    values = {f"{name}_mean": line for name in ("storage_bytes", "compute_flops")}
    table = pd.DataFrame({"acc_mean": -line, "acc_ci95": 0.01, "storage_bytes_ci95": 0.1, **values})
    names = [f"er {i}" for i in range(num)]
    methods = ["er"] * (num - 2) + ["ewc"] * 2
    figure = charts.trade_off(table.assign(method=methods, label=names, trial_id=names, n=3))
    # The cheapest is also the best of all, so it is the front; ewc is beaten.
    for name in ("er", "ewc"):
        points = next(t for t in figure.data if t.xaxis == "x" and t.name == name)
        others = len(points.x) - 1
        assert points.error_y.array[0] == 0.01
        assert points.error_x.array[0] == 0.1
        assert np.isnan([points.error_y.array[1:], points.error_x.array[1:]]).sum() == 2 * others
        assert points.marker.size[0] > max(points.marker.size[1:])
        # Of colours and symbols the legend shows the first, of opacities it would show the mean.
        assert points.marker.opacity is None
        assert points.marker.color[0].startswith("#")
        assert all(colour.startswith("rgba") for colour in points.marker.color[1:])


def test_of_many_points_in_the_plane_of_costs_those_off_the_front_are_small() -> None:
    num = 30
    table = pd.concat([comparison()] * 10, ignore_index=True)
    front = [i % 10 == 0 for i in range(num)]
    (points, *_) = charts.cost_plane(table.assign(front=front, method="er")).data[1:]
    sizes = pd.Series(points.marker.size)
    assert sizes[front].min() > sizes[[not best for best in front]].max()


def test_long_names_beside_an_axis_are_short_and_differ() -> None:
    long = [f"{'a' * 80} lam={i}{'b' * 20}" for i in range(2)]
    shown = short_names.short_ticks([*long, "er", "er"])
    assert shown["tickvals"] == [*long, "er"]
    first, second, third = shown["ticktext"]
    assert (second, third) == (first.replace("lam=0", "lam=1"), "er")
    assert len(first) == short_names.LONGEST_TICK
    assert short_names.short_ticks(["er", "joint"]) == {}
    table = pd.DataFrame({"label": long, "storage_model_bytes_mean": [1.0, 2.0]})
    assert list(charts.storage(table).layout.yaxis.ticktext) == [first, second]


def test_short_names_keep_the_values_that_differ() -> None:
    grid = [(a, b, size) for a in (0.1, 0.5) for b in (0.1, 0.5) for size in (30, 300)]
    names = [f"derpp alpha={a} beta={b} memory_size={size}" for a, b, size in grid]
    for most in (short_names.LONGEST, short_names.LONGEST_TICK):
        short = short_names.short_texts(names, most).values()
        assert len({*short}) == len(names)
        for text, values in zip(short, grid, strict=True):
            assert len(text) <= most
            assert text.startswith("derpp ")
            assert [word.partition("=")[2] for word in text.split()[1:]] == list(map(str, values))
    # What all have in common makes room; without values they have numbers in the end.
    alike = [f"{'m' * 80} weight_of_the_loss={weight}" for weight in (1, 2)]
    assert [text[-2:] for text in short_names.short_texts(alike, 28).values()] == ["=1", "=2"]
    first, second = short_names.short_texts(["a" * 50 + x + "a" * 50 for x in "bc"], 28).values()
    assert second == f"{first} (2)"
    curves = pd.DataFrame({"label": names, "after": 1, "task": 1, "accuracy_mean": 0.5})
    drawn = charts.average_accuracy(curves.assign(accuracy_ci95=0.1))
    assert len({note.text for note in drawn.layout.annotations}) == len(names)


def test_a_long_name_is_shortened_before_it_is_escaped_and_stands_at_its_own_bar() -> None:
    label = f"<{'x' * 40}&"
    escaped, short = f"&lt;{'x' * 40}&amp;", f"&lt;{'x' * 22}…{'x' * 11}&amp;"
    table = pd.DataFrame({"label": [label], "storage_model_bytes_mean": [1.0]})
    paired = pd.DataFrame({"label": [label], "against": label, "difference": 0.1, "n": 2})
    differences = charts.differences(paired.assign(low=0.0, high=0.2))
    for figure in (charts.storage(table), differences):
        assert list(figure.data[-1].y) == list(figure.layout.yaxis.tickvals) == [escaped]
        assert list(figure.layout.yaxis.ticktext) == [short]
    assert differences.layout.xaxis.title.text.endswith(f"<br>{short}")


def test_a_hundred_tasks_have_a_dozen_panels_and_no_markers() -> None:
    assert spread_tasks(range(1, 13)) == list(range(1, 13))
    assert spread_tasks([3, 1, 2, 3], 2) == [1, 3]
    after, task = np.meshgrid(np.arange(101), np.arange(1, 101))
    rows = pd.DataFrame({"after": after.ravel(), "task": task.ravel(), "label": "er"})
    figure = charts.forgetting(rows.assign(accuracy_mean=0.5, accuracy_ci95=NAN))
    titles = [note.text for note in figure.layout.annotations if note.text.startswith("task ")]
    assert titles == [f"task {t}" for t in (1, 10, 19, 28, 37, 46, 55, 64, 73, 82, 91, 100)]
    # The first task was learned at once, so 100 points follow; the last has one, with a marker.
    modes = [trace.mode for trace in figure.data if trace.opacity is None]
    assert (modes[0], modes[-1]) == ("lines", "lines+markers")
    assert figure.layout.xaxis.dtick == 20


def test_a_label_without_a_free_place_covers_the_fewest_others() -> None:
    # Of a panel of 100 x 40, nothing is free: below 30 two bars lie on each other, above is one.
    bars = np.array([[0.0, 0.0, 100.0, 30.0], [0.0, 0.0, 100.0, 30.0], [0.0, 30.0, 100.0, 40.0]])
    size = np.array([[90.0, 9.0]])
    offset = labels.place_labels(np.array([[50.0, 22.0]]), size, (100, 40), bars)
    assert 22 + offset[0, 1] - size[0, 1] / 2 >= 30


def test_a_label_that_has_no_room_beside_its_point_stands_elsewhere_in_the_panel() -> None:
    # 180 of 260 pixels: too wide for either side of a point at 80, and centred on it.
    point, size, panel = np.array([[80.0, 190.0]]), np.array([[180.0, 15.0]]), (260, 380)
    (offset,) = labels.place_labels(point, size, panel)
    low, high = point[0] + offset - size[0] / 2, point[0] + offset + size[0] / 2
    assert (low >= -label_scene.ROUNDING).all()
    assert (high <= np.add(panel, label_scene.ROUNDING)).all()
    assert (np.abs(offset) >= size[0] / 2 + label_scene.MARKER).any()  # beside the point


def test_a_letter_of_two_cells_counts_twice_in_a_name() -> None:
    assert short_names.shorten("験" * 20) == "験" * 9 + "…" + "験" * 4
    assert short_names.shorten("験" * 14) == "験" * 14
    (note, *_) = charts.trade_off(comparison(label=["験" * 40] * 3)).layout.annotations
    assert note.text == "験" * 9 + "…" + "験" * 4


def test_a_label_covers_bars_rather_than_another_label() -> None:
    # Two points in one place, in a panel of which bars fill all but a strip for one label.
    bars = np.array([[0.0, 0.0, 300.0, 120.0]] * 3)
    points, sizes = np.full((2, 2), 100.0), np.tile([250.0, 15.0], (2, 1))
    (_, first), (_, second) = labels.place_labels(points, sizes, (300, 145), bars)
    assert abs(first - second) >= 15


def test_a_label_is_not_nearer_to_the_point_of_another_label_than_to_its_own() -> None:
    # One point above the other on a bar that leaves a strip for one label, above both.
    points, sizes = np.array([[50.0, 20.0], [50.0, 60.0]]), np.tile([60.0, 15.0], (2, 1))
    bars = np.array([[0.0, 0.0, 100.0, 80.0]])
    (_, low), (_, high) = labels.place_labels(points, sizes, (100, 120), bars)
    assert 20 + low < 40
    assert 60 + high - 15 / 2 >= 80


def test_a_label_without_room_in_a_crowded_panel_is_left_out() -> None:
    # Two points in one place, in a panel with room for a label on the right alone.
    points, sizes = np.tile([140.0, 50.0], (2, 1)), np.tile([150.0, 75.0], (2, 1))
    first, second = labels.place_labels(points, sizes, (300, 100), required=0)
    assert first.tolist() == [9 + 75, 0]
    assert np.isnan(second).all()


def test_in_a_crowded_panel_the_best_of_each_method_has_a_label_though_far_away() -> None:
    """The points are in the middle; the labels of 100 x 15 pixels take a quarter of the panel."""
    rng = np.random.default_rng(0)
    num, sizes = 16, np.tile([100.0, 15.0], (16, 1))
    points = rng.uniform([100, 150], [140, 190], (400, 2))
    offsets = labels.place_labels(points, sizes, (260, 380), required=num)
    assert np.isfinite(offsets).all()
    low, high = points[:num] + offsets - sizes / 2, points[:num] + offsets + sizes / 2
    assert (low >= 0).all()
    assert (high <= (260, 380)).all()
    for i in range(num):
        others = np.arange(num) != i
        clear = (low[i] >= high[others]) | (high[i] <= low[others])
        assert clear.any(axis=1).all()
    assert np.isnan(labels.place_labels(points, sizes, (260, 380), required=0)).any()


@pytest.mark.parametrize("num", [1, 12])
def test_labels_cover_no_point_no_bar_and_no_other_label(num: int) -> None:
    points = np.random.default_rng(num).uniform(80, 220, (num, 2))
    sizes = np.tile([70.0, 15.0], (num, 1))
    bars = np.array([[150.0, 0.0, 152.0, 300.0]])
    offsets = labels.place_labels(points, sizes, (300, 300), bars)
    low, high = points + offsets - sizes / 2, points + offsets + sizes / 2
    boxes = np.vstack([np.hstack([low, high]), np.hstack([points - 6, points + 6]), bars])
    for i in range(num):
        others = np.delete(boxes, i, axis=0)
        clear = (boxes[i, :2] >= others[:, 2:]) | (boxes[i, 2:] <= others[:, :2])
        assert clear.any(axis=1).all()
    assert low.min() >= 0
    assert high.max() <= 300
    assert short_names.shorten("a" * 20 + "b" * 20) == "a" * 18 + "…" + "b" * 9
    cell = "er lam=3 means.compute=0.5 means.storage_bytes=1500000"
    assert short_names.shorten(cell) == "er lam=3 1.50 MB 0.5 x"
    assert short_names.shorten("joint means.compute=16") == "joint 16 x"


def test_a_point_stands_at_its_costs_in_the_colour_of_its_metric() -> None:
    points = traces_by_name(charts.cost_plane(comparison()))
    er = points["er"]
    assert (list(er.x), list(er.y), list(er.marker.color)) == ([2e5], [6e9], [0.8])
    assert list(er.customdata) == ["e"]
    assert len({points[name].marker.symbol[0] for name in ("finetune", "er", "joint")}) == 3


def test_any_two_quantities_can_be_axes_and_costs_alone_are_logarithmic() -> None:
    figure = charts.cost_plane(comparison(), x="compute_flops", y="acc", colour="storage_bytes")
    assert list(traces_by_name(figure)["er"].x) == [6e9]
    assert list(traces_by_name(figure)["er"].y) == [0.8]
    assert (figure.layout.xaxis.type, figure.layout.yaxis.type) == ("log", None)
    assert figure.layout.xaxis.title.text == "training and consolidation (FLOP)"


def test_ticks_are_round_and_carry_their_unit() -> None:
    axis = charts.cost_plane(comparison()).layout.xaxis
    shown = dict(zip(map(round, axis.tickvals), axis.ticktext, strict=True))
    assert (shown[100_000], shown[2_000_000]) == ("100 kB", "2 MB")
    assert all(axis.range[0] <= log10(value) <= axis.range[1] for value in axis.tickvals)
    assert axis.range[0] < 5 < log10(4e6) < axis.range[1]


def test_ticks_of_times_are_in_the_unit_of_their_axis() -> None:
    costs = pd.DataFrame(
        {"method": "er", "seed": 0, "compute_flops": [1e9, 2e9], "seconds": [40.0, 9e7]}
    )
    axis = charts.agreement(costs).layout.yaxis
    assert axis.title.text.endswith("(s)")
    assert len(axis.ticktext) >= 5
    for value, text in zip(axis.tickvals, axis.ticktext, strict=True):
        assert text == f"{round(value):,} s"


@pytest.mark.parametrize("highest", [1.0, 3.99, 4.0, 9_999_999.0, 1e7, 2.5e13])
def test_ticks_of_an_axis_from_0_are_round_and_reach_the_highest_value(highest: float) -> None:
    values = linear_ticks(highest, "FLOP")["tickvals"]
    assert values[0] == 0
    assert values[-2] <= highest < values[-1]
    assert 5 <= len(values) - 1 <= 11
    assert f"{values[1]:.0e}"[0] in "125"


def test_ticks_have_a_blank_between_the_number_and_its_unit() -> None:
    assert linear_ticks(4e7, "FLOP")["ticktext"][:3] == ["0 FLOP", "10 MFLOP", "20 MFLOP"]
    assert linear_ticks(4.0, "")["ticktext"][:3] == ["0", "1", "2"]
    assert linear_ticks(0.0, "B") == {"rangemode": "tozero"}


def test_a_marker_is_as_large_as_its_interval_is_wide_and_hollow_without_one() -> None:
    points = traces_by_name(charts.cost_plane(comparison()))
    sizes = {name: points[name].marker.size[0] for name in ("finetune", "er", "joint")}
    assert sizes["er"] - sizes["finetune"] == pytest.approx(110 * (0.1 - 0.01))
    assert sizes["joint"] == 11
    assert points["joint"].marker.symbol[0].endswith("-open")
    assert not points["er"].marker.symbol[0].endswith("-open")


def test_the_front_is_ringed_and_the_corners_are_named_where_they_stand() -> None:
    figure = charts.cost_plane(comparison(front=[True, False, True]))
    rings = traces_by_name(figure)["on the Pareto front"]
    assert sorted(zip(rings.x, rings.y, strict=True)) == [(1e5, 3e9), (4e6, 1e10)]
    assert rings.marker.size[0] > traces_by_name(figure)["finetune"].marker.size[0]
    notes = {note.text: (note.x, note.y) for note in figure.layout.annotations}
    assert notes == {
        "finetune": pytest.approx((5, log10(3e9))),
        "joint": pytest.approx((log10(4e6), 10)),
    }


def test_hover_gives_the_configuration_with_values_and_intervals() -> None:
    (text,) = traces_by_name(charts.cost_plane(comparison()))["er"].hovertext
    assert text.split("<br>") == [
        "<b>er memory_size=50</b>",
        "storage carried between tasks: 200 kB",
        "training and consolidation: 6 GFLOP ± 100 MFLOP",
        "ACC: 0.800 ± 0.100",
        "3 seeds",
    ]


@pytest.mark.parametrize("draw", [charts.trade_off, charts.cost_plane])
def test_titles_of_panels_are_short_and_differ_and_one_table_has_none(draw: Any) -> None:
    rows = [comparison(sweep=f"{'<' * 90}{i}", table=i) for i in range(3)]
    figure = draw(pd.concat(rows, ignore_index=True))
    titles = {
        html.unescape(note.text) for note in figure.layout.annotations if note.font.size == 14
    }
    assert len(titles) == 3
    assert max(map(len, titles)) <= 44
    assert all(title.startswith("sweep <<<") for title in titles)
    figure = draw(pd.concat([part.assign(table=0) for part in rows], ignore_index=True))
    assert not any(note.text.startswith("sweep") for note in figure.layout.annotations)


def test_names_with_budgets_have_amounts_and_differ_where_those_do_not() -> None:
    labels = [f"er means.compute=16 means.storage_bytes={n}" for n in (120000, 120001, 80000)]
    names = short_names.budget_names([*labels, "joint"])
    texts = ["er 120 kB 16 x", "er 120 kB 16 x (2)", "er 80 kB 16 x", "joint"]
    assert names == dict(zip([*labels, "joint"], texts, strict=True))


@pytest.mark.parametrize("draw", [charts.trade_off, charts.cost_plane])
def test_settings_are_never_in_one_panel(draw: Any) -> None:
    two = pd.concat([comparison(), comparison(scenario="task")], ignore_index=True)
    figure = draw(two)
    titles = [note.text for note in figure.layout.annotations]
    assert {"class-incremental", "task-incremental"} <= set(titles)
    listed = [t.name for t in figure.data if t.showlegend is not False and t.mode != "lines"]
    assert listed == ["finetune", "er", "joint"]
    places = {(t.xaxis, point) for t in figure.data for point in t.customdata or ()}
    assert len(places) == 3 * len({axis for axis, _ in places}) >= 6


R = np.array(
    [
        [0.1, 0.2, 0.3],
        [0.9, 0.3, 0.2],
        [0.7, 0.8, 0.4],
        [0.5, 0.6, 0.95],
    ]
)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("metric", ["acc", "bwt", "fwt", "forgetting", "learning_accuracy"])
def test_the_cells_that_light_up_make_the_metric(metric: str, seed: int) -> None:
    num_tasks = seed + 2
    r = np.random.default_rng(seed).random((num_tasks + 1, num_tasks))
    signed = metric_cells(r, metric)
    total = sum(sign * r[after, task - 1] for (after, task), sign in signed.items())
    added = sum(sign > 0 for sign in signed.values())
    assert total / added == pytest.approx(metrics.metrics_after(r, num_tasks, "task")[metric])


def test_average_incremental_accuracy_lights_up_the_cells_of_the_tasks_seen() -> None:
    signed = metric_cells(R, "average_incremental_accuracy")
    assert signed == dict.fromkeys([(1, 1), (2, 1), (2, 2), (3, 1), (3, 2), (3, 3)], 1)
    rows = [[R[k, i - 1] for after, i in signed if after == k] for k in (1, 2, 3)]
    expected = metrics.average_incremental_accuracy(R)
    assert np.mean([np.mean(row) for row in rows]) == pytest.approx(expected)
    assert matrix._axis_title(R, "average_incremental_accuracy").startswith(
        "task<br>AIA: mean over"
    )


def test_forgetting_lights_up_the_best_accuracy_since_a_task_was_learned() -> None:
    r = R.copy()
    r[2, 0] = 0.95  # task 1 is known better after task 2 than after task 1
    assert metric_cells(r, "forgetting") == {(2, 1): 1, (2, 2): 1, (3, 1): -1, (3, 2): -1}


def test_r_is_drawn_with_row_0_on_top_and_marks_on_the_cells_of_the_metric() -> None:
    figure = charts.r_matrix(R, "bwt")
    (heat,) = figure.data
    assert np.array_equal(heat.z, R)
    assert (list(heat.y), list(heat.x)) == ([0, 1, 2, 3], [1, 2, 3])
    assert (heat.zmin, heat.zmax) == (0, 1)
    assert figure.layout.yaxis.range == (3.5, -0.5)
    lit = {(s.y0 + 0.5, s.x0 + 0.5): s.line.dash for s in figure.layout.shapes if s.name}
    assert lit == {(3, 1): "solid", (3, 2): "solid", (1, 1): "dot", (2, 2): "dot"}
    assert [row[0] for row in heat.text] == ["0.10", "−0.90", "0.70", "+0.50"]


@pytest.mark.parametrize(("metric", "subtracts"), [("acc", False), ("bwt", True), ("fwt", True)])
def test_the_title_of_r_names_the_cells_that_the_metric_has(metric: str, subtracts: bool) -> None:
    title = charts.r_matrix(np.full((4, 3), 0.5), metric).layout.xaxis.title.text
    assert ("−" in title) == subtracts
    assert "mean of the + cells" in title


def test_what_was_not_measured_is_grey_and_has_no_number() -> None:
    r = R.copy()
    r[1, 2] = NAN
    figure = charts.r_matrix(r)
    (grey,) = [shape for shape in figure.layout.shapes if shape.name == "not measured"]
    assert (grey.x0, grey.x1, grey.y0, grey.y1) == (2.5, 3.5, 0.5, 1.5)
    assert figure.data[0].text[1][2] == ""


def test_cells_of_a_few_pixels_are_boxed_by_runs_of_a_row() -> None:
    r = np.full((41, 40), 0.5)
    r[np.triu_indices(40, 1)] = NAN  # rows 0 to 38: of the tasks to come
    figure = charts.r_matrix(r, "acc")
    boxes = {(s.name, s.y0 + 0.5): (s.x0, s.x1) for s in figure.layout.shapes if s.name}
    grey = {("not measured", row): (row + 1.5, 40.5) for row in range(39)}
    assert boxes == grey | {("uses +", 40): (0.5, 40.5)}
    assert {s.line.width for s in figure.layout.shapes if s.name == "uses +"} == {1}
    assert "mean of the boxed cells" in figure.layout.xaxis.title.text  # which have no signs


def test_the_step_runs_between_tasks_learned_and_tasks_to_come() -> None:
    (step,) = [s for s in charts.r_matrix(R).layout.shapes if s.type == "path"]
    assert step.path == "M 0.5,0.5 L 1.5,0.5 L 1.5,1.5 L 2.5,1.5 L 2.5,2.5 L 3.5,2.5"


def curves(label: str, ci95: float) -> pd.DataFrame:
    cells = [(after, task, R[after, task - 1]) for after in range(4) for task in (1, 2, 3)]
    table = pd.DataFrame(cells, columns=["after", "task", "accuracy_mean"])
    return table.assign(label=label, accuracy_ci95=ci95)


def test_each_task_has_a_panel_with_its_accuracy_faint_until_it_was_learned() -> None:
    figure = charts.forgetting(curves("ewc", NAN))
    for task, axis in enumerate(("x", "x2", "x3"), start=1):
        before, learned = (trace for trace in figure.data if trace.xaxis == axis)
        assert before.opacity < 0.5 < (learned.opacity or 1)
        assert (list(before.x), list(learned.x)) == ([*range(task + 1)], [*range(task, 4)])
        assert [*before.y[:task], *learned.y] == R[:, task - 1].tolist()
    titles = [note.text for note in figure.layout.annotations]
    assert titles == ["task 1", "task 2", "task 3", "ewc"]  # named at the end of the row
    assert [shape.x0 for shape in figure.layout.shapes] == [1, 2, 3]  # when each was learned


def test_lines_join_the_rows_that_were_measured() -> None:
    table = curves("er", NAN)
    measured = table[(table["after"] != 2) | (table["task"] == 2)]  # row 2 but for its diagonal
    for rows in (measured, table.assign(accuracy_mean=measured["accuracy_mean"])):
        _, learned = (trace for trace in charts.forgetting(rows).data if trace.xaxis == "x")
        assert (list(learned.x), list(learned.y)) == ([1, 3], [0.9, 0.5])


def test_a_band_is_the_mean_plus_and_minus_the_interval() -> None:
    figure = charts.forgetting(pd.concat([curves("ewc", 0.05), curves("er", NAN)]))
    traces = [trace for trace in figure.data if trace.xaxis == "x" and trace.opacity is None]
    band, line, other = traces
    assert list(band.y) == pytest.approx([*(R[1:, 0] + 0.05), *(R[:0:-1, 0] - 0.05)])
    assert (line.name, other.name) == ("ewc", "er")
    assert line.line.color != other.line.color
    assert theme.rgba_text(line.line.color, 0.16) == band.fillcolor


def test_curves_of_equal_values_differ_in_dash_marker_and_width_and_stand_apart() -> None:
    figure = charts.forgetting(pd.concat([curves(name, NAN) for name in "abcdef"]))
    lines = [trace for trace in figure.data if trace.xaxis == "x" and trace.opacity is None]
    assert len({(line.line.dash, line.line.color) for line in lines}) == 6
    assert all(a.line.dash != b.line.dash for a, b in pairwise(lines))
    assert len({line.marker.symbol for line in lines}) == 6
    assert len({tuple(line.x) for line in lines}) == 6
    assert all(np.abs(np.subtract(line.x, [1, 2, 3])).max() < 0.3 for line in lines)
    widths = [line.line.width for line in lines]
    assert widths == sorted(widths, reverse=True)


def test_of_many_tasks_single_points_alone_have_markers_and_none_hides_another() -> None:
    cells = [(after, task) for after in range(61) for task in (1, 40, 60)]
    table = pd.DataFrame(cells, columns=["after", "task"]).assign(
        accuracy_mean=0.5, accuracy_ci95=NAN
    )
    figure = charts.forgetting(pd.concat([table.assign(label=label) for label in "abc"]))
    single = [trace for trace in figure.data if len(trace.x) == 1]
    assert {trace.mode for trace in figure.data if len(trace.x) > 1} == {"lines"}
    assert [trace.mode for trace in single] == ["lines+markers"] * 3
    sizes = [trace.marker.size for trace in single]
    assert all(before - after >= 2 for before, after in pairwise(sizes))  # a ring of a pixel
    assert all(trace.marker.symbol.endswith("-open") for trace in single)


def test_the_average_over_the_tasks_seen_is_drawn_with_its_interval_and_labelled_at_its_end() -> (
    None
):
    seen = pd.DataFrame({"after": [1, 2], "accuracy_mean": [0.9, 0.75], "accuracy_ci95": 0.1})
    table = pd.concat([seen.assign(label="<b>er"), seen.assign(label="b" * 40)])
    figure = charts.average_accuracy(table)
    band, line, _, _ = figure.data
    assert list(line.y) == [0.9, 0.75]
    assert list(band.y) == pytest.approx([1.0, 0.85, 0.65, 0.8])
    first, second = figure.layout.annotations
    assert first.text == "&lt;b&gt;er"
    assert second.text == 40 * "b"
    assert (first.y, second.y) == (0.75, 0.75)
    assert first.ax == second.ax > 2.1  # in a column behind the last points
    assert abs(first.ay - second.ay) == pytest.approx(14 * 1.06 / 330)  # a line of 14 pixels apart


def test_labels_at_the_ends_of_lines_have_the_room_of_what_is_read() -> None:
    """Escaped, the second label is longer: it has &lt; for each <."""
    plain, escaped, wide = (
        charts.forgetting(curves(label, NAN)).layout.margin.r
        for label in ("a____b", "a<<<<b", "a连续b")
    )
    assert plain == escaped == wide == int(6 * 6.6) + 20


def test_labels_at_the_ends_of_lines_are_whole_up_to_the_letters_that_their_panels_leave() -> None:
    names = {letters: f"er policy=ring {'m' * (letters - 15)}" for letters in (28, 40, 41)}
    shown = {
        (draw.__name__, letters): draw(curves(name, NAN)).layout.annotations[-1].text == name
        for draw in (charts.forgetting, charts.average_accuracy)
        for letters, name in names.items()
    }
    whole = [place for place, is_whole in shown.items() if is_whole]
    assert whole == [("forgetting", 28), ("average_accuracy", 28), ("average_accuracy", 40)]


def test_labels_beside_a_row_that_is_not_full_have_its_room() -> None:
    cells = [(after, task, 0.5, NAN) for after in range(6) for task in range(1, 6)]
    columns = ["after", "task", "accuracy_mean", "accuracy_ci95"]
    table = pd.DataFrame(cells, columns=columns).assign(label=f"er policy=ring {'m' * 33}")
    shown = {
        num: [note.text for note in charts.forgetting(part).layout.annotations[num:]]
        for num in (2, 3, 4, 5)
        if len(part := table[table["task"] <= num])
    }
    lengths = {num: list(map(len, texts)) for num, texts in shown.items()}
    assert lengths == {2: [28], 3: [28], 4: [28, 48], 5: [28, 48]}


def test_stored_bytes_are_stacked_by_category_and_unused_categories_left_out() -> None:
    table = pd.DataFrame(
        {
            "label": ["finetune", "er"],
            "storage_model_bytes_mean": [10.0, 10.0],
            "storage_buffer_bytes_mean": [0.0, 5.0],
            "storage_anchor_bytes_mean": [0.0, 0.0],
        }
    )
    figure = charts.storage(table)
    values = {bar.name: dict(zip(bar.y, bar.x, strict=True)) for bar in figure.data}
    assert values == {"model": {"finetune": 10, "er": 10}, "buffer": {"finetune": 0, "er": 5}}
    assert figure.layout.barmode == "stack"


def test_flops_are_stacked_by_phase() -> None:
    table = pd.DataFrame(
        {
            "label": ["ewc"],
            "train_flops_mean": [4e9],
            "consolidate_flops_mean": [1e9],
            "eval_flops_mean": [5e8],
        }
    )
    bars = charts.computation(table).data
    assert [(bar.name, *bar.x) for bar in bars] == [
        ("training", 4e9),
        ("consolidation", 1e9),
        ("evaluation", 5e8),
    ]


def test_stages_are_counted_as_computed_shared_within_the_sweep_or_in_the_store() -> None:
    """The sweep a asks for s, t, s, u and computes them; b asks for s, t, v and computes v."""
    counts = pd.DataFrame(
        {"sweep": ["a", "b", ""], "stages": [4, 3, 7], "distinct": [3, 3, 4], "computed": [3, 1, 4]}
        | {"to_train": [4, 5, 9]}
    )
    values = {bar.name: dict(zip(bar.y, bar.x, strict=True)) for bar in charts.sharing(counts).data}
    assert values == {
        "computed": {"a": 3, "b": 1},
        "shared within the sweep": {"a": 1, "b": 0},
        "already in the store": {"a": 0, "b": 2},
        "no result: failed, diverged or not over": {"a": 0, "b": 2},
    }


def test_a_difference_reaches_from_low_to_high_and_is_hollow_where_it_holds_0() -> None:
    table = pd.DataFrame(
        {
            "label": ["er", "ewc"],
            "against": "finetune",
            "n": 5,
            "difference": [0.3, 0.02],
            "low": [0.2, -0.05],
            "high": [0.45, 0.1],
        }
    )
    (points,) = charts.differences(table).data
    assert list(points.x + points.error_x.array) == pytest.approx([0.45, 0.1])
    assert list(points.x - points.error_x.arrayminus) == pytest.approx([0.2, -0.05])
    assert list(points.marker.symbol) == ["circle", "circle-open"]


def test_a_chart_of_one_difference_leaves_room_for_the_title_of_its_axis() -> None:
    row = {"label": ["er"], "against": "finetune", "n": 5, "difference": 0.3, "low": 0, "high": 1}
    layout = charts.differences(pd.DataFrame(row)).layout
    ticks_and_title = 70  # the ticks and two lines, in pixels
    assert layout.height - layout.margin.t - (layout.minreducedheight or 64) >= ticks_and_title


def candidates(num: int = 20) -> pd.DataFrame:
    """Return candidates whose objective is the exponent of lam and nothing else."""
    rng = np.random.default_rng(0)
    lam = 10 ** rng.uniform(0, 4, num)
    return pd.DataFrame(
        {
            "candidate": range(num),
            "config.method.lam": lam,
            "config.training.lr": rng.random(num),
            "config.method.name": "ewc",
            "objective": np.log10(lam) / 4,
            "tasks_done": 5,
        }
    )


def test_importance_finds_the_hyperparameter_that_the_objective_is_made_of() -> None:
    (bars,) = charts.importance(candidates(40)).data
    values = dict(zip(bars.y, bars.x, strict=True))
    assert sum(values.values()) == pytest.approx(1)
    assert values["lam"] > 0.95


@pytest.mark.parametrize(
    ("few", "reason"),
    [
        (candidates(5), "takes 8 candidates"),
        (candidates(9).drop(columns="config.training.lr"), "fewer than two vary"),
    ],
)
def test_importance_of_too_little_is_not_drawn_but_said(few: pd.DataFrame, reason: str) -> None:
    figure = charts.importance(few)
    assert len(figure.data) == 0
    assert reason in figure.layout.annotations[0].text


def learning(label: str, candidate: int, depth: int, **changes: Any) -> pd.DataFrame:
    steps = range(1, depth + 1)
    values = [0.9 - 0.1 * candidate - 0.01 * step for step in steps]
    rows = pd.DataFrame({"after": steps, "val_acc": values})
    defaults = {"status": "complete", "story": "", "selected": False}
    return rows.assign(label=label, candidate=candidate, **(defaults | changes))


def test_the_winner_is_bold_and_who_was_stopped_ends_with_a_mark_that_says_why() -> None:
    story = "asha stopped it after task 2: below the median\nmore"
    figure = charts.learning_curves(
        pd.concat(
            [
                learning("lam=1", 0, 5, selected=True),
                learning("lam=9", 1, 2, status="stopped", story=story),
                learning("lam=5", 2, 5),
            ]
        )
    )
    lines = traces_by_name(figure)
    assert lines["winner: lam=1"].line.width > lines["lam=5"].line.width
    assert list(lines["lam=5"].y) == pytest.approx([0.69, 0.68, 0.67, 0.66, 0.65])
    mark = lines["stopped"]
    assert (list(mark.x), list(mark.y)) == ([2], [pytest.approx(0.78)])
    assert mark.hovertext[0].endswith("asha stopped it after task 2: below the median")


def test_a_stage_that_two_trials_share_is_drawn_once_and_joined_to_both_successors() -> None:
    rows = [
        ("a", 0, "root", None, False),
        ("a", 1, "a1", "root", False),
        ("b", 0, "root", None, True),
        ("b", 1, "b1", "root", True),
    ]
    table = pd.DataFrame(rows, columns=["trial_id", "after", "key", "parent", "cached"])
    figure = charts.trial_graph(table.assign(seed=7))
    joints, computed, other = figure.data
    assert (list(joints.x), list(joints.y)) == ([0, 1, None, 0, 1, None], [0, 0, None, 0, 1, None])
    assert list(computed.customdata) == ["root", "a1"]
    assert (list(other.customdata), list(other.y)) == (["b1"], [1])
    assert computed.marker.size[0] > computed.marker.size[1]
    assert list(figure.layout.yaxis.ticktext) == ["a · 7", "b · 7"]


def test_a_trial_without_a_stage_of_its_own_has_a_row_in_the_graph() -> None:
    table = pd.DataFrame({"trial_id": ["a", "b", "c"], "key": "root", "cached": True})
    figure = charts.trial_graph(table.assign(after=0, parent=None, seed=7))
    assert list(figure.layout.yaxis.tickvals) == [0, 1, 2]
    bottom, top = figure.layout.yaxis.range
    assert bottom > 2
    assert top < 0  # the first row is on top


def test_marks_of_the_graph_are_seen_on_dark_paper() -> None:
    table = pd.DataFrame({"trial_id": ["a", "b"], "key": ["a0", "b0"], "cached": [False, True]})
    table = table.assign(after=0, parent=None, seed=7, label="x")
    trials = table.assign(status="stopped", num_tasks=2, story="", running=[1, np.nan])
    figure = charts.trial_graph(table, trials, dark=True)
    colours = [trace.marker.color for trace in figure.data if trace.marker.color]
    assert len(colours) == 4
    assert min(contrast(colour, theme.PAPERS["dark"]) for colour in colours) >= 4.5


def test_the_graph_shows_where_trials_failed_and_diverged_and_what_was_not_run() -> None:
    """Of three tasks a fails at the second, b diverges at the first, c at the start; d runs."""
    rows = [
        ("a", 0, "root", None, "complete"),
        ("a", 1, "a1", "root", "complete"),
        ("b", 0, "root", None, "complete"),
        ("b", 1, "b1", "root", "diverged"),
        ("d", 1, "d1", "root", "complete"),
    ]
    stages = pd.DataFrame(rows, columns=["trial_id", "after", "key", "parent", "status"])
    trials = pd.DataFrame(
        {"trial_id": [*"abcd"], "label": [*"abcd"], "seed": 0, "num_tasks": 3}
        | {"status": ["failed", "diverged", "failed", "stopped"]}
        | {"story": ["no row\nat line 3", "", "", ""], "running": [np.nan, np.nan, np.nan, 2]}
    )
    figure = charts.trial_graph(stages.assign(seed=0, cached=False, label="x"), trials)
    places = {t.name: list(zip(t.x, t.y, strict=True)) for t in figure.data if t.name}
    assert places == {
        "computed": [(0, 0), (1, 0), (1, 3)],
        "diverged": [(1, 1)],
        "failed": [(2, 0), (0, 2)],
        "running": [(2, 3)],
        "not run": [(3, 0), (2, 1), (3, 1), (1, 2), (2, 2), (3, 2), (3, 3)],
    }
    (failed,) = (trace for trace in figure.data if trace.name == "failed")
    assert failed.hovertext[0] == "<b>failed at task 2</b><br>a seed 0<br>no row"
    lines = list(zip(figure.data[0].x, figure.data[0].y, strict=True))
    assert lines[-6:-3] == [(1, 0), (2, 0), (None, None)]
    assert lines[-3:] == [(1, 3), (2, 3), (None, None)]
    (running,) = (trace for trace in figure.data if trace.name == "running")
    assert running.hovertext[0] == "<b>task 2</b> is computed now<br>d seed 0"
    assert figure.layout.showlegend


@pytest.mark.parametrize(
    "figure",
    [
        charts.trade_off(comparison()[:0]),
        charts.cost_plane(comparison()[:0]),
        charts.r_matrix(np.empty((0, 0))),
        charts.forgetting(curves("a", 0.0)[:0]),
        charts.average_accuracy(curves("a", 0.0)[:0]),
        charts.storage(comparison()[:0]),
        charts.computation(comparison()[:0]),
        charts.differences(pd.DataFrame()),
        charts.sharing(
            pd.DataFrame(columns=["sweep", "to_train", "stages", "distinct", "computed"])
        ),
        charts.parallel_coordinates(candidates()[:0]),
        charts.importance(candidates()[:0]),
        charts.learning_curves(learning("a", 0, 0)),
        charts.trial_graph(pd.DataFrame()),
    ],
)
def test_nothing_to_draw_is_said_in_words(figure: go.Figure) -> None:
    assert len(figure.data) == 0
    assert figure.layout.annotations[0].text.endswith(".")


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two #RRGGBB, WCAG 2.2."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    light, dark = sorted(map(luminance, (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_text_is_readable_on_its_paper_and_backgrounds_let_it_through() -> None:
    figure = charts.trade_off(comparison())
    for dark, paper in ((False, "#FFFFFF"), (True, "#111418")):
        layout = charts.apply_theme(figure, dark).layout.template.layout
        assert contrast(layout.font.color, paper) > 7
        assert layout.paper_bgcolor == layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert all(min(contrast(c, "#FFFFFF"), contrast(c, "#111418")) > 1.9 for c in theme.COLOURS)


def test_labels_in_the_colours_of_lines_are_read_on_both_papers_and_marks_keep_theirs() -> None:
    names = [f"er {i}" for i in range(len(theme.COLOURS))]
    curves = pd.DataFrame({"label": names, "after": 1, "task": 1, "accuracy_mean": 0.5})
    figure = charts.average_accuracy(curves.assign(accuracy_ci95=0.1))
    marks = {trace.line.color for trace in figure.data if trace.line.color}
    for dark, paper in ((False, "#FFFFFF"), (True, "#111418"), (False, "#FFFFFF")):
        drawn = charts.apply_theme(figure, dark)
        colours = [note.font.color for note in drawn.layout.annotations]
        assert len({*colours}) == len(names)
        assert min(contrast(colour, paper) for colour in colours) >= 4.5
        assert {trace.line.color for trace in drawn.data if trace.line.color} == marks
    assert marks == {*theme.COLOURS}


def test_names_have_styles_of_their_own_up_to_28() -> None:
    styles = theme.assign_lines(range(28))
    assert len({tuple(style.items()) for style in styles.values()}) == 28


def test_metrics_are_said_to_three_decimals_and_undefined_is_a_dash() -> None:
    assert (decimal_text(-0.0001), interval_text(0.5, NAN), interval_text(NAN, 0.1)) == (
        "0.000",
        "0.500",
        "–",
    )
    assert interval_text(0.9171, 0.0504) == "0.917 ± 0.050"
    assert find_quantity("config.method.lam").title == "method.lam"
