"""Augmentation as in a sweep file: a list of changes of a batch, in the order of the list.

augment: [{name: pad_crop, padding: 4}, flip, mixup]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import torch

from methods.examples import Examples
from orchestrator.errors import require, suggest
from orchestrator.stages.learning.augmentation.changes import (
    Change,
    ColorJitter,
    Cutout,
    Flip,
    PadCrop,
    RandAugment,
)
from orchestrator.stages.learning.augmentation.mixtures import CutMix, Mixup
from orchestrator.stages.option_values import convert

CHANGES: dict[str, type[Change]] = {
    cls.name: cls for cls in (PadCrop, Flip, ColorJitter, RandAugment, Cutout, Mixup, CutMix)
}

Given = Sequence[str | Mapping[str, Any]]


def read_changes(given: Given) -> tuple[Change, ...]:
    """Return the changes of a list of names, or mappings with a name and options.

    Raises:
        ValueError: an unknown name or option, or a value out of range.
    """
    changes = tuple(read_change(each, f"augment[{i}]") for i, each in enumerate(given))
    mixing = [change.name for change in changes if change.mixes]
    last = not mixing or (len(mixing) == 1 and changes[-1].mixes)
    require(last, "augment", list(given), "with at most one of mixup and cutmix, as the last")
    return changes


def read_change(given: str | Mapping[str, Any], where: str) -> Change:
    """Return the change of one entry of the list."""
    options = {"name": given} if isinstance(given, str) else dict(given)
    name = options.pop("name", None)
    if not isinstance(name, str) or name not in CHANGES:
        raise ValueError(f"{where}: unknown augmentation {name!r}; {suggest(str(name), CHANGES)}")
    kinds = {field.name: str(field.type) for field in fields(CHANGES[name])}
    for option, value in options.items():
        if option not in kinds:
            valid = suggest(option, kinds)
            raise ValueError(f"{where}.{option}: unknown option of {name}; {valid}")
        whole = kinds[option] != "int" or type(value) is int
        require(whole, f"{where}.{option}", value, "a whole number")
    try:
        numbers = {
            o: v if kinds[o] == "int" else convert(o, v, "float") for o, v in options.items()
        }
        change = CHANGES[name](**numbers)
        change.check()
    except ValueError as error:
        raise ValueError(f"{where}.{error}") from None
    return change


def describe_augmentation(changes: Sequence[Change]) -> tuple[dict[str, Any], ...]:
    """Return changes in the form of a sweep file, with all options."""
    return tuple({"name": change.name, **asdict(change)} for change in changes)


def create_augmentation(
    changes: Sequence[Change], generator: torch.Generator
) -> Augmentation | None:
    """Return the augmentation of a training; None if it has none."""
    return Augmentation(changes, generator) if changes else None


class Augmentation:
    """The changes of a training, drawn from one random stream.

    Args:
        changes: in their order.
        generator: of the task's own stream.
    """

    def __init__(self, changes: Sequence[Change], generator: torch.Generator) -> None:
        self._generator = generator
        self._changes = [change for change in changes if not change.mixes]
        self._mixing = [change for change in changes if change.mixes]

    def change(self, examples: Examples) -> Examples:
        """Return examples with changed images, of the same labels."""
        # An empty memory draws nothing, so that the stream stays where it is.
        for change in self._changes if len(examples) else ():
            examples = change.apply(examples, self._generator)
        return examples

    def mix(self, examples: Examples) -> Examples:
        """Return examples mixed with each other, if the training mixes."""
        for change in self._mixing if len(examples) else ():
            examples = change.apply(examples, self._generator)
        return examples
