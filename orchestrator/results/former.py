"""Former tables: what a sweep of the same name with other content would otherwise replace."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
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
    change = _change(folder, sweep)
    if change is None:
        return []
    if not change.shares and not replace:
        raise RepertoireError(_refusal(folder, sweep, change))
    return [f"{_what_changed(sweep, change)}. The former tables are kept in {_keep(folder)}"]


def foretell_former(folder: Path, sweep: Sweep) -> list[str]:
    """Return what `keep_former` would do or refuse, a line each; nothing is written."""
    change = _change(folder, sweep)
    if change is None:
        return []
    if not change.shares:
        return [f"run will refuse: {_refusal(folder, sweep, change)}"]
    return [f"{_what_changed(sweep, change)}. run will keep the former tables aside"]


@dataclass(frozen=True)
class Change:
    """What a sweep no longer asks for.

    Attributes:
        sections: of the sweep file that changed, as text.
        lost: how many (trial, seed) of the tables are not asked for any more.
        total: how many (trial, seed) the tables hold.
        shares: whether any of them is asked for, or a stage that they learned a task by.
    """

    sections: str
    lost: int
    total: int
    shares: bool


def _change(folder: Path, sweep: Sweep) -> Change | None:
    """Return what tables hold that a sweep no longer asks for; None if it asks for all."""
    if not (folder / "trials.parquet").exists() or not (folder / "sweep.yaml").exists():
        return None
    if (folder / "sweep.yaml").read_text(encoding="utf-8") == sweep.text:
        return None
    rows = read_table(folder, "trials").to_pandas()
    lost = int((~_asked_for(rows, sweep)).sum())
    sections = ", ".join(_changed_sections(folder, sweep)) or "its file"
    shares = lost < len(rows) or _shares_stages(folder, sweep)
    return Change(sections, lost, len(rows), shares) if lost else None


def _refusal(folder: Path, sweep: Sweep, change: Change) -> str:
    return (
        f"{folder} holds tables of another sweep of the name {sweep.name!r}, which this one "
        f"shares nothing with (changed: {change.sections}); give it another name or folder "
        "(--out), or put them aside: --replace"
    )


def _what_changed(sweep: Sweep, change: Change) -> str:
    return (
        f"{sweep.name}: changed since its tables were written: {change.sections}; {change.lost} of "
        f"{change.total} (trial, seed) are no longer asked for"
    )


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


def _shares_stages(folder: Path, sweep: Sweep) -> bool:
    """Return whether a sweep asks for a stage beyond stage 0 that the tables hold.

    A sweep with more tasks, or a trained chain in another order, has other trials and goes on from
    stages of the former ones.
    """
    stages = read_table(folder, "stages").to_pandas()
    keys = set(stages.loc[stages["after"] > 0, "key"])
    return any(
        stage.key in keys
        for trial in sweep.trials
        for seed in trial.seeds
        for stage in trial.stages(seed)
    )


def _changed_sections(folder: Path, sweep: Sweep) -> Iterator[str]:
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
