"""The `training` section of a sweep: its options, their ranges and what goes together."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any, ClassVar

from torch.optim import Optimizer

from methods.base import neutral
from orchestrator.errors import RepertoireError, require
from orchestrator.stages.code.classes import find_class, is_dotted
from orchestrator.stages.learning.augmentation.augmentation import (
    describe_augmentation,
    read_changes,
)
from orchestrator.stages.learning.augmentation.changes import Change
from orchestrator.stages.learning.forward_pass import PRECISIONS
from orchestrator.stages.learning.optimizer_options import (
    check_optimizer,
    constructor_arguments,
    convert_options,
    join_options,
    split_options,
)
from orchestrator.stages.learning.optimizers import OF_TRAINING
from orchestrator.stages.learning.parameter_groups import lowest_rate, read_rates
from orchestrator.stages.learning.schedule_options import (
    describe_schedule,
    read_schedule,
    schedule_name,
)
from orchestrator.stages.learning.schedules import Schedule
from orchestrator.stages.learning.stopping_options import read_stopping

MAX_THREADS = 1024


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """The training as in a sweep file; all fields are part of a stage's key.

    Attributes:
        epochs: passes over the task's examples.
        iterations: steps per task, instead of epochs.
        batch_size: examples a step.
        optimizer: a name of torch.optim, or `module:Class`, or a mapping with a name and options; a
            fresh one for each task.
        lr: learning rate; or one each of `head`, the parameters of network.head, and `body`, all
            others.
        momentum: of an optimiser that has it.
        weight_decay: L2 for sgd and adam, decoupled for adamw.
        num_threads: processor threads of a stage; in the key since it can change the last bits.
        schedule: a name, or `module:Class`, or a mapping with a name and options; begins anew with
            each task.
        clip: greatest norm of the gradient of a step, all parameters together; None is no limit.
        label_smoothing: share of a label spread evenly over the outputs that compete.
        drop_last: leave out the short batch at the end of an epoch, unless it is the only one.
        keep_optimizer: carry the optimiser's state from task to task.
        early_stopping: `patience`, `metric` and `min_epochs`; None trains all epochs.
        precision: of matrix products and convolutions in training: "float32" or "bf16".
        compile: whether the network is compiled for training.
        augment: names of changes of the images of a batch, or mappings with a name and options.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    epochs: int = 1
    iterations: int | None = None
    batch_size: int = 128
    optimizer: str | dict[str, Any] = "adam"
    lr: float | dict[str, float] = 1e-3
    momentum: float = 0.0
    weight_decay: float = 0.0
    num_threads: int = 1
    schedule: str | dict[str, Any] = neutral("constant")  # noqa: RUF009 - a field
    clip: float | None = neutral(None)
    label_smoothing: float = neutral(0.0)
    drop_last: bool = neutral(False)
    keep_optimizer: bool = neutral(False)
    early_stopping: dict[str, Any] | None = neutral(None)  # noqa: RUF009 - a field
    precision: str = neutral("float32")
    compile: bool = neutral(False)
    augment: tuple[str | dict[str, Any], ...] = neutral(())

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "num_threads"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        # OpenMP aborts the process if it cannot start the requested threads.
        valid = f"at most {MAX_THREADS}"
        require(self.num_threads <= MAX_THREADS, "num_threads", self.num_threads, valid)
        whole = self.iterations is None or self.iterations >= 1
        require(whole, "iterations", self.iterations, "at least 1")
        self._set("lr", read_rates(self.lr))
        self._lift_options()
        require(0 <= self.momentum < 1, "momentum", self.momentum, "in [0, 1)")
        valid = "at least 0 and finite"
        require(0 <= self.weight_decay < inf, "weight_decay", self.weight_decay, valid)
        one = self.iterations is None or self.epochs == 1
        require(one, "epochs", self.epochs, "left out when iterations is given")
        require(self.clip is None or self.clip > 0, "clip", self.clip, "above 0")
        self._set("clip", None if self.clip in (None, inf) else self.clip)
        valid = "in [0, 1)"
        require(0 <= self.label_smoothing < 1, "label_smoothing", self.label_smoothing, valid)
        self._set("augment", describe_augmentation(self.read_changes()))
        known = self.precision in PRECISIONS
        require(known, "precision", self.precision, " or ".join(PRECISIONS))
        # The user's own code is not at hand here; `Training` checks what it defines.
        if not is_dotted(self.schedule_name):
            self.check_schedule()
        if self.early_stopping is not None:
            given, length = self.early_stopping, self.iterations or self.epochs
            self._set("early_stopping", read_stopping(given, length, self.unit))
        if not is_dotted(self.optimizer_name):
            self.check_optimizer()

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _lift_options(self) -> None:
        """Move momentum and weight decay, where they are given with the optimiser, to the fields.

        A name without options is the short form, so that both forms are one training.
        """
        name, options = split_options(self.optimizer)
        for option in OF_TRAINING:
            if option in options:
                given, field_value = options.pop(option), getattr(self, option)
                number = isinstance(given, int | float) and not isinstance(given, bool)
                require(number, f"optimizer.{option}", given, "a number")
                once = field_value in (0, given)
                require(once, option, field_value, f"given once: optimizer.{option} is {given}")
                self._set(option, float(given))
        self._set("optimizer", join_options(name, options))

    @property
    def unit(self) -> str:
        """What the length of the training, and so of its schedule, is given in."""
        return "epochs" if self.iterations is None else "iterations"

    def read_schedule(self) -> Schedule:
        """Return the schedule of the learning rate."""
        length = self.iterations or self.epochs
        source = getattr(self, "source", None)
        return read_schedule(self.schedule, lowest_rate(self.lr), length, self.unit, source)

    @property
    def schedule_name(self) -> str:
        """The name of the schedule, without its options."""
        return schedule_name(self.schedule)

    def check_schedule(self) -> None:
        """Raise ValueError unless the schedule fits the training; give its options their types."""
        self._set("schedule", describe_schedule(self.schedule_name, self.read_schedule()))

    def read_changes(self) -> tuple[Change, ...]:
        """Return the changes of the images of a batch, in their order."""
        return read_changes(self.augment)

    def optimizer_class(self) -> type[Optimizer]:
        """Return the class of the optimiser.

        Raises:
            ValueError: there is no such class.
        """
        try:
            cls: type[Optimizer] = find_class(
                "optimizer", self.optimizer_name, getattr(self, "source", None)
            )
        except RepertoireError as error:
            raise ValueError(f"optimizer: {error}") from None
        return cls

    @property
    def optimizer_name(self) -> str:
        """The name of the optimiser, without its options."""
        return split_options(self.optimizer)[0]

    def optimizer_arguments(self) -> dict[str, Any]:
        """Return the arguments of the optimiser; the rates are those of its parameters' groups."""
        name, options = split_options(self.optimizer)
        return constructor_arguments(self.optimizer_class(), name, options, self._shared_options())

    @property
    def optimizer_kind(self) -> str:
        """The optimiser and the options that are on: those of one kind keep the same state."""
        name, options = split_options(self.optimizer)
        given = {**options, "momentum": self.momentum}
        return " ".join([name, *sorted(option for option, value in given.items() if value)])

    def check_optimizer(self) -> None:
        """Raise ValueError unless the optimiser takes its options; set them to their types."""
        cls, (name, options) = self.optimizer_class(), split_options(self.optimizer)
        options = convert_options(cls, name, options)
        check_optimizer(cls, name, options, self._shared_options())
        self._set("optimizer", join_options(name, options))

    def _shared_options(self) -> dict[str, float]:
        return {
            "lr": lowest_rate(self.lr),
            "momentum": self.momentum,
            "weight_decay": self.weight_decay,
        }
