"""Copies of former tables, kept in a sweep's folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from orchestrator.errors import RepertoireError
from orchestrator.results.folder.changes import SweepChange, find_change
from orchestrator.sweep.means.prices import PriceRecords
from orchestrator.sweep.solve_means import missing_prices
from orchestrator.sweep.sweep import Sweep

FORMER = "former"
FILES = (
    "trials.parquet",
    "accuracy.parquet",
    "stages.parquet",
    "sweep.yaml",
    "versions.json",
    "data.json",
    "search.json",
    "search.jsonl",
)


def keep_former_tables(
    folder: Path, sweep: Sweep, records: PriceRecords, replace: bool = False
) -> list[str]:
    """Copy tables with rows that a sweep no longer requests; return a message for the user.

    The copies are in `former/1`, `former/2`, ... of the folder, where `load` opens them and
    `store gc` counts their stages as used. If the sweep requests all rows, nothing is copied.
    While prices are missing, some of its trials are not known: tables of another sweep file are
    then copied whatever they share.

    Args:
        folder: the folder of the sweep.
        sweep: the sweep that is about to run.
        records: of the store; see `find_change`.
        replace: continue even if no row of the tables is requested.

    Raises:
        RepertoireError: no row of the tables is requested, though all prices are counted, and
            `replace` is false.
    """
    change = find_change(folder, sweep, records)
    if change is None:
        return []
    if not (change.shares or replace or missing_prices(sweep)):
        raise RepertoireError(_refusal_message(folder, sweep, change))
    return [
        f"{_describe_change(sweep, change)}. The former tables are kept in {_copy_aside(folder)}"
    ]


def describe_former_tables(folder: Path, sweep: Sweep, records: PriceRecords) -> list[str]:
    """Return a line on what `keep_former_tables` would copy or refuse; write nothing."""
    change = find_change(folder, sweep, records)
    if change is None:
        return []
    if missing_prices(sweep):
        return [_describe_change(sweep, change)]
    if not change.shares:
        return [f"run will refuse: {_refusal_message(folder, sweep, change)}"]
    return [f"{_describe_change(sweep, change)}. run will keep the former tables aside"]


def _refusal_message(folder: Path, sweep: Sweep, change: SweepChange) -> str:
    return (
        f"{folder} holds tables of another sweep of the name {sweep.name!r}, which this one "
        f"shares nothing with (changed: {change.sections}); give it another name or folder "
        "(--out), or put them aside: --replace"
    )


def _describe_change(sweep: Sweep, change: SweepChange) -> str:
    changed = f"{sweep.name}: changed since its tables were written: {change.sections}"
    if missing_prices(sweep):
        return f"{changed}; which of their rows it requests is known once its prices are counted"
    lost = f"{change.lost} of {change.total} (trial, seed)"
    return f"{changed}; {lost} are no longer requested as they were"


def _copy_aside(folder: Path) -> Path:
    taken = [int(path.name) for path in (folder / FORMER).glob("*") if path.name.isdigit()]
    aside = folder / FORMER / str(max(taken, default=0) + 1)
    # Under another name until it is whole, so that former/N is there completely or not at all.
    partial = aside.with_name(f".{aside.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name in FILES:
        if (folder / name).exists():
            shutil.copy2(folder / name, partial / name)
    partial.rename(aside)
    return aside
