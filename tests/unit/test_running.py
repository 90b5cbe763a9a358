"""What runs now, as leases tell it: what, where, since when, and nothing that has ended."""

from __future__ import annotations

import json
import os
import platform
import time
from pathlib import Path

import pandas as pd
import pytest
from random_tables import write_random
from stage_chains import WHOM, chain

from dashboards.data.folders import newest_record
from dashboards.data.running import (
    mark_running,
    read_endings,
    read_events,
    read_running,
    running_table,
    trial_labels,
)
from dashboards.data.stages import StoredProgress, count_trials, read_progress, trial_rows
from dashboards.data.warehouse import Warehouse
from dashboards.pages.live import graph_size, state_text
from dashboards.pages.live_rows import EVENT_LETTERS, readable_events, readable_stages
from orchestrator.graph.event_log import KEPT, EventLog
from orchestrator.graph.events import ChainAdvanced, ChainEnded, RunStage
from orchestrator.graph.progress import Progress
from orchestrator.graph.progress_file import ProgressFile
from orchestrator.stages import worker
from orchestrator.stages.storage.claims import Claims
from orchestrator.stages.storage.lease import LEASE_SECONDS, Leases
from orchestrator.stages.storage.running import RunningStage, running_stages
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.this_worker import stage_note
from orchestrator.stages.worker import StageOrder, compute_order

NOTE = stage_note(("s", "er-memory_size10", 1), 2, "cpu")
OWNER = {"host": "a", "pid": 7, "since": "2026-11-26 12:00:00"}


@pytest.fixture
def store(tmp_path: Path) -> StageStore:
    return StageStore(str(tmp_path / "stages"))


