"""Time per trial and memory of the driver on a local Ray, beside a sweep of Tune that does nothing.

The trials are those of `perf.scale`: 5 tasks of 2 examples each, one step a task, so nearly all of
the time is that of Repertoire and of Ray. The rival is a Trainable whose 5 steps do nothing, with
actors that Tune reuses, no checkpoints and no output: what a scheduler of so many trials costs
without any result that is kept. Each runs in its own process, the start of Ray included.

    python -m perf.scale_on_ray [--sizes 100 1000] [--rounds 1]
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from orchestrator.backends.ray_backend import OnRay
from orchestrator.cli.run_sweep import run_sweep
from orchestrator.graph.brake import Brake
from orchestrator.results.folder.places import open_store, results_folder
from orchestrator.results.folder.tabulator import Tabulator
from orchestrator.sweep.sweep import Sweep
from perf.scale import sweep_file

NUM_TASKS = 5


def run_repertoire(size: int, folder: Path) -> None:
    """Run the sweep of so many trials, without MLflow."""
    sweep = Sweep.load(sweep_file(folder, "grid", size))
    out = folder / "results"
    tables = Tabulator((), open_store(out, None), results_folder(sweep, out))
    with OnRay() as backend:
        run_sweep(sweep, tables, backend, Brake())


def run_null_tune(size: int, folder: Path) -> None:
    """Run so many trials of a Trainable that does nothing."""
    import ray
    from ray import tune

    class Null(tune.Trainable):
        def setup(self, config: dict[str, Any]) -> None:
            pass

        def step(self) -> dict[str, Any]:
            return {"acc": 0.0}

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            return True

    ray.init(include_dashboard=False, log_to_driver=False)
    rates = np.geomspace(1e-4, 1.0, size).tolist()
    tune.Tuner(
        tune.with_resources(Null, {"cpu": 1}),
        param_space={"lr": tune.grid_search(rates)},
        tune_config=tune.TuneConfig(reuse_actors=True),
        run_config=tune.RunConfig(
            stop={"training_iteration": NUM_TASKS},
            storage_path=str(folder),
            verbose=0,
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
        ),
    ).fit()
    ray.shutdown()


SWEEPS: dict[str, Callable[[int, Path], None]] = {
    "repertoire": run_repertoire,
    "null tune": run_null_tune,
}


def measure(name: str, size: int, folder: Path) -> dict[str, float]:
    """Run a sweep in this process; return seconds, and the peak memory of the driver in bytes."""
    folder.mkdir(parents=True)
    start = time.perf_counter()
    SWEEPS[name](size, folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": time.perf_counter() - start, "memory": peak}


def measure_apart(name: str, size: int, folder: Path) -> dict[str, float]:
    """Run a sweep in a process of its own; return its measurements."""
    command = [sys.executable, "-m", "perf.scale_on_ray", "--one", name, "--sizes", str(size)]
    done = subprocess.run(
        [*command, "--folder", str(folder)], stdout=subprocess.PIPE, text=True, check=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def compare(size: int, rounds: int, folder: Path) -> float:
    """Measure both alternately, print a line; return seconds per trial."""
    figures: dict[str, list[dict[str, float]]] = {name: [] for name in SWEEPS}
    for number in range(rounds):
        for name in list(SWEEPS)[:: (-1) ** number]:
            place = folder / f"{size}-{number}-{name.replace(' ', '-')}"
            figures[name].append(measure_apart(name, size, place))
    seconds = {
        name: statistics.median(each["seconds"] for each in of_one)
        for name, of_one in figures.items()
    }
    memory = max(each["memory"] for each in figures["repertoire"])
    print(
        f"{size:>8,} {seconds['repertoire']:10.1f} s {1e3 * seconds['repertoire'] / size:8.1f} ms"
        f" {seconds['null tune']:10.1f} s {seconds['repertoire'] / seconds['null tune']:7.2f}"
        f" {memory / 1e6:9.0f} MB",
        flush=True,
    )
    return seconds["repertoire"] / size


def main() -> None:
    """Measure, and print a line per size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--one", choices=list(SWEEPS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one, given.sizes[0], given.folder)))
        return
    print("  trials repertoire  per trial     null tune   ratio    memory")
    with tempfile.TemporaryDirectory() as name:
        each = [compare(size, given.rounds, Path(name)) for size in given.sizes]
    sizes = f"{given.sizes[-1]:,} to that at {given.sizes[0]:,}"
    print(f"cost per trial at {sizes}: {each[-1] / each[0]:.2f}")


if __name__ == "__main__":
    main()
