"""The rows of R that a sweep measures in full: all of them, every k-th, or the last alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from orchestrator.stages.stage import Stage
from orchestrator.sweep.options import Options
from orchestrator.sweep.reading.mistakes import abbreviate


@dataclass(frozen=True, kw_only=True)
class Every(Options):
    """Rows of R that are measured in full.

    Attributes:
        every: after each task whose number this divides, and after the last.
    """

    every: int


MeasuredRows = Literal["all", "last"] | Every


def read_rows(content: Mapping[str, Any], mistakes: list[str]) -> MeasuredRows:
    """Return the rows that a sweep file asks for; all of them after noting a mistake."""
    match content.get("evaluate", "all"):
        case "all" | "last" as name:
            rows: MeasuredRows = name
            return rows
        case {"every": int(every), **more} if every >= 1 and not more and every is not True:
            return Every(every=every)
        case given:
            valid = "all, last or {every: N} with N at least 1"
            mistakes.append(f"evaluate: must be {valid}, given {abbreviate(given)}")
            return "all"


def restrict_to_rows(rows: MeasuredRows, steps: Sequence[Stage]) -> tuple[Stage, ...]:
    """Return a chain's stages, after = 0..T, each evaluated on the tasks that `rows` asks for.

    Rows 0 and T are measured in full, since FWT and ACC need them. In other rows only the task just
    learned and the next one are measured: BWT and FWT need these two. So T tasks take about 2 T
    cells and two rows instead of T (T + 1) cells, and all stages keep their keys.
    """
    num_tasks = len(steps) - 1
    period = {"all": 1, "last": num_tasks}[rows] if isinstance(rows, str) else rows.every
    return tuple(
        step
        if step.after % period == 0 or step.after == num_tasks
        else replace(step, task_keys=step.task_keys[step.after - 1 : step.after + 1])
        for step in steps
    )


def describe_rows(rows: MeasuredRows) -> tuple[str, ...]:
    """Return remarks on the cells of R that stay empty; none if all are measured."""
    if rows == "all" or (isinstance(rows, Every) and rows.every == 1):
        return ()
    when = "the last task" if rows == "last" else f"every {rows.every} tasks and the last"
    return (
        f"evaluate: all tasks after {when}, else the one just learned and the next; the other "
        "cells of R stay empty, and AIA and forgetting with them",
    )
