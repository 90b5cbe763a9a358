"""MLflow says what the tables say: all of it, once, whatever was interrupted or lost on the way."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
from forked import run_together

from orchestrator.columns import METRICS, VALIDATED
from orchestrator.errors import RepertoireError, shell_word
from orchestrator.results.load import load
from orchestrator.results.tables.config_columns import with_config_columns
from orchestrator.results.tables.schemas import ACCURACY, STAGES, TRIALS
from orchestrator.results.tables.tables import Tables, build_table, write_tables
from orchestrator.tracking import (
    MLflowTracker,
    Target,
    TrackingError,
    database,
    front_page,
    heatmap,
    mlflow_command,
    read_target,
    resolve_target,
    run_ids,
    sync,
)
from orchestrator.tracking.database import create_database, database_advice
from orchestrator.tracking.experiment import Experiment
from orchestrator.tracking.files import SweepFiles
from orchestrator.tracking.ledger import LEDGER, sending_lock
from orchestrator.tracking.mlflow_calls import quiet_mlflow
from orchestrator.tracking.pages import PAGES_TAG
from orchestrator.tracking.sender import REPLACES
from orchestrator.tracking.sent import IDENTITY_TAG, SENT, Sent
from orchestrator.tracking.sync_report import SyncReport
from perf.chaos.flaky import Behaviour, FlakyServer

# MLflow's database models use a loader that SQLAlchemy deprecates.
NOLOAD = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")
pytestmark = [pytest.mark.slow, pytest.mark.pages, pytest.mark.timeout(120), NOLOAD]

TASKS = 3


@dataclass(frozen=True)
class Chain:
    """One (trial, seed), `stages` of T+1 done; numbers follow from its name and seed."""

    trial_id: str = "ewc-1"
    seed: int = 0
    stages: int = TASKS + 1
    status: str = "complete"
    method: str = "ewc"
    lam: float = 1.0
    scenario: str = "task"
    phase: str = "evaluation"
    selected: bool = False
    group: str | None = None
    candidate: int | None = None
    objective: float | None = None

    def r(self, split: str = "test") -> np.ndarray:
        rng = np.random.default_rng([ord(c) for c in self.trial_id + split] + [self.seed])
        return rng.random((TASKS + 1, TASKS))


def write_folder(folder: Path, *chains: Chain, ids: dict[str, str] | None = None) -> Path:
    """Write the tables of hand-made chains and the two documents."""
    trials, accuracy, stages = [], [], []
    for chain in chains:
        keys = {"sweep": folder.name, "trial_id": chain.trial_id, "seed": chain.seed}
        config = {
            "network": {"name": "mlp", "hidden": [8, 8]},
            "method": {"name": chain.method, "lam": chain.lam},
        }
        trials.append(
            keys
            | {
                "phase": chain.phase,
                "selected": chain.selected,
                "status": chain.status,
                "method": chain.method,
            }
            | {"benchmark": "split_digits", "scenario": chain.scenario, "network": "mlp"}
            | {"num_tasks": TASKS, "config": json.dumps(config), "tasks_done": chain.stages - 1}
            | {"mlflow_run_id": (ids or {}).get(chain.trial_id)}
            | {name: getattr(chain, name) for name in ("group", "candidate", "objective")}
        )
        for after in range(chain.stages):
            spent = {"train_flops": 100.0 * after, "consolidate_flops": 1.0, "eval_flops": 10.0}
            spent |= {
                "train_seconds": 0.5 * (chain.seed + 1),
                "consolidate_seconds": 0.0,
                "eval_seconds": 0.25,
            }
            stages.append(
                keys | spent | {"after": after, "storage_bytes": 1000 + after, "status": "complete"}
            )
            for split in ("validation", "test")[: 1 if chain.phase == "search" else 2]:
                row = chain.r(split)[after]
                accuracy += [
                    keys | {"split": split, "after": after, "task": i + 1, "accuracy": row[i]}
                    for i in range(TASKS)
                ]
    write_tables(
        Tables(
            with_config_columns(_table(trials, TRIALS)),
            _table(accuracy, ACCURACY),
            _table(stages, STAGES),
        ),
        folder,
    )
    (folder / "sweep.yaml").write_text(f"name: {folder.name}\n")
    (folder / "versions.json").write_text("{}")
    return folder


def _table(rows: list[dict[str, Any]], schema: Any) -> Any:
    return build_table([tuple(row.get(name) for name in schema.names) for row in rows], schema)


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A results folder whose name has a space."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    path = tmp_path / "my results"
    path.mkdir()
    return path


@pytest.fixture
def own_target(directory: Path, blank_database: Path) -> Target:
    """The database of the results folder itself, as a sweep would use it."""
    shutil.copy(blank_database, directory / "mlflow.db")
    return resolve_target(directory)


@pytest.fixture(scope="module")
def database_uri(tmp_path_factory: pytest.TempPathFactory, blank_database: Path) -> str:
    """A database for all tests: MLflow takes half a second to open one."""
    path = tmp_path_factory.mktemp("shared") / "mlflow.db"
    shutil.copy(blank_database, path)
    return f"sqlite:///{path}"


EXPERIMENTS = count()


@pytest.fixture
def target(directory: Path, database_uri: str) -> Target:
    """An experiment of the test's own."""
    return Target(
        database_uri, f"experiment {next(EXPERIMENTS)}", (directory / "mlartifacts").as_uri()
    )


