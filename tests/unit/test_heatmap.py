"""The picture of R shows every number once, in its place, and what is not known as such."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from orchestrator.tracking.heatmap import draw_heatmap, render_png

pytestmark = pytest.mark.slow

NAN = float("nan")
R = np.array([[0.1, 0.2], [0.9, 0.3], [0.7, NAN]])


def annotations(figure: Figure) -> dict[tuple[float, float], str]:
    return {text.get_position(): text.get_text() for text in figure.axes[0].texts}


def test_each_cell_is_annotated_at_its_task_and_row() -> None:
    assert annotations(draw_heatmap(R)) == {
        (0, 0): "0.10",
        (1, 0): "0.20",
        (0, 1): "0.90",
        (1, 1): "0.30",
        (0, 2): "0.70",
    }


def test_an_unknown_cell_is_grey_and_hatched_and_no_other_is() -> None:
    axes = draw_heatmap(R).axes[0]
    hatched = [p.get_xy() for p in axes.patches if isinstance(p, Rectangle) and p.get_hatch()]
    assert hatched == [(0.5, 1.5)]
    shown = axes.images[0]
    red, green, blue, alpha = shown.to_rgba(shown.get_array())[2, 1]
    assert red == green == blue == pytest.approx(0.8)
    assert alpha == 1


def test_neighbours_that_are_not_measured_share_a_rectangle() -> None:
    r = np.zeros((6, 5))
    r[1, 2:] = r[3, :2] = r[3, 4] = np.nan
    patches = draw_heatmap(r).axes[0].patches
    spans = [(p.get_xy(), p.get_width()) for p in patches if p.get_hatch()]
    assert spans == [((1.5, 0.5), 3), ((-0.5, 2.5), 2), ((3.5, 2.5), 1)]


def test_axes_and_colours_are_named_and_the_scale_is_that_of_an_accuracy() -> None:
    figure = draw_heatmap(R, "ewc lam=1")
    axes, colours = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title("left")) == (
        "task",
        "tasks learned",
        "ewc lam=1",
    )
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "2"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["0", "1", "2"]
    assert colours.get_ylabel() == "accuracy"
    assert axes.images[0].get_clim() == (0.0, 1.0)


def test_the_line_runs_between_the_tasks_learned_and_those_to_come() -> None:
    line = draw_heatmap(R).axes[0].lines[0]
    assert list(zip(*line.get_data(), strict=True)) == [
        (-0.5, 0.5),
        (0.5, 0.5),
        (0.5, 1.5),
        (1.5, 1.5),
    ]


@pytest.mark.parametrize(
    ("num_tasks", "annotated"), [(1, True), (12, True), (13, False), (40, False)]
)
def test_numbers_are_written_where_there_is_room(num_tasks: int, annotated: bool) -> None:
    figure = draw_heatmap(np.full((num_tasks + 1, num_tasks), 0.5))
    assert len(annotations(figure)) == (num_tasks * (num_tasks + 1) if annotated else 0)
    assert len(figure.axes[0].get_xticks()) <= 20


def test_colours_grow_lighter_with_accuracy_and_numbers_stand_out() -> None:
    figure = draw_heatmap(np.linspace(0, 1, 132).reshape(12, 11))
    shown = figure.axes[0].images[0]
    lightness = shown.to_rgba(np.linspace(0, 1, 64))[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 0).all()
    for text in figure.axes[0].texts:
        behind = shown.to_rgba(float(text.get_text()))[:3] @ np.array([0.2126, 0.7152, 0.0722])
        assert abs(behind - (text.get_color() == "#ffffff")) > 0.35


def test_the_picture_is_a_png_of_a_figure_without_global_state() -> None:
    figure = draw_heatmap(R)
    assert isinstance(figure.canvas, FigureCanvasAgg)
    assert render_png(figure).startswith(b"\x89PNG\r\n")
    code = (
        "import sys, numpy as np; from orchestrator.tracking import heatmap;"
        "heatmap.render_png(heatmap.draw_heatmap(np.eye(3, 2)));"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert process.stdout == "False\n"


def test_a_long_title_stays_inside_the_picture() -> None:
    figure = draw_heatmap(R, "ewc " + " ".join(f"network.hidden_{i}=400" for i in range(20)))
    figure.canvas.draw()
    title = next(t for t in figure.findobj(Text) if t.get_text().startswith("ewc"))
    box = title.get_window_extent()
    assert box.y1 <= figure.bbox.height
    assert box.x1 <= figure.bbox.width
