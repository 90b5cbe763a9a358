"""The metrics of folders that were written before these were added."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from dashboards.data.folders import SweepFolder
from orchestrator.columns import METRICS, VALIDATED
from orchestrator.errors import RepertoireError
from orchestrator.results.tables.schemas import TRIAL, create_schema
from orchestrator.results.tables.tables import read_trials

LATE = create_schema([*TRIAL, *METRICS, *VALIDATED])


def read_late_metrics(folders: Iterable[SweepFolder]) -> pa.Table:
    """Return the trials of folders by sweep, trial and seed, with all metrics.

    A folder with a damaged table has no rows: the query that needs the table raises.
    """
    return pa.concat_tables([LATE.empty_table(), *map(_read_folder, folders)])


def _read_folder(folder: SweepFolder) -> pa.Table:
    try:
        trials = read_trials(folder.path).select(LATE.names)
    except RepertoireError:
        return LATE.empty_table()
    return trials.set_column(0, LATE.field("sweep"), pa.repeat(folder.name, len(trials)))
