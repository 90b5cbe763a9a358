"""The options of early stopping, as a sweep file gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from orchestrator.errors import require, suggest

STOPPING_METRICS = ("loss", "accuracy")


@dataclass(frozen=True, kw_only=True)
class StoppingOptions:
    """When the training of a task stops.

    Attributes:
        patience: epochs without improvement after which it stops.
        metric: of the validation data: "loss" or "accuracy".
        min_epochs: the first epoch that may be kept.
    """

    patience: int = 5
    metric: str = "loss"
    min_epochs: int = 1


def read_stopping(given: Mapping[str, Any], length: int, unit: str) -> dict[str, Any]:
    """Return the options of early stopping, as in a sweep file, with all of them.

    Raises:
        ValueError: an unknown option, or a value that does not fit a training of some length.
    """
    names = [field.name for field in fields(StoppingOptions)]
    for option in given:
        if option not in names:
            valid = suggest(option, names)
            raise ValueError(f"early_stopping.{option}: unknown option; {valid}")
    options = StoppingOptions(**given)
    valid = "left out where the training is given in iterations, since it compares epochs"
    require(unit == "epochs", "early_stopping", dict(given), valid)
    known = options.metric in STOPPING_METRICS
    require(known, "early_stopping.metric", options.metric, " or ".join(STOPPING_METRICS))
    whole = type(options.patience) is int and options.patience >= 1
    require(whole, "early_stopping.patience", options.patience, "a whole number of at least 1")
    within = type(options.min_epochs) is int and 1 <= options.min_epochs <= length
    valid = f"from 1 to {length}, the epochs of training"
    require(within, "early_stopping.min_epochs", options.min_epochs, valid)
    return asdict(options)
