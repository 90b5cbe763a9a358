"""The figure of R of each configuration."""

from __future__ import annotations

from math import ceil

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from dashboards.data.matrices import mean_r
from dashboards.figures.canvas import create_axes
from orchestrator.results.metrics import R
from orchestrator.tracking.heatmap import draw_matrix

ACROSS, SIDE = 3, 2.3  # panels in a row; inches


def r_matrices(curves: pd.DataFrame) -> Figure:
    """Draw R of each configuration, averaged over its seeds.

    The cells above the step are of tasks not learned yet; grey cells were not measured.

    Args:
        curves: rows of `dashboards.data.matrices.read_curves`, of at least one configuration.
    """
    configurations = list(curves.groupby(["table", "sweep", "trial_id"], sort=False))
    figure, grid = create_axes(len(configurations), ACROSS, SIDE, SIDE + 0.3)
    several = curves["table"].nunique() > 1
    for axes, (_, part) in zip(grid, configurations, strict=True):
        image = heatmap(axes, mean_r(part))
        row = part.iloc[0]
        above = [row["benchmark"], f"{row['scenario']}-incremental"] if several else []
        axes.set_title("\n".join([*above, row["label"]]), fontsize=9)
    rows = ceil(len(grid) / ACROSS)
    figure.colorbar(image, ax=list(grid), label="accuracy (test)", pad=0.02, aspect=14 * rows)
    return figure


def heatmap(axes: Axes, r: R) -> AxesImage:
    """Draw R, a row per number of tasks learned and a column per task."""
    image = draw_matrix(axes, r, size=6.5)
    axes.set_xlabel("task", fontsize=8)
    axes.set_ylabel("tasks learned", fontsize=8)
    axes.set_xticks(range(r.shape[1]), [str(task + 1) for task in range(r.shape[1])], fontsize=8)
    axes.set_yticks(range(r.shape[0]), list(map(str, range(r.shape[0]))), fontsize=8)
    return image
