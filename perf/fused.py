"""Sweeps whose siblings are fused, over the same sweeps with each stage trained by itself.

Split digits, class-incremental, 5 tasks, MLP 64-100-10, batch 32, Adam, in this process on one
thread; seeds are the siblings. All is counted: keys, plan, training, consolidation, evaluation,
records, the store (in a temporary folder). Both ways take turns in the order. Printed are seconds
of the processor (user and system) and of the wall, medians, and their ratio with its range over the
pairs. `--hidden` measures another network, `--epochs` another length, `--gpus 1` a GPU.

    python -m perf.fused [--methods finetune ewc er der] [--siblings 1 4 16 32] [--pairs 5]
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from orchestrator.backends.inline import Inline
from orchestrator.graph.brake import Brake
from orchestrator.graph.evaluation import Evaluation
from orchestrator.graph.plan import plan
from orchestrator.stages.storage.store import StageStore
from orchestrator.sweep.sweep import Sweep

Seconds = tuple[float, float]  # of the processor, and of the wall
METHODS: dict[str, Any] = {"er": {"name": "er", "memory_size": 200}}
METHODS["der"] = {"name": "der", "memory_size": 200}


def read_sweep(method: str, siblings: int, fuse: str | int, options: argparse.Namespace) -> Sweep:
    """Return the sweep of one method on as many seeds as there are siblings."""
    content = {
        "name": "fused",
        "benchmark": {"name": options.data, "scenario": "class", "num_tasks": 5},
        "network": {"name": "mlp", "hidden": options.hidden},
        "training": {"epochs": options.epochs, "batch_size": options.batch},
        "methods": [METHODS.get(method, method)],
        "seeds": list(range(siblings)),
        "resources": {"fuse": fuse, "gpus": options.gpus},
    }
    return Sweep.read(content, "", "perf.fused", Path())


def run(sweep: Sweep) -> None:
    """Run a sweep into a store of its own."""
    with tempfile.TemporaryDirectory() as folder:
        store = StageStore(folder)
        news: list[object] = []
        Inline().compute(Evaluation(plan(sweep, store)), sweep, store, news.append, Brake())


def seconds(work: Callable[[], None]) -> Seconds:
    """Return the seconds of a piece of work."""
    before, started = os.times(), time.perf_counter()
    work()
    wall, after = time.perf_counter() - started, os.times()
    return after.user + after.system - before.user - before.system, wall


def compare(method: str, siblings: int, options: argparse.Namespace) -> None:
    """Print the seconds of both ways, and their ratio."""
    sweeps = [read_sweep(method, siblings, fuse, options) for fuse in ("off", max(siblings, 2))]
    pairs: list[tuple[Seconds, Seconds]] = []
    for number in range(options.pairs):
        first = number % 2
        taken = {way: seconds(lambda way=way: run(sweeps[way])) for way in (first, 1 - first)}
        pairs.append((taken[0], taken[1]))
    texts = []
    for unit, name in enumerate(("CPU", "wall")):
        apart, fused = (statistics.median(each[way][unit] for each in pairs) for way in (0, 1))
        ratios = [one[unit] / other[unit] for one, other in pairs]
        low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
        texts.append(
            f"{name} {apart:6.2f} s apart, {fused:6.2f} s fused, {middle:5.2f} times "
            f"({low:.2f} to {high:.2f})"
        )
    print(f"{method:8} {siblings:3} siblings: {'; '.join(texts)}", flush=True)


def main() -> None:
    """Print a line for each method and number of siblings."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--methods", nargs="+", default=["finetune", "ewc", "er", "der"])
    parser.add_argument("--siblings", type=int, nargs="+", default=[1, 4, 16, 32])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--hidden", type=int, nargs="*", default=[100])
    parser.add_argument("--data", default="split_digits")
    parser.add_argument("--gpus", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, {options}")
    for way in ("off", 2):  # what is imported at first use is not counted
        run(read_sweep(options.methods[0], 2, way, options))
    for method in options.methods:
        for siblings in options.siblings:
            compare(method, siblings, options)


if __name__ == "__main__":
    main()
