"""The figures: ink is where the numbers say, labels cover nothing, and no state is left behind."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hostile_lab import replace_column
from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox
from random_tables import random_tables, write_random
from test_prices import means_folder
from test_surface import surface
from test_surface_charts import create_contested

from dashboards import figures
from dashboards.charts.costs import FLOPS_PARTS, STORAGE_PARTS
from dashboards.data.comparing import compare_configurations
from dashboards.data.matrices import read_curves
from dashboards.data.warehouse import Warehouse
from dashboards.figures import (
    FIGURES,
    MEANS_FIGURES,
    cost_plane,
    costs,
    draw,
    forgetting,
    plane,
    r_matrices,
    trade_off,
)
from dashboards.figures.__main__ import main
from orchestrator import columns
from orchestrator.errors import RepertoireError
from orchestrator.results.averages import average_over_seeds
from orchestrator.results.comparison import comparison
from orchestrator.results.load import load
from orchestrator.results.results import Results
from orchestrator.results.surface.rates import marginal_rates
from orchestrator.results.surface.winners import winner_map
from orchestrator.results.tables.collect import collect_tables
from orchestrator.results.tables.tables import Tables, write_tables
from orchestrator.stages.record import Costs, Record, Score
from orchestrator.stages.stage import Chain
from orchestrator.terminal.comparison import blocks

pytestmark = [pytest.mark.slow, pytest.mark.pages]

TASKS = ("task a", "task b")
# Accuracy on each task after 0, 1 and 2 tasks.
R = ((0.1, 0.2), (0.9, 0.3), (0.6, 0.8))


class Records(dict[str, Record]):
    """Records by key, asked as a store is."""

    def records(
        self, requests: Iterable[tuple[str, frozenset[str]]]
    ) -> dict[tuple[str, frozenset[str]], Record]:
        return {one: self[one[0]] for one in requests if one[0] in self}

    def failed_worker(self, key: str) -> dict[str, Any]:
        return {}

    def failure(self, key: str) -> str | None:
        return None


def chain_of(method: str, seed: int, config: Mapping[str, Any], scenario: str = "domain") -> Chain:
    name = "-".join([method, scenario, *(f"{k}{v}" for k, v in config.items())])
    return Chain(
        sweep="s",
        trial_id=name,
        phase="evaluation",
        selected=False,
        seed=seed,
        method=method,
        benchmark="split_digits",
        scenario=scenario,
        network="mlp",
        num_tasks=2,
        task_keys=TASKS,
        config={"method": {"name": method, **config}},
        keys=tuple(f"{name} {seed} {after}" for after in range(3)),
    )


def records_of(chain: Chain, kilobytes: float, gflop: float, shift: float) -> dict[str, Record]:
    """Return a chain's records; accuracies are those of R plus `shift`."""
    actual = {}
    for after, key in enumerate(chain.keys):
        cells = zip(TASKS, R[after], strict=True)
        evaluation = {
            task: dict.fromkeys(("validation", "test"), Score(accuracy=a + shift, loss=1.0, n=9))
            for task, a in cells
        }
        costs = Costs(storage={"model": round(kilobytes * 1000)}, train_flops=round(gflop * 5e8))
        actual[key] = Record(
            key=key,
            parent=None,
            after=after,
            status="complete",
            evaluation=evaluation,
            costs=costs if after else replace(costs, train_flops=0),
            computed_for=("s", "t", 0),
        )
    return actual


def results_of(*trials: tuple[Chain, float, float, float]) -> Results:
    store = Records()
    for chain, *spent in trials:
        store |= records_of(chain, *spent)
    tables = collect_tables([chain for chain, *_ in trials], store)
    return Results(*(getattr(tables, n).to_pandas() for n in ("trials", "accuracy", "stages")))


def curves_of(results: Results) -> pd.DataFrame:
    """Return the test cells of R over the seeds, with what `accuracies` adds to them."""
    keys = ["sweep", "trial_id"]
    test = results.accuracy[results.accuracy["split"] == "test"]
    by_name = comparison(results)[[*keys, "table", "label", "benchmark", "scenario", "num_tasks"]]
    cells = average_over_seeds(test, [*keys, "after", "task"], ["accuracy"])
    return by_name.merge(cells, on=keys)