@pytest.fixture(autouse=True)
def blank_picture(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave drawing R, a quarter of a second each, to the tests of the picture."""
    if "pair" not in request.fixturenames:
        monkeypatch.setattr(heatmap, "draw_heatmap", lambda *_: None)
        monkeypatch.setattr(heatmap, "render_png", lambda _: b"\x89PNG of a test")


@pytest.fixture
def silent_server() -> Iterator[str]:
    """The address of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def dead_server() -> str:
    """An address at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def client(target: Target) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=target.uri)


def runs(target: Target) -> dict[str, Any]:
    """The active runs by name."""
    experiment = client(target).get_experiment_by_name(target.experiment)
    return {
        run.info.run_name: run for run in client(target).search_runs([experiment.experiment_id])
    }


def history(target: Target, run: Any) -> dict[tuple[str, int], list[float]]:
    """Every point that MLflow has of a run: (metric, step) -> values."""
    points: dict[tuple[str, int], list[float]] = {}
    for key in run.data.metrics:
        for metric in client(target).get_metric_history(run.info.run_id, key):
            points.setdefault((key, metric.step), []).append(metric.value)
    return points


def read_all(target: Target) -> dict[str, Any]:
    return {
        name: (run.info.run_id, run.info.status, history(target, run))
        for name, run in runs(target).items()
    }


@dataclass(frozen=True)
class Pair:
    """A trial on two seeds that has been sent, with its picture; only read by tests."""

    folder: Path
    target: Target
    values: dict[tuple[str, int], list[float]]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, database_uri: str) -> Pair:
    directory = tmp_path_factory.mktemp("pair")
    target = Target(database_uri, "pair", (directory / "mlartifacts").as_uri())
    folder = write_folder(directory / "a", Chain(seed=0), Chain(seed=1))
    sync(folder, target)
    return Pair(folder, target, history(target, runs(target)["ewc"]))


def test_metrics_at_mlflow_are_means_over_seeds_of_the_metrics_of_the_tables(pair: Pair) -> None:
    values = pair.values
    matrices = [load(pair.folder).r_matrix("ewc-1", seed) for seed in (0, 1)]
    for step in (1, 2, 3):
        acc = [r[step, :step].mean() for r in matrices]
        assert values["acc", step] == [pytest.approx(np.mean(acc))]
        assert values["acc_std", step] == [pytest.approx(abs(acc[0] - acc[1]) / np.sqrt(2))]
        learned = [np.mean([r[i + 1, i] for i in range(step)]) for r in matrices]
        assert values["learning_accuracy", step] == [pytest.approx(np.mean(learned))]
        seen = [np.mean([r[k, :k].mean() for k in range(1, step + 1)]) for r in matrices]
        assert values["average_incremental_accuracy", step] == [pytest.approx(np.mean(seen))]
    bwt = [np.mean([r[3, 0] - r[1, 0], r[3, 1] - r[2, 1]]) for r in matrices]
    fwt = [np.mean([r[1, 1] - r[0, 1], r[2, 2] - r[0, 2]]) for r in matrices]
    lost = [np.mean([max(r[1, 0], r[2, 0]) - r[3, 0], r[2, 1] - r[3, 1]]) for r in matrices]
    assert values["bwt", 3] == [pytest.approx(np.mean(bwt))]
    assert values["fwt", 3] == [pytest.approx(np.mean(fwt))]
    assert values["forgetting", 3] == [pytest.approx(np.mean(lost))]
    for step, task in np.ndindex(TASKS + 1, TASKS):
        cells = [r[step, task] for r in matrices]
        assert values[f"acc_by_task/{task + 1}", step] == [pytest.approx(np.mean(cells))]


def test_validation_accuracy_is_told_beside_test_accuracy(pair: Pair) -> None:
    means = [Chain(seed=seed).r("validation")[2, :2].mean() for seed in (0, 1)]
    assert pair.values["val_acc", 2] == [pytest.approx(np.mean(means))]


def test_costs_are_summed_up_to_the_step_and_storage_is_not(pair: Pair) -> None:
    values = pair.values
    assert [values["train_flops", step] for step in range(4)] == [[0], [100], [300], [600]]
    assert [values["storage_bytes", step] for step in range(4)] == [[1000], [1001], [1002], [1003]]
    assert values["train_seconds", 3] == [pytest.approx(4 * (0.5 + 1.0) / 2)]
    assert values["eval_seconds", 1] == [pytest.approx(0.5)]


def test_what_is_undefined_is_left_out(directory: Path, target: Target) -> None:
    folder = write_folder(directory / "a", Chain(scenario="class"))
    sync(folder, target)
    values = history(target, runs(target)["ewc"])
    assert not [key for key in values if key[0] == "fwt" or key[0].endswith("_std")]
    assert {("acc", 0), ("bwt", 1), ("forgetting", 1)}.isdisjoint(values)
    assert {("acc", 1), ("bwt", 2), ("forgetting", 2)} <= values.keys()


def test_a_sweep_is_a_run_with_a_run_per_trial_nested_in_it(
    directory: Path, target: Target
) -> None:
    chains = [Chain("ewc-1"), Chain("ewc-2", lam=1000.0), Chain("er-1", method="er")]
    sync(write_folder(directory / "a", *chains), target)
    all_runs = runs(target)
    assert set(all_runs) == {"a", "ewc lam=1", "ewc lam=1000", "er"}
    parent = all_runs.pop("a")
    assert "mlflow.parentRunId" not in parent.data.tags
    assert parent.data.tags["methods"] == "ewc, er"
    for run in all_runs.values():
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.tags[IDENTITY_TAG] == parent.data.tags[IDENTITY_TAG]
        assert run.info.status == "FINISHED"
    ewc = all_runs["ewc lam=1000"]
    assert ewc.data.params == {
        "network.name": "mlp",
        "network.hidden": "[8,8]",
        "method.name": "ewc",
        "method.lam": "1000.0",
    }
    messages = {
        "benchmark": "split_digits",
        "method": "ewc",
        "phase": "evaluation",
        "selected": "false",
        "status": "complete",
    }
    assert messages.items() <= ewc.data.tags.items()
    assert run_ids(directory / "a") == {
        "ewc-1": all_runs["ewc lam=1"].info.run_id,
        "ewc-2": ewc.info.run_id,
        "er-1": all_runs["er"].info.run_id,
    }


def test_a_finished_trial_has_r_as_a_table_and_as_a_picture(pair: Pair) -> None:
    target, all_runs = pair.target, runs(pair.target)
    folder = Path(client(target).download_artifacts(all_runs["ewc"].info.run_id, ""))
    assert folder.is_relative_to(pair.folder.parent / "mlartifacts")
    table = pd.read_csv(folder / "r_matrix.csv", index_col=["seed", "after"])
    np.testing.assert_allclose(table.loc["1"].to_numpy(), Chain(seed=1).r())
    np.testing.assert_allclose(
        table.loc["mean"].to_numpy(), (Chain(seed=0).r() + Chain(seed=1).r()) / 2
    )
    assert (folder / "r_matrix.png").read_bytes().startswith(b"\x89PNG")
    documents = Path(client(target).download_artifacts(all_runs["a"].info.run_id, ""))
    assert (documents / "sweep.yaml").read_text() == "name: a\n"
    assert (documents / "versions.json").read_text() == "{}"


def test_an_open_trial_is_told_up_to_the_step_that_all_its_seeds_have(
    directory: Path, target: Target
) -> None:
    waiting = Chain("er-1", method="er", stages=0, status="stopped")
    folder = write_folder(
        directory / "a", Chain(seed=0), Chain(seed=1, stages=2, status="stopped"), waiting
    )
    sync(folder, target, running=True)
    all_runs = runs(target)
    assert set(all_runs) == {"a", "ewc"}
    assert {run.info.status for run in all_runs.values()} == {"RUNNING"}
    assert {step for _, step in history(target, all_runs["ewc"])} == {0, 1}

    write_folder(
        folder, Chain(seed=0), Chain(seed=1), replace(waiting, stages=4, status="complete")
    )
    report = sync(folder, target)
    assert (report.runs, report.steps, report.complete) == (1, 2 + 4, True)
    assert {run.info.status for run in runs(target).values()} == {"FINISHED"}
    alone = replace(target, experiment=f"{target.experiment} alone")
    sync(folder, alone)
    assert history(target, runs(target)["ewc"]) == history(alone, runs(alone)["ewc"])


def test_a_stopped_sweep_that_is_resumed_continues_its_runs(
    directory: Path, target: Target
) -> None:
    folder = write_folder(directory / "a", Chain(seed=0), Chain(seed=1, stages=2, status="stopped"))
    sync(folder, target)
    before = runs(target)
    assert {name: run.info.status for name, run in before.items()} == {
        "a": "KILLED",
        "ewc": "KILLED",
    }
    write_folder(folder, Chain(seed=0), Chain(seed=1, stages=3, status="stopped"))
    sync(folder, target, running=True)
    assert {run.info.status for run in runs(target).values()} == {"RUNNING"}
    write_folder(folder, Chain(seed=0), Chain(seed=1))
    sync(folder, target)
    after = runs(target)
    assert {name: run.info.run_id for name, run in after.items()} == {
        name: run.info.run_id for name, run in before.items()
    }
    assert {step for _, step in history(target, after["ewc"])} == {0, 1, 2, 3}
    assert all(len(values) == 1 for values in history(target, after["ewc"]).values())


@pytest.mark.parametrize(
    ("status", "phase", "of_trial", "of_sweep"),
    [
        ("failed", "evaluation", "FAILED", "FAILED"),
        ("diverged", "evaluation", "FAILED", "FAILED"),
        ("stopped", "search", "KILLED", "FINISHED"),
    ],
)
def test_a_run_ends_as_its_trial_did(
    directory: Path, target: Target, status: str, phase: str, of_trial: str, of_sweep: str
) -> None:
    chain = Chain(status=status, stages=2, phase=phase)
    sync(write_folder(directory / "a", chain, Chain("er-1", method="er")), target)
    all_runs = runs(target)
    trial = all_runs["ewc search" if phase == "search" else "ewc"]
    assert (trial.info.status, all_runs["a"].info.status, all_runs["er"].info.status) == (
        of_trial,
        of_sweep,
        "FINISHED",
    )
    assert {step for _, step in history(target, trial)} == {0, 1}


def test_a_seed_that_diverged_leaves_the_mean_to_the_others(
    directory: Path, target: Target
) -> None:
    sync(
        write_folder(directory / "a", Chain(seed=0), Chain(seed=1, stages=2, status="diverged")),
        target,
    )
    values = history(target, runs(target)["ewc"])
    assert values["acc", 3] == [pytest.approx(Chain(seed=0).r()[3].mean())]
    assert ("acc_std", 1) in values
    assert ("acc_std", 3) not in values


SEARCHED = Chain(phase="search", seed=100, group="ewc", candidate=3, objective=0.5, selected=True)


def test_a_candidate_of_a_search_is_told_by_validation_alone(
    directory: Path, target: Target
) -> None:
    other = replace(SEARCHED, trial_id="ewc-2", lam=2.0, selected=False, candidate=4)
    sync(write_folder(directory / "a", SEARCHED, other), target)
    run = runs(target)["ewc lam=1 search"]
    text, r = history(target, run), SEARCHED.r("validation")
    costs = {
        "storage_bytes",
        "train_flops",
        "consolidate_flops",
        "eval_flops",
        "train_seconds",
        "consolidate_seconds",
        "eval_seconds",
    }
    assert {name for name, _ in text} == costs | {*VALIDATED, "objective"}
    assert np.isfinite([value for values in text.values() for value in values]).all()
    assert text["val_acc", 3] == [pytest.approx(r[3].mean())]
    assert text["val_bwt", 3] == [pytest.approx(((r[3] - np.diag(r[1:]))[:2]).mean())]
    assert text["objective", 3] == [0.5]
    messages = {"phase": "search", "selected": "true", "group": "ewc", "candidate": "3"}
    assert messages.items() <= run.data.tags.items()
    artifacts = Path(client(target).download_artifacts(run.info.run_id, ""))
    table = pd.read_csv(artifacts / "r_matrix.csv", index_col=["seed", "after"])
    np.testing.assert_allclose(table.loc["100"].to_numpy(), r)


def test_a_winner_that_is_evaluated_has_a_run_for_each(directory: Path, target: Target) -> None:
    evaluated = replace(SEARCHED, phase="evaluation", seed=0, objective=None)
    folder = write_folder(directory / "a", SEARCHED, evaluated)
    sync(folder, target)
    all_runs = runs(target)
    assert set(all_runs) == {"a", "ewc search", "ewc"}
    values = history(target, all_runs["ewc"])
    assert values["acc", 3] == [pytest.approx(evaluated.r()[3].mean())]
    assert values["val_acc", 3] == [pytest.approx(evaluated.r("validation")[3].mean())]
    assert ("objective", 3) not in values
    assert run_ids(folder)["ewc-1"] == all_runs["ewc"].info.run_id
    (folder / LEDGER).unlink()
    assert sync(folder, target).runs == 0


def test_a_rank_that_is_known_late_is_added_to_the_run(directory: Path, target: Target) -> None:
    folder = write_folder(directory / "a", replace(SEARCHED, objective=None, selected=False))
    sync(folder, target)
    before = runs(target)["ewc search"]
    assert "objective" not in before.data.metrics
    report = sync(write_folder(folder, SEARCHED), target)
    after = runs(target)["ewc search"]
    assert (report.runs, report.steps) == (0, 0)
    assert (before.info.run_id, after.data.metrics["objective"]) == (after.info.run_id, 0.5)
    assert after.data.tags["selected"] == "true"


def test_tables_of_before_there_were_searches_are_told_too(directory: Path, target: Target) -> None:
    folder = write_folder(directory / "a", Chain())
    older = pd.read_parquet(folder / "trials.parquet")
    older.drop(columns=["group", "candidate", "objective"]).to_parquet(folder / "trials.parquet")
    assert sync(folder, target).complete
    assert {"group", "candidate"}.isdisjoint(runs(target)["ewc"].data.tags)


def test_a_second_call_sends_nothing(directory: Path, target: Target) -> None:
    folder = write_folder(directory / "a", Chain(seed=0), Chain(seed=1), Chain("ewc-2", lam=2.0))
    sync(folder, target)
    before = read_all(target)
    write_folder(folder, Chain(seed=0), Chain(seed=1), Chain("ewc-2", lam=2.0), ids=run_ids(folder))
    for recheck in (False, True):
        report = sync(folder, target, recheck=recheck)
        assert (report.runs, report.steps, report.artifacts, report.complete) == (0, 0, 0, True)
    assert read_all(target) == before


def test_what_has_been_sent_is_known_without_importing_mlflow(
    directory: Path, own_target: Target
) -> None:
    folder = write_folder(directory / "a", Chain())
    sync(folder, own_target)
    code = (
        "import sys; from pathlib import Path; from orchestrator.tracking import *;"
        "report = sync(Path(sys.argv[1]), resolve_target(Path(sys.argv[1]).parent), running=True);"
        "heavy = ('mlflow', 'ray', 'torch', 'matplotlib');"
        "print(report.complete, [name for name in heavy if name in sys.modules])"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
    )
    assert process.stdout == "True []\n"
    assert process.stderr == ""


@pytest.mark.parametrize("loss", ["deleted", "damaged"])
def test_a_lost_ledger_costs_a_search_and_no_duplicates(
    directory: Path, target: Target, loss: str
) -> None:
    folder = write_folder(
        directory / "a", Chain(seed=0), Chain("ewc-2", lam=2.0, stages=2, status="stopped")
    )
    sync(folder, target)
    before, ids = read_all(target), run_ids(folder)
    if loss == "deleted":
        (folder / LEDGER).unlink()
    else:
        (folder / LEDGER).write_text('{"uri": ')
    report = sync(folder, target)
    assert (report.runs, report.steps, report.artifacts) == (0, 0, 0)
    assert read_all(target) == before
    assert run_ids(folder) == ids


class Renamed(Chain):
    """A chain whose figures do not depend on how its trial is called."""

    def r(self, split: str = "test") -> np.ndarray:
        return Chain("ewc", self.seed).r(split)


@pytest.mark.parametrize("ledger", ["kept", "deleted"])
def test_a_run_that_release_0_1_sent_is_the_run_of_the_trial_by_its_longer_id(
    directory: Path, target: Target, ledger: str
) -> None:
    folder = write_folder(directory / "a", Renamed("ewc-01234567"))
    sync(folder, target)
    ids = run_ids(folder)
    write_folder(folder, Renamed("ewc-0123456789abcdef"))
    if ledger == "deleted":
        (folder / LEDGER).unlink()
    report = sync(folder, target)
    assert (report.runs, report.steps, report.artifacts) == (0, 0, 0)
    assert run_ids(folder) == {"ewc-0123456789abcdef": ids["ewc-01234567"]}


def test_a_step_whose_tag_was_lost_in_a_crash_is_sent_again_as_the_same_points(
    directory: Path, target: Target
) -> None:
    from mlflow.entities import RunTag

    folder = write_folder(directory / "a", Chain())
    sync(folder, target, running=True)
    before = read_all(target)
    run = runs(target)["ewc"]
    earlier = json.loads(run.data.tags[SENT]) | {"step": 1, "content": ""}
    client(target).log_batch(run.info.run_id, tags=[RunTag(SENT, json.dumps(earlier))])
    (folder / LEDGER).unlink()
    assert sync(folder, target, running=True).steps == 2
    assert read_all(target) == before


def test_a_database_that_was_deleted_is_filled_again(directory: Path, own_target: Target) -> None:
    folder = write_folder(directory / "a", Chain())
    sync(folder, own_target)
    before = history(own_target, runs(own_target)["ewc"])
    elsewhere = Target(
        f"sqlite:///{directory / 'copy.db'}", artifact_location=own_target.artifact_location
    )
    shutil.copy(directory / "mlflow.db", directory / "copy.db")
    sync(folder, elsewhere)
    (directory / "copy.db").unlink()
    assert sync(folder, own_target).complete
    assert history(own_target, runs(own_target)["ewc"]) == before


def test_a_run_that_someone_deleted_is_sent_again_on_request(
    directory: Path, target: Target
) -> None:
    folder = write_folder(directory / "a", Chain())
    sync(folder, target)
    client(target).delete_run(run_ids(folder)["ewc-1"])
    assert sync(folder, target, recheck=True).runs == 1
    assert "ewc" in runs(target)


def test_a_seed_added_later_gives_a_run_of_its_own_that_keeps_what_people_noted(
    directory: Path, target: Target
) -> None:
    folder = write_folder(directory / "a", Chain(seed=0), Chain("er-1", method="er"))
    sync(folder, target)
    old = run_ids(folder)
    client(target).set_tag(old["ewc-1"], "mlflow.note.content", "surprising")
    client(target).set_tag(old["ewc-1"], "figure", "3")
    write_folder(folder, Chain(seed=0), Chain(seed=1), Chain("er-1", method="er"))
    report = sync(folder, target)
    assert (report.runs, run_ids(folder)["er-1"]) == (1, old["er-1"])
    new = runs(target)["ewc"]
    kept = {"mlflow.note.content": "surprising", "figure": "3", REPLACES: old["ewc-1"]}
    assert kept.items() <= new.data.tags.items()
    mean = (Chain(seed=0).r()[3].mean() + Chain(seed=1).r()[3].mean()) / 2
    assert history(target, new)["acc", 3] == [pytest.approx(mean)]


def test_two_sweeps_of_a_folder_have_runs_of_their_own(directory: Path, target: Target) -> None:
    sync(write_folder(directory / "a", Chain()), target)
    first = read_all(target)
    assert sync(write_folder(directory / "b", Chain()), target).runs == 2
    assert run_ids(directory / "a") != run_ids(directory / "b")
    assert read_all(target)["a"] == first["a"]


def experiment_of(target: Target) -> Any:
    return client(target).get_experiment_by_name(target.experiment)


@pytest.mark.parametrize("page", ["trials", "candidates"])
def test_mlflow_lists_views_whose_columns_are_what_is_sent(
    directory: Path, target: Target, page: str
) -> None:
    sync(write_folder(directory / "a", SEARCHED, Chain("er-1", method="er")), target)
    tags = experiment_of(target).tags
    assert tags["mlflow.experimentKind"] == "custom_model_development"
    view = json.loads(tags[f"mlflow.sharedViewState.{page}"])
    assert isinstance(view["createdAt"], int)
    state = json.loads(view["state"])
    matching_runs = client(target).search_runs(
        [experiment_of(target).experiment_id], state["searchFilter"], order_by=[state["orderByKey"]]
    )
    name = {"trials": "er", "candidates": "ewc search"}[page]
    assert [run.info.run_name for run in matching_runs] == [name]
    other = {f"metrics.`{name}`" for name in matching_runs[0].data.metrics}
    other |= {f"tags.`{name}`" for name in matching_runs[0].data.tags}
    assert {*state["selectedColumns"], state["orderByKey"]} <= other


def test_what_people_changed_of_an_experiments_pages_stays(directory: Path, target: Target) -> None:
    folder = write_folder(directory / "a", Chain())
    sync(folder, target)
    mlflow, experiment = client(target), experiment_of(target)
    mlflow.set_experiment_tag(experiment.experiment_id, "mlflow.note.content", "mine")
    mlflow.delete_experiment_tag(experiment.experiment_id, "mlflow.sharedViewState.trials")
    sync(folder, target, recheck=True)
    tags = experiment_of(target).tags
    assert tags["mlflow.note.content"] == "mine"
    assert "mlflow.sharedViewState.trials" not in tags


def test_lists_of_an_earlier_version_get_its_columns_unless_a_person_deleted_them(
    directory: Path, target: Target
) -> None:
    folder = write_folder(directory / "a", Chain())
    sync(folder, target)
    mlflow, experiment = client(target), experiment_of(target)
    views = [f"mlflow.sharedViewState.{name}" for name in ("trials", "candidates")]
    mlflow.set_experiment_tag(experiment.experiment_id, PAGES_TAG, "2")
    mlflow.set_experiment_tag(experiment.experiment_id, views[0], "of version 2")
    mlflow.delete_experiment_tag(experiment.experiment_id, views[1])
    sync(folder, target, recheck=True)
    tags = experiment_of(target).tags
    selected = json.loads(json.loads(tags[views[0]])["state"])["selectedColumns"]
    assert {f"metrics.`{name}`" for name in METRICS} <= set(selected)
    assert views[1] not in tags


def test_a_benchmark_in_a_scenario_has_a_list_that_a_person_can_delete(
    directory: Path, target: Target
) -> None:
    chains = [Chain(), Chain("er-1", method="er"), Chain("si-1", method="si", scenario="class")]
    folder = write_folder(directory / "a", *chains)
    sync(folder, target)
    mlflow, experiment = client(target), experiment_of(target)
    lists = {}
    for scenario in ("task", "class"):
        view = json.loads(experiment.tags[f"mlflow.sharedViewState.split_digits-{scenario}"])
        assert view["name"] == f"split_digits, {scenario}-incremental"
        assert "tags.`network`" in json.loads(view["state"])["selectedColumns"]
        query = json.loads(view["state"])["searchFilter"]
        runs_of_query = mlflow.search_runs([experiment.experiment_id], query)
        lists[scenario] = {run.info.run_name for run in runs_of_query}
    assert lists == {"task": {"ewc", "er"}, "class": {"si"}}
    gone = "mlflow.sharedViewState.split_digits-class"
    mlflow.delete_experiment_tag(experiment.experiment_id, gone)
    sync(folder, target, recheck=True)
    assert gone not in experiment_of(target).tags


def test_tags_are_for_people_and_those_of_an_earlier_release_become_so(
    directory: Path, target: Target
) -> None:
    from mlflow.entities import RunTag

    folder = write_folder(directory / "a", Chain())
    sync(folder, target)
    mlflow, before = client(target), runs(target)
    for run in before.values():  # as release 0.1 named them
        hidden = [name for name in run.data.tags if name.startswith("mlflow.repertoire.")]
        former = [RunTag(name.removeprefix("mlflow."), run.data.tags[name]) for name in hidden]
        mlflow.log_batch(run.info.run_id, tags=[*former, RunTag("repertoire.sweep", "a")])
        for name in (*hidden, "sweep"):
            mlflow.delete_tag(run.info.run_id, name)
    assert sync(folder, target, recheck=True).runs == 0
    after = runs(target)
    for name, run in before.items():
        assert after[name].info.run_id == run.info.run_id
        assert after[name].data.tags == run.data.tags
    shown = {name for name in after["ewc"].data.tags if not name.startswith("mlflow.")}
    words = "benchmark scenario method network phase selected status sweep"
    assert shown == {*words.split()}


def test_an_experiment_of_an_earlier_release_gets_the_pages_of_this_one(
    directory: Path, target: Target
) -> None:
    folder = write_folder(directory / "a", Chain())
    sync(folder, target)
    mlflow, number = client(target), experiment_of(target).experiment_id
    for name in ("mlflow.repertoire.pages", "mlflow.sharedViewState.candidates"):
        mlflow.delete_experiment_tag(number, name)
    mlflow.set_experiment_tag(number, "repertoire.pages", "1")
    mlflow.set_experiment_tag(number, "mlflow.sharedViewState.trials", "of that release")
    sync(folder, target, recheck=True)
    tags = experiment_of(target).tags
    assert json.loads(tags["mlflow.sharedViewState.trials"])["name"].startswith("All trials")
    # A person had deleted the other.
    assert {"repertoire.pages", "mlflow.sharedViewState.candidates"}.isdisjoint(tags)


def test_the_front_page_is_that_of_the_experiment_if_there_is_one(
    directory: Path, own_target: Target
) -> None:
    assert front_page(directory, 5001) == "http://127.0.0.1:5001/"
    sync(write_folder(directory / "a", Chain()), own_target)
    number = experiment_of(own_target).experiment_id
    assert front_page(directory, 5001) == (
        f"http://127.0.0.1:5001/#/experiments/{number}/runs"
        "?workflowType=machine_learning&viewStateShareKey=split_digits-task"
    )
    shutil.copytree(directory / "a", directory / "0 without a table")
    (directory / "0 without a table" / "trials.parquet").unlink()
    assert front_page(directory, 5001).endswith("viewStateShareKey=trials")


def test_a_results_folder_that_was_moved_says_what_to_do(
    directory: Path, own_target: Target
) -> None:
    sync(write_folder(directory / "a", Chain()), own_target)
    moved = directory.rename(directory.parent / "moved")
    write_folder(moved / "a", Chain(), Chain("er-1", method="er"))
    with pytest.raises(
        RepertoireError,
        match=r"mlflow\.db was moved: .* or delete .*mlflow\.db, and .*: repertoire track",
    ):
        sync(moved / "a", resolve_target(moved))


def test_one_sender_works_for_a_folder_at_a_time(directory: Path, target: Target) -> None:
    folder = write_folder(directory / "a", Chain())
    with sending_lock(folder), pytest.raises(RepertoireError, match="already being sent"):
        sync(folder, target)
    assert sync(folder, target).runs == 2


def test_the_environment_and_the_log_are_left_as_they_were(
    directory: Path,
    target: Target,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "7")
    before = dict(os.environ)
    sync(write_folder(directory / "a", Chain()), target)
    assert dict(os.environ) == before
    assert capfd.readouterr() == ("", "")


def test_a_folder_without_tables_is_refused(tmp_path: Path, target: Target) -> None:
    with pytest.raises(RepertoireError, match=r"has no trials\.parquet; write it: repertoire run"):
        sync(tmp_path, target)


@pytest.fixture
def failing_server() -> Iterator[str]:
    """The address of a server that answers 500 to each request."""
    server = FlakyServer(None, np.random.default_rng(0), Behaviour()).start()
    yield server.address
    server.stop()


@pytest.mark.parametrize("address", ["dead_server", "silent_server", "failing_server"])
def test_an_unreachable_server_is_one_message_and_what_it_missed_is_sent_later(
    address: str,
    directory: Path,
    target: Target,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    uri = request.getfixturevalue(address)
    folder = write_folder(directory / "a", Chain())
    with pytest.raises(RepertoireError) as caught:
        sync(folder, Target(uri))
    assert uri in str(caught.value)
    assert f"repertoire track {shell_word(directory)}" in str(caught.value)
    assert (sync(folder, target).runs, sync(folder, target).runs) == (2, 0)


def test_a_server_that_hangs_is_not_waited_for_at_the_end_of_a_sweep(
    directory: Path, silent_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, text = write_folder(directory / "a", Chain()), list[str]()
    sender = directory / "sender"
    sender.write_text("#!/bin/sh\ncat > /dev/null\nexec sleep 600\n")
    sender.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(sender))
    tracker = MLflowTracker(folder, Target(silent_server), text.append, first_seconds=0.0)
    tracker.notify()
    report = tracker.close()
    assert (report.complete, text) == (False, [report.problem])
    (process,) = re.findall(r"in the background \(process (\d+)\)", report.problem)
    os.kill(int(process), signal.SIGKILL)  # it still waited; an error otherwise


@pytest.mark.parametrize("sender", ["stand-in", pytest.param("own", marks=pytest.mark.variant)])
def test_a_tracker_says_once_what_went_wrong(
    sender: str, directory: Path, dead_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text: list[str] = []
    folder = write_folder(directory / "a", Chain())
    if sender == "stand-in":
        answer = SyncReport(uri="", complete=False, problem=f"{dead_server} does not answer")
        monkeypatch.setattr(sys, "executable", write_sender(directory, answer))
    tracker = MLflowTracker(folder, Target(dead_server), text.append, first_seconds=0.0)
    tracker.notify()
    wait_for(lambda: tracker.notify() or bool(text))
    assert dead_server in text[0]
    # The second process fails as well, at once instead of importing mlflow.
    monkeypatch.setattr(sys, "executable", "/bin/false")
    report = tracker.close(timeout_seconds=60)
    assert "ended with code 1" in report.problem
    assert len(text) == 1


def write_sender(directory: Path, answer: SyncReport) -> str:
    """Write a stand-in for the process that sends: it notes its call and answers at once."""
    names = ("runs", "steps", "artifacts", "removed", "complete", "problem")
    fields = json.dumps({name: getattr(answer, name) for name in names})
    sender = directory / "sender"
    sender.write_text(f"#!/bin/sh\necho >> '{directory}/calls'\ncat > /dev/null\necho '{fields}'\n")
    sender.chmod(0o755)
    return str(sender)


def wait_for(is_done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 100  # the sender gives way to all other tests
    while not is_done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_has_been_sent_is_closed_without_a_process(
    directory: Path, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_folder(directory / "a", Chain())
    sync(folder, target)
    monkeypatch.setattr(subprocess, "Popen", None)
    assert MLflowTracker(folder, target, pytest.fail).close().complete


def test_a_tracker_follows_the_tables_and_what_is_left_at_its_end_goes_on_by_itself(
    directory: Path, target: Target
) -> None:
    folder = write_folder(directory / "a", Chain(stages=2, status="stopped"))
    text: list[str] = []
    tracker = MLflowTracker(folder, target, text.append, first_seconds=0.0)
    tracker.notify()
    wait_for(lambda: bool(tracker.run_ids()))
    assert runs(target)["ewc"].info.status == "RUNNING"
    write_folder(folder, Chain())
    started = time.monotonic()
    report = tracker.close(timeout_seconds=0.1)
    assert time.monotonic() - started < 3
    assert not report.complete
    assert text == [report.problem]
    assert "in the background" in text[0]
    assert f"repertoire track {shell_word(directory)}" in text[0]
    wait_for(lambda: runs(target)["ewc"].info.status == "FINISHED")
    assert sync(folder, target, wait_seconds=60).complete  # waits for the one in the background
    assert set(runs(target)) == {"a", "ewc"}
    table = pd.read_parquet(folder / "trials.parquet")
    assert set(table["mlflow_run_id"]) == {run_ids(folder)["ewc-1"]}


def test_a_sweep_that_ends_soon_is_sent_once_at_its_end(
    directory: Path, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for the process that sends answers at once, so its report is the tracker's."""
    folder = write_folder(directory / "a", Chain())
    answer = SyncReport(uri="", runs=1, steps=2, artifacts=1, complete=True)
    monkeypatch.setattr(sys, "executable", write_sender(directory, answer))
    tracker = MLflowTracker(folder, target, pytest.fail)
    tracker.notify()
    report = tracker.close(timeout_seconds=60)
    assert (report.runs, report.steps, report.artifacts, report.complete) == (1, 2, 1, True)
    assert (directory / "calls").read_text() == "\n"


def test_a_call_asked_to_stop_does_so_between_trials(directory: Path, target: Target) -> None:
    folder = write_folder(directory / "a", Chain("ewc-1"), Chain("ewc-2", lam=2.0))
    answers = iter([True, False])
    report = sync(folder, target, keep_going=lambda: next(answers))
    assert (report.complete, list(run_ids(folder))) == (False, ["ewc-1"])
    assert sync(folder, target).complete
    assert list(run_ids(folder)) == ["ewc-1", "ewc-2"]


class Limited:
    """What MLflow's servers and databases take, by MLflow's own checks, and what they were sent."""

    def __init__(self) -> None:
        self.metrics: list[Any] = []
        self.params: dict[str, str] = {}
        self.tags: list[str] = []

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Any] = (),
        params: Sequence[Any] = (),
        tags: Sequence[Any] = (),
    ) -> None:
        from mlflow.utils import validation

        validation._validate_batch_log_limits(metrics, params, tags)
        assert all(len(pair.value) <= validation.MAX_PARAM_VAL_LENGTH for pair in params)
        self.metrics += metrics
        self.params |= {pair.key: pair.value for pair in params}
        self.tags += [tag.key for tag in tags]


