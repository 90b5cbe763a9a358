"""The queries of dashboards: figures are those of `orchestrator`, whatever state a folder is in."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from random_tables import random_tables, write_random
from test_surface import surface

from dashboards.data.candidates import read_candidates, read_learning_curves
from dashboards.data.comparing import comparison_columns, configurations, differences
from dashboards.data.folders import file_states
from dashboards.data.matrices import (
    list_configurations,
    mean_matrix,
    mean_metrics,
    read_average_curves,
    read_curves,
    read_matrices,
)
from dashboards.data.means import read_costs, read_growth, read_surfaces, select_cell
from dashboards.data.scope import EVERYTHING, Scope, list_choices
from dashboards.data.stages import (
    StoredProgress,
    count_stages,
    count_trial_statuses,
    read_progress,
    stage_rows,
)
from dashboards.data.warehouse import Warehouse
from dashboards.report.protocol import protocol_chapters
from orchestrator.errors import RepertoireError
from orchestrator.graph.progress import Progress
from orchestrator.results.averages import average_over_seeds
from orchestrator.results.comparison import comparison
from orchestrator.results.contrasts import with_differences
from orchestrator.results.load import load
from orchestrator.results.metrics import forgetting
from orchestrator.results.results import Results
from orchestrator.results.surface.surface import surfaces
from orchestrator.results.tables.schemas import STAGES
from orchestrator.results.tables.tables import Tables, write_tables

pytestmark = [pytest.mark.slow, pytest.mark.pages]


@pytest.fixture(params=[0, *(pytest.param(seed, marks=pytest.mark.variant) for seed in (1, 2))])
def dir(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Two sweeps in two scenarios, drawn at random."""
    write_random(tmp_path / "one", seed=request.param)
    write_random(tmp_path / "two", seed=100 + request.param, scenario="class", seeds=1)
    return tmp_path