@pytest.fixture
def results() -> Results:
    """Return four configurations of two methods, two of them at the very same place."""
    return results_of(
        (chain_of("finetune", 0, {}), 100, 3.5, 0.0),
        (chain_of("finetune", 1, {}), 100, 3.5, 0.1),
        (chain_of("ewc", 0, {"lam": 1}), 300, 4.0, 0.0),
        (chain_of("ewc", 0, {"lam": 9}), 300, 4.0, 0.05),
        (chain_of("ewc", 0, {"lam": 30}), 310, 4.1, 0.1),
    )


def panels(figure: Any) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def labels(axes: Axes) -> list[Annotation]:
    actual = (text for text in axes.texts if isinstance(text, Annotation))
    return [text for text in actual if text.get_text()]


def test_accuracy_stands_against_both_costs_with_bars_and_the_front_as_steps(
    results: Results,
) -> None:
    table = comparison(results)
    left, right = panels(trade_off(table))
    for axes, column, scale in (
        (left, "storage_bytes_mean", 1e3),
        (right, "compute_flops_mean", 1e9),
    ):
        drawn = {str(bar.get_label()): bar for bar in axes.containers}
        for row in table.to_dict("records"):
            points, _, bars = drawn[row["trial_id"]]
            assert points.get_xydata()[0] == pytest.approx([row[column] / scale, row["acc_mean"]])
            low, high = bars[1].get_segments()[0][:, 1]
            half = 0.0 if row["n"] == 1 else row["acc_ci95"]
            assert (high - low) / 2 == pytest.approx(half)
        assert axes.get_xscale() == "log"
        assert {label.get_text() for label in labels(axes)} == set(table["label"])
        (front,) = [line for line in axes.lines if line.get_label() == "_front"]
        assert front.get_drawstyle() == "steps-post"
        # The cheapest, finetune at 0.75; then that of highest ACC, lam=30 at 0.80.
        assert list(front.get_ydata()) == pytest.approx([0.75, 0.8, 0.8])
    assert left.get_ylim() == right.get_ylim()


def test_each_configuration_stands_at_its_storage_and_computation(results: Results) -> None:
    (axes,) = panels(cost_plane(comparison(results)))
    table = comparison(results)
    values = np.array([points.get_offsets()[0] for points in axes.collections])
    assert values[:, 0] == pytest.approx(table["storage_bytes_mean"].to_numpy() / 1000)
    assert values[:, 1] == pytest.approx(table["compute_flops_mean"].to_numpy() / 1e9)
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_xlabel() == "storage carried between tasks (kB)"
    assert axes.get_ylabel() == "training and consolidation (GFLOP)"


def test_colour_is_the_mean_accuracy_over_seeds_on_a_scale_from_0_to_1(results: Results) -> None:
    (axes,) = panels(cost_plane(comparison(results)))
    shown = [float(points.get_array()[0]) for points in axes.collections]
    assert shown == pytest.approx([0.75, 0.7, 0.75, 0.8])
    assert {points.get_clim() for points in axes.collections} == {(0.0, 1.0)}
    assert {points.get_cmap().name for points in axes.collections} == {"cividis"}


def test_the_label_says_configuration_and_accuracy_and_one_place_has_one_label(
    results: Results,
) -> None:
    (axes,) = panels(cost_plane(comparison(results)))
    assert [label.get_text() for label in labels(axes)] == [
        "finetune  (0.750)",
        "ewc lam=1  (0.700)\newc lam=9  (0.750)",
        "ewc lam=30  (0.800)",
    ]


def test_of_two_at_the_same_place_the_one_in_front_is_smaller(results: Results) -> None:
    (axes,) = panels(cost_plane(comparison(results)))
    back, front = axes.collections[1:3]
    assert front.get_sizes()[0] < back.get_sizes()[0]
    assert front.get_zorder() > back.get_zorder()


@pytest.mark.parametrize("num", [2, 12])
def test_no_label_covers_a_marker_or_another_label_or_leaves_the_panel(num: int) -> None:
    places = [(100 * 1.06**i, 3 * 1.04**i) for i in range(num)]
    crowd = [(chain_of("er", 0, {"memory_size": i}), *place, 0.0) for i, place in enumerate(places)]
    figure = cost_plane(comparison(results_of(*crowd)))
    (axes,) = panels(figure)
    boxes = [label.get_window_extent() for label in labels(axes)]
    centres = axes.transData.transform([points.get_offsets()[0] for points in axes.collections])
    assert len(boxes) == num
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    assert not any(box.contains(*centre) for box in boxes for centre in centres)
    inside = axes.get_window_extent()
    assert all(Bbox.intersection(box, inside).bounds == pytest.approx(box.bounds) for box in boxes)


