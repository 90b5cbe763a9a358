"""The groups that were searched for the tables of a folder, and those that a sweep searches."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.errors import RepertoireError
from orchestrator.results.folder.kept_code import load_kept_code
from orchestrator.sweep.group import Group
from orchestrator.sweep.means.prices import PriceRecords
from orchestrator.sweep.solve_means import solve_sweep
from orchestrator.sweep.sweep import Sweep

GroupContent = Mapping[str, Any]
TASKS = ("benchmark", "network")


def former_groups(folder: Path, records: PriceRecords) -> dict[str, GroupContent]:
    """Return the groups that were searched for the tables; none if their sweep cannot be read.

    Those of a sweep with means have its dials, as far as their prices are among the records.
    """
    with suppress(RepertoireError, OSError):
        former = load_kept_code(folder)
        return group_contents(solve_sweep(former, records)) if former.search else {}
    return {}


def group_contents(sweep: Sweep) -> dict[str, GroupContent]:
    """Return for each group that is searched all that its candidates follow from.

    The number of candidates is left out, since a search may be made longer.
    """
    search = sweep.search and replace(sweep.search, num_trials=None)
    return {
        group.name: {
            "search": search,
            "space": group.describe(),
            "code": _code(group),
            **_constants(group),
        }
        for group in (sweep.groups if search else ())
    }


def _code(group: Group) -> tuple[str, str]:
    first = group.first_trial((0,))
    return first.network.identity, first.method.identity


def _constants(group: Group) -> dict[str, Any]:
    """Return the configuration that all candidates of a group have in common, by section."""
    config = group.first_trial((0,)).config
    # The values of each task are a list, of places that are in no space.
    schedule = {"schedule": config.pop("schedule")} if "schedule" in config else {}
    sections = {
        section: {k: v for k, v in values.items() if f"{section}.{k}" not in group.space}
        for section, values in config.items()
    }
    return sections | schedule


def shares_groups(groups: Mapping[str, GroupContent], sweep: Sweep) -> bool:
    """Return whether a sweep searches one of some groups on the same tasks and network."""
    return any(
        name in groups and all(groups[name][part] == content[part] for part in TASKS)
        for name, content in group_contents(sweep).items()
    )
