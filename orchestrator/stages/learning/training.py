"""How each task is trained: the options of a sweep file, with the user's own code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from methods.base import Phase, neutral
from orchestrator.errors import RepertoireError
from orchestrator.hashing import to_keyed_json
from orchestrator.stages.code.capture import capture_source
from orchestrator.stages.code.classes import is_dotted
from orchestrator.stages.code.data_function import function_identity
from orchestrator.stages.code.identity import code_identity
from orchestrator.stages.code.source import Source
from orchestrator.stages.learning import optimizer_state
from orchestrator.stages.learning.step_budget import GrowthFlops, StepBudget
from orchestrator.stages.learning.training_options import TrainingOptions


@dataclass(frozen=True, kw_only=True)
class Training(TrainingOptions):
    """How each task is trained, with the user's own code.

    Attributes:
        source: the user's own code, which defines the optimiser and the schedule unless they are
            installed; of a dotted name without it, the code is captured.
        fuse: siblings that are trained together at most, or "auto"; None trains each by itself.
            In a key it is `numerics`, where it makes a difference (`stages.siblings`).
        step_budget: from which the iterations follow when the task begins (`settle_length`); None:
            they are given, or the epochs are.
    """

    source: Source | None = field(default=None, repr=False, metadata={"unkeyed": True})
    fuse: int | Literal["auto"] | None = field(default=None, repr=False, metadata={"unkeyed": True})
    step_budget: StepBudget | None = neutral(None)  # noqa: RUF009 - a field

    def __post_init__(self) -> None:
        super().__post_init__()
        if is_dotted(self.optimizer_name):
            self.check_optimizer()
        if is_dotted(self.schedule_name):
            self.check_schedule()

    def describe(self) -> dict[str, Any]:
        """Return the options in JSON types, without neutral ones.

        An option of the optimiser or the schedule has its path as its name: `schedule.gamma`.
        """
        return dict(self._description)

    @cached_property
    def _description(self) -> dict[str, Any]:
        return flatten_options(to_keyed_json(self))

    def settle_length(self, growth: Callable[[], GrowthFlops]) -> Training:
        """Return the training of a task that begins, with the iterations that its budget allows.

        Args:
            growth: returns what has grown in the state that the task begins with.

        Raises:
            RepertoireError: the budget does not allow a single one.
        """
        if self.step_budget is None:
            return self
        return replace(self, iterations=self.step_budget.iterations(growth()), step_budget=None)

    @property
    def own_code(self) -> dict[str, str]:
        """The code of an optimiser and a schedule of the user's own, for a key; empty without."""
        code = {}
        if is_dotted(self.optimizer_name):
            code["optimizer"] = code_identity("optimizer", self.optimizer_name, self.source)
        if is_dotted(name := self.schedule_name):
            code["schedule"] = function_identity(name, self.source or capture_source([name]))
        return code

    def content(self) -> dict[str, Any]:
        """Return its content for a key."""
        code = {"code": own_code} if (own_code := self.own_code) else {}
        kept = {"kept_optimizer": optimizer_state.VERSION} if self.keep_optimizer else {}
        return {**self.describe(), **code, **kept}


def create_training(
    options: TrainingOptions, source: Source, fuse: int | Literal["auto"] | None = None
) -> Training:
    """Return a training of a sweep file, with the user's own code that the file names.

    Raises:
        ValueError: the optimiser or the schedule is not of that code, or refuses its options.
    """
    # Without code of one's own the source is left out: trainings of different sweeps stay equal.
    if any(map(is_dotted, (options.optimizer_name, options.schedule_name))):
        return Training(**vars(options), source=source, fuse=fuse)
    training = object.__new__(Training)
    # The options are checked already.
    vars(training).update(vars(options), source=None, fuse=fuse, step_budget=None)
    return training


def phase_training(training: Training, phase: Phase) -> Training:
    """Return the training of a phase: the task's training with the phase's own values.

    Raises:
        RepertoireError: the values make no training.
    """
    values = dict(phase.training)
    if not values:
        return training
    if "iterations" in values or "epochs" in values:
        # A phase with a length of its own must not keep the task's in the other unit.
        values = {"iterations": None, "epochs": 1, **values}
    try:
        return replace(training, **values)
    except (TypeError, ValueError) as error:
        raise RepertoireError(f"the training of phase {phase.name!r}: {error}") from error


def flatten_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with paths as names, such as schedule.gamma."""
    flat: dict[str, Any] = {}
    for name, value in options.items():
        if not isinstance(value, dict):
            flat[name] = value
            continue
        for option, v in value.items():
            flat[name if option == "name" else f"{name}.{option}"] = v
    return flat