@pytest.mark.parametrize("num_params", [0, 5, 100, 101, 250])
@pytest.mark.parametrize("num_metrics", [0, 899, 900, 995, 999, 1000, 1001, 2100, 37 * 38 + 37])
def test_no_call_holds_more_than_mlflow_takes_of_all_kinds_together(
    num_metrics: int, num_params: int
) -> None:
    limited = Limited()
    experiment = Experiment(Target("http://nowhere"), "1", limited)
    points = [(f"m{i}", float(i), 0, 1) for i in range(num_metrics)]
    params = {f"p{i}": "x" * 7000 for i in range(num_params)}
    tags = {f"t{i}": "y" * 9000 for i in range(15)}
    experiment.log(Sent(run_id="1", start_ms=0), points, params, tags)
    assert [metric.key for metric in limited.metrics] == [name for name, *_ in points]
    assert limited.params.keys() == params.keys()
    assert sorted(limited.tags) == sorted([*tags, SENT])
    assert limited.tags[-1] == SENT


@pytest.mark.parametrize("num_tasks", [37, pytest.param(100, marks=pytest.mark.variant)])
def test_a_long_stream_is_sent_and_its_charts_stay_few(
    num_tasks: int, directory: Path, target: Target
) -> None:
    folder = directory / "long"
    write_long(folder, num_tasks)
    assert sync(folder, target).complete
    run = runs(target)["ewc"]
    assert len(run.data.metrics) < 50
    charted = [name for name in run.data.metrics if name.startswith("acc_by_task/")]
    assert sorted(charted) == ["acc_by_task/1", f"acc_by_task/{num_tasks}"]
    r = pd.read_csv(artifact(target, run, "r_matrix.csv"), index_col=["seed", "after"])
    assert r.loc["mean"].shape == (num_tasks + 1, num_tasks)
    steps = client(target).get_metric_history(run.info.run_id, "acc")
    assert [point.step for point in steps] == list(range(1, num_tasks + 1))
    np.testing.assert_allclose(steps[-1].value, r.loc[("mean", num_tasks)].mean())


