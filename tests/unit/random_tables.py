"""Tables of sweeps that were never run: right in form, drawn at random in content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from orchestrator.columns import MEANS, METRICS, SUMMED
from orchestrator.results.tables.config_columns import with_config_columns
from orchestrator.results.tables.schemas import ACCURACY, STAGES, TRIALS
from orchestrator.results.tables.tables import Tables, write_tables

METHODS = {"finetune": [{}], "ewc": [{"lam": 1.0}, {"lam": 100}], "er": [{"memory_size": 10}]}
COSTS = [
    name
    for name in TRIALS.names
    if (name.endswith("_bytes") and name not in MEANS) or name in SUMMED
]


def random_tables(
    rng: np.random.Generator,
    sweep: str,
    scenario: str = "task",
    seeds: int = 3,
    num_tasks: int = 3,
    complete: float = 0.8,
    more: Mapping[str, Any] | None = None,
) -> Tables:
    """Return tables of a sweep of four configurations.

    Args:
        rng: where the content comes from.
        sweep: its name.
        scenario: "task", "domain" or "class".
        seeds: how many.
        num_tasks: T.
        complete: share of the trials that are complete; the others stopped, failed or diverged.
        more: values of columns in all trials, in place of those drawn.
    """
    trials: list[dict[str, Any]] = []
    for method, configs in METHODS.items():
        for config in configs:
            for seed in range(seeds):
                trial = _trial(rng, method, config, seed, num_tasks, rng.random() < complete)
                trials.append(trial | {"sweep": sweep, "scenario": scenario} | dict(more or {}))
    cells = [cell for trial in trials for cell in _cells(rng, trial)]
    stages = [stage for trial in trials for stage in _stages(trial)]
    return Tables(
        with_config_columns(pa.Table.from_pylist(trials, TRIALS)),
        pa.Table.from_pylist(cells, ACCURACY),
        pa.Table.from_pylist(stages, STAGES),
    )


def write_random(folder: Path, seed: int = 0, **options: Any) -> Path:
    """Write random tables into a folder, which names the sweep; return it."""
    write_tables(random_tables(np.random.default_rng(seed), folder.name, **options), folder)
    return folder


def _trial(
    rng: np.random.Generator,
    method: str,
    config: dict[str, Any],
    seed: int,
    num_tasks: int,
    complete: bool,
) -> dict[str, Any]:
    settings = "-".join(f"{name}{value}" for name, value in config.items())
    status = "complete" if complete else str(rng.choice(["stopped", "failed", "diverged"]))
    metrics = {name: float(rng.uniform(-1, 1)) for name in METRICS} if complete else {}
    if rng.random() < 0.1:
        metrics["fwt"] = float("nan")
    if num_tasks == 1:
        metrics |= dict.fromkeys(("bwt", "fwt", "forgetting"), float("nan"))
    return {
        "trial_id": f"{method}-{settings}",
        "phase": "evaluation",
        "selected": False,
        "status": status,
        "method": method,
        "benchmark": "split_digits",
        "network": "mlp",
        "seed": seed,
        "tasks_done": num_tasks if complete else int(rng.integers(num_tasks)),
        "num_tasks": num_tasks,
        "config": json.dumps({"method": {"name": method, **config}}),
        "story": "" if complete else f"{status} at random",
        "val_acc": float(rng.random()),
        **metrics,
        **{name: int(rng.integers(1, 10**9)) for name in COSTS},
    }


def _cells(rng: np.random.Generator, trial: dict[str, Any]) -> list[dict[str, Any]]:
    keys = {name: trial[name] for name in ("sweep", "trial_id", "seed")}
    return [
        keys | {"split": split, "after": after, "task": task, "accuracy": accuracy, "n": 10}
        for after in range(trial["tasks_done"] + 1)
        for task in range(1, trial["num_tasks"] + 1)
        for split in ("validation", "test")
        for accuracy in [None if rng.random() < 0.05 else float(rng.random())]
    ]


def _stages(trial: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a chain whose stage 0 is shared by the trials of a seed."""
    keys = [
        f"{trial['seed']:040x}",
        *(
            f"{trial['trial_id']} {trial['seed']} {after}"
            for after in range(1, trial["tasks_done"] + 1)
        ),
    ]
    return [
        {
            "sweep": trial["sweep"],
            "trial_id": trial["trial_id"],
            "seed": trial["seed"],
            "after": after,
            "key": key,
            "parent": keys[after - 1] if after else None,
            "cached": after == 0,
            "status": "complete",
            "storage_bytes": 1000 + 10 * after,
            "train_flops": 100.0,
            "consolidate_flops": 10.0,
            "eval_flops": 1.0,
        }
        for after, key in enumerate(keys)
    ]
