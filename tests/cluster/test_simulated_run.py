"""A simulation against the run that it foretells, on Ray with two workers."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from orchestrator.backends.nodes import Demand
from orchestrator.backends.ray_backend import OnRay
from orchestrator.graph.plan import plan
from orchestrator.graph.progress import Progress
from orchestrator.graph.simulation import simulate
from orchestrator.graph.virtual_workers import VirtualCluster
from orchestrator.results.durations import read_durations
from orchestrator.results.folder.places import open_store, results_folder
from orchestrator.results.folder.tabulator import Tabulator
from orchestrator.search.evaluate import evaluate
from orchestrator.sweep.sweep import Sweep

pytestmark = [
    pytest.mark.ray,
    pytest.mark.storm,
    pytest.mark.usefixtures("one_ray"),
    pytest.mark.timeout(240),
]
SWEEP = """
name: lab
benchmark: {name: rotated_digits, num_tasks: 3, samples_per_task: 8}
network: {name: mlp, hidden: [8]}
training: {batch_size: 8}
methods: ["sleeper:Sleeper"]
seeds: SEEDS
"""
SLEEPER = """
import time
from methods.finetune import Finetune

class Sleeper(Finetune):
    def end_task(self, view):
        super().end_task(view)
        time.sleep(0.6 if view.index == 2 else 1.2)
"""


def run_seconds(sweep: Sweep, out: Path) -> float:
    """Run a sweep on Ray; return the seconds from its beginning to the end of its last stage."""
    store, times = open_store(out, None), list[float]()

    def show(progress: Progress) -> None:
        times.append(time.perf_counter())

    tables = Tabulator((), store, results_folder(sweep, out))
    sweep_plan = plan(sweep, store)
    tables.chains = sweep_plan.chains
    evaluate(sweep_plan, tables, OnRay(), show)
    return times[-1] - times[0]


def test_a_simulated_makespan_is_that_of_a_run_on_the_local_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three seeds of three tasks on two workers: one of them ends with stages that wait."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "sleeper.py").write_text(SLEEPER)

    def load(seeds: str) -> Sweep:
        (tmp_path / "sweep.yaml").write_text(SWEEP.replace("SEEDS", seeds))
        return Sweep.load(tmp_path / "sweep.yaml")

    run_seconds(load("[3, 4]"), tmp_path / "warm")  # workers import torch
    sweep = load("[0, 1, 2]")
    seconds = run_seconds(sweep, tmp_path / "out")
    planned = plan(sweep, open_store(tmp_path / "empty", None, read_only=True))
    durations = read_durations(tmp_path / "out")
    costs = {key: durations.cost(order) for key, order in planned.orders.items()}
    simulated = simulate(planned, costs, VirtualCluster(nodes=1, slots=2), Demand().stages)
    assert simulated.makespan == pytest.approx(seconds, rel=0.15)
    assert simulated.makespan > 4 * 1.2