def write_long(folder: Path, num_tasks: int) -> None:
    """Write the tables of one trial on a stream of many tasks."""
    write_folder(folder, Chain(stages=1))
    after, task = np.divmod(np.arange((num_tasks + 1) * num_tasks), num_tasks)
    trials, accuracy, stages = (
        pd.read_parquet(folder / f"{name}.parquet") for name in ("trials", "accuracy", "stages")
    )
    cells = pd.concat([accuracy[accuracy["split"] == "test"].iloc[:1]] * len(after))
    cells = cells.assign(after=after, task=task + 1, accuracy=np.cos(after * task) ** 2)
    spent = pd.concat([stages] * (num_tasks + 1)).assign(after=np.arange(num_tasks + 1))
    trials.assign(num_tasks=num_tasks).to_parquet(folder / "trials.parquet")
    cells.to_parquet(folder / "accuracy.parquet")
    spent.to_parquet(folder / "stages.parquet")


def artifact(target: Target, run: Any, name: str) -> str:
    path: str = client(target).download_artifacts(run.info.run_id, name)
    return path


def test_what_is_longer_than_mlflow_takes_is_cut_and_odd_names_are_spelt_otherwise(
    directory: Path, target: Target
) -> None:
    with quiet_mlflow():
        experiment = Experiment(target)
        sent = experiment.create("wide", {"long": "z" * 9000})
        metrics = {f"acc_task_{i}": float(i) for i in range(1100)}
        params = {f"method.p{i}": "x" * 7000 for i in range(110)} | {"bad?key": "y"}
        experiment.log(sent, [(name, value, 0, 1) for name, value in metrics.items()], params)
    run = runs(target)["wide"]
    assert run.data.metrics == metrics
    assert len(run.data.params) == 111
    assert run.data.params["method.p7"] == "x" * 6000
    assert run.data.params["bad_key"] == "y"