def spoil(file: Path) -> None:
    """Damage the pages of a Parquet file and leave its footer whole."""
    content = bytearray(file.read_bytes())
    for i in range(4, len(content) // 3):
        content[i] ^= 0xFF
    file.write_bytes(content)


def equal(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False, rtol=1e-9, atol=1e-12)


def test_means_and_intervals_are_those_of_comparison(dir: Path) -> None:
    ours, theirs = configurations(Warehouse.open(dir)), comparison(load(dir))
    equal(ours[comparison_columns()], theirs)
    assert ours.attrs["left_out"] == theirs.attrs["left_out"]


def test_a_scope_gives_what_comparison_gives_of_those_trials(dir: Path) -> None:
    scope = Scope(sweep=("one",), method=("ewc", "er"))
    results = load(dir)
    kept = results.trials["method"].isin(scope.method) & (results.trials["sweep"] == "one")
    theirs = comparison(Results(results.trials[kept], results.accuracy, results.stages))
    equal(configurations(Warehouse.open(dir), scope)[comparison_columns()], theirs)


def test_costs_that_comparison_leaves_out_are_means_over_the_same_trials(dir: Path) -> None:
    table, actual = configurations(Warehouse.open(dir)), load(dir).trials
    kept = actual[actual["status"] == "complete"]
    for row in table.to_dict("records"):
        own = kept[(kept["sweep"] == row["sweep"]) & (kept["trial_id"] == row["trial_id"])]
        assert row["eval_flops_mean"] == pytest.approx(own["eval_flops"].mean())
        assert row["storage_model_bytes_mean"] == pytest.approx(own["storage_model_bytes"].mean())


def test_r_is_that_of_results_and_its_mean_that_over_the_seeds(dir: Path) -> None:
    warehouse, results = Warehouse.open(dir), load(dir)
    for row in list_configurations(warehouse, EVERYTHING).to_dict("records"):
        for split in ("test", "validation"):
            matrices = read_matrices(warehouse, row["sweep"], row["trial_id"], split)
            assert list(matrices) == list(row["seeds"])
            for seed, r in matrices.items():
                expected = results.r_matrix(row["trial_id"], seed, split, row["sweep"])
                np.testing.assert_array_equal(r, expected)
            mean = sum(matrices.values()) / len(matrices)
            np.testing.assert_allclose(mean_matrix(matrices), mean)


def test_the_forgetting_of_several_seeds_is_the_mean_of_theirs() -> None:
    # Task 1 was best known after task 1 on one seed and after task 2 on the other.
    early = np.array([[0, 0, 0], [0.9, 0, 0], [0.5, 0.8, 0], [0.4, 0.8, 0.7]])
    late = np.array([[0, 0, 0], [0.5, 0, 0], [0.9, 0.8, 0], [0.4, 0.8, 0.7]])
    actual = mean_metrics({0: early, 1: late}, "task")
    assert actual["forgetting"] == pytest.approx(((0.5 + 0) / 2 + (0.5 + 0) / 2) / 2)
    assert forgetting(mean_matrix({0: early, 1: late})) == pytest.approx((0.3 + 0) / 2)
    assert actual["acc"] == pytest.approx((0.4 + 0.8 + 0.7) / 3)


def test_curves_are_the_means_over_complete_seeds_of_the_cells_of_r(dir: Path) -> None:
    warehouse, results = Warehouse.open(dir), load(dir)
    table = configurations(warehouse, Scope(sweep=("one",)))
    complete = results.trials[results.trials["status"] == "complete"]
    cells = results.accuracy.merge(complete[["sweep", "trial_id", "seed"]])
    cells = cells[(cells["split"] == "test") & (cells["sweep"] == "one")]
    by = ["trial_id", "after", "task"]
    theirs = average_over_seeds(cells, by, ["accuracy"]).sort_values(by, ignore_index=True)
    ours = read_curves(warehouse, table)
    assert set(ours["label"]) == set(table["label"])
    equal(ours.sort_values(by, ignore_index=True)[theirs.columns], theirs)
    seen = cells[(cells["task"] <= cells["after"]) & cells["accuracy"].notna()]
    by_seed = seen.groupby(["trial_id", "seed", "after"])["accuracy"].agg(["mean", "size"])
    whole = by_seed.reset_index().query("size == after").rename(columns={"mean": "accuracy"})
    expected = average_over_seeds(whole, ["trial_id", "after"], ["accuracy"])
    averages = read_average_curves(warehouse, table)
    equal(
        averages.sort_values(["trial_id", "after"], ignore_index=True)[expected.columns],
        expected.sort_values(["trial_id", "after"], ignore_index=True),
    )


def test_differences_are_those_of_compare(dir: Path) -> None:
    warehouse = Warehouse.open(dir)
    rows = configurations(warehouse, Scope(sweep=("one",)))
    reference = rows.index[-1]
    results = load(dir / "one")
    theirs = with_differences(results, comparison(results), rows["trial_id"][reference])
    theirs = theirs[theirs["trial_id"] != rows["trial_id"][reference]]
    ours = differences(warehouse, rows, reference, "acc")
    assert list(ours["label"]) == list(theirs["label"])
    for own, other in {
        "difference": "acc_diff",
        "low": "acc_diff_low",
        "high": "acc_diff_high",
        "p": "acc_p",
        "p_holm": "acc_p_holm",
        "n": "n_common",
    }.items():
        np.testing.assert_allclose(ours[own], theirs[other], err_msg=own)


def test_stages_are_counted_once_and_listed_in_each_chain(tmp_path: Path) -> None:
    write_random(tmp_path / "s", complete=1.0, seeds=2, num_tasks=3)
    warehouse = Warehouse.open(tmp_path)
    # Four configurations, two seeds, three trained stages each; stage 0 alone is shared.
    assert count_stages(warehouse, "s") == 4 * 2 * 3 + 2
    assert len(stage_rows(warehouse, "s")) == 4 * 2 * (3 + 1)


def test_two_folders_of_one_name_are_two_sweeps_and_count_each_seed_once(tmp_path: Path) -> None:
    for parent in ("here", "there"):
        write_random(tmp_path / parent / "s", seed=1, complete=1.0)
    warehouse = Warehouse.open(tmp_path / "here", tmp_path / "there")
    assert list_choices(warehouse)["sweep"] == ["s (here)", "s (there)"]
    actual = configurations(warehouse)
    assert set(actual["n"]) == {3}
    assert set(actual["sweeps"]) == {"s (here), s (there)"}
    assert "12 rows are not counted, since several sweeps" in actual.attrs["pooled"][0]
    assert [len(rows) for rows in list_configurations(warehouse, EVERYTHING)["seeds"]] == [
        3,
        3,
        3,
        3,
    ]
    assert set(read_curves(warehouse, actual)["n"]) == {3}


def test_two_folders_with_other_values_of_one_trial_are_refused(tmp_path: Path) -> None:
    for number, parent in enumerate(("here", "there")):
        write_random(tmp_path / parent / "s", seed=number, complete=1.0)
    warehouse = Warehouse.open(tmp_path / "here", tmp_path / "there")
    with pytest.raises(RepertoireError, match=r"acc: .* in .*here/s, .* in .*there/s"):
        configurations(warehouse)


def test_the_seeds_of_a_configuration_in_two_sweeps_are_drawn_together(tmp_path: Path) -> None:
    everything = random_tables(np.random.default_rng(3), "s", complete=1.0)
    write_tables(everything, tmp_path / "whole" / "s")
    for name, seeds in (("a", [0, 1]), ("b", [1, 2])):
        whole = vars(everything).values()
        part = [table.filter(pc.is_in(table["seed"], pa.array(seeds))) for table in whole]
        write_tables(Tables(*part), tmp_path / "parts" / name)
    one, parts = Warehouse.open(tmp_path / "whole"), Warehouse.open(tmp_path / "parts")
    ours, theirs = configurations(parts), configurations(one)
    figures = [name for name in ours if name.endswith(("_mean", "_ci95")) or name in ("label", "n")]
    equal(ours[figures], theirs[figures])
    shared_columns = [name for name in read_curves(one, theirs) if name not in ("sweep", "sweeps")]
    equal(read_curves(parts, ours)[shared_columns], read_curves(one, theirs)[shared_columns])
    for sweep in ("a", "b"):
        matrices = read_matrices(parts, sweep, "finetune-")
        for seed, r in read_matrices(one, "s", "finetune-").items():
            np.testing.assert_array_equal(matrices[seed], r)


def test_a_folder_named_like_a_pattern_or_a_partition_is_a_folder(tmp_path: Path) -> None:
    write_random(tmp_path / "lr=[0.1]*?", complete=1.0)
    write_random(tmp_path / "it's", complete=1.0)
    warehouse = Warehouse.open(tmp_path)
    assert list_choices(warehouse)["sweep"] == ["it's", "lr=[0.1]*?"]
    assert len(configurations(warehouse, Scope(sweep=("lr=[0.1]*?",)))) == 4


def test_a_query_reads_no_folder_outside_its_scope(tmp_path: Path) -> None:
    write_random(tmp_path / "whole", complete=1.0)
    write_random(tmp_path / "broken", complete=1.0, scenario="class")
    spoil(tmp_path / "broken" / "accuracy.parquet")
    warehouse = Warehouse.open(tmp_path)
    rows = configurations(warehouse, Scope(sweep=("whole",)))
    assert len(read_curves(warehouse, rows)) > 0
    spoil(tmp_path / "broken" / "trials.parquet")
    with pytest.raises(RepertoireError, match=r"damaged.*broken/trials\.parquet.*broken/accuracy"):
        read_matrices(warehouse, "broken", "finetune-")


def test_a_trial_of_release_0_1_and_of_this_one_are_one_row_over_their_seeds(
    tmp_path: Path,
) -> None:
    ids = {"now": "ewc-0123456789abcdef", "former": "ewc-01234567"}
    for number, (name, trial_id) in enumerate(ids.items()):
        tables = random_tables(np.random.default_rng(1), name, complete=1.0, seeds=2)
        changed = {
            table: _of_one_trial(rows, trial_id, number) for table, rows in vars(tables).items()
        }
        write_tables(Tables(**changed), tmp_path / name)
    warehouse = Warehouse.open(tmp_path)
    actual = configurations(warehouse)
    assert list(actual["trial_id"]) == [ids["now"]]
    assert list(actual["n"]) == [3]  # seeds 0 and 1, 1 and 2
    assert list(actual["sweeps"]) == ["former, now"]
    assert sorted(read_matrices(warehouse, "former", ids["now"])) == [0, 1, 2]
    assert read_curves(warehouse, actual)["n"].eq(3).any()


def _of_one_trial(table: pa.Table, trial_id: str, first_seed: int) -> pa.Table:
    """Return the rows of one trial under another id on two seeds, which have equal values."""
    rows = [row for row in table.to_pylist() if row["trial_id"] == "ewc-lam1.0" and not row["seed"]]
    copies = [row | {"trial_id": trial_id, "seed": first_seed + i} for i in (0, 1) for row in rows]
    return pa.Table.from_pylist(copies, table.schema)


def test_a_file_that_is_no_parquet_is_named_and_left_out(tmp_path: Path) -> None:
    write_random(tmp_path / "a", complete=1.0)
    write_random(tmp_path / "b", complete=1.0)
    (tmp_path / "b" / "trials.parquet").write_bytes(b"PAR1 no more")
    warehouse = Warehouse.open(tmp_path)
    assert list_choices(warehouse)["sweep"] == ["a"]
    assert [note.partition(";")[0] for note in warehouse.notes] == [
        "b: trials.parquet is damaged and left out"
    ]


def test_folders_without_results_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    warehouse = Warehouse.open(tmp_path / "empty", tmp_path / "none")
    assert configurations(warehouse).empty
    assert list_configurations(warehouse, EVERYTHING).empty
    assert [note.partition(".")[0].partition(": ")[2] for note in warehouse.notes] == [
        "no results here yet",
        "there is no such folder",
    ]


def test_what_an_older_version_did_not_write_is_null(tmp_path: Path) -> None:
    folder = write_random(tmp_path / "old", complete=1.0)
    table = pq.read_table(folder / "trials.parquet")
    gone = ["consolidate_flops", "story", "group", "candidate", "phase", "config"]
    pq.write_table(table.drop_columns(gone), folder / "trials.parquet")
    warehouse = Warehouse.open(tmp_path)
    assert all(name in warehouse.older[0] for name in gone)
    assert warehouse.notes == ()
    rows = configurations(warehouse)
    assert len(rows) == 4
    assert rows["compute_flops_mean"].isna().all()
    assert rows[["acc_mean", "train_flops_mean"]].notna().all(axis=None)


def test_a_column_of_another_type_is_read_as_its_own(tmp_path: Path) -> None:
    folder = write_random(tmp_path / "s", complete=1.0)
    table = pq.read_table(folder / "trials.parquet")
    at = table.schema.get_field_index("train_flops")
    whole = table["train_flops"].cast("int64")
    pq.write_table(table.set_column(at, "train_flops", whole), folder / "trials.parquet")
    assert configurations(Warehouse.open(tmp_path))["train_flops_mean"].notna().all()


def test_nan_and_null_are_both_undefined(tmp_path: Path) -> None:
    tables = random_tables(np.random.default_rng(0), "s", complete=1.0)
    at = tables.trials.schema.get_field_index("acc")
    values = [float("nan"), *tables.trials["acc"].to_pylist()[1:]]
    changed = tables.trials.set_column(at, tables.trials.schema.field(at), [values])
    write_tables(Tables(changed, tables.accuracy, tables.stages), tmp_path / "s")
    rows = configurations(Warehouse.open(tmp_path))
    assert rows["acc_mean"].isna().tolist() == [True, False, False, False]
    assert rows["acc_ci95"].isna().tolist() == [True, False, False, False]


def test_a_table_that_is_written_anew_changes_the_stamp(tmp_path: Path) -> None:
    before = file_states([tmp_path])
    write_random(tmp_path / "s", seed=1)
    first = file_states([tmp_path])
    write_random(tmp_path / "s", seed=2)
    assert len({before, first, file_states([tmp_path])}) == 3


def write_searched(folder: Path, label: str | None = None) -> Path:
    """Write a sweep of which half the trials are candidates of a search, of a method's label."""
    tables = random_tables(np.random.default_rng(5), folder.name, complete=1.0)
    rows = tables.trials.to_pylist()
    for row in rows:
        if row["method"] == "ewc":
            number = 0 if "100" in row["trial_id"] else 1
            row |= {"phase": "search", "group": "ewc", "candidate": number, "objective": 0.5}
            row |= {"selected": number == 0, "method_label": label}
            if number and row["seed"] == 2:
                row |= {"status": "stopped", "tasks_done": 1, "story": "asha, after task 1"}
    trials = tables.trials.from_pylist(rows, tables.trials.schema)
    write_tables(Tables(trials, tables.accuracy, tables.stages), folder)
    return folder


def test_a_candidate_is_a_row_over_its_seeds_and_ends_as_its_worst(tmp_path: Path) -> None:
    write_searched(tmp_path / "s")
    warehouse = Warehouse.open(tmp_path)
    rows = read_candidates(warehouse, EVERYTHING).set_index("candidate")
    assert len(rows) == 2
    assert rows["n"].to_dict() == {0: 3, 1: 3}
    assert rows["status"].to_dict() == {0: "complete", 1: "stopped"}
    assert rows["story"].to_dict() == {0: "", 1: "asha, after task 1"}
    assert rows["tasks_done"].to_dict() == {0: 3, 1: 1}
    assert rows["selected"].to_dict() == {0: True, 1: False}
    assert rows["config.method.lam"].to_dict() == {0: 100, 1: 1}
    assert rows["label"].to_dict() == {0: "ewc lam=100", 1: "ewc lam=1"}


def test_a_candidate_learns_on_validation_data_over_the_tasks_so_far(tmp_path: Path) -> None:
    write_searched(tmp_path / "s")
    curve = read_learning_curves(Warehouse.open(tmp_path), EVERYTHING)
    cells = load(tmp_path).accuracy
    for row in curve.to_dict("records"):
        own = cells[
            (cells["trial_id"] == row["trial_id"])
            & (cells["split"] == "validation")
            & (cells["after"] == row["after"])
            & (cells["task"] <= row["after"])
        ]
        assert row["val_acc"] == pytest.approx(own["accuracy"].mean())
    assert curve["after"].min() == 1


def test_candidates_are_not_compared(tmp_path: Path) -> None:
    write_searched(tmp_path / "s")
    rows = configurations(Warehouse.open(tmp_path))
    assert sorted(rows["method"]) == ["er", "finetune"]
    assert rows.attrs["left_out"] == {"search phase": 6}


def progress_content(**more: object) -> dict[str, object]:
    now = time.time()  # noqa: TID251 - a progress file has the time in it
    return {
        "phase": "evaluation",
        "trials": 12,
        "trials_done": 3,
        "asked_for": 48,
        "shared": 9,
        "executed": 10,
        "to_go": 29,
        "running": [],
        "failed": 0,
        "started_at": now - 60,
        "updated_at": now,
        "eta_seconds": None,
        "over": False,
        "complete": False,
    } | more


def test_progress_says_whether_it_runs_and_how_fast(tmp_path: Path) -> None:
    folder = write_random(tmp_path / "s")
    (folder / "progress.json").write_text(json.dumps(progress_content()))
    progress = read_progress(Warehouse.open(tmp_path).folders[0])
    assert progress is not None
    assert progress.state == "running"
    assert progress.stages_per_minute == pytest.approx(10, rel=1e-3)
    assert StoredProgress(progress_content(updated_at=time.time() - 600)).state == "silent"  # noqa: TID251
    assert StoredProgress(progress_content(over=True)).state == "over"
    assert StoredProgress(progress_content(over=True, complete=True)).state == "complete"
    assert StoredProgress({}).stages_per_minute is None


def test_stages_that_failed_are_not_among_those_computed() -> None:
    older = StoredProgress(progress_content(executed=10, failed=4))
    assert (older.num_computed, older.num_raised) == (6, 4)
    assert older.stages_per_minute == pytest.approx(6)
    # Of ten stages one raised, three diverged and two were stored by another process meanwhile.
    present = StoredProgress(progress_content(executed=10, computed=7, failed=4, raised=1))
    assert (present.num_computed, present.num_raised) == (7, 1)
    assert present.stages_per_minute == pytest.approx(7)


def test_a_run_in_which_all_stages_failed_computed_none() -> None:
    failed = StoredProgress(progress_content(executed=3, failed=3))
    assert (failed.num_computed, failed.stages_per_minute) == (0, None)
    assert StoredProgress({}).num_computed is None


def test_half_a_progress_file_is_none(tmp_path: Path) -> None:
    folder = write_random(tmp_path / "s")
    for content in ('{"trials": 3', "[]", ""):
        (folder / "progress.json").write_text(content)
        assert read_progress(Warehouse.open(tmp_path).folders[0]) is None


def test_a_sweep_that_has_only_just_begun_is_a_sweep(tmp_path: Path) -> None:
    folder = write_random(tmp_path / "s")
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "progress.json").write_text(json.dumps(progress_content()))
    warehouse = Warehouse.open(tmp_path)
    assert [folder.name for folder in warehouse.folders] == ["s"]
    assert len(warehouse.notes) == 3
    assert count_trial_statuses(warehouse, "s").empty


