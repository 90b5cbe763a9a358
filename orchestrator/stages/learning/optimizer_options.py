"""Options of an optimiser, as a sweep file gives them, to the arguments of its class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.optim import Optimizer

from orchestrator.errors import require, suggest
from orchestrator.stages.code.optimizer_table import OPTIMIZERS, UNFIT_OPTIMIZERS
from orchestrator.stages.learning.optimizers import (
    FUSED,
    WITHHELD,
    constructor_parameters,
    has_option,
    valid_options,
)
from orchestrator.stages.learning.option_kinds import check_kinds
from orchestrator.stages.without_compiler import spare_optimizers


def split_options(given: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the name and the options of an optimiser as in a sweep file.

    Raises:
        ValueError: there is no name, or the optimiser cannot train here.
    """
    options = {"name": given} if isinstance(given, str) else dict(given)
    name = options.pop("name", None)
    if not isinstance(name, str):
        raise ValueError(f"optimizer.name must be a name, given {name}; {suggest('', OPTIMIZERS)}")
    if name in UNFIT_OPTIMIZERS:
        raise ValueError(f"optimizer: {name} {UNFIT_OPTIMIZERS[name]}; {suggest('', OPTIMIZERS)}")
    return name, options


def join_options(name: str, options: Mapping[str, Any]) -> str | dict[str, Any]:
    """Return an optimiser as in a sweep file; without options its name."""
    return {"name": name, **options} if options else name


def convert_options(cls: type[Optimizer], name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with whole numbers as reals where the optimiser has reals.

    Raises:
        ValueError: an unknown option, or a value of another kind.
    """
    parameters = constructor_parameters(cls)
    for option, value in options.items():
        valid = "left out, and given as lr of the training"
        require(option != "lr", "optimizer.lr", value, valid)
        if option in WITHHELD or not has_option(cls, option):
            valid = suggest(option, valid_options(cls))
            raise ValueError(f"optimizer.{option}: unknown option of {name}; {valid}")
    check_kinds(options, parameters, name in OPTIMIZERS)
    kinds = {
        option: str(parameters[option].annotation) for option in options if option in parameters
    }
    real = {option for option, kind in kinds.items() if "float" in kind and "int" not in kind}
    return {k: to_real(v) if k in real else v for k, v in options.items()}


def to_real(value: Any) -> Any:
    """Return whole numbers as reals, also those of a list."""
    if isinstance(value, list | tuple):
        return [to_real(item) for item in value]
    return float(value) if type(value) is int else value


def constructor_arguments(
    cls: type[Optimizer], name: str, options: Mapping[str, Any], of_training: Mapping[str, float]
) -> dict[str, Any]:
    """Return the arguments of an optimiser; `of_training` has lr, momentum and weight_decay."""
    own = {key: tuple(v) if isinstance(v, list) else v for key, v in options.items()}
    shared = {key: value for key, value in of_training.items() if has_option(cls, key)}
    return {**shared, **own, **({"fused": True} if name in FUSED else {})}


def check_optimizer(
    cls: type[Optimizer], name: str, options: Mapping[str, Any], of_training: Mapping[str, float]
) -> None:
    """Raise ValueError unless an optimiser takes its options and those of the training."""
    for option, value in of_training.items():
        if value and not has_option(cls, option):
            if option == "lr":
                raise ValueError(
                    f"optimizer: {name} takes no lr; give its constructor that argument"
                )
            raise ValueError(f"{option} must be 0, since {name} has no {option}, given {value}")
    # Nothing is left to refuse, and a sweep has thousands of trainings.
    if not options and name in OPTIMIZERS:
        return
    reason = objection_to(cls, constructor_arguments(cls, name, options, of_training))
    if reason is None:
        return
    for option, value in options.items():
        rest = {key: v for key, v in options.items() if key != option}
        if objection_to(cls, constructor_arguments(cls, name, rest, of_training)) is None:
            raise ValueError(f"optimizer.{option}: {name} refuses {value}: {reason}")
    raise ValueError(f"optimizer: {name} refuses its options: {reason}")


def objection_to(cls: type[Optimizer], arguments: Mapping[str, Any]) -> str | None:
    """Return the error of an optimiser's constructor or first step for its arguments, else None."""
    spare_optimizers()
    weights = torch.nn.Parameter(torch.zeros(2, 2))
    weights.grad = torch.ones(2, 2)
    try:
        with torch.random.fork_rng(devices=[]):
            cls([weights], **arguments).step()
    except Exception as error:  # a class of the user's own may raise anything
        return " ".join(str(error).split()) or type(error).__name__
    return None
