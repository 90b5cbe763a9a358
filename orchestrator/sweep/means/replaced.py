"""Values of a sweep file that its means replace: trials that differ in these alone are one cell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from orchestrator.sweep.means.dials import set_no_length
from orchestrator.sweep.means.means import Means
from orchestrator.sweep.means.storage import set_memory
from orchestrator.sweep.trial import Trial

AXIS_OF_SECTION = {"method": "storage", "training": "compute"}
ANY_SIZE = 10**9  # of a memory, in its unit


def distinct_trials(trials: Iterable[Trial], means: Means) -> list[Trial]:
    """Return the first of the trials that differ in nothing but what means solve for."""
    return [alike[0] for alike in group_alike(trials, means)]


def group_alike(trials: Iterable[Trial], means: Means) -> list[list[Trial]]:
    """Return trials in groups that differ in nothing but what means solve for, in order."""
    groups: dict[tuple[str, str], list[Trial]] = defaultdict(list)
    for trial in trials:
        groups[trial.label, fix_dials(trial, means).identity].append(trial)
    return list(groups.values())


def fix_dials(trial: Trial, means: Means) -> Trial:
    """Return a trial whose dials, as far as means solve for them, have any one value."""
    config = trial.method.config
    has_memory = config.with_storage(ANY_SIZE) or config.with_examples(ANY_SIZE)
    if means.storage != (None,) and has_memory:
        trial = set_memory(trial, ANY_SIZE)
    if means.compute != (None,) and trial.method.cls.takes_steps:
        trial = set_no_length(trial)
    return trial


def describe_unused(trials: Sequence[Trial], means: Means | None) -> Iterator[str]:
    """Yield a line for each value of a sweep file that its means have no use for.

    Args:
        trials: of the file, before their dials are solved for.
        means: of the file, if it has any.
    """
    if means is None:
        return
    if means.backbone == "apart" and means.storage == (None,):
        yield (
            "means: backbone: apart has no effect, since storage is free: give storage, or leave "
            "backbone out"
        )
    methods: dict[tuple[str, str, str], dict[str, None]] = defaultdict(dict)
    for alike in group_alike(trials, means):
        for replaced in differing_values(alike):
            methods[replaced][alike[0].label or alike[0].method.name] = None
    for (section, name, values), names in methods.items():
        axis = AXIS_OF_SECTION[section]
        yield (
            f"means: {section}.{name} {values} of {', '.join(names)} are one cell, since "
            f"means.{axis} solves for it: leave {name} out, or means.{axis}"
        )


def differing_values(alike: Sequence[Trial]) -> Iterator[tuple[str, str, str]]:
    """Yield the section, the name and the values of each field in which trials differ."""
    configs = [trial.config for trial in alike]
    for section in AXIS_OF_SECTION:
        for name in dict.fromkeys(name for config in configs for name in config[section]):
            values = dict.fromkeys(str(config[section].get(name)) for config in configs)
            if len(values) > 1:
                yield section, name, ", ".join(value for value in values if value != "None")
