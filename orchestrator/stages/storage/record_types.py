"""The types of a record's fields: a file that is sealed may still hold anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from math import isfinite
from typing import Any

from orchestrator.stages.record import Costs, Record, TaskScores

LARGEST = 2**63 - 1  # integers of tables have 64 bits
# Of one stage, by the last word of a cost's name. None reaches them (32 years of a processor, a
# petabyte, a gigawatt for eleven days, 10^15 examples), and sums over the stages of a trial fit a
# table. FLOPs have no bound but LARGEST: a GPU can spend a tenth of it in an hour.
COST_LIMITS = {"seconds": 1e9, "bytes": 2**50, "storage": 2**50, "joules": 1e15, "samples": 2**50}
MAX_NAME, MAX_TEXT = 10_000, 1_000_000  # characters of a name and of a story in tables


def require_record_types(record: Record) -> None:
    """Raise TypeError, with the field, unless all fields have the types of a record."""
    sweep, trial_id, seed = record.computed_for
    texts: dict[str, object] = {"key": record.key, "status": record.status, "story": record.story}
    texts |= {"sweep": sweep, "trial": trial_id}
    texts |= {"parent": "" if record.parent is None else record.parent}
    texts |= {name: record.environment.get(name, "") for name in ("node", "pid")}
    for name, value in texts.items():
        _require(is_text(value, MAX_TEXT if name == "story" else MAX_NAME), name, value)
    require_count(record.after, "after")
    require_count(abs(seed) if isinstance(seed, int) else seed, "seed")
    for name in ("spec", "environment", "evaluation"):
        _require(isinstance(getattr(record, name), Mapping), name, getattr(record, name))
    require_costs(record.costs)
    require_scores(record.evaluation)


def require_costs(costs: Costs) -> None:
    """Raise TypeError unless costs are numbers from 0 to a limit, `storage` those of categories."""
    _require(isinstance(costs.storage, Mapping), "storage", costs.storage)
    _require(is_text(costs.device), "device", costs.device)
    _require(isinstance(costs.batch_flops, Mapping), "batch_flops", costs.batch_flops)
    for size, pair in costs.batch_flops.items():
        _require(size.isdecimal() and is_pair(pair), "batch_flops", {size: pair})
    require_runs(costs)
    for name, value in costs.storage.items():
        _require_cost(name, value, "int")
    _require_cost("storage", sum(costs.storage.values()), "int")
    for field in fields(costs):
        if field.name not in ("storage", "device", "batch_flops", "rising_steps"):
            _require_cost(field.name, getattr(costs, field.name), str(field.type))


def require_runs(costs: Costs) -> None:
    """Raise TypeError unless rising steps are runs of all batches of each size, or there are none.

    A run is a number of batches, and the FLOPs of each.
    """
    sizes = costs.rising_steps
    valid = isinstance(sizes, Mapping) and (not sizes or sizes.keys() == costs.batch_flops.keys())
    _require(valid, "rising_steps", sizes)
    for size, runs in sizes.items():
        pairs = isinstance(runs, list) and len(runs) > 0 and all(map(is_pair, runs))
        whole = pairs and sum(number for number, _ in runs) == costs.batch_flops[size][0]
        _require(whole, "rising_steps", {size: runs})


def _require_cost(name: str, value: Any, kind: str) -> None:
    """Raise TypeError unless a cost is of a kind, such as "float | None", and within its limit."""
    if value is None and "None" in kind:
        return
    _require(is_number(value) and (is_whole_number(value) or "int" not in kind), name, value)
    limit = COST_LIMITS.get(name.rpartition("_")[2], LARGEST)
    _require(0 <= value <= limit, name, value)


def require_scores(evaluation: TaskScores) -> None:
    """Raise TypeError unless accuracies and losses are numbers or None, and sizes are counts."""
    for splits in evaluation.values():
        for score in splits.values():
            require_count(score.n, "n")
            for value in (score.accuracy, score.loss):
                _require(value is None or is_number(value), "score", value)


def require_count(value: object, name: str) -> None:
    """Raise TypeError, with the name, unless a value is an integer from 0 that fits a table."""
    _require(is_count(value), name, value)


def is_text(value: object, limit: int = MAX_NAME) -> bool:
    """Return whether a value is a text that fits a table: of Unicode, and not too long."""
    try:
        # JSON can hold half of a surrogate pair, which has no encoding.
        return isinstance(value, str) and len(value) <= limit and value.encode() is not None
    except UnicodeEncodeError:
        return False


def is_pair(value: object) -> bool:
    """Return whether a value is a pair of counts."""
    return isinstance(value, list) and len(value) == 2 and all(map(is_count, value))


def is_count(value: object) -> bool:
    """Return whether a value is an integer from 0 that fits a table."""
    return type(value) is int and 0 <= value <= LARGEST


def is_whole_number(value: object) -> bool:
    """Return whether a number is whole and fits a table; earlier releases may have written 2.0."""
    return isinstance(value, int | float) and abs(value) <= LARGEST and value == int(value)


def is_number(value: object) -> bool:
    """Return whether a value is a number that fits a table."""
    if type(value) is int:
        return abs(value) <= LARGEST
    return type(value) is float and (isfinite(value) or value != value)


def _require(valid: bool, name: str, value: Any) -> None:
    if not valid:
        raise TypeError(f"{name} is {str(value)[:40]!r}")
