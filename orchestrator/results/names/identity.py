"""Common ids for trials of one configuration in sweeps of different releases.

Release 0.1 wrote ids of 8 hexadecimal digits, which two configurations may share; later ids begin
with these digits and have more. Therefore the configurations themselves are compared: equal ids of
different configurations become different, and different ids of one configuration become equal.
An option that a later release added is missing in earlier configurations; options that one of two
configurations lacks are not compared.

A configuration that was computed with different code is a different one: a method of the user's own
that was edited between two sweeps, or a built-in of two releases. Code that is not known, in tables
of earlier releases, is compatible with any one code.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pandas as pd

from orchestrator.results.names.trial_ids import former_id, numbered_id

HEXADECIMAL = re.compile(r".*-[0-9a-f]{8,}")


@dataclass(frozen=True)
class Version:
    """A configuration as a sweep wrote it: its id, its content and its code; "" if not known."""

    trial_id: str
    config: str
    code: str


def common_trial_ids(trials: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Return (sweep, trial id) -> common id, for the trials whose own id is another.

    Args:
        trials: rows of the trials table, with `sweep`, `trial_id`, `config` and `code`.
    """
    first = trials[["sweep", "trial_id", "config", "code"]].drop_duplicates()
    versions = list(map(Version, first["trial_id"], first["config"], first["code"].fillna("")))
    distinct = dict.fromkeys(versions)
    by_stem: dict[str, list[Version]] = {}
    for version in distinct:
        by_stem.setdefault(_stem(version.trial_id), []).append(version)
    names: dict[Version, str] = {}
    for several in by_stem.values():
        names |= _common_ids(several) if len(several) > 1 else {}
    return {
        (sweep, version.trial_id): names[version]
        for sweep, version in zip(first["sweep"], versions, strict=True)
        if names.get(version, version.trial_id) != version.trial_id
    }


def _stem(trial_id: str) -> str:
    """Return the part of an id that is the same in all releases."""
    return former_id(trial_id) if HEXADECIMAL.fullmatch(trial_id) else trial_id


def _common_ids(versions: list[Version]) -> dict[Version, str]:
    """Return the common id of each version of configurations whose ids have one stem."""
    names: dict[Version, str] = {}
    numbers: Counter[str] = Counter()
    for group in _group_versions(versions):
        longest = max((version.trial_id for version in group), key=len)
        names |= dict.fromkeys(group, numbered_id(longest, numbers[longest]))
        numbers[longest] += 1
    return names


def _group_versions(versions: Iterable[Version]) -> list[list[Version]]:
    groups: list[list[Version]] = []
    # Known code first, which unknown code is compared with. Then the longest id: it is the most
    # exact one, and becomes the common one.
    for version in sorted(versions, key=lambda one: (not one.code, -len(one.trial_id))):
        if (group := _find_group(groups, version)) is None:
            groups.append([version])
        else:
            group.append(version)
    return groups


def _find_group(groups: list[list[Version]], version: Version) -> list[Version] | None:
    """Return the group of the same configuration and code; unknown code is that of the only one."""
    same = [group for group in groups if _configs_agree(group[0].config, version.config)]
    if not version.code and len({group[0].code for group in same}) == 1:
        return same[0]
    return next((group for group in same if group[0].code == version.code), None)


def _configs_agree(one: str, other: str) -> bool:
    """Return whether two configurations, as JSON, have equal values in all options of both."""
    if one == other:
        return True
    leaves, second = _leaves(one), _leaves(other)
    return all(leaves[name] == second[name] for name in leaves.keys() & second.keys())


@lru_cache(maxsize=4096)  # a dashboard reads new results for weeks
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
