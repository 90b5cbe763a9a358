"""Open and filter 10,000 trials of 20 tasks with the dashboard's queries and with pandas.

The tables have random values and are written with the real schema into a temporary folder: 2,000
configurations on 5 seeds in 4 sweeps, R on validation and test data (4.2 million cells each). Both
sides answer the same questions in the same process; the rival is `orchestrator.load` with data
frames. Targets: open in under 3 s, filter in under 0.5 s.

    python -m perf.results [--configurations 2000]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dashboards.data.comparing import configurations
from dashboards.data.matrices import read_curves, read_matrices
from dashboards.data.scope import Scope, list_choices
from dashboards.data.warehouse import Warehouse
from orchestrator.results.averages import average_over_seeds
from orchestrator.results.comparison import comparison
from orchestrator.results.load import load
from orchestrator.results.results import Results
from orchestrator.results.tables.config_columns import with_config_columns
from orchestrator.results.tables.schemas import ACCURACY, STAGES, TRIALS
from orchestrator.results.tables.tables import Tables, write_tables

METHODS = ("ewc", "er", "si", "mas", "lwf")
SWEEPS, SEEDS, TASKS = 4, 5, 20


def build_tables(sweep: str, num_configurations: int, rng: np.random.Generator) -> Tables:
    """Return tables of a sweep whose accuracies are drawn at random."""
    num_trials = num_configurations * SEEDS
    of = np.repeat(np.arange(num_configurations), SEEDS)
    number = sweep.rpartition(" ")[2]  # the same trial in two sweeps would have to be the same
    names = [f"{METHODS[i % len(METHODS)]}-{number}{i:07x}" for i in range(num_configurations)]
    ids = np.array(names)
    trials: dict[str, Any] = {
        "sweep": [sweep] * num_trials,
        "trial_id": ids[of],
        "phase": ["evaluation"] * num_trials,
        "status": ["complete"] * num_trials,
        "method": np.array(METHODS)[of % len(METHODS)],
        "benchmark": ["split_digits"] * num_trials,
        "scenario": ["class"] * num_trials,
        "seed": np.tile(np.arange(SEEDS), num_configurations),
        "num_tasks": [TASKS] * num_trials,
        "config": [json.dumps({"method": {"lam": float(i)}}) for i in of],
    }
    keys = ("sweep", "trial_id", "seed")
    shape = (num_trials, 2, TASKS + 1, TASKS)
    trial, split, after, task = (index.ravel() for index in np.indices(shape, dtype=np.int32))
    cells = {name: np.asarray(trials[name])[trial] for name in keys} | {
        "split": np.array(["validation", "test"])[split],
        "after": after,
        "task": task + 1,
        "accuracy": rng.random(trial.size),
        "loss": rng.random(trial.size),
        "n": np.full(trial.size, 100),
    }
    return Tables(
        with_config_columns(table(trials, TRIALS, num_trials, rng)),
        table(cells, ACCURACY, trial.size, rng),
        table({}, STAGES, 0, rng),
    )


def table(
    known: dict[str, Any], schema: pa.Schema, num_rows: int, rng: np.random.Generator
) -> pa.Table:
    """Return the known columns and, for the rest, random figures or nulls."""
    return pa.Table.from_arrays(
        [
            pa.array(known[field.name], field.type)
            if field.name in known
            else pa.array(rng.random(num_rows) * 1e6).cast(field.type, safe=False)
            if field.type in (pa.float64(), pa.int64())
            else pa.nulls(num_rows, field.type)
            for field in schema
        ],
        schema=schema,
    )


def seconds(work: Callable[[], Any]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def open_by_dashboard(folder: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield each question with how the dashboard answers it."""
    state: dict[str, Any] = {}

    def open_all() -> None:
        state["warehouse"] = Warehouse.open(folder)
        list_choices(state["warehouse"])
        state["all"] = configurations(state["warehouse"])

    yield "open: every configuration compared", open_all
    scope = Scope(sweep=("sweep 1",), method=("er",))
    yield "filter: one sweep, one method", lambda: configurations(state["warehouse"], scope)
    yield (
        "R of one trial, five seeds",
        lambda: read_matrices(state["warehouse"], *first_trial(state["all"])),
    )
    yield "curves of six configurations", lambda: read_curves(state["warehouse"], state["all"][:6])


def read_by_pandas(folder: Path) -> Iterator[Callable[[], Any]]:
    """Yield how pandas answers the same questions, all tables read."""
    results: dict[str, Any] = {}

    def open_all() -> None:
        results["results"] = load(folder)
        results["all"] = comparison(results["results"])

    yield open_all

    def filtered() -> None:
        r = results["results"]
        kept = (r.trials["sweep"] == "sweep 1") & (r.trials["method"] == "er")
        comparison(Results(r.trials[kept], r.accuracy, r.stages))

    yield filtered

    def r_matrix() -> None:
        sweep, trial_id = first_trial(results["all"])
        for seed in range(SEEDS):
            results["results"].r_matrix(trial_id, seed, sweep=sweep)

    yield r_matrix

    def average_of_six() -> None:
        cells = results["results"].accuracy
        chosen = list(results["all"]["trial_id"][:6])
        kept = cells[cells["trial_id"].isin(chosen) & (cells["split"] == "test")]
        average_over_seeds(kept, ["sweep", "trial_id", "after", "task"], ["accuracy"])

    yield average_of_six


def first_trial(table: Any) -> tuple[str, str]:
    """Return the sweep and the id of a trial in the middle."""
    row = table.iloc[len(table) // 2]
    return row["sweep"], row["trial_id"]


def main() -> None:
    """Make the tables, ask both, print seconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--configurations", type=int, default=2000)
    num = parser.parse_args().configurations
    with tempfile.TemporaryDirectory() as name:
        for i in range(SWEEPS):
            tables = build_tables(f"sweep {i}", num // SWEEPS, np.random.default_rng(i))
            write_tables(tables, Path(name) / f"sweep {i}")
        cells = num * SEEDS * (TASKS + 1) * TASKS
        print(f"{num * SEEDS:,} trials, {cells:,} cells of R on each of two splits")
        print(f"{'':36}{'dashboard':>12}{'pandas':>12}{'ratio':>9}")
        pairs = zip(open_by_dashboard(Path(name)), read_by_pandas(Path(name)), strict=True)
        for (question, ours), theirs in pairs:
            ours_s, theirs_s = seconds(ours), seconds(theirs)
            print(f"{question:36}{ours_s:10.2f} s{theirs_s:10.2f} s{theirs_s / ours_s:8.1f}x")


if __name__ == "__main__":
    main()
