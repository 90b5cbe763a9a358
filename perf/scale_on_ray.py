"""Time per trial and memory of the driver on a local Ray, beside a sweep of Tune that does nothing.

The trials are those of `perf.scale`: 5 tasks of 2 examples each, one step a task, so nearly all of
the time is that of Repertoire and of Ray. The rival is a Trainable whose 5 steps do nothing, with
actors that Tune reuses, no checkpoints and no output: what a scheduler of so many trials costs
without any result that is kept. Each runs in its own process, the start of Ray included. Processor
time is that of the driver, of Ray's processes and of its workers.

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
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil

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
    meter = ProcessorMeter()
    meter.start()
    SWEEPS[name](size, folder)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": seconds, "cpu": meter.seconds(), "memory": peak}


class ProcessorMeter(threading.Thread):
    """The processor time of this process and of all that it started, ended ones included.

    Ray's processes are ended by a signal and not waited for, so the system does not add their time
    to that of this process. Their time is read every PERIOD; what one spends after is not counted.
    """

    PERIOD = 1.0  # seconds

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.own = psutil.Process()
        self.others: dict[int, float] = {}

    def run(self) -> None:
        """Read the times until this process ends."""
        while True:
            for process in self.own.children(recursive=True):
                with suppress(psutil.Error):
                    self.others[process.pid] = sum(process.cpu_times()[:2])
            time.sleep(self.PERIOD)

    def seconds(self) -> float:
        """Return the seconds so far, user and system."""
        return float(sum(self.own.cpu_times()[:2])) + sum(self.others.values())


def measure_apart(name: str, size: int, folder: Path) -> dict[str, float]:
    """Run a sweep in a process of its own; return its measurements."""
    command = [sys.executable, "-m", "perf.scale_on_ray", "--one", name, "--sizes", str(size)]
    done = subprocess.run(
        [*command, "--folder", str(folder)], stdout=subprocess.PIPE, text=True, check=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def compare(size: int, rounds: int, folder: Path) -> float:
    """Measure both alternately, print a line; return processor seconds per trial."""
    figures: dict[str, list[dict[str, float]]] = {name: [] for name in SWEEPS}
    for number in range(rounds):
        for name in list(SWEEPS)[:: (-1) ** number]:
            place = folder / f"{size}-{number}-{name.replace(' ', '-')}"
            figures[name].append(measure_apart(name, size, place))
    wall, cpu = (
        {name: statistics.median(each[what] for each in figures[name]) for name in SWEEPS}
        for what in ("seconds", "cpu")
    )
    memory = max(each["memory"] for each in figures["repertoire"])
    cells = [f"{1e3 * of['repertoire'] / size:8.1f} {_ratio(of):5.2f}" for of in (wall, cpu)]
    print(
        f"{size:>8,} {wall['repertoire']:10.1f} s {wall['null tune']:10.1f} s {cells[0]}"
        f" {cells[1]} {memory / 1e6:9.0f} MB",
        flush=True,
    )
    return cpu["repertoire"] / size


def _ratio(seconds: dict[str, float]) -> float:
    return seconds["repertoire"] / seconds["null tune"]


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
    print("  trials   repertoire    null tune  ms wall ratio   ms CPU ratio       memory")
    with tempfile.TemporaryDirectory() as name:
        each = [compare(size, given.rounds, Path(name)) for size in given.sizes]
    sizes = f"{given.sizes[-1]:,} to that at {given.sizes[0]:,}"
    print(f"processor time per trial at {sizes}: {each[-1] / each[0]:.2f}")


if __name__ == "__main__":
    main()
