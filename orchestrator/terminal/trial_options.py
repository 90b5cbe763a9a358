"""The hyperparameters of the trials of a plan: what the file sets, and what was chosen for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pandas as pd

from orchestrator.hashing import parse_json
from orchestrator.results.names.hyperparameter_text import hyperparameter_text
from orchestrator.stages.stage import Chain
from orchestrator.sweep.method_entries import drop_entry_keys
from orchestrator.sweep.reading.yaml_file import read_yaml_text
from orchestrator.sweep.sweep import Sweep


def hyperparameter_texts(sweep: Sweep, chains: Sequence[Chain], rows: pd.DataFrame) -> list[str]:
    """Return the hyperparameters of each trial as text: `lam=100 lr=0.1`.

    They are the options that the trial's entry of `methods` sets, those that a search chose, and
    those that were solved for to meet means. A choice at each task is `lam=per task`.

    Args:
        sweep: the sweep of the plan.
        chains: a chain of each trial.
        rows: a row for each of them, with the columns `config.*`.
    """
    entries = read_yaml_text(sweep.text, sweep.name).get("methods") or []
    spaces = {group.name: list(group.space) for group in sweep.groups}
    columns = [str(name) for name in rows if str(name).startswith("config.")]
    shown, at_each_task = [], []
    values = rows[columns].notna().to_numpy()
    for chain, has_value in zip(chains, values, strict=True):
        dials = parse_json(chain.means_dial) if chain.means_dial else {}
        chosen = dict.fromkeys([*spaces.get(chain.group or "", []), *dials])
        places = (*_set_places(entries, chain), *chosen)
        shown.append(tuple(name for name in columns if _is_below(name, places)))
        own = [name for name, given in zip(columns, has_value, strict=True) if given]
        without = [place for place in chosen if not any(_is_below(c, [place]) for c in own)]
        at_each_task.append([f"{place.rpartition('.')[2]}=per task" for place in without])
    texts = zip(_value_texts(rows, shown), at_each_task, strict=True)
    return [" ".join(filter(None, (values, *more))) for values, more in texts]


def _value_texts(rows: pd.DataFrame, shown: Sequence[tuple[str, ...]]) -> pd.Series[str]:
    """Return the values of some columns of each row as text; rows of the same columns at once."""
    result = pd.Series("", rows.index, dtype=object)
    places: dict[tuple[str, ...], list[int]] = {}
    for place, columns in enumerate(shown):
        places.setdefault(columns, []).append(place)
    for columns, alike in places.items():
        result.iloc[alike] = hyperparameter_text(rows.iloc[alike], columns)
    return result


def _set_places(entries: Iterable[Any], chain: Chain) -> Iterator[str]:
    """Yield the places of what the entries of a method with the label of a chain set."""
    for entry in entries:
        if isinstance(entry, dict) and _is_entry_of(entry, chain):
            yield from (f"method.{key}" for key in drop_entry_keys(entry) if key != "name")
            yield from (f"training.{key}" for key in entry.get("training") or ())


def _is_entry_of(entry: dict[str, Any], chain: Chain) -> bool:
    return entry.get("name") == chain.method and entry.get("label") == chain.method_label


def _is_below(column: str, places: Iterable[str]) -> bool:
    """Return whether a column `config.*` is of one of some places, or of a part of it."""
    return any(f"{column}.".startswith(f"config.{place}.") for place in places)