def test_each_scenario_has_a_panel_and_a_method_the_same_marker_in_all() -> None:
    results = results_of(
        (chain_of("joint", 0, {}, "domain"), 100, 3, 0.0),
        (chain_of("ewc", 0, {}, "domain"), 200, 4, 0.0),
        (chain_of("ewc", 0, {}, "task"), 200, 4, 0.0),
    )
    domain, task = panels(cost_plane(comparison(results)))
    assert domain.get_title() == "split_digits, domain-incremental, 2 tasks (sweep s)"
    assert task.get_title() == "split_digits, task-incremental, 2 tasks (sweep s)"
    shapes = [points.get_paths()[0].vertices for points in (*domain.collections, *task.collections)]
    assert np.array_equal(shapes[1], shapes[2])
    assert shapes[0].shape != shapes[1].shape or not np.array_equal(shapes[0], shapes[1])


def test_r_is_drawn_as_the_mean_over_seeds_untrained_network_first(results: Results) -> None:
    first = panels(r_matrices(curves_of(results)))[0]
    assert first.get_title() == "finetune"
    values = np.asarray(first.images[0].get_array())
    assert values.shape == (3, 2)
    seeds = [results.r_matrix("finetune-domain", seed) for seed in (0, 1)]
    assert values == pytest.approx(np.mean(seeds, axis=0))
    assert [text.get_text() for text in first.texts][:2] == ["0.15", "0.25"]
    assert [tick.get_text() for tick in first.get_yticklabels()] == ["0", "1", "2"]


def test_a_cell_without_accuracy_is_masked_and_has_no_number() -> None:
    chain = chain_of("independent", 0, {}, "task")
    store = Records(records_of(chain, 1, 1, 0.0))
    key = chain.keys[1]
    unscored = Score(accuracy=None, loss=None, n=9)
    scores = {**store[key].evaluation, "task b": {"validation": unscored, "test": unscored}}
    store[key] = replace(store[key], evaluation=scores)
    tables = collect_tables([chain], store)
    frames = (getattr(tables, name).to_pandas() for name in ("trials", "accuracy", "stages"))
    (axes,) = panels(r_matrices(curves_of(Results(*frames))))
    assert np.argwhere(np.ma.getmaskarray(axes.images[0].get_array())).tolist() == [[1, 1]]
    assert len(axes.texts) == 5


def test_each_task_has_a_panel_with_a_line_per_configuration_and_a_band_about_it(
    results: Results,
) -> None:
    curves = curves_of(results)
    figure = forgetting(curves)
    first, second = figure.axes
    assert (first.get_title(), second.get_title()) == ("task 1", "task 2")
    values = {line.get_label(): line.get_ydata() for line in first.lines}
    assert values["finetune"] == pytest.approx(np.array(R)[1:, 0] + 0.05)  # the mean of its seeds
    assert values["ewc lam=30"] == pytest.approx(np.array(R)[1:, 0] + 0.1)
    faint = [line for line in first.lines if str(line.get_label()).startswith("_before")]
    assert list(faint[0].get_ydata()) == pytest.approx([0.15, 0.95])
    assert {line.get_alpha() for line in faint} == {0.3}
    band = first.collections[0].get_paths()[0].get_extents()
    half_width = curves.query("label == 'finetune' and task == 1")["accuracy_ci95"].max()
    assert band.y1 == pytest.approx(0.95 + half_width)
    (legend,) = figure.legends
    assert {text.get_text() for text in legend.get_texts()} == set(comparison(results)["label"])


def test_costs_are_stacked_to_their_sum() -> None:
    columns = {name: [0.0, 0.0] for name in (*STORAGE_PARTS, *FLOPS_PARTS)} | {
        "storage_model_bytes_mean": [10.0, 10.0],
        "storage_buffer_bytes_mean": [0.0, 5.0],
        "train_flops_mean": [3e9, 4e9],
        "eval_flops_mean": [1e9, 1e9],
    }
    setting = {"sweep": "s", "benchmark": "b", "scenario": "task", "num_tasks": 2, "table": 0}
    table = pd.DataFrame({"label": ["finetune", "er"], **columns}).assign(**setting)
    storage, work = costs(table).axes
    ends = {
        (axes is storage, round(bar.get_y() + bar.get_height() / 2)): bar.get_x() + bar.get_width()
        for axes in (storage, work)
        for bar in axes.patches
    }
    assert ends == {(True, 0): 10, (True, 1): 15, (False, 0): 4e9, (False, 1): 5e9}
    assert storage.get_xlabel() == "storage carried between tasks (B)"