def test_runs_of_trials_that_the_sweep_no_longer_has_are_removed_and_come_back_with_them(
    directory: Path, target: Target
) -> None:
    first = [
        replace(SEARCHED, trial_id=f"ewc-{i}", candidate=i, lam=float(i), selected=i == 0)
        for i in range(2)
    ]
    folder = write_folder(directory / "a", *first)
    sync(folder, target)
    before = run_ids(folder)
    client(target).set_tag(before["ewc-0 search"], "figure", "3")

    other = replace(SEARCHED, trial_id="ewc-9", lam=9.0, candidate=0)
    write_folder(folder, other)
    assert sync(folder, target, running=True).removed == 0  # the tables may not be whole yet
    report = sync(folder, target)
    assert (report.runs, report.removed) == (0, 2)
    assert winners(target) == ["ewc search"]
    assert set(runs(target)) == {"a", "ewc search"}

    write_folder(folder, *first)
    assert sync(folder, target).runs == 0
    assert run_ids(folder) == before
    assert winners(target) == ["ewc lam=0 search"]
    assert runs(target)["ewc lam=0 search"].data.tags["figure"] == "3"


def winners(target: Target) -> list[str]:
    return [name for name, run in runs(target).items() if run.data.tags.get("selected") == "true"]


def test_no_run_keeps_the_id_of_a_parent_that_was_deleted(directory: Path, target: Target) -> None:
    folder = write_folder(directory / "a", Chain(), Chain("er-1", method="er"))
    sync(folder, target)
    client(target).delete_run(runs(target)["a"].info.run_id)
    assert sync(folder, target, recheck=True).runs == 1
    all_runs = runs(target)
    parent = all_runs.pop("a").info.run_id
    assert {run.data.tags["mlflow.parentRunId"] for run in all_runs.values()} == {parent}
    assert len(all_runs) == 2


