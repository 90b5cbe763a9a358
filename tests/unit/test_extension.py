"""A tracker is called as its protocol says; the command line knows every backend."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from orchestrator.backends.factory import BACKENDS
from orchestrator.backends.inline import Inline
from orchestrator.cli.app import BackendName
from orchestrator.cli.run_sweep import run_sweep
from orchestrator.graph.brake import Brake
from orchestrator.results.folder.places import open_store, results_folder
from orchestrator.results.folder.tabulator import Tabulator
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


def test_the_command_line_offers_every_backend_of_the_table():
    assert [name.value for name in BackendName] == list(BACKENDS)
