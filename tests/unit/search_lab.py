"""A small search, computed in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from orchestrator.backends import factory
from orchestrator.backends.inline import Inline
from orchestrator.cli.run_sweep import SweepOutcome, plan_sweep, run_sweep
from orchestrator.graph.brake import Brake
from orchestrator.results.folder.places import open_store, results_folder
from orchestrator.results.folder.tabulator import Tabulator
from orchestrator.results.load import load
from orchestrator.search.create import create_study
from orchestrator.search.study import Study
from orchestrator.sweep.sweep import Sweep

INLINE = Inline()
SWEEP = {
    "name": "lab",
    "benchmark": "{name: split_digits, num_tasks: 2, samples_per_task: 32, scenario: task}",
    "network": "{name: mlp, hidden: [8]}",
    "training": "{batch_size: 16}",
    "methods": "[{name: ewc, lam: {loguniform: [1, 1000]}}]",
    "seeds": "[0]",
    "search": "{algorithm: random, num_trials: 3}",
}


def write(folder: Path, **parts: str) -> Path:
    """Write the sweep, with some of its parts otherwise."""
    path = folder / "lab.yaml"
    path.write_text("".join(f"{name}: {text}\n" for name, text in {**SWEEP, **parts}.items()))
    return path


def run(folder: Path, backend: Any = INLINE, **parts: str) -> SweepOutcome:
    """Run the sweep into DIR/results as far as its budget goes."""
    sweep = Sweep.load(write(folder, **parts))
    out = folder / "results"
    tables = Tabulator((), open_store(out, None), results_folder(sweep, out))
    return run_sweep(sweep, tables, backend, Brake(sweep.budget, sweep.resources))


def journal(folder: Path) -> list[dict[str, Any]]:
    """Return the entries of the journal of the search."""
    path = folder / "results" / "lab" / "search.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def points(folder: Path) -> list[dict[str, Any]]:
    """Return what was drawn, in order."""
    return [entry["point"] for entry in journal(folder) if "point" in entry]


def trials(folder: Path, phase: str = "search") -> pd.DataFrame:
    """Return the rows of a phase."""
    table = load(folder / "results" / "lab").trials
    return table[table["phase"] == phase]


def forecast_rows(sweep: Sweep, folder: Path) -> list[tuple[str, str]]:
    """Return the rows of the sweep's plan that are about its search."""
    out = folder / "results"
    return plan_sweep(sweep, open_store(out, None), results_folder(sweep, out))[1]


def study(sweep: Sweep, folder: Path) -> Study:
    """Return the search of the sweep, before it has begun."""
    out = folder / "results"
    folder = results_folder(sweep, out)
    result = create_study(sweep, open_store(out, None), folder, factory, read_only=True)
    assert isinstance(result, Study)
    return result