def test_a_run_that_someone_deleted_does_not_stop_what_is_new(
    directory: Path, target: Target
) -> None:
    folder = write_folder(directory / "a", Chain(stages=2, status="stopped"))
    sync(folder, target)
    client(target).delete_run(run_ids(folder)["ewc-1"])
    report = sync(write_folder(folder, Chain()), target)  # the ledger believed the run was there
    assert (report.runs, report.complete) == (1, True)
    assert max(step for _, step in history(target, runs(target)["ewc"])) == TASKS


def test_run_ids_in_the_table_are_written_as_a_sweep_would_write_them(
    directory: Path, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_folder(directory / "a", Chain(seed=0), Chain(seed=1))
    sync(folder, target)
    files = (folder / "trials.parquet").read_bytes()
    write_folder(folder, Chain(seed=0), Chain(seed=1), ids=run_ids(folder))
    assert (folder / "trials.parquet").read_bytes() == files
    # As a process leaves it that ends after all is sent.
    write_folder(folder, Chain(seed=0), Chain(seed=1))
    with monkeypatch.context() as patch:
        refuse = Mock(side_effect=PermissionError("a folder that cannot be written"))
        patch.setattr("orchestrator.tracking.files.write_atomically", refuse)
        assert sync(folder, target).complete
        refuse.assert_called_once()
    assert sync(folder, target).runs == 0
    assert (folder / "trials.parquet").read_bytes() == files


@pytest.mark.parametrize("damage", [b"", b"PAR1 no more"])
def test_a_table_that_cannot_be_read_says_how_to_write_it_anew(
    damage: bytes, directory: Path, target: Target
) -> None:
    folder = write_folder(directory / "a", Chain())
    (folder / "trials.parquet").write_bytes(damage)
    with pytest.raises(RepertoireError, match=r"trials\.parquet cannot be read .* repertoire run"):
        sync(folder, target)


def test_a_database_that_cannot_be_used_says_what_to_do(
    directory: Path, own_target: Target
) -> None:
    folder = write_folder(directory / "a", Chain())
    (directory / "mlflow.db").write_bytes(b"no database at all, but longer than a header is" * 9)
    with pytest.raises(RepertoireError, match=r"mv '.*mlflow\.db' '.*mlflow\.db\.broken'"):
        sync(folder, own_target)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ("table _alembic_tmp_metrics already exists", "move it away (mv '"),
        ("file is not a database", "move it away (mv '"),
        (
            "Detected out-of-date database schema; run 'mlflow db upgrade <uri>'",
            "(mlflow db upgrade",
        ),
        ("(sqlite3.OperationalError) database or disk is full", "make room"),
        ("(sqlite3.OperationalError) database is locked", ""),
        ("attempt to write a readonly database", ""),
    ],
)
def test_a_database_s_problem_has_the_advice_that_fits(
    error: str, advice: str, target: Target
) -> None:
    assert advice in database_advice(target, error)
    assert bool(database_advice(target, error)) == bool(advice)
    assert database_advice(Target("http://x:1"), error) == ""


