"""Text on stages that were computed again and compared with the store."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from orchestrator.stages.record import Record
from orchestrator.stages.reproduce import Reproduction
from orchestrator.stages.run_stage import describe_stage
from orchestrator.stages.stage import Stage


def describe_verdict(result: Reproduction, tolerance: float) -> str:
    """Return the verdict on a stage as text."""
    scores_only = "" if result.has_state else " (its state is not stored; scores compared alone)"
    if result.verdict == "same":
        return f"the same bits{scores_only}"
    how = f"equal within {tolerance:g}" if result.verdict == "close" else "different"
    if not result.place:
        return f"{how}: equal values in other bits{scores_only}"
    if math.isinf(result.difference):
        return f"{how}: {result.place}{scores_only}"
    return f"{how}: at most {result.difference:.2g}, in {result.place}{scores_only}"


def describe_environments(result: Reproduction) -> str:
    """Return the differences in version and machine between the stored and the new stage.

    What only one of them names, since the other is of an earlier release, is left out.
    """
    stored, anew = (
        {**one.environment, "device": one.costs.device} for one in (result.stored, result.anew)
    )
    names = [name for name in sorted(stored.keys() & anew.keys()) if name != "pid"]
    other = [
        f"{name} was {stored[name]}, is {anew[name]}"
        for name in names
        if stored[name] != anew[name]
    ]
    if other:
        return "; ".join(other)
    same = (f"{name} {stored[name]}" for name in names if name != "platform")
    return f"versions and machine are the same: {', '.join(same)}"


def describe_changes(record: Record | None, stage: Stage) -> list[str]:
    """Return a line for each difference of a stage from the description in its record."""
    if record is None:
        return ["its record is gone"]
    now = flatten_content(describe_stage(stage))
    before = {name: value for name, value in flatten_content(record.spec).items() if name in now}
    lines = [
        f"{name} was {value}, is {now[name]}"
        for name, value in before.items()
        if value != now[name]
    ]
    return lines or ["its data, its code or a version of this release has changed since"]


def flatten_content(content: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return nested mappings as one, with dotted names; lists as text."""
    result: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, Mapping):
            result |= flatten_content(value, f"{above}{name}.")
        else:
            result[above + name] = list(value) if isinstance(value, tuple) else value
    return result
