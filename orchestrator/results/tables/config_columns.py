"""The columns `config.*` of the trials table: one for each leaf of a configuration."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from orchestrator.hashing import canonical_json


def with_config_columns(trials: pa.Table) -> pa.Table:
    """Add a column for every leaf of `config`, after `config`, sorted by name."""
    configs = trials["config"].to_pylist()
    leaves_by_config = {text: dict(_leaves(json.loads(text), "config")) for text in set(configs)}
    leaves = [leaves_by_config[text] for text in configs]
    at = trials.schema.get_field_index("config") + 1
    for i, name in enumerate(sorted({name for row in leaves_by_config.values() for name in row})):
        trials = trials.add_column(at + i, name, [_typed_array([row.get(name) for row in leaves])])
    return trials


def _leaves(config: Mapping[str, Any], where: str) -> Iterable[tuple[str, Any]]:
    for name, value in config.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{where}.{name}")
        else:
            yield f"{where}.{name}", value


def _typed_array(values: list[Any]) -> pa.Array:
    """Return values of one type as that type, integers and reals as reals, others as JSON."""
    # Exact types, since True is an integer to isinstance; without any value a column is text.
    kinds = {type(value) for value in values if value is not None}
    for types, arrow in (
        ({str}, pa.string()),
        ({bool}, pa.bool_()),
        ({int}, pa.int64()),
        ({int, float}, pa.float64()),
    ):
        if kinds <= types:
            if float in types:  # Arrow refuses an integer that a float rounds
                values = [value if value is None else float(value) for value in values]
            return pa.array(values, arrow)
    texts = [v if v is None or isinstance(v, str) else canonical_json(v) for v in values]
    return pa.array(texts, pa.string())
