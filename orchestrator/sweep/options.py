"""Sections of a sweep file that describe no trial: resources, MLflow, budget."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any, ClassVar, Literal

from orchestrator.errors import require


class Options:
    """Base of the dataclasses that sections are decoded into; an unknown key is a mistake."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}


@dataclass(frozen=True, kw_only=True)
class Resources(Options):
    """CPUs and GPUs that a stage takes; never part of a key.

    Attributes:
        cpus: processors of a stage.
        gpus: GPUs of a stage, or a share of one; "auto": as many stages share a GPU as its memory
            and its time allow, by what the first of them used.
        fuse: how many stages that differ in seed, learning rate or strength alone are trained as
            one batched program at most; "auto": 32, where the network is small enough to gain;
            "off": none. Their last bits are others than without, which their keys say.
    """

    cpus: float = 1.0
    gpus: float | Literal["auto"] = 0.0
    fuse: int | Literal["auto", "off", False] = "off"

    def __post_init__(self) -> None:
        require(self.cpus > 0, "cpus", self.cpus, "above 0")
        # In YAML 1.1 off is a truth value.
        object.__setattr__(self, "fuse", "off" if self.fuse is False else self.fuse)
        known = self.fuse in ("off", "auto") or (type(self.fuse) is int and self.fuse >= 2)
        require(known, "fuse", self.fuse, "auto, off, or a number of stages, at least 2")
        amounts = {name: v for name in ("cpus", "gpus") if (v := getattr(self, name)) != "auto"}
        require(self.max_gpus >= 0, "gpus", self.gpus, "at least 0")
        for name, amount in amounts.items():
            require(isfinite(amount), name, amount, "finite")
            # Ray's resolution of fractional resources.
            require(amount == round(amount, 4), name, amount, "a multiple of 0.0001")
        whole = self.max_gpus <= 1 or self.max_gpus == int(self.max_gpus)
        require(whole, "gpus", self.gpus, "at most 1, or a whole number")

    @property
    def max_gpus(self) -> float:
        """The most GPUs that a stage takes; with "auto" one, before anything is measured."""
        return 1.0 if self.gpus == "auto" else self.gpus


@dataclass(frozen=True, kw_only=True)
class Mlflow(Options):
    """Where runs are logged.

    Attributes:
        uri: address of a server or a database; None is the database of the results folder.
        experiment: the name that MLflow lists the runs under.
    """

    uri: str | None = None
    experiment: str = "repertoire"

    def __post_init__(self) -> None:
        _, file, path = (self.uri or "").partition(":///")
        valid = "an address, or left out for the database of the results folder"
        require(self.uri is None or bool(self.uri.strip()), "uri", repr(self.uri), valid)
        require(not (file and path.startswith("~")), "uri", self.uri, "a path without '~'")
        given = bool(self.experiment.strip())
        require(given, "experiment", repr(self.experiment), "a name, or left out")


@dataclass(frozen=True, kw_only=True)
class RunBudget(Options):
    """What one call of `repertoire run` may spend; None is no limit.

    Attributes:
        gpu_hours: GPUs of a stage times its hours, summed over stages.
        cpu_hours: the same for processors.
        stages: number of computed stages.
        wall: hours of wall time.
    """

    gpu_hours: float | None = None
    cpu_hours: float | None = None
    stages: int | None = None
    wall: float | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            require(value is None or value > 0, name, value, "above 0, or left out for no limit")


def read_fuse(content: dict[str, Any]) -> int | Literal["auto"] | None:
    """Return the option `fuse` of a file; None if it is "off", or if the section has mistakes."""
    given = content.get("resources")
    try:
        resources = Resources(**given) if isinstance(given, dict) else Resources()
    except (TypeError, ValueError):  # reported where the section is read
        return None
    return None if resources.fuse == "off" else resources.fuse
