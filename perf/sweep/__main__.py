"""A sweep on all cores of a local Ray against the same trials by plain Ray Tune.

Eight learning rates of fine-tuning and two seeds on five tasks, task-incremental, in R all cells.
No trials share a stage but stage 0, so that nothing is spared by sharing. Ours is the command
`repertoire run`, with the store, the tables and MLflow. The rivals compute the same by a bare loop
(`perf.sweep.rival`) and keep nothing but Tune's own logs:

fresh    plain Tune, a process per trial
reused   plain Tune, actors reused
ideal    the seconds of our distinct stages over the number of cores: no start, no scheduling

Each runs in processes of its own, the start of Python and Ray included, in turn, the order
reversed every other round. Printed are the medians and ranges of the ratios, and that of ours to
the ideal also without start and end: from the beginning of the first stage to the last record.

    python -m perf.sweep [--data digits fashion_mnist] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from orchestrator.columns import PHASE_SECONDS
from orchestrator.sweep.sweep import Sweep
from perf.gpu.timing import Seconds, print_head, print_row, spread
from perf.sweep.clock import run_command

CASES: dict[str, dict[str, Any]] = {
    "digits": {"hidden": [128, 128], "training": {"epochs": 20, "batch_size": 32}},
    "fashion_mnist": {"hidden": [400, 400], "training": {"epochs": 1, "batch_size": 128}},
}
RATES = [float(rate) for rate in np.geomspace(1e-4, 1e-2, 8)]
SEEDS, NUM_TASKS = [0, 1], 5
RIVALS = ("fresh", "reused")


def write_sweep(data: str, folder: Path) -> Path:
    """Write our sweep file; return its path."""
    case = CASES[data]
    content = {
        "name": data,
        "benchmark": {"name": f"split_{data}", "scenario": "task", "num_tasks": NUM_TASKS},
        "network": {"name": "mlp", "hidden": case["hidden"]},
        "training": {**case["training"], "optimizer": "adam", "lr": {"grid": RATES}},
        "methods": ["finetune"],
        "seeds": SEEDS,
    }
    path = folder / f"{data}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def write_arrays(path: Path, folder: Path) -> tuple[Path, list[int]]:
    """Write the normalised tasks of a sweep for the rivals; return the path and the widths."""
    benchmark = Sweep.load(path).trials[0].benchmark
    mean, std = (np.float32(value[0]) for value in (benchmark.mean, benchmark.std))
    arrays: dict[str, np.ndarray] = {}
    tasks = benchmark.tasks()
    for index, task in enumerate(tasks):
        for split in ("train", "validation", "test"):
            part = getattr(task, split)
            pixels = part.x.flatten(1).numpy().astype(np.float32) / 255
            arrays[f"{index}-{split}_x"] = (pixels - mean) / std
            arrays[f"{index}-{split}_y"] = part.y.numpy()
    outputs = np.arange(benchmark.num_classes)
    arrays["masks"] = np.stack([~np.isin(outputs, task.classes) for task in tasks])
    np.savez(folder / f"{path.stem}.npz", **arrays)
    return folder / f"{path.stem}.npz", [pixels.shape[1], benchmark.num_classes]


def run_ours(path: Path, folder: Path) -> tuple[Seconds, float, float]:
    """Run our sweep; return its seconds, those of its distinct stages, and those they took."""
    command = [sys.executable, "-m", "orchestrator.cli", "run", str(path), "--out", str(folder)]
    seconds = run_command(command, folder.with_suffix(".log"))
    stages = pd.read_parquet(folder / path.stem / "stages.parquet").drop_duplicates("key")
    each = stages[list(PHASE_SECONDS)].sum(axis=1).set_axis(stages["key"])
    return seconds, float(each.sum()), stages_span(folder / "stages", each.to_dict())


def stages_span(store: Path, seconds: Mapping[str, float]) -> float:
    """Return the seconds from the beginning of the first stage to the record of the last.

    Args:
        store: the folder of records, whose times say when stages ended.
        seconds: of each stage, by key.
    """
    ends = {path.parent.name: path.stat().st_mtime for path in store.glob("*/*/record.json")}
    return max(ends[key] for key in seconds) - min(ends[k] - s for k, s in seconds.items())


def run_rival(name: str, data: str, arrays: Path, ends: list[int], folder: Path) -> Seconds:
    """Run the trials by plain Tune; return its seconds."""
    case = CASES[data]
    setting = {
        "widths": [ends[0], *case["hidden"], ends[1]],
        **case["training"],
        "rates": RATES,
        "seeds": SEEDS,
        "num_tasks": NUM_TASKS,
        "reuse_actors": name == "reused",
    }
    program = Path(__file__).with_name("rival.py")
    command = [sys.executable, str(program), str(arrays), str(folder), json.dumps(setting)]
    return run_command(command, folder.with_suffix(".log"))


def measure_round(
    data: str, path: Path, arrays: Path, ends: list[int], number: int
) -> dict[str, Any]:
    """Run all once; return the seconds of each, of our stages, and from the first to the last."""
    figures: dict[str, Any] = {}
    for name in ("ours", *RIVALS)[:: (-1) ** number]:
        folder = path.parent / f"{data}-{number}-{name}"
        if name == "ours":
            figures["ours"], figures["stages"], figures["span"] = run_ours(path, folder)
        else:
            figures[name] = run_rival(name, data, arrays, ends, folder)
    return figures


def print_case(data: str, rounds: list[dict[str, Any]]) -> None:
    """Print seconds and ratios of a case."""
    print_head(f"{data}: {len(RATES)} configurations, {len(SEEDS)} seeds", ("", "wall", "CPU"))
    for name in ("ours", *RIVALS):
        each = [figures[name] for figures in rounds]
        print_row(name, f"{spread(s.wall for s in each)} s", f"{spread(s.cpu for s in each)} s")
    for name in RIVALS:
        wall = [figures["ours"].wall / figures[name].wall for figures in rounds]
        cpu = [figures["ours"].cpu / figures[name].cpu for figures in rounds]
        print_row(f"ours / {name}", spread(wall), spread(cpu))
    ideal = [figures["stages"] / (os.cpu_count() or 1) for figures in rounds]
    wall = [f["ours"].wall / each for f, each in zip(rounds, ideal, strict=True)]
    print_row("ideal (stages / cores)", f"{spread(ideal)} s", "")
    print_row("ours / ideal", spread(wall), "")
    inner = [figures["span"] / each for figures, each in zip(rounds, ideal, strict=True)]
    print_row("ours / ideal, from first to last stage", spread(inner), "")


def main() -> None:
    """Measure, and print a table per data set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for data in given.data:
            path = write_sweep(data, Path(name))
            arrays, ends = write_arrays(path, Path(name))
            rounds = [
                measure_round(data, path, arrays, ends, number) for number in range(given.rounds)
            ]
            print_case(data, rounds)


if __name__ == "__main__":
    main()
