"""Former tables: what a sweep of the same name with other content would otherwise replace."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pandas as pd

from orchestrator.errors import RepertoireError
from orchestrator.results.naming import former_id
from orchestrator.results.tables import read_table
from orchestrator.sweep.sweep import Sweep
from orchestrator.sweep.yaml_file import parse_yaml

FORMER = "former"
KEPT = (
    "trials.parquet",
    "accuracy.parquet",
    "stages.parquet",
    "sweep.yaml",
    "versions.json",
    "search.json",
    "search.jsonl",
)


def keep_former(folder: Path, sweep: Sweep, replace: bool = False) -> list[str]:
    """Keep tables aside that hold what a sweep no longer asks for; return what is to be said.

    They go to `former/1`, `former/2`, ... in the folder, where `load` opens them and `store gc`
    keeps what they refer to. A sweep that only asks for more keeps nothing aside.

    Args:
        folder: of the sweep.
        sweep: what is about to run.
        replace: go on even if it shares nothing with the tables there.

    Raises:
        RepertoireError: it shares nothing with them, and `replace` is not given.
    """
    if not (folder / "trials.parquet").exists() or not (folder / "sweep.yaml").exists():
        return []
    if (folder / "sweep.yaml").read_text(encoding="utf-8") == sweep.text:
        return []
    rows = read_table(folder, "trials").to_pandas()
    asked_for = _asked_for(rows, sweep)
    if rows.empty or asked_for.all():
        return []
    changes = ", ".join(_changes(folder, sweep)) or "its file"
    lost = f"{int((~asked_for).sum())} of {len(rows)} (trial, seed)"
    if not asked_for.any() and not replace:
        raise RepertoireError(
            f"{folder} holds tables of another sweep of the name {sweep.name!r}, which this one "
            f"shares nothing with (changed: {changes}); give it another name or folder (--out), or "
            f"put them aside: --replace"
        )
    aside = _keep(folder)
    return [
        f"{sweep.name}: changed since its tables were written: {changes}; {lost} are no longer "
        f"asked for. The former tables are kept in {aside}"
    ]


def _asked_for(rows: pd.DataFrame, sweep: Sweep) -> pd.Series[bool]:
    """Return which rows of a table a sweep asks for; those of a search, if it has the group."""
    wanted = {(trial.trial_id, seed) for trial in sweep.trials for seed in trial.seeds}
    wanted |= {(former_id(trial_id), seed) for trial_id, seed in wanted}
    groups = {group.name for group in sweep.groups} if sweep.search is not None else set()
    of_group = rows["group"].map(
        lambda name: isinstance(name, str) and any(name.startswith(group) for group in groups)
    )
    pairs = zip(rows["trial_id"], rows["seed"], strict=True)
    return of_group.astype(bool) | pd.Series([pair in wanted for pair in pairs], rows.index)


def _changes(folder: Path, sweep: Sweep) -> Iterator[str]:
    """Yield the sections of the sweep file that differ from those kept in the folder."""
    before, now = {}, parse_yaml(sweep.text)
    with suppress(RepertoireError, OSError):
        before = parse_yaml((folder / "sweep.yaml").read_text(encoding="utf-8"))
    yield from (key for key in {**before, **now} if before.get(key) != now.get(key))


def _keep(folder: Path) -> Path:
    """Copy what is in the folder into the next `former/N`; return that."""
    taken = [int(path.name) for path in (folder / FORMER).glob("*") if path.name.isdigit()]
    aside = folder / FORMER / str(max(taken, default=0) + 1)
    partial = aside.with_name(f".{aside.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name in KEPT:
        if (folder / name).exists():
            shutil.copy2(folder / name, partial / name)
    partial.rename(aside)
    return aside
