"""A new built-in is an entry of a table: whatever asks for a name asks the table."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

import orchestrator
from methods import METHODS
from methods.finetune import Finetune
from orchestrator.backends.factory import BACKENDS, BackendEntry
from orchestrator.backends.inline import Inline
from orchestrator.benchmarks.benchmark import BENCHMARKS
from orchestrator.benchmarks.datasets.dataset import DATASETS, DatasetInfo
from orchestrator.cli.app import BackendName
from orchestrator.cli.run import RunOptions, run
from orchestrator.cli.run_sweep import run_sweep
from orchestrator.graph.brake import Brake
from orchestrator.graph.evaluation import FirstInFirstOut
from orchestrator.networks.mlp import MLP
from orchestrator.networks.networks import NETWORKS
from orchestrator.results.folder.places import open_store, results_folder
from orchestrator.results.folder.tabulator import Tabulator
from orchestrator.sweep.sweep import Sweep

pytestmark = pytest.mark.slow

SWEEP = """
name: extended
seeds: [0]
benchmark: {name: %s, scenario: task, num_tasks: 2}
network: {name: %s, hidden: [4]}
training: {iterations: 2}
methods: [%s]
"""


class Wide(MLP):
    """A network under a name of its own."""


class Plain(Finetune):
    """A method under a name of its own."""


class CountingBackend(Inline):
    """Counts the clients that it computes for."""

    num_clients = 0

    def compute(self, *args, **kwargs):
        self.num_clients += 1
        super().compute(*args, **kwargs)


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


def read_stripes(_folder: Path):
    y = np.arange(40) % 4
    x = (np.arange(64).reshape(1, 8, 8) + 17 * y[:, None, None]).astype(np.uint8)
    return x, y, x, y


def write(folder: Path, benchmark="split_digits", network="mlp", method="finetune") -> Path:
    path = folder / "sweep.yaml"
    path.write_text(SWEEP % (benchmark, network, method))
    return path


def test_data_set_network_method_and_backend_are_entries_of_their_tables(tmp_path, monkeypatch):
    stripes = DatasetInfo(
        num_classes=4, input_shape=(1, 8, 8), mean=(0.2,), std=(0.1,), read=read_stripes
    )
    monkeypatch.setitem(DATASETS, "stripes", stripes)
    monkeypatch.setitem(BENCHMARKS, "split_stripes", ("split", "stripes"))
    monkeypatch.setitem(NETWORKS, "wide", Wide)
    monkeypatch.setitem(METHODS, "plain", Plain)
    backend = CountingBackend()
    entry = BackendEntry(lambda place, say: nullcontext(backend), FirstInFirstOut)
    monkeypatch.setitem(BACKENDS, "counting", entry)

    path = write(tmp_path, "split_stripes", "wide", "plain")
    assert run(path, tmp_path / "out", None, RunOptions("counting")) == 0
    trials = orchestrator.load(tmp_path / "out").trials
    assert list(trials.method) == ["plain"]
    assert list(trials["config.network.name"]) == ["wide"]
    assert list(trials.benchmark) == ["split_stripes"]
    assert backend.num_clients == 1


def test_a_tracker_is_called_while_a_sweep_runs_and_closed_once(tmp_path):
    sweep = Sweep.load(write(tmp_path))
    tracker = ListTracker()
    folder = results_folder(sweep, tmp_path / "out")
    tables = Tabulator((), open_store(tmp_path / "out", None), folder, tracker)
    run_sweep(sweep, tables, Inline(), Brake(sweep.budget, sweep.resources))
    assert tracker.calls[-1] == "close"
    assert tracker.calls.count("close") == 1
    assert set(tracker.calls) == {"poke", "close"}


def test_the_command_line_offers_every_backend_of_the_table():
    assert [name.value for name in BackendName] == list(BACKENDS)
