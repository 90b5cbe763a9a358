"""Trackers and backends, also of a user's own, are called as their protocols say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result
from untracked import untracked

from orchestrator.backends.factory import BACKENDS
from orchestrator.backends.inline import Inline
from orchestrator.cli.app import BackendName, app
from orchestrator.cli.run_sweep import run_sweep
from orchestrator.errors import RepertoireError
from orchestrator.graph.brake import Brake
from orchestrator.graph.driver import Client, Observer, drive
from orchestrator.graph.events import Event
from orchestrator.results.folder.places import open_store, results_folder
from orchestrator.results.folder.tabulator import Tabulator
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.worker import StageOrder, compute_order
from orchestrator.sweep.sweep import Sweep

pytestmark = pytest.mark.slow

SWEEP = """
name: extended
seeds: [0]
benchmark: {name: split_digits, scenario: task, num_tasks: 2}
network: {name: mlp, hidden: [4]}
training: {iterations: 2}
methods: [finetune]
"""


class ListTracker:
    """Keeps what it is called with."""

    def __init__(self):
        self.calls = []

    def notify(self):
        self.calls.append("poke")

    def close(self, timeout_seconds: float):
        self.calls.append("close")

    def run_ids(self) -> Mapping[str, str]:
        return {}


def test_a_tracker_is_called_while_a_sweep_runs_and_closed_once(tmp_path):
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    sweep = Sweep.load(tmp_path / "sweep.yaml")
    tracker = ListTracker()
    folder = results_folder(sweep, tmp_path / "out")
    tables = Tabulator((), open_store(tmp_path / "out", None), folder, tracker)
    run_sweep(sweep, tables, Inline(), Brake(sweep.budget, sweep.resources))
    assert tracker.calls[-1] == "close"
    assert tracker.calls.count("close") == 1
    assert set(tracker.calls) == {"poke", "close"}


DIARY = """
import pandas as pd

class Diary:
    def __init__(self, folder):
        self.folder = folder
        self.lines = ["created"]

    def notify(self):
        self.lines.append("notify")

    def close(self, timeout_seconds):
        trials = pd.read_parquet(self.folder / "trials.parquet")
        self.lines.append(f"close {len(trials)} {trials.status[0]}")
        (self.folder / "diary.txt").write_text(" ".join(self.lines))

class Fragile(Diary):
    def notify(self):
        raise OSError("no server")

    def close(self, timeout_seconds):
        (self.folder / "closed").touch()

class Mute:
    def __init__(self, folder): ...
    def notify(self): ...

class Broken(Diary):
    def __init__(self, folder):
        raise KeyError("TOKEN")
"""


def run_with(folder: Path, *trackers: str) -> Result:
    (folder / "sweep.yaml").write_text(SWEEP)
    (folder / "diary.py").write_text(DIARY)
    words = ["run", str(folder / "sweep.yaml"), "--out", str(folder / "out")]
    options = [word for name in trackers for word in ("--tracker", name)]
    with untracked():
        return CliRunner().invoke(app, [*words, "--backend", "inline", *options])


def test_a_user_adds_a_tracker_by_one_file_and_its_error_stops_no_other(tmp_path: Path) -> None:
    ran = run_with(tmp_path, "diary:Fragile", "diary:Diary")
    assert ran.exit_code == 0, ran.output
    folder = tmp_path / "out" / "extended"
    first, *calls, close = (folder / "diary.txt").read_text().split(" ", 2)
    assert first == "created"
    assert {*calls} == {"notify"}
    assert close.endswith("close 1 complete")
    assert not (folder / "closed").exists()
    message = "tracker 'diary:Fragile': notify() raised OSError: no server; it is not called any"
    assert ran.output.count(message) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("diary", "tracker 'diary': must be module:Class, as in --tracker my_tracker:MyTracker"),
        ("diary:Dairy", "tracker 'diary:Dairy': no class 'Dairy' in"),
        ("diary:Mute", "tracker 'diary:Mute' has no close(); a tracker takes the folder"),
        ("diary:Broken", "tracker 'diary:Broken' cannot be created: KeyError: 'TOKEN'"),
    ],
)
def test_a_name_that_is_no_tracker_ends_the_command_before_a_stage_runs(
    tmp_path: Path, name: str, message: str
) -> None:
    ran = run_with(tmp_path, name)
    error = ran.exception
    assert isinstance(error, RepertoireError), ran.output
    assert message in str(error)
    assert not list((tmp_path / "out").rglob("*.safetensors"))
    assert not (tmp_path / "out" / "extended" / "trials.parquet").exists()


class Newest:
    """A backend of a user's own: it computes the stage that was wanted last first."""

    def __init__(self, store: StageStore | None = None) -> None:
        self._store, self.computed = store, list[str]()
        self._wanted: list[StageOrder] = []

    def compute(
        self, client: Client, sweep: Sweep, store: StageStore, observe: Observer, brake: Brake
    ) -> None:
        workers = Newest(store)
        drive(client, workers, observe, brake)
        self.computed += workers.computed

    def slots(self) -> int:
        return 2

    def submit(self, order: StageOrder) -> None:
        self._wanted.append(order)

    def wait(self) -> list[Event]:
        assert self._store is not None
        order = self._wanted.pop()
        self.computed.append(order.key)
        return [compute_order(order, self._store)]


def test_a_script_runs_a_sweep_with_a_backend_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(SWEEP.replace("seeds: [0]", "seeds: [0, 1]"))
    sweep = Sweep.load(tmp_path / "sweep.yaml")
    backend, store = Newest(), open_store(tmp_path / "out", None)
    tables = Tabulator((), store, results_folder(sweep, tmp_path / "out"))
    run_sweep(sweep, tables, backend, Brake(sweep.budget, sweep.resources))
    wanted = {stage.key for _, stages in sweep.chains() for stage in stages}
    assert sorted(backend.computed) == sorted(wanted)  # each once
    assert all(store.record(key) is not None for key in wanted)


def test_the_command_line_offers_every_backend_of_the_table():
    assert [name.value for name in BackendName] == list(BACKENDS)