def test_a_stage_is_seen_where_it_runs_while_it_runs(
    store: StageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, compute, seen = chain()[0], worker.run_stage, list[RunningStage]()

    def note_call(*given, **options):  # type: ignore[no-untyped-def]
        seen.extend(running_stages(store.files))
        return compute(*given, **options)

    monkeypatch.setattr(worker, "run_stage", note_call)
    before = time.time()  # noqa: TID251 - the note has the time in it
    compute_order(StageOrder((first,), WHOM), store, owner="a/7/x")
    (stage,) = seen
    assert (stage.key, stage.owner, stage.note.computed_for) == (first.key, "a/7/x", WHOM)
    assert (stage.note.after, stage.note.device) == (0, "cpu")
    assert (stage.note.node, stage.note.pid) == (platform.node(), os.getpid())
    assert before - 1 <= stage.note.since <= time.time()  # noqa: TID251
    assert running_stages(store.files) == []  # it has ended


def test_a_lease_that_expired_or_has_no_note_is_no_running_stage(store: StageStore) -> None:
    leases = Leases(store.files, store.folder)
    assert leases.take("dead", "a/1/x", -1, NOTE)
    assert leases.take("older", "a/2/x", 60)
    assert running_stages(store.files) == []
    assert leases.take("alive", "a/3/x", 60, NOTE)
    assert [stage.key for stage in running_stages(store.files)] == ["alive"]


def test_a_claim_in_an_object_store_counts_as_long_as_it_is_renewed(store: StageStore) -> None:
    assert Claims(store.files).take("k", "a/1/x", LEASE_SECONDS, NOTE)
    assert [(each.key, each.owner) for each in running_stages(store.files)] == [("k", "a/1/x")]
    (file,) = (entry.path for entry in store.files.entries("leases"))
    assert store.folder is not None
    os.utime(store.folder / file, (0, 0))
    assert running_stages(store.files) == []


def sweep_folder(tmp_path: Path, ago: float = 0.0, **content: object) -> Warehouse:
    """Return a sweep whose process gave its last sign of life some seconds ago."""
    folder = write_random(tmp_path / "s", complete=1.0)
    ProgressFile(folder, str(tmp_path / "stages")).show(Progress(to_go=3))
    owner, then = folder / ".writer.json", time.time() - ago  # noqa: TID251
    owner.write_text(json.dumps(OWNER))
    os.utime(owner, (then, then))
    stored = json.loads((folder / "progress.json").read_text())
    text = json.dumps(stored | {"updated_at": then} | content)
    (folder / "progress.json").write_text(text)
    return Warehouse.open(tmp_path)


def test_the_stages_of_a_run_are_those_of_its_process(tmp_path: Path, store: StageStore) -> None:
    warehouse = sweep_folder(tmp_path)
    leases = Leases(store.files, store.folder)
    leases.take("own", "a/7/x", 60, NOTE | {"since": time.time() - 90})  # noqa: TID251
    leases.take("of another run", "a/77/x", 60, NOTE)
    folder = warehouse.folders[0]
    progress = read_progress(folder)
    assert progress is not None
    stages = read_running(folder, progress)
    assert stages is not None
    (row,) = readable_stages(running_table(warehouse, "s", stages)).to_dict("records")
    assert row["for"] in ("1 min 30 s", "1 min 31 s")
    assert (row["configuration"], row["seed"], row["task"]) == ("er", "1", "2")
    assert (row["node"], row["process"]) == (platform.node(), str(os.getpid()))
    marked = mark_running(trial_rows(warehouse, "s"), "s", stages)
    (trial,) = marked[marked["running"].notna()].to_dict("records")
    whom = tuple(NOTE["computed_for"])
    assert ("s", trial["trial_id"], trial["seed"], trial["running"]) == (*whom, NOTE["after"])


def test_a_killed_run_is_interrupted_once_it_gives_no_sign_of_life(
    tmp_path: Path, store: StageStore
) -> None:
    Leases(store.files, store.folder).take("own", "a/7/x", 60, NOTE)
    folder = sweep_folder(tmp_path, ago=40).folders[0]
    progress = read_progress(folder)
    assert progress is not None
    assert progress.state == "silent"
    assert progress.seconds_ago == pytest.approx(40, abs=2)
    assert read_running(folder, progress) == []
    # A stage may take an hour, in which progress is not written; its process lives nevertheless.
    os.utime(folder.path / ".writer.json")
    alive = read_progress(folder)
    assert alive is not None
    assert alive.state == "running"


def test_a_store_that_is_not_there_hides_nothing_but_where_stages_run(tmp_path: Path) -> None:
    folder = sweep_folder(tmp_path, store="nowhere://at/all").folders[0]
    progress = read_progress(folder)
    assert progress is not None
    assert read_running(folder, progress) is None


def test_an_address_with_a_password_is_not_written(tmp_path: Path) -> None:
    ProgressFile(tmp_path, "s3://key:secret@bucket/stages").show(Progress())
    text = (tmp_path / "progress.json").read_text()
    assert "secret" not in text
    assert json.loads(text)["store"] == ""


def test_the_log_has_the_last_tasks_and_ends_without_initialisations() -> None:
    log = EventLog()
    for news in (
        RunStage("k"),
        ChainAdvanced(("t", 0), 0),
        ChainAdvanced(("t", 0), 2),
        ChainEnded(("t", 1), "failed", "ValueError: no (mine.py:3, in loss)\n\nTraceback"),
    ):
        log.note(news)
    rows = log.to_json()
    assert [(row["trial_id"], row["seed"], row["what"]) for row in rows] == [
        ("t", 0, "learned"),
        ("t", 1, "failed"),
    ]
    assert rows[0]["after"] == 2
    assert rows[1]["story"] == "ValueError: no (mine.py:3, in loss)"
    for after in range(1, 3 * KEPT):
        log.note(ChainAdvanced(("u", 0), after))
    assert [row["after"] for row in log.to_json()] == list(range(2 * KEPT, 3 * KEPT))


def test_events_are_told_by_the_names_of_configurations_newest_first(tmp_path: Path) -> None:
    events = [
        {"at": 10.0, "trial_id": "ewc-lam100", "seed": 2, "what": "learned", "after": 1},
        {"at": 20.0, "trial_id": "new", "seed": 0, "what": "failed", "story": "E: no (a.py:3)"},
    ]
    warehouse = sweep_folder(tmp_path, events=events)
    progress = read_progress(warehouse.folders[0])
    assert progress is not None
    rows = read_events(warehouse, "s", progress)
    assert list(rows[["event", "seed", "configuration"]].itertuples(index=False, name=None)) == [
        ("failed: E: no (a.py:3)", 0, "new"),
        ("task 1 learned", 2, "ewc lam=100"),
    ]
    assert [moment.timestamp() for moment in rows["time"]] == [20.0, 10.0]
    names = [f"{'m' * 80} lam={i} (class)" for i in (1, 2)]
    shown = readable_events(rows.assign(configuration=names, event=["failed: 1*2*3", "x " * 119]))
    assert list(shown["configuration"]) == names
    assert list(shown["event"]) == [r"failed: 1\*2\*3", "x " * 118 + "x"]
    told, _ = readable_events(rows.assign(event=["E: " + "9" * 400 + " (a.py:3)", ""]))["event"]
    assert told.startswith("E: 999")
    assert told.endswith(r"999 (a.py\:3)")
    assert len(told) == EVENT_LETTERS + 1  # with a backslash
    assert read_events(warehouse, "s", StoredProgress({})).empty  # of an earlier release


def test_failures_have_the_names_of_configurations(tmp_path: Path) -> None:
    write_random(tmp_path / "s", complete=0.0)
    rows = read_endings(Warehouse.open(tmp_path), "s")
    assert {row["status"] for row in rows} == {"failed", "diverged"}
    assert {row["trial_id"] for row in rows} <= {"finetune", "ewc lam=1", "ewc lam=100", "er"}
    assert all(row["story"] == f"{row['status']} at random" for row in rows)


def test_the_newest_record_is_of_the_sweep_that_ran_last(tmp_path: Path) -> None:
    for name, at in (("one", 100.0), ("two", 300.0)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "progress.json").write_text(json.dumps({"updated_at": at}))
    write_random(tmp_path / "unknown")
    folders = Warehouse.open(tmp_path).folders
    assert newest_record(folders) == 300.0
    assert newest_record([folder for folder in folders if folder.name == "unknown"]) == 0.0


def test_a_trial_of_a_sweep_of_two_scenarios_is_named_with_its_own(tmp_path: Path) -> None:
    write_random(tmp_path / "s")
    plain = trial_labels(Warehouse.open(tmp_path), "s")
    assert "er" in plain.values()
    path = tmp_path / "s" / "trials.parquet"
    trials = pd.read_parquet(path)
    other = trials.assign(scenario="class", trial_id="other " + trials["trial_id"])
    pd.concat([trials, other]).to_parquet(path)
    both = trial_labels(Warehouse.open(tmp_path), "s")
    scenario = trials["scenario"].iloc[0]
    assert both == {
        **{trial: f"{label} ({scenario})" for trial, label in plain.items()},
        **{f"other {trial}": f"{label} (class)" for trial, label in plain.items()},
    }


def test_a_sweep_is_complete_though_trials_do_not_fit_their_means_and_says_so(
    tmp_path: Path,
) -> None:
    write_random(tmp_path / "s", complete=1.0)
    path = tmp_path / "s" / "trials.parquet"
    trials = pd.read_parquet(path)
    trials.loc[trials["method"] == "er", "status"] = "infeasible"
    trials.to_parquet(path)
    counts = count_trials(Warehouse.open(tmp_path), "s", "evaluation")
    num = trials["trial_id"].nunique()
    assert counts == {"complete": num - 1, "failed": 0, "infeasible": 1}
    complete = StoredProgress({"complete": True, "phase": "evaluation"})
    assert f"{num - 1} trials learned their last task; 1 do" in state_text(complete, counts)
    all_fit = state_text(complete, counts | {"infeasible": 0})
    assert all_fit == "Complete: every trial learned its last task."
    # A trial that fails at its last task leaves nothing to run.
    failed = state_text(complete, counts | {"failed": 1})
    assert failed.startswith("Over, but not every trial learned its last task.")
    assert failed.endswith("tries again what failed; what diverged is a result, which stays.")


def test_a_graph_is_drawn_by_the_stages_asked_for_from_the_first_one_on() -> None:
    asked = StoredProgress({"asked_for": 90})
    assert [graph_size(recorded, asked) for recorded in (1, 60, 78)] == [90, 90, 90]
    assert graph_size(5, None) == graph_size(5, StoredProgress({})) == 5
