"""A sweep that runs: how far it is, and its stages as a graph."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dashboards.data.comparing import named
from dashboards.data.folders import PROGRESS, SweepFolder
from dashboards.data.views import sql_literal
from dashboards.data.warehouse import Warehouse

SILENT_AFTER_SECONDS = 120


@dataclass(frozen=True)
class Progress:
    """What a sweep last said of itself; `results.folder` writes it as `progress.json`."""

    said: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.said.get(name)

    @property
    def state(self) -> str:
        """In a word: complete, over, running, or silent (not heard of for a while)."""
        if self["complete"]:
            return "complete"
        if self["over"]:
            return "over"
        return "silent" if self.seconds_ago > SILENT_AFTER_SECONDS else "running"

    @property
    def seconds_ago(self) -> float:
        """Since it was last heard of."""
        return max(0.0, time.time() - (self["updated_at"] or 0))  # noqa: TID251 - display

    @property
    def stages_per_minute(self) -> float | None:
        """Stages computed since the start, per minute; None before the first."""
        seconds = (self["updated_at"] or 0) - (self["started_at"] or 0)
        return 60 * self["executed"] / seconds if seconds > 0 and self["executed"] else None


def progress(folder: SweepFolder) -> Progress | None:
    """Return how far a sweep is, or None where it does not say."""
    said = folder.document(PROGRESS)
    return None if said is None else Progress(said)


def statuses(warehouse: Warehouse, sweep: str) -> pd.DataFrame:
    """Return how many (trial, seed) of a sweep have each status: `phase`, `status`, `n`."""
    return warehouse.frame(
        f"SELECT phase, status, count(*) AS n FROM trials WHERE sweep = {sql_literal(sweep)} "
        "GROUP BY ALL ORDER BY min(place)"
    )


def num_stages(warehouse: Warehouse, sweep: str) -> int:
    """Return how many distinct stages a sweep has so far."""
    where = f"sweep = {sql_literal(sweep)}"
    answer = warehouse.frame(f"SELECT count(DISTINCT key) AS n FROM stages WHERE {where}")
    return int(answer["n"].iloc[0])


def stage_rows(warehouse: Warehouse, sweep: str) -> pd.DataFrame:
    """Return the rows of `stages` of a sweep, with the `label` of their trials."""
    where = f"sweep = {sql_literal(sweep)}"
    answer = warehouse.frame(
        f"SELECT s.*, phase FROM (SELECT * FROM stages WHERE {where}) AS s "
        f"JOIN (SELECT trial_id, seed, phase, place FROM trials WHERE {where}) "
        "USING (trial_id, seed) ORDER BY place, after"
    )
    return named(warehouse, answer)
