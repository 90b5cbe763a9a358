"""The types of a record's fields: a file that is sealed may still hold anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from math import isfinite
from typing import Any

from orchestrator.stages.record import Costs, Record, TaskScores

LARGEST = 2**63 - 1  # integers of tables have 64 bits


def require_record_types(record: Record) -> None:
    """Raise TypeError, with the field, unless all fields have the types of a record."""
    sweep, trial_id, seed = record.computed_for
    texts: dict[str, object] = {"key": record.key, "status": record.status, "story": record.story}
    texts |= {"computed_for": f"{sweep}{trial_id}" if _are_texts((sweep, trial_id)) else None}
    texts |= {"parent": record.parent if record.parent is not None else ""}
    for name, value in texts.items():
        _require(_are_texts([value]), name, value)
    _require(is_count(record.after), "after", record.after)
    _require(is_count(abs(seed) if isinstance(seed, int) else seed), "seed", seed)
    for name in ("spec", "environment", "evaluation"):
        _require(isinstance(getattr(record, name), Mapping), name, getattr(record, name))
    require_costs(record.costs)
    require_scores(record.evaluation)


def require_costs(costs: Costs) -> None:
    """Raise TypeError unless costs are numbers, and `storage` has numbers by category."""
    _require(isinstance(costs.storage, Mapping), "storage", costs.storage)
    _require(_are_texts([costs.device]), "device", costs.device)
    _require(isinstance(costs.batch_flops, Mapping), "batch_flops", costs.batch_flops)
    for size, pair in costs.batch_flops.items():
        counts = isinstance(pair, list) and len(pair) == 2 and all(map(is_count, pair))
        _require(size.isdecimal() and counts, "batch_flops", {size: pair})
    values = {field.name: getattr(costs, field.name) for field in fields(costs)}
    others = ("storage", "device", "batch_flops")
    numbers = {n: v for n, v in values.items() if n not in others and v is not None}
    for name, value in {**costs.storage, **numbers}.items():
        _require(is_number(value), name, value)


def require_scores(evaluation: TaskScores) -> None:
    """Raise TypeError unless accuracies and losses are numbers or None, and sizes are counts."""
    for splits in evaluation.values():
        for score in splits.values():
            _require(is_count(score.n), "n", score.n)
            for value in (score.accuracy, score.loss):
                _require(value is None or is_number(value), "score", value)


def is_count(value: object) -> bool:
    """Return whether a value is an integer from 0 that fits a table."""
    return type(value) is int and 0 <= value <= LARGEST


def is_number(value: object) -> bool:
    """Return whether a value is a number that fits a table."""
    if type(value) is int:
        return abs(value) <= LARGEST
    return type(value) is float and (isfinite(value) or value != value)


def _are_texts(values: Iterable[object]) -> bool:
    return all(isinstance(value, str) for value in values)


def _require(valid: bool, name: str, value: Any) -> None:
    if not valid:
        raise TypeError(f"{name} is {str(value)[:40]!r}")
