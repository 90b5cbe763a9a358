"""Time per trial and memory of a sweep of N trials, for several N, phase by phase.

The N trials of fine-tuning differ in their learning rate, on 5 tasks of digits with 2 examples
each: 5 N stages, and one that all share. Without --train, training is replaced by a constant
result, so that the time of Repertoire itself remains (keys, plan, graph, store, records, tables).
Each phase runs in its own process. The time per trial is processor time, which depends least on
other load, without imports. Memory is the peak, with that of torch.

read     the sweep file becomes a sweep
plan     the sweep against an empty store
run      every stage computed in this process, tables written
warm     `repertoire run` again: all is stored, no Ray, tables and comparison are rebuilt
compare  `repertoire compare`: all differences and ranks
random   a search of N candidates drawn at random, its winner evaluated
asha     the same, candidates stopped early
mlflow   all runs sent to a new SQLite database

    python -m perf.scale [--sizes 1000 10000] [--phases read plan ...] [--train] [--folder DIR]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from rich.console import Console

from orchestrator.backends.inline import Inline
from orchestrator.cli.run_report import print_report
from orchestrator.cli.run_sweep import run_sweep
from orchestrator.graph.brake import Brake
from orchestrator.graph.plan import plan
from orchestrator.results.comparison import comparison
from orchestrator.results.contrasts import with_differences
from orchestrator.results.folder.places import open_store, results_folder
from orchestrator.results.folder.tabulator import Tabulator
from orchestrator.results.load import load
from orchestrator.results.ranking import with_ranks
from orchestrator.stages.environment import describe_environment
from orchestrator.stages.record import Costs, Record, Score
from orchestrator.stages.run_stage import State, describe_stage
from orchestrator.stages.stage import Stage
from orchestrator.sweep.sweep import Sweep
from orchestrator.terminal.comparison.rendering import render
from orchestrator.tracking import resolve_target, sync

SWEEP = """
name: {name}
benchmark: {{name: split_digits, scenario: task, num_tasks: 5, samples_per_task: 2}}
network: {{name: mlp, hidden: [2]}}
training: {{batch_size: 2, iterations: 1, lr: {lr}}}
methods: [finetune]
seeds: [0]
{search}
"""
SEARCHES = {
    "random": "search: {{algorithm: random, num_trials: {size}}}",
    "asha": "search: {{algorithm: random, num_trials: {size}, scheduler: asha}}",
}


def build_stages(
    stage: Stage, parent: State | None, computed_for: tuple[str, str, int], device: str = "cpu"
) -> tuple[State, Record]:
    """Return a state of four numbers, and accuracies derived from the stage's key."""
    draws = np.random.default_rng(int(stage.key[:12], 16)).random((len(stage.task_keys), 2))
    scores = {
        task: {
            split: Score(accuracy=float(accuracy), loss=1.0, n=36)
            for split, accuracy in zip(("validation", "test"), row, strict=True)
        }
        for task, row in zip(stage.task_keys, draws, strict=True)
    }
    return {"weight": torch.zeros(4)}, Record(
        key=stage.key,
        parent=stage.parent,
        after=stage.after,
        status="complete",
        costs=Costs(storage={"model": 16}, train_flops=10**6, train_seconds=1e-3, samples=2),
        evaluation=scores,
        computed_for=computed_for,
        spec=describe_stage(stage),
        environment=describe_environment(),
    )


def sweep_file(folder: Path, name: str, size: int) -> Path:
    """Write the sweep of a phase; return its path."""
    if name in SEARCHES:
        lr, search = "{loguniform: [1.0e-4, 1.0]}", SEARCHES[name].format(size=size)
    else:
        rates = np.geomspace(1e-4, 1.0, size).tolist()
        lr, search = f"{{grid: {rates}}}", ""
    path = folder / f"{name}.yaml"
    path.write_text(SWEEP.format(name=name, lr=lr, search=search), encoding="utf-8")
    return path


def run_once(path: Path) -> None:
    """Run a sweep in this process, without MLflow."""
    sweep = Sweep.load(path)
    out = path.parent / "results"
    tables = Tabulator((), open_store(out, None), results_folder(sweep, out))
    run_sweep(sweep, tables, Inline(), Brake())


def run_again(path: Path) -> None:
    """Do what `repertoire run` does when all is stored."""
    run_once(path)
    print_report(Console(), path.parent / "results" / "grid", [])


def compare(path: Path) -> None:
    """Do what `repertoire compare` does."""
    results = load(path.parent / "results" / "grid")
    render(with_ranks(with_differences(results, comparison(results), None)), "table")


def send_to_mlflow(path: Path) -> None:
    """Send all runs to MLflow."""
    out = path.parent / "results"
    sync(out / "grid", resolve_target(out))


PHASES: Mapping[str, tuple[str, Callable[[Path], Any]]] = {
    "read": ("grid", Sweep.load),
    "plan": ("grid", lambda path: plan(Sweep.load(path), open_store(path.parent / "none", None))),
    "run": ("grid", run_once),
    "warm": ("grid", run_again),
    "compare": ("grid", compare),
    "random": ("random", run_once),
    "asha": ("asha", run_once),
    "mlflow": ("grid", send_to_mlflow),
}


def measure(phase: str, size: int, folder: Path, train: bool) -> dict[str, float]:
    """Run a phase in this process; return seconds, processor seconds and peak memory in bytes."""
    name, work = PHASES[phase]
    path = sweep_file(folder, name, size)
    replacement = (
        nullcontext() if train else patch("orchestrator.stages.worker.run_stage", build_stages)
    )
    start, start_cpu = time.perf_counter(), time.process_time()
    with replacement:
        work(path)
    return {
        "seconds": time.perf_counter() - start,
        "cpu": time.process_time() - start_cpu,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def measure_apart(phase: str, size: int, folder: Path, train: bool) -> dict[str, float]:
    """Run a phase in its own process; return its measurements."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "perf.scale", "--folder", str(folder), "--one", phase]
    words = [*command, "--sizes", str(size), *(["--train"] if train else [])]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def row(phase: str, sizes: list[int], figures: list[dict[str, float]]) -> str:
    """Return a phase's line: per size the seconds and the cost per trial; the ratio; the memory."""
    each = [1e3 * figure["cpu"] / size for figure, size in zip(figures, sizes, strict=True)]
    cells = [
        f"{figure['seconds']:9.1f} s {cost:9.2f} ms"
        for figure, cost in zip(figures, each, strict=True)
    ]
    memory = max(figure["memory"] for figure in figures)
    return f"{phase:8}{''.join(cells)} {each[-1] / each[0]:7.2f} {memory / 1e6:9.0f} MB"


def main() -> None:
    """Measure, and print a line per phase."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--phases", nargs="+", default=list(PHASES), choices=list(PHASES))
    parser.add_argument("--train", action="store_true", help="train the networks")
    parser.add_argument("--folder", type=Path, help="keep the files in this folder")
    parser.add_argument("--one", choices=list(PHASES), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one, given.sizes[0], given.folder, given.train)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = given.folder or Path(name)
        print(f"{'trials':8}" + "".join(f"{size:>9,}   per trial " for size in given.sizes), end="")
        print(f" {'ratio':>7} {'memory':>12}")
        for phase in given.phases:
            figures = [
                measure_apart(phase, size, folder / str(size), given.train) for size in given.sizes
            ]
            print(row(phase, given.sizes, figures), flush=True)


if __name__ == "__main__":
    main()