def test_nothing_complete_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    write_tables(collect_tables([chain_of("ewc", 0, {})], Records()), tmp_path / "s")
    with pytest.raises(RepertoireError, match="no complete trial to draw: run the sweep"):
        draw(Warehouse.open(tmp_path), "trade_off")


@pytest.mark.parametrize("figure", ["forgetting", "r_matrices"])
def test_accuracies_that_are_all_undefined_are_an_error(tmp_path: Path, figure: str) -> None:
    tables = random_tables(np.random.default_rng(0), "s", complete=1.0)
    nothing = replace_column(tables.accuracy, "accuracy", [None] * len(tables.accuracy))
    write_tables(Tables(tables.trials, nothing, tables.stages), tmp_path / "s")
    with pytest.raises(RepertoireError, match=f"no accuracy to draw {figure} from"):
        draw(Warehouse.open(tmp_path), figure)


def test_what_is_drawn_of_a_folder_is_what_its_results_say(tmp_path: Path) -> None:
    chains = [chain_of("finetune", seed, {}) for seed in (0, 1)]
    store = Records()
    for chain in chains:
        store |= records_of(chain, 1, 1, 0.1 * chain.seed)
    write_tables(collect_tables(chains, store), tmp_path / "s")
    warehouse = Warehouse.open(tmp_path)
    columns = ["after", "task", "accuracy_mean", "accuracy_ci95"]
    ours = read_curves(warehouse, compare_configurations(warehouse))[columns]
    theirs = curves_of(load(tmp_path))[columns]
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False)


# Each is drawn from hostile texts as well: test_hostile_pages.py.
@pytest.mark.parametrize(
    "figure", [FIGURES[0], *(pytest.param(f, marks=pytest.mark.variant) for f in FIGURES[1:])]
)
def test_the_command_draws_the_tables_of_a_folder_into_a_file(tmp_path: Path, figure: str) -> None:
    chain = chain_of("ewc", 0, {})
    write_tables(
        collect_tables([chain], Records(records_of(chain, 1, 1, 0.0))), tmp_path / "results" / "s"
    )
    file = tmp_path / "new folder" / "picture.png"
    main([str(tmp_path / "results"), str(file), "--figure", figure])
    assert file.read_bytes().startswith(b"\x89PNG")
    assert len(load(tmp_path / "results").trials) == 1


def test_pyplot_which_keeps_figures_alive_is_never_imported() -> None:
    files = Path(figures.__file__).parent.glob("*.py")
    names = {
        name
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", ""), *(alias.name for alias in node.names)]
    }
    assert not {name for name in names if name and "pyplot" in name}


def test_a_winner_map_for_a_paper_has_the_winners_of_the_surface() -> None:
    drawn = create_contested()
    (axes,) = figures.winners([drawn]).axes
    shown: dict[tuple[int, int], list[str]] = {}
    for patch in axes.patches:
        if patch.get_fill():
            place = (round(patch.get_y() + 0.48), round(patch.get_x() + patch.get_width() / 2))
            shown.setdefault(place, []).append(patch.get_label())
    assert shown == {
        cell.place: [drawn.methods[m] for m in cell.ties] for cell in winner_map(drawn) if cell.ties
    }
    assert sorted(p.get_hatch() for p in axes.patches if not p.get_fill()) == ["////", "xxxx"]
    texts = {(round(text.get_position()[1]), text.get_position()[0]): text for text in axes.texts}
    assert texts[0, 0].get_text() == f"a\n{drawn.mean[0, 0, 0]:.3f}"
    assert texts[0, 1].get_text().startswith("a = b\n")


def test_names_in_a_winner_map_for_a_paper_stay_in_their_cells_and_its_legend_in_the_figure() -> (
    None
):
    values = np.random.default_rng(0).uniform(0.5, 0.6, (30, 2, 3, 3))
    names = tuple(f"progress_compress batch_size={size}" for size in range(30))
    figure = figures.winners([surface(values, names=names)])
    figure.canvas.draw()
    (axes,) = figure.axes
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == 6
    assert not any(one.overlaps(two) for one, two in combinations(boxes, 2))
    cell = axes.bbox.width / 3, axes.bbox.height / 2
    assert all(box.width <= cell[0] and box.height <= cell[1] for box in boxes)
    (legend,) = figure.legends
    entries = [text.get_window_extent() for text in legend.get_texts()]
    assert len(entries) == 30
    low, high = figure.bbox.min, figure.bbox.max
    assert all((low <= box.min).all() and (box.max <= high).all() for box in entries)
    assert legend.get_window_extent().y1 <= axes.bbox.y0


