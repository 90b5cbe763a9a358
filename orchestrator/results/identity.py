"""Which trials of several sweeps are one configuration, whatever id a release gave them.

Release 0.1 wrote ids of 8 hexadecimal digits, of which two configurations may share one; later ids
begin with the former and have more digits. So equal ids of different configurations are told apart,
and different ids of one configuration are joined, by comparing the configurations themselves. A
release that added an option left it out of the configuration before: what one of two configurations
lacks does not tell them apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import pandas as pd

from orchestrator.results.naming import former_id

HEXADECIMAL = re.compile(r".*-[0-9a-f]{8,}")


def renamed_trials(trials: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Return (sweep, trial id) -> id to count it under, for trials that need another id.

    Args:
        trials: rows of the trials table, with `sweep`, `trial_id` and `config`.
    """
    first = trials[["sweep", "trial_id", "config"]].drop_duplicates()
    known = first.drop_duplicates(["trial_id", "config"])
    stems = known["trial_id"].map(_stem)
    several = known[stems.duplicated(keep=False)]
    names: dict[tuple[str, str], str] = {}
    for _, rows in several.groupby(stems[several.index], sort=False):
        names |= _names_of(list(zip(rows["trial_id"], rows["config"], strict=True)))
    return {
        (sweep, trial_id): names[trial_id, config]
        for sweep, trial_id, config in first.itertuples(index=False)
        if names.get((trial_id, config), trial_id) != trial_id
    }


def _stem(trial_id: str) -> str:
    """Return what the ids of one configuration have in common over releases."""
    return former_id(trial_id) if HEXADECIMAL.fullmatch(trial_id) else trial_id


def _names_of(trials: list[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return (id, configuration) -> id to count it under, of ids with one stem."""
    groups: list[list[tuple[str, str]]] = []
    for trial in sorted(trials, key=lambda trial: -len(trial[0])):
        same = (group for group in groups if _agree(group[0][1], trial[1]))
        if (group := next(same, None)) is None:
            groups.append([trial])
        else:
            group.append(trial)
    names: dict[tuple[str, str], str] = {}
    for group in groups:
        longest, number = group[0][0], sum(name == group[0][0] for name in set(names.values()))
        names |= dict.fromkeys(group, f"{longest}~{number + 1}" if number else longest)
    return names


def _agree(one: str, other: str) -> bool:
    """Return whether two configurations, as JSON, have equal values wherever both have one."""
    if one == other:
        return True
    leaves, second = _leaves(one), _leaves(other)
    return all(leaves[name] == second[name] for name in leaves.keys() & second.keys())


@cache
def _leaves(config: str) -> Mapping[str, Any]:
    return dict(_flat(json.loads(config), ""))


def _flat(config: Mapping[str, Any], where: str) -> list[tuple[str, Any]]:
    return [
        leaf
        for name, value in config.items()
        for leaf in (
            _flat(value, f"{where}.{name}")
            if isinstance(value, dict)
            else [(f"{where}.{name}", value)]
        )
    ]
