"""The change of a sweep since the tables in its folder were written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from orchestrator.errors import SweepError
from orchestrator.results.folder.data_file import has_same_data
from orchestrator.results.folder.former_groups import former_groups, group_contents, shares_groups
from orchestrator.results.folder.kept_code import has_same_code
from orchestrator.results.names.trial_ids import former_id
from orchestrator.results.tables.tables import read_table
from orchestrator.sweep.means.prices import PriceRecords
from orchestrator.sweep.reading.yaml_file import parse_yaml, read_yaml
from orchestrator.sweep.sweep import Sweep


@dataclass(frozen=True)
class SweepChange:
    """The change of a sweep since its tables were written.

    Attributes:
        sections: the sections of the sweep file that changed, as text.
        lost: number of (trial, seed) in the tables that the sweep no longer requests.
        total: number of (trial, seed) in the tables.
        shares: whether the sweep requests a row of the tables (if only with other code), or a
            trained stage of them, or searches one of their groups on the same tasks.
    """

    sections: str
    lost: int
    total: int
    shares: bool


def find_change(folder: Path, sweep: Sweep, records: PriceRecords) -> SweepChange | None:
    """Return the change of a sweep since its tables; None if it requests all their rows.

    Args:
        folder: of the tables.
        sweep: as it would run now; one with means has its dials solved for.
        records: of the store, to solve for the dials of the former sweep.
    """
    if not (folder / "trials.parquet").exists() or not (folder / "sweep.yaml").exists():
        return None
    same = (folder / "sweep.yaml").read_text("utf-8", errors="replace") == sweep.text
    # The same text may be about other data: files of the user's own can change.
    same_data, same_code = has_same_data(sweep, folder), has_same_code(sweep, folder)
    if same and same_data and same_code:
        return None
    rows, groups = read_table(folder, "trials").to_pandas(), former_groups(folder, records)
    continued = {
        name
        for name, content in group_contents(sweep).items()
        if name in groups and groups[name] == content
    }
    requested = _requested_rows(rows, sweep, continued)
    # An edit of the user's code computes the rows anew: the former values are lost with them.
    kept = requested if same_code else requested & ~_recomputed_rows(rows, folder, sweep)
    lost = int((~kept).sum())
    others = [] if same_data else ["its data"]
    others += [] if same_code else ["its code"]
    sections = ", ".join([*_changed_sections(folder, sweep), *others]) or "its file"
    # The cheap test first: the others read a table and compute keys.
    shares = bool(requested.any()) or _shares_stages(folder, sweep) or shares_groups(groups, sweep)
    return SweepChange(sections, lost, len(rows), shares) if lost else None


def _requested_rows(rows: pd.DataFrame, sweep: Sweep, continued: set[str]) -> pd.Series[bool]:
    """Return, for each row, whether a sweep requests it.

    Args:
        rows: rows of the trials table.
        sweep: the sweep.
        continued: the groups whose search continues: their candidates stay.
    """
    # Cells that do not fit have rows too.
    unfit = [cell.trial for cell in sweep.cells if cell.outcome is not None]
    trials = (*sweep.trials, *unfit)
    wanted = {(trial.trial_id, seed) for trial in trials for seed in trial.seeds}
    wanted |= {(former_id(trial_id), seed) for trial_id, seed in wanted}
    pairs = zip(rows["trial_id"], rows["seed"], strict=True)
    listed = pd.Series([pair in wanted for pair in pairs], rows.index)
    of_group = rows["group"].map(
        lambda name: isinstance(name, str) and _is_group_among(name, continued)
    )
    # The seeds of a search are part of it, those of its winners and of `per_task` are the sweep's.
    own_seeds = (rows["phase"] == "search") & ~(
        sweep.search is not None and sweep.search.is_per_task
    )
    return listed | of_group.astype(bool) & (own_seeds | rows["seed"].isin(sweep.seeds))


def _recomputed_rows(rows: pd.DataFrame, folder: Path, sweep: Sweep) -> pd.Series[bool]:
    """Return, for each row, whether a sweep requests it with other keys than the tables have."""
    stages = read_table(folder, "stages").to_pandas()
    columns = (stages["trial_id"], stages["seed"], stages["after"])
    stored = dict(zip(zip(*columns, strict=True), stages["key"], strict=True))
    other = {
        (name, seed)
        for trial in sweep.trials
        for seed in trial.seeds
        for stage in trial.stages(seed)
        for name in (trial.trial_id, former_id(trial.trial_id))
        if stored.get((name, seed, stage.after), stage.key) != stage.key
    }
    pairs = zip(rows["trial_id"], rows["seed"], strict=True)
    return pd.Series([pair in other for pair in pairs], rows.index, dtype=bool)


def _is_group_among(name: str, groups: set[str]) -> bool:
    """Return whether the group of a row is one of some; the benchmark may follow its name."""
    return name in groups or any(name.startswith(f"{group} ") for group in groups)


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
    before, now = {}, parse_yaml(sweep.text)
    with suppress(SweepError):
        before = read_yaml(folder / "sweep.yaml")
    yield from (key for key in {**before, **now} if before.get(key) != now.get(key))