def test_lines_for_a_paper_are_the_means_at_the_most_of_the_other_budget() -> None:
    values = np.random.default_rng(0).uniform(0, 1, (2, 3, 2, 4))
    drawn = surface(values, names=("er", "joint"))
    left, right = figures.budgets([drawn]).axes
    for axes, along, mean in (
        (left, drawn.storage, drawn.mean[:, :, -1]),
        (right, drawn.compute, drawn.mean[:, -1]),
    ):
        lines = [container.lines[0] for container in axes.containers]
        for line, row in zip(lines, mean, strict=True):
            assert tuple(line.get_xdata()) == along
            assert list(line.get_ydata()) == pytest.approx(list(row))
        assert [line.get_linestyle() for line in lines] == ["-", "--"]
        assert {note.get_text() for note in axes.texts} == {"er", "joint"}


def test_a_figure_of_grids_has_the_accuracies_contours_and_hatches() -> None:
    values = np.linspace(0.2, 0.85, 9).reshape(1, 3, 3, 1)
    unfit = np.zeros((1, 3, 3), dtype=bool)
    unfit[0, 2, 0], values[0, 2, 0] = True, np.nan
    axes, bar = figures.surfaces([surface(values, unfit)]).axes
    (cells,) = axes.images
    np.testing.assert_allclose(cells.get_array().filled(np.nan), values[0, ..., 0])
    (lines,) = axes.collections
    assert list(lines.levels) == pytest.approx([0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
    (hatched,) = axes.patches
    assert (hatched.get_xy(), hatched.get_hatch()) == ((-0.5, 1.5), "////")
    assert bar.get_ylabel() == "ACC"


def test_a_figure_of_rates_has_each_cell_with_its_interval() -> None:
    drawn = surface(np.random.default_rng(0).uniform(0, 1, (2, 2, 2, 4)))
    expected = marginal_rates(drawn)
    axes = figures.rates([drawn]).axes[0]
    segments = [bar.lines[2][0].get_segments()[0] for bar in axes.containers]
    centres = [segment[:, 0].mean() for segment in segments]
    halves = [np.ptp(segment[:, 0]) / 2 for segment in segments]
    assert centres == pytest.approx(list(expected.storage.ravel()))
    assert halves == pytest.approx(list(expected.storage_half.ravel()))
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "a"]


def test_figures_of_means_are_written_where_trials_have_means(tmp_path: Path) -> None:
    warehouse = Warehouse.open(means_folder(tmp_path / "s"))
    for name in MEANS_FIGURES:
        file, own = tmp_path / f"{name}.png", tmp_path / "own.txt"
        own.write_text("own")
        file.symlink_to(own)  # as in a folder of another user
        figures.save(draw(warehouse, name), file)
        assert file.read_bytes().startswith(b"\x89PNG")
        assert (own.read_text(), file.is_symlink()) == ("own", False)
    without = Warehouse.open(write_random(tmp_path / "t", complete=1.0))
    with pytest.raises(RepertoireError, match="no trial has means, so there is no figure winners"):
        draw(without, "winners")


def test_the_column_decides_the_unit_of_a_table_and_of_the_axes_of_a_figure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = pd.DataFrame({"storage_bytes_mean": [7e6], "compute_flops_mean": [3.5e9]})
    small = replace(columns.COLUMNS["compute_flops"], prefix="M")
    for column, unit, printed in ((None, "GFLOP", "3.50"), (small, "MFLOP", "3,500")):
        if column is not None:
            monkeypatch.setitem(columns.COLUMNS, column.name, column)
            monkeypatch.setattr(plane, "COMPUTED", column)
        storage, compute = blocks.fit_columns(rows, ["storage_bytes", "compute_flops"])
        assert blocks.header(compute) == f"compute ({unit})"
        assert blocks.value_cell(rows.iloc[0], compute) == printed
        assert plane.point_positions(rows) == [(7e3, float(printed.replace(",", "")))]
    assert blocks.header(storage) == "storage"
    assert blocks.value_cell(rows.iloc[0], storage) == "7 MB"
