"""Common ids for trials of one configuration in sweeps of different releases.

Release 0.1 wrote ids of 8 hexadecimal digits, which two configurations may share; later ids begin
with these digits and have more. Therefore the configurations themselves are compared: equal ids of
different configurations become different, and different ids of one configuration become equal.
An option that a later release added is missing in earlier configurations; options that one of two
configurations lacks are not compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import pandas as pd

from orchestrator.results.names.trial_ids import former_id

HEXADECIMAL = re.compile(r".*-[0-9a-f]{8,}")


def common_trial_ids(trials: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Return (sweep, trial id) -> common id, for the trials whose own id is another.

    Args:
        trials: rows of the trials table, with `sweep`, `trial_id` and `config`.
    """
    first = trials[["sweep", "trial_id", "config"]].drop_duplicates()
    distinct = first.drop_duplicates(["trial_id", "config"])
    stems = distinct["trial_id"].map(_stem)
    several = distinct[stems.duplicated(keep=False)]
    names: dict[tuple[str, str], str] = {}
    for _, rows in several.groupby(stems[several.index], sort=False):
        names |= _common_ids(list(zip(rows["trial_id"], rows["config"], strict=True)))
    return {
        (sweep, trial_id): names[trial_id, config]
        for sweep, trial_id, config in first.itertuples(index=False)
        if names.get((trial_id, config), trial_id) != trial_id
    }


def _stem(trial_id: str) -> str:
    """Return the part of an id that is the same in all releases."""
    return former_id(trial_id) if HEXADECIMAL.fullmatch(trial_id) else trial_id


def _common_ids(trials: list[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return (id, configuration) -> common id, for trials whose ids have one stem."""
    groups: list[list[tuple[str, str]]] = []
    # The longest id first: it is the most exact one, and becomes the common one.
    for trial in sorted(trials, key=lambda trial: -len(trial[0])):
        same = (group for group in groups if _configs_agree(group[0][1], trial[1]))
        if (group := next(same, None)) is None:
            groups.append([trial])
        else:
            group.append(trial)
    names: dict[tuple[str, str], str] = {}
    for group in groups:
        longest, number = group[0][0], sum(name == group[0][0] for name in set(names.values()))
        names |= dict.fromkeys(group, f"{longest}~{number + 1}" if number else longest)
    return names


def _configs_agree(one: str, other: str) -> bool:
    """Return whether two configurations, as JSON, have equal values in all options of both."""
    if one == other:
        return True
    leaves, second = _leaves(one), _leaves(other)
    return all(leaves[name] == second[name] for name in leaves.keys() & second.keys())


@cache
def _leaves(config: str) -> Mapping[str, Any]:
    return dict(_flatten(json.loads(config), ""))


def _flatten(config: Mapping[str, Any], where: str) -> list[tuple[str, Any]]:
    return [
        leaf
        for name, value in config.items()
        for leaf in (
            _flatten(value, f"{where}.{name}")
            if isinstance(value, dict)
            else [(f"{where}.{name}", value)]
        )
    ]
