"""`repertoire show` without a trial: the sweeps, their searches, and the trials that fell short."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from rich.console import Group, RenderableType
from rich.text import Text

from orchestrator.results.lookup import with_labels
from orchestrator.results.results import Results
from orchestrator.results.searches import searches
from orchestrator.results.sweep_sizes import sweep_sizes
from orchestrator.results.units import noun_text
from orchestrator.terminal.failures import (
    fell_short,
    group_endings,
    is_searched,
    traceback_lines,
    trials_line,
)
from orchestrator.terminal.search_page import search_tables

TRACEBACK_HINT = "tracebacks of what failed: repertoire show DIR --traceback"


def overview(results: Results, traceback: bool = False) -> RenderableType:
    """Return the sweeps of results with what was searched, and what is not complete and why.

    Args:
        results: of one sweep or several.
        traceback: whether to show the tracebacks of what failed.
    """
    trials = results.trials
    short = fell_short(trials) & (~is_searched(trials) | traceback)
    outcomes = searches(results)
    return Group(
        *(Text(line, style="bold") for line in _sweep_lines(trials)),
        *([search_tables(outcomes)] if outcomes else []),
        *_ending_lines(with_labels(trials[short], results), traceback),
        *([] if traceback or not has_traceback(trials) else [Text(TRACEBACK_HINT)]),
        Text("one trial: repertoire show DIR TRIAL; all in a table: repertoire compare DIR"),
    )


def has_traceback(trials: pd.DataFrame) -> bool:
    """Return whether any trial failed with a story that has more than its first line."""
    failed = trials[trials["status"] == "failed"].to_dict("records")
    return any(next(iter(traceback_lines(row)), None) is not None for row in failed)


def _sweep_lines(trials: pd.DataFrame) -> Iterator[str]:
    for sweep, size in sweep_sizes(trials).items():
        counts = f"{noun_text(str(size.trials), 'trial')}, {noun_text(str(size.seeds), 'seed')}"
        yield f"{sweep}: {counts}, {size.complete} of {size.pairs} complete"


def _ending_lines(short: pd.DataFrame, traceback: bool) -> Iterator[Text]:
    for alike in group_endings(short.to_dict("records"), by=()):
        yield Text(trials_line(alike), "red")
        yield from traceback_lines(alike[0]) if traceback else []
