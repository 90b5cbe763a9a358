"""The keys of an entry of `methods`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from docs.site.key_effects import BASE, first_difference, stage_keys
from orchestrator.sweep.method_entries import MAX_LABEL
from orchestrator.sweep.schema.sweep_schema import LABEL

OPTIONS = "[Options of the methods](method-options.md)"
# Key -> its values, its default and its meaning.
CELLS = {
    "name": (
        f"a name of {OPTIONS}, or `module:Class`",
        "*required*",
        "the method; a name by itself is an entry too.",
    ),
    "label": (f"text; at most {MAX_LABEL} characters", "left out", LABEL["description"]),
    "training": (
        "keys of [`training`](#training)",
        "left out",
        "replace those of the sweep for this entry.",
    ),
}
CHANGES: dict[str, Any] = {"name": "der", "label": "other", "training": {"lr": 0.1}}


def entry_rows() -> Iterator[list[str]]:
    """Yield a row for each key of an entry, with what it changes in keys of stages."""
    entry, keys = BASE["methods"][0], stage_keys(BASE)
    for name, cells in CELLS.items():
        changed = stage_keys({**BASE, "methods": [{**entry, name: CHANGES[name]}]})
        yield [f"`{name}`", *cells, first_difference(keys, changed)]
    meaning = "a hyperparameter of the method, beside its name."
    yield ["each option", f"those of {OPTIONS}", "its own", meaning, "as its own row there says"]
