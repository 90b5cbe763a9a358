"""What a key of a sweep file changes in the keys of stages: computed, with and without a change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from docs.site import links
from orchestrator.cli.python.sweep import read_sections
from orchestrator.errors import SweepError

BASE: Mapping[str, Any] = {
    "name": "base",
    "benchmark": {"name": "split_digits", "scenario": "class"},
    "network": {"name": "mlp", "hidden": [8]},
    "training": {"optimizer": "sgd"},
    "methods": [{"name": "er", "memory_size": 20}],
    "seeds": [0],
}
GRID = {"name": "ewc", "lam": {"grid": [1, 2]}}
WINE = {"table": "sweeps/data/wine.csv", "label": "cultivar"}
# Values to try where a type says too little of what is valid, with what has to stand beside them.
EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "name": {"name": "other"},
    "benchmark": {"benchmark": {"name": "split_digits", "scenario": "task"}},
    "methods": {"methods": ["finetune"]},
    "seeds": {"seeds": [1]},
    "network": {"network": {"name": "mlp", "hidden": [9]}},
    "means": {"means": {"storage": "1 MB"}},
    "training": {"training": {"optimizer": "adam"}},
    "search": {"search": {"algorithm": "grid"}, "methods": [*BASE["methods"], GRID]},
    "budget": {"budget": {"stages": 1}},
    "resources": {"resources": {"fuse": 2}},
    "mlflow": {"mlflow": {"experiment": "other"}},
    "evaluate": {"evaluate": "last"},
    "benchmark.name": {"name": "permuted_digits"},
    "benchmark.data": {"name": "split", "data": WINE, "num_tasks": 3},
    "benchmark.order": {"order": "seeded"},
    "benchmark.first": {"first": 4, "step": 2},
    "benchmark.step": {"step": 1},
    "benchmark.classes_per_task": {"classes_per_task": [6, 2, 2]},
    "benchmark.classes": {"classes": [[0, 2, 4, 6, 8], [1, 3, 5, 7, 9]]},
    "benchmark.corruptions": {"name": "corrupted_digits", "corruptions": ["noise", "blur"]},
    "benchmark.sequence": {"name": "sequence", "sequence": [{"data": WINE}]},
    "training.optimizer": {"optimizer": "adam"},
    "training.schedule": {"schedule": "cosine"},
    "training.early_stopping": {"epochs": 3, "early_stopping": {"patience": 1}},
    "training.augment": {"augment": ["flip"]},
    "mlflow.uri": {"uri": "sqlite:///other.db"},
    "mlflow.experiment": {"experiment": "other"},
    "schedule.milestones": {"milestones": [2]},
    "schedule.anneal_strategy": {"anneal_strategy": "linear"},
    "early_stopping.metric": {"metric": "accuracy"},
}
EPOCHS = 3
# Sections in `training`, as it has them with some options.
NESTED: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
    "schedule": lambda options: {"schedule": options},
    "augment": lambda options: {"augment": [options]},
    "early_stopping": lambda options: {"early_stopping": options},
}
LEFT_OUT = "must be left out"  # said of a key without effect beside the others
# What a comparison of keys alone would leave open.
REMARKS = {
    "means": "what is solved for to meet them changes those of its place",
    "search": "a winner has the keys of its hyperparameters",
    "resources": "by `fuse` alone",
}
WORDS = ("every stage", "from the first task on", "from the second task on")
NONE = "none"


def key_effects(
    section: str,
    fields: Mapping[str, Mapping[str, Any]],
    given: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, str]:
    """Return for each key of a section where keys of stages change with its value.

    Args:
        section: "benchmark", "training", ...; "" for the top level.
        fields: key -> JSON Schema of its values.
        given: what the section has beside the key.
    """
    return {name: key_effect(section, name, schema, given) for name, schema in fields.items()}


def key_effect(
    section: str,
    name: str,
    schema: Mapping[str, Any],
    given: Mapping[str, Any] = MappingProxyType({}),
) -> str:
    """Return from which stage on keys change with a value.

    Raises:
        LookupError: no value was found that a sweep takes and that differs.
    """
    place = f"{section}.{name}" if section else name
    refused = []
    for values in [EXAMPLES[place]] if place in EXAMPLES else other_values(name, schema):
        try:
            changed = stage_keys(with_section(section, {**given, **values}))
        except SweepError as error:
            refused.append(error)
        else:
            effect = first_difference(stage_keys(with_section(section, given)), changed)
            return "; ".join(filter(None, [effect, REMARKS.get(place)]))
    if len(refused) > 1 and all(LEFT_OUT in str(error) for error in refused):
        return NONE
    raise LookupError(f"key_effects.EXAMPLES needs a value for {place}: {refused}")


def with_section(section: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the sweep with values in a section, or at the top level for ""."""
    if section in NESTED:
        training = {**BASE["training"], "epochs": EPOCHS, **NESTED[section](values)}
        return {**BASE, "training": training}
    if section == "search":
        return {**BASE, **EXAMPLES["search"], "search": values}
    changed = {**BASE.get(section, {}), **values}
    if not section or not changed:
        return {**BASE, **values}
    return {**BASE, section: changed}


def stage_keys(content: Mapping[str, Any]) -> list[str]:
    """Return the keys of the stages of the first trial of a sweep, stage 0 first."""
    sweep = read_sections(content, links.ROOT)
    return [] if not sweep.trials else [*next(sweep.chains())[0].keys]


def first_difference(keys: list[str], others: list[str]) -> str:
    """Return from which stage on the keys of two chains differ, in words."""
    differ = [one != other for one, other in zip(keys, others, strict=False)]
    return WORDS[differ.index(True)] if any(differ) else NONE


def other_values(name: str, schema: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield values of a type that differ from its default."""
    for kind in schema.get("anyOf", [schema]):
        given = {
            "integer": (2, 3, 10),
            "number": (0.5, 0.25, 2.0, 1e-4),
            "boolean": (True,),
        }.get(kind.get("type", ""), kind.get("enum", ()))
        yield from ({name: value} for value in given if value != schema.get("default"))