def test_first_sweeps_at_once_make_one_whole_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several processes find no database; each waits for the one that makes it (cases/10)."""

    def log(word: str) -> None:
        with (tmp_path / "log").open("a") as file:
            file.write(word)

    def make(path: Path) -> None:
        log("begin ")
        time.sleep(0.2)
        path.write_bytes(database.SQLITE_HEADER)
        log("end ")

    def create() -> None:
        create_database(resolve_target(tmp_path))
        assert (tmp_path / "mlflow.db").read_bytes() == database.SQLITE_HEADER

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(database, "_create_whole", make)
    assert run_together(create, copies=3) == [0, 0, 0]
    assert (tmp_path / "log").read_text() == "begin end "


def test_a_database_is_never_seen_half_made(
    tmp_path: Path, blank_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    def fail(tracking_uri: str) -> None:
        Path(tracking_uri.removeprefix("sqlite:///")).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mlflow, "MlflowClient", fail)
    with pytest.raises(OSError, match="No space left"):
        create_database(resolve_target(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [".mlflow.db.lock"]


@pytest.mark.parametrize("name", ["a%20b?c#d", "run10:30 [b]'ü;&+"])
def test_any_name_of_a_results_folder_leads_to_the_database_and_the_artifacts_in_it(
    name: str, tmp_path: Path, blank_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    directory = tmp_path / name
    directory.mkdir()
    target = resolve_target(directory)
    assert target.database == directory / "mlflow.db"
    shutil.copy(blank_database, directory / "mlflow.db")
    assert sync(write_folder(directory / "a", Chain()), target).complete
    assert len(list(directory.glob("mlartifacts/*/artifacts/r_matrix.csv"))) == 1
    assert Path(artifact(target, runs(target)["ewc"], "r_matrix.csv")).is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_only_the_section_of_mlflow_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "sweep.yaml").write_text(
        "methods: ['gone:Mine']\nmlflow: {uri: 'http://x:1', experiment: mine}\n"
    )
    assert read_target(folder) == Target("http://x:1", "mine")
    (folder / "sweep.yaml").write_text("mlflow: {url: 'http://x:1'}\n")
    with pytest.raises(RepertoireError, match="url"):
        read_target(folder)


def test_a_hundred_trials_are_read_in_a_moment(directory: Path) -> None:
    """Reading costs a fixed time and little for each trial, whatever the others are."""
    spent = []
    for number in (100, 400):
        folder = directory / str(number)
        write_folder(folder, *(Chain(f"ewc-{i}", lam=float(i)) for i in range(number)))
        best = min(seconds_to_view(folder) for _ in range(3))
        spent.append(best / number)
    assert spent[1] < 1.5 * spent[0]
    assert spent[1] < 3e-3


def seconds_to_view(folder: Path) -> float:
    started = time.process_time()
    assert all(trial.last_step == TASKS for trial in SweepFiles.read(folder).trial_runs())
    return time.process_time() - started


def test_the_sweep_file_comes_before_the_environment_and_that_before_the_results_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://env:1")
    assert resolve_target(tmp_path, "http://file:2").uri == "http://file:2"
    assert resolve_target(tmp_path) == Target("http://env:1")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert resolve_target(tmp_path) == Target(
        f"sqlite:///{tmp_path}/mlflow.db", "repertoire", (tmp_path / "mlartifacts").as_uri()
    )


def test_a_relative_database_is_pinned_to_where_it_is_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert (
        resolve_target(tmp_path / "results", "sqlite:///x.db").uri == f"sqlite:///{tmp_path}/x.db"
    )


@pytest.mark.parametrize("uri", ["./mlruns", "file:///tmp/mlruns", "sqlite://", "htp://host"])
def test_an_address_that_mlflow_does_not_serve_is_refused(tmp_path: Path, uri: str) -> None:
    with pytest.raises(
        RepertoireError, match="neither a server nor a database; valid: http://HOST"
    ):
        resolve_target(tmp_path, uri)


def test_a_password_is_neither_shown_nor_kept(directory: Path, dead_server: str) -> None:
    target = Target(dead_server.replace("http://", "http://me:secret@"))
    assert target.safe_uri == dead_server
    folder = write_folder(directory / "a", Chain())
    with pytest.raises(RepertoireError) as refused:
        sync(folder, target)
    assert "secret" not in str(refused.value)
    assert "secret" not in "".join(path.read_text() for path in folder.glob("*.json"))


def test_track_sends_each_sweep_of_several_folders_once_whatever_happens_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from orchestrator.cli import run as command

    sent: list[str] = []

    def send(folder: Path, target: Target, **options: object) -> SyncReport:
        sent.append(f"{folder.parent.name}/{folder.name}")
        if folder.name == "bad":
            raise TrackingError("no room")
        return SyncReport(uri=target.safe_uri)

    monkeypatch.setattr(command, "sync", send)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for place in ("one/a", "one/bad", "two/c"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "trials.parquet").touch()
    # The second folder is given twice, once by its sweep alone.
    assert command.track(tmp_path / "one", tmp_path / "two", tmp_path / "two" / "c") == 1
    assert sent == ["one/a", "one/bad", "two/c"]
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["a", "bad", "c"]
    assert lines[1] == "bad: no room"
    assert lines[2].endswith("two/mlflow.db: up to date")


def test_the_user_interface_is_served_on_the_loopback_address_from_the_right_database(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = mlflow_command(directory, port=5123)
    assert command[:5] == [sys.executable, "-P", "-m", "mlflow", "ui"]
    values = dict(zip(command[5::2], command[6::2], strict=True))
    assert values["--backend-store-uri"] == f"sqlite:///{directory}/mlflow.db"
    assert (values["--host"], values["--port"]) == ("127.0.0.1", "5123")
    # Of other names, which a page of another site could have made to mean this machine, none.
    assert values["--allowed-hosts"] == "127.0.0.1,127.0.0.1:*,localhost,localhost:*"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere:5000")
    with pytest.raises(RepertoireError, match="open its own pages: http://elsewhere:5000"):
        mlflow_command(directory)
