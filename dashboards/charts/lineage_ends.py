"""Where the trials of a trial graph ended: the stage that failed, and those that were not run."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Ends:
    """The places of stages that there are not.

    Attributes:
        failed: `after`, `row`, `text`, and the place of the stage before it, `after_from` and
            `row_from`; NaN without one.
        not_run: `after`, `row` and `text`.
    """

    failed: pd.DataFrame
    not_run: pd.DataFrame


def find_ends(placed: pd.DataFrame, nodes: pd.DataFrame, trials: pd.DataFrame) -> Ends:
    """Return where trials ended, none if their numbers of tasks are not known.

    Args:
        placed: the rows of `stages` with the `row` of their trials.
        nodes: a row per distinct stage: `key`, `after` and its `row` in the drawing.
        trials: in the order of their rows: `label`, `seed`, `status`, `num_tasks` and `story`.
    """
    failed, not_run = [], []
    drawn = nodes.set_index("key")
    last = placed.sort_values("after").drop_duplicates("row", keep="last").set_index("row")
    for row, trial in enumerate(trials.to_dict("records") if "num_tasks" in trials else ()):
        key = last["key"].get(row)
        start = -1 if key is None else int(last["after"][row])
        name = f"{trial['label']} seed {trial['seed']}"
        for after in range(start + 1, int(trial["num_tasks"] or 0) + 1):
            if after == start + 1 and trial["status"] == "failed":
                before = drawn["row"].get(key) if key is not None else None
                text = f"<b>failed at task {after}</b><br>{name}<br>{_first_line(trial['story'])}"
                failed.append((after, row, text, start if key is not None else None, before))
            else:
                not_run.append((after, row, f"<b>task {after}</b> was not run<br>{name}"))
    return Ends(
        pd.DataFrame(failed, columns=["after", "row", "text", "after_from", "row_from"]),
        pd.DataFrame(not_run, columns=["after", "row", "text"]),
    )


def _first_line(story: object) -> str:
    return str(story or "").partition("\n")[0]