def test_growth_is_the_mean_over_seeds_of_what_stages_carry_and_spend(dir: Path) -> None:
    table = read_growth(Warehouse.open(dir), Scope(sweep=("one",)))
    stages, trials = (
        pd.read_parquet(dir / "one" / f"{name}.parquet") for name in ("stages", "trials")
    )
    kept = trials[trials["status"] == "complete"][["trial_id", "seed"]]
    rows = stages[stages["after"] > 0].merge(kept)
    rows["compute_flops"] = rows["train_flops"] + rows["consolidate_flops"]
    means = rows.groupby(["trial_id", "after"], sort=False).mean(numeric_only=True)
    assert len(table) == len(means) > 0
    for column in ("storage_bytes", "compute_flops"):
        np.testing.assert_allclose(sorted(table[column]), sorted(means[column]))


def test_a_cell_has_its_trials_without_its_budgets_in_their_labels(tmp_path: Path) -> None:
    drawn = surface([[[[0.5]]]], storage=(1000, 2000), compute=(1.0, 4.0))
    costs = pd.DataFrame(
        {
            "sweep": "one",
            "setting": drawn.title,
            "label": ["er means.compute=1 means.storage_bytes=1000", "er lam=1 means.compute=4"],
            "means_storage_bytes": [1000, 1000],
            "means_compute": [1.0, 4.0],
        }
    )
    assert list(select_cell(costs, drawn, (0, 0))["label"]) == ["er"]
    assert list(select_cell(costs, drawn, (0, 1))["label"]) == ["er lam=1"]
    assert select_cell(costs, drawn, (1, 0)).empty


