"""The trials of each surface: of one setting, and of sweeps that are comparable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from orchestrator.results.grouping import group_into_tables
from orchestrator.results.names.code_texts import fill_code
from orchestrator.results.pooling import (
    CONFIGURATION,
    TABLE,
    sweeps_by_configuration,
    sweeps_by_row,
)
from orchestrator.results.protocol import setting_title
from orchestrator.results.surface.trials import BUDGETS

FORCED = "NOT COMPARABLE: {}"
FREE = "In separate surfaces, since sweeps leave different budgets free."
SEPARATE = "In separate surfaces, since not comparable: {}."


@dataclass(frozen=True, eq=False)
class ComparableTrials:
    """The trials of one surface.

    Attributes:
        title: of the setting, with the sweeps if it has several surfaces.
        sweeps: the names of its sweeps if its setting has several surfaces; else none.
        note: in what the sweeps of the setting differ; "" if they are comparable and leave the
            same budgets free.
        trials: its rows.
    """

    title: str
    sweeps: tuple[str, ...]
    note: str
    trials: pd.DataFrame


def comparable_trials(
    trials: pd.DataFrame, together: bool = False, force: bool = False
) -> Iterator[ComparableTrials]:
    """Yield the trials of each setting, in parts that are comparable as those of a comparison.

    Args:
        trials: pooled rows of the evaluation phase.
        together: refuse sweeps of one setting that are not comparable, instead of parting them.
        force: part nothing, with a note on the differences.

    Raises:
        RepertoireError: with `together`, the sweeps of a setting are not comparable.
    """
    judged = rows_of_protocol(trials)
    first, sweeps = judged.drop_duplicates(CONFIGURATION), sweeps_by_configuration(judged)
    grouping = group_into_tables(first, sweeps, together and not force, force=False)
    # Rows of a sweep have one protocol, so that a table of a setting is some of its sweeps.
    placed = first[TABLE].assign(number=grouping.table, sweep=pd.Series(sweeps, first.index))
    placed = placed.explode("sweep").drop_duplicates()
    for setting, rows in trials.groupby(TABLE, sort=False):
        title = setting_title(*rows[TABLE].iloc[0])
        of_setting = (placed[TABLE] == list(setting)).all(axis=1)
        own = placed[of_setting].set_index("sweep")["number"]
        if own.nunique() == 1:
            yield from split_by_budgets(title, (), "", rows)
            continue
        reason = "; ".join(grouping.reasons[setting])
        if force:
            yield from split_by_budgets(title, (), FORCED.format(reason), rows)
            continue
        for number, part in rows.groupby(rows["sweep"].map(own), sort=False):
            names = tuple(map(str, own.index[own == number]))
            yield from split_by_budgets(title, names, SEPARATE.format(reason), part)


def split_by_budgets(
    title: str, sweeps: tuple[str, ...], note: str, rows: pd.DataFrame
) -> Iterator[ComparableTrials]:
    """Yield trials as one surface; apart where sweeps leave different budgets free.

    A sweep without a budget of storage has no cell in common with one that has it.
    """
    parts = [part for _, part in rows.groupby([rows[name].isna() for name in BUDGETS], sort=False)]
    if len(parts) == 1:
        yield ComparableTrials(part_title(title, sweeps), sweeps, note, rows)
        return
    for part in parts:
        own = tuple(map(str, sweeps_by_row(part).explode().unique()))
        yield ComparableTrials(part_title(title, own), own, f"{note} {FREE}".strip(), part)


def rows_of_protocol(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the complete trials, and all of sweeps without any; only those have their code."""
    complete = trials["status"] == "complete"
    none = ~complete.groupby(trials["sweep"]).transform("any")
    return fill_code(trials[complete | none])


def part_title(title: str, sweeps: Sequence[str]) -> str:
    """Return the title of a setting with sweeps, if any: `split_digits, ... (sweep a)`."""
    word = "sweep" if len(sweeps) == 1 else "sweeps"
    return f"{title} ({word} {', '.join(sweeps)})" if sweeps else title


def are_of_part(
    titles: pd.Series[str], sweeps: pd.Series[str], title: str, own: Sequence[str]
) -> pd.Series[bool]:
    """Return, for each row, whether it is of a surface.

    Args:
        titles: of the settings of rows.
        sweeps: of rows.
        title: of the surface.
        own: its `sweeps`.
    """
    same = titles.map(lambda setting: part_title(setting, own) == title).astype(bool)
    return same & sweeps.isin(own) if own else same
