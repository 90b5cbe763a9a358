"""Copies kept in a sweep's folder: former tables, and the user's code that computed the present."""

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
from orchestrator.stages.files import write_atomically
from orchestrator.sweep.sweep import Sweep
from orchestrator.sweep.yaml_file import parse_yaml

FORMER = "former"
FILES = (
    "trials.parquet",
    "accuracy.parquet",
    "stages.parquet",
    "sweep.yaml",
    "versions.json",
    "search.json",
    "search.jsonl",
)
CODE, SWEEP = "code", "sweep.yaml"


def keep_former_tables(folder: Path, sweep: Sweep, replace: bool = False) -> list[str]:
    """Copy tables with rows that a sweep no longer requests; return a message for the user.

    The copies are in `former/1`, `former/2`, ... of the folder, where `load` opens them and
    `store gc` counts their stages as used. If the sweep requests all rows, nothing is copied.

    Args:
        folder: the folder of the sweep.
        sweep: the sweep that is about to run.
        replace: continue even if no row of the tables is requested.

    Raises:
        RepertoireError: no row of the tables is requested, and `replace` is false.
    """
    change = _find_change(folder, sweep)
    if change is None:
        return []
    if not change.shares and not replace:
        raise RepertoireError(_refusal_message(folder, sweep, change))
    return [
        f"{_describe_change(sweep, change)}. The former tables are kept in {_copy_aside(folder)}"
    ]


def describe_former_tables(folder: Path, sweep: Sweep) -> list[str]:
    """Return a line on what `keep_former_tables` would copy or refuse; write nothing."""
    change = _find_change(folder, sweep)
    if change is None:
        return []
    if not change.shares:
        return [f"run will refuse: {_refusal_message(folder, sweep, change)}"]
    return [f"{_describe_change(sweep, change)}. run will keep the former tables aside"]


@dataclass(frozen=True)
class Change:
    """The change of a sweep since its tables were written.

    Attributes:
        sections: the sections of the sweep file that changed, as text.
        lost: number of (trial, seed) in the tables that the sweep no longer requests.
        total: number of (trial, seed) in the tables.
        shares: whether the sweep requests a row of the tables, or a trained stage of them.
    """

    sections: str
    lost: int
    total: int
    shares: bool


def _find_change(folder: Path, sweep: Sweep) -> Change | None:
    """Return the change of a sweep since its tables; None if it requests all their rows."""
    if not (folder / "trials.parquet").exists() or not (folder / "sweep.yaml").exists():
        return None
    if (folder / "sweep.yaml").read_text(encoding="utf-8") == sweep.text:
        return None
    rows = read_table(folder, "trials").to_pandas()
    lost = int((~_requested_rows(rows, sweep)).sum())
    sections = ", ".join(_changed_sections(folder, sweep)) or "its file"
    shares = lost < len(rows) or _shares_stages(folder, sweep)
    return Change(sections, lost, len(rows), shares) if lost else None


def _refusal_message(folder: Path, sweep: Sweep, change: Change) -> str:
    return (
        f"{folder} holds tables of another sweep of the name {sweep.name!r}, which this one "
        f"shares nothing with (changed: {change.sections}); give it another name or folder "
        "(--out), or put them aside: --replace"
    )


def _describe_change(sweep: Sweep, change: Change) -> str:
    return (
        f"{sweep.name}: changed since its tables were written: {change.sections}; {change.lost} of "
        f"{change.total} (trial, seed) are no longer asked for"
    )


def _requested_rows(rows: pd.DataFrame, sweep: Sweep) -> pd.Series[bool]:
    """Return which rows a sweep requests; a row of a search, if the sweep has its group."""
    wanted = {(trial.trial_id, seed) for trial in sweep.trials for seed in trial.seeds}
    wanted |= {(former_id(trial_id), seed) for trial_id, seed in wanted}
    groups = {group.name for group in sweep.groups} if sweep.search is not None else set()
    of_group = rows["group"].map(
        lambda name: isinstance(name, str) and any(name.startswith(group) for group in groups)
    )
    pairs = zip(rows["trial_id"], rows["seed"], strict=True)
    return of_group.astype(bool) | pd.Series([pair in wanted for pair in pairs], rows.index)


def _shares_stages(folder: Path, sweep: Sweep) -> bool:
    """Return whether a sweep requests a stage of the tables, other than stage 0.

    A sweep with more tasks, or with other values at later tasks, has other trials that continue
    from stages of the former ones.
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


def _copy_aside(folder: Path) -> Path:
    """Copy FILES into the next `former/N`; return its path."""
    taken = [int(path.name) for path in (folder / FORMER).glob("*") if path.name.isdigit()]
    aside = folder / FORMER / str(max(taken, default=0) + 1)
    partial = aside.with_name(f".{aside.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name in FILES:
        if (folder / name).exists():
            shutil.copy2(folder / name, partial / name)
    partial.rename(aside)
    return aside


def keep_code(sweep: Sweep, folder: Path) -> None:
    """Copy the user's code of a sweep, and the sweep file, into the folder of its tables."""
    kept = folder / CODE
    files = {kept / SWEEP: sweep.text.encode()} if sweep.source.modules else {}
    for name, module in sweep.source.modules.items():
        stem = kept.joinpath(*name.split("."))
        file = stem / "__init__.py" if module.is_package else stem.with_name(f"{stem.name}.py")
        files[file] = module.code
    for path in kept.rglob("*.py"):
        if path not in files:
            path.unlink()
    for path, data in files.items():
        if not (path.is_file() and path.read_bytes() == data):
            write_atomically(path, data)
    if not files:
        (kept / SWEEP).unlink(missing_ok=True)


def load_kept_code(folder: Path) -> Sweep:
    """Return the sweep of a folder, with the user's code of its last run."""
    kept = folder / CODE / SWEEP
    return Sweep.load(kept if kept.is_file() else folder / SWEEP)