CELL = {"means_storage_bytes": 1000, "means_compute": 2.0}
SETTINGS: dict[str, dict[str, Any]] = {
    "split_digits, task-incremental, 2 tasks": {"num_tasks": 2},
    "split_digits, task-incremental, 3 tasks": {"num_tasks": 3},
    "split_digits, class-incremental, 2 tasks": {"num_tasks": 2, "scenario": "class"},
    "other, task-incremental, 2 tasks": {"num_tasks": 2, "more": CELL | {"benchmark": "other"}},
}


def write_settings(folder: Path) -> Path:
    """Write a sweep for each of SETTINGS, s0, s1, ..., all at the same means."""
    for number, options in enumerate(SETTINGS.values()):
        options = {"seeds": 1, "complete": 1.0, "more": CELL} | options
        write_random(folder / f"s{number}", number, **options)
    return folder


def test_the_page_and_the_command_have_the_same_surface(tmp_path: Path) -> None:
    """Of two tasks with 1,010 and 1,020 B, the second has 900 B here: 1,010 B are the most."""
    tables = random_tables(np.random.default_rng(0), "s", complete=1.0, num_tasks=2, more=CELL)
    stages = tables.stages.to_pandas()
    stages.loc[stages["after"] == 2, "storage_bytes"] = 900
    stages["means_flops"] = 50.0 * (stages["after"] + 1)  # 100 and 150, of which 110 are spent
    tables = Tables(tables.trials, tables.accuracy, pa.Table.from_pandas(stages, STAGES))
    write_tables(tables, tmp_path / "s")
    (drawn,) = read_surfaces(Warehouse.open(tmp_path), EVERYTHING)
    (printed,) = surfaces(load(tmp_path))
    assert (drawn.carried == 1010).all()
    assert (drawn.least_shares == 110 / 150).all()
    assert (drawn.most_shares == 1.1).all()
    for name, value in vars(printed).items():
        np.testing.assert_array_equal(getattr(drawn, name), value, name)


