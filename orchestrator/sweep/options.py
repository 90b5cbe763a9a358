"""The sections of a sweep file that are not its trials: resources, MLflow, the budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

FORBID: dict[str, Any] = {"extra": "forbid"}


def require(fits: bool, name: str, given: object, valid: str) -> None:
    """Raise ValueError unless a value fits, with the words a reader of YAML needs."""
    if not fits:
        raise ValueError(f"{name} must be {valid}, given {given}")


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a stage takes of the cluster; never part of a key."""

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID

    cpus: float = 1.0
    gpus: float = 0.0

    def __post_init__(self) -> None:
        require(self.cpus > 0, "cpus", self.cpus, "above 0")
        require(self.gpus >= 0, "gpus", self.gpus, "at least 0")
        for name, amount in vars(self).items():  # what Ray can divide
            fits = amount == 0 or amount == round(amount, 4)
            require(fits, name, amount, "a multiple of 0.0001")
        whole = self.gpus <= 1 or self.gpus == int(self.gpus)
        require(whole, "gpus", self.gpus, "at most 1, or a whole number")


@dataclass(frozen=True, kw_only=True)
class Mlflow:
    """Where runs are logged; `uri: null` means the database of the results folder."""

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID

    uri: str | None = None
    experiment: str = "repertoire"

    def __post_init__(self) -> None:
        _, file, path = (self.uri or "").partition(":///")
        valid = "an address, or left out for the database of the results folder"
        require(self.uri is None or bool(self.uri.strip()), "uri", repr(self.uri), valid)
        require(not (file and path.startswith("~")), "uri", self.uri, "a path without '~'")
        named = bool(self.experiment.strip())
        require(named, "experiment", repr(self.experiment), "a name, or left out")


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What one call of `repertoire run` may spend; None is no limit.

    Attributes:
        gpu_hours: GPUs of a stage times the hours it takes, summed over stages.
        cpu_hours: likewise of processors.
        stages: stages computed.
        wall: hours on the clock.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID

    gpu_hours: float | None = None
    cpu_hours: float | None = None
    stages: int | None = None
    wall: float | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            require(value is None or value > 0, name, value, "above 0, or left out for no limit")
