"""The stages of a trial graph without a record: those that failed, that run, and the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

# A row for each stage without a record: what it is, its place and text, and the place of the
# stage before it, NaN without one or if no line leads to it.
END_COLUMNS = ["kind", "after", "row", "text", "after_from", "row_from"]


def find_ends(placed: pd.DataFrame, nodes: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Return the stages that there are not, with END_COLUMNS; none without numbers of tasks.

    The kind is "failed", "running" or "not run".

    Args:
        placed: the rows of `stages` with the `row` of their trials.
        nodes: a row per distinct stage: `key`, `after` and its `row` in the drawing.
        trials: in the order of their rows: `label`, `seed`, `status`, `num_tasks`, `story`, and
            maybe `running`, the tasks learned after the stage that runs.
    """
    drawn = nodes.set_index("key")["row"]
    last = placed.sort_values("after").drop_duplicates("row", keep="last").set_index("row")
    ends = []
    for row, trial in enumerate(trials.to_dict("records") if "num_tasks" in trials else ()):
        key = last["key"].get(row)
        start = None if key is None else int(last["after"][row])
        for after, kind, text in _stages_left(trial, start):
            before = (None, None) if kind == "not run" or key is None else (start, drawn.get(key))
            ends.append((kind, after, row, text, *before))
    return pd.DataFrame(ends, columns=END_COLUMNS)


def _stages_left(trial: Mapping[Any, Any], start: int | None) -> Iterator[tuple[int, str, str]]:
    """Yield the tasks after each stage that a trial lacks, what it is, and its hover text.

    Args:
        trial: a row of the trials.
        start: the tasks after its last stage; None if it has none.
    """
    name = f"{trial['label']} seed {trial['seed']}"
    first = 0 if start is None else start + 1
    for after in range(first, int(trial["num_tasks"] or 0) + 1):
        stage = f"task {after}" if after else "the first state"
        if after == trial.get("running"):
            yield after, "running", f"<b>{stage}</b> is computed now<br>{name}"
        elif after == first and trial["status"] == "failed":
            story = str(trial["story"] or "").partition("\n")[0]
            yield after, "failed", f"<b>failed at {stage}</b><br>{name}<br>{story}"
        else:
            yield after, "not run", f"<b>{stage}</b> was not run<br>{name}"