def test_a_cell_has_the_trials_of_its_benchmark_scenario_and_number_of_tasks(
    tmp_path: Path,
) -> None:
    warehouse = Warehouse.open(write_settings(tmp_path))
    growth, costs = (read(warehouse, EVERYTHING) for read in (read_growth, read_costs))
    drawn = read_surfaces(warehouse, EVERYTHING)
    assert [each.title for each in drawn] == list(SETTINGS)
    for number, each in enumerate(drawn):
        alone = Scope(sweep=(f"s{number}",))
        rows = select_cell(growth, each, (0, 0)).drop(columns="label")
        equal(rows.reset_index(drop=True), read_growth(warehouse, alone).drop(columns="label"))
        own = costs[costs["setting"] == each.title].reset_index(drop=True)
        equal(own, read_costs(warehouse, alone))
        assert (len(rows), len(own)) == (4 * SETTINGS[each.title]["num_tasks"], 4)


WRONG = [None, 5, "x", [1], {"a": 1}, True, -1e308, {"a": 5}, [{"at": 1e300, "what": "x"}]]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *(("search.json", {key: value}) for key in ("metric", "mode") for value in WRONG),
        *(("search.json", {"groups": value}) for value in WRONG),
        *(("search.json", {"groups": {"ewc": {"space": value}}}) for value in WRONG[1:4]),
        *(("progress.json", {"executed": value}) for value in WRONG[2:]),
        *(("progress.json", {name: [1]}) for name in Progress().to_json() if name != "running"),
        *(("progress.json", {"updated_at": value}) for value in WRONG[2:]),
        *(("progress.json", {"events": value}) for value in WRONG[1:]),
    ],
    ids=str,
)
def test_a_file_of_other_types_than_runs_write_is_not_used(
    tmp_path: Path, name: str, content: dict[str, Any]
) -> None:
    folder = write_random(tmp_path / "s", complete=1.0)
    (folder / name).write_text(json.dumps(content))
    warehouse = Warehouse.open(folder)
    assert warehouse.folders[0].document(name) is None
    (chapter,) = protocol_chapters(warehouse)
    damaged = "search.json is damaged, so the options of the search are not known."
    assert (damaged in chapter.sentences) == (name == "search.json")
