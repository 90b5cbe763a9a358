"""The contract of a method: what it may know, what it carries, and the hooks the learner calls.

Shape legend: B examples, C classes of the head, N stored examples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias, cast, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, eq=False, slots=True)
class Examples:
    """Images and labels, aligned by row.

    Shapes:
        x: uint8 pixels [B, channels, height, width], or float pixels in [0, 1] when generated.
        y: int64 [B], the index of the head's output that is right.
    """

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return self.y.shape[0]

    def __getitem__(self, index: Tensor | slice) -> Examples:
        return Examples(self.x[index], self.y[index])

    def __add__(self, other: Examples) -> Examples:
        return Examples(torch.cat((self.x, other.x)), torch.cat((self.y, other.y)))

    def to(self, device: torch.device | str) -> Examples:
        """Return the same examples on another device."""
        return Examples(self.x.to(device), self.y.to(device))


@dataclass(frozen=True)
class Outlook:
    """What a method may know before it sees any data.

    Attributes:
        num_classes: outputs of the head, C.
        input_shape: (channels, height, width) of an image.
        num_learned: how many tasks the state it is about to carry has learned.
    """

    num_classes: int
    input_shape: tuple[int, int, int]
    num_learned: int = 0


@dataclass(frozen=True)
class Setting:
    """What a sweep would have a method do, as far as the file says it.

    Attributes:
        scenario: "task", "domain" or "class".
        num_classes: outputs of the head, C.
        input_shape: (channels, height, width) of an image.
        network: the name of the network.
        num_tasks: tasks of the sequence, T.
    """

    scenario: str
    num_classes: int
    input_shape: tuple[int, int, int]
    network: str
    num_tasks: int = 1


@dataclass(frozen=True, eq=False)
class TaskView:
    """What a method is shown of the task it learns: nothing of test data, nothing of the future.

    Attributes:
        index: the task's place in the sequence, 1..T.
        classes: outputs of the head that this task's labels use.
        examples: the training examples (of all seen tasks, if the method trains on them).
        allowed: bool [C, C]; row y holds the outputs that compete with label y. None: all do.
        stream: a fresh random generator for a purpose, the same for the same (seed, task, purpose).
        num_steps: how many steps the learner takes over `examples`; 0 where it does not say.
        scenario: "task", "domain" or "class"; "" where it is not known.
    """

    index: int
    classes: tuple[int, ...]
    examples: Examples
    allowed: Tensor | None
    stream: Callable[[str], torch.Generator]
    num_steps: int = 0
    scenario: str = ""


@dataclass(frozen=True, kw_only=True)
class Config:
    """A method's hyperparameters: frozen, keyword-only, ranges checked in `__post_init__`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}


def neutral(value: Any) -> Any:
    """Return a field of a Config that defaults to `value` and is left out of keys at that value.

    For a hyperparameter that is added later: at its neutral value a method computes what it did
    before the field existed, bit for bit, so stages computed before still answer. The value must
    be hashable, as any default of a dataclass.
    """
    return field(default=value, metadata={"neutral": value})


AnyConfig: TypeAlias = Config  # inside Method the bare name is the class attribute


class Method(nn.Module):
    """A way of learning a sequence of tasks. Its `state_dict()` is all it carries between them.

    A subclass overrides hooks only, allocates every buffer in `__init__` for `outlook.num_learned`
    tasks, and calls `super()` only there and in `objection`. Hooks run in the order
    `begin_task, examples, (loss, after_backward, after_step) per batch, end_task`.

    Class attributes:
        version: raised by hand when the method's numbers change; part of every key.
        scenarios: the scenarios it can serve.
        trains_on: "current" task or all "seen" tasks.
        starts_afresh: each stage starts from the fresh network of stage 0.
        scores_unseen: whether `predict` means anything for a task not yet learned.
        inert_on_first_task: hyperparameters that cannot change the first task's stage (tested).
        strength: the hyperparameter that at 0 makes the network learn as `finetune` does, bit for
            bit (tested), and with more forgets less; None where there is no single one. A search
            may lower it until a new task is learned well enough.
        storage: first part of a state's name -> storage category, for all but `network`.
    """

    Config: ClassVar[type[Config]] = Config
    version: ClassVar[int] = 1
    scenarios: ClassVar[frozenset[str]] = frozenset({"task", "domain", "class"})
    trains_on: ClassVar[Literal["current", "seen"]] = "current"
    starts_afresh: ClassVar[bool] = False
    scores_unseen: ClassVar[bool] = True
    inert_on_first_task: ClassVar[frozenset[str]] = frozenset()
    strength: ClassVar[str | None] = None
    storage: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def objection(cls, config: Any, setting: Setting) -> str | None:
        """Return why the method cannot run in a setting, or None.

        Called when a sweep is read, before anything is trained. An override begins with
        `super().objection(config, setting) or`, which checks the scenario.
        """
        if setting.scenario in cls.scenarios:
            return None
        serves = ", ".join(sorted(cls.scenarios))
        return f"cannot serve the {setting.scenario} scenario; it serves: {serves}"

    @classmethod
    def with_defaults(cls, config: Any, setting: Setting) -> Any:
        """Return a copy of the configuration with open hyperparameters set for a setting.

        Called when a trial is built, so that keys and results contain the values used.
        """
        return config

    def __init__(self, network: nn.Module, config: AnyConfig, outlook: Outlook) -> None:
        super().__init__()
        self.network = network
        self.config = config
        self.outlook = outlook
        self._forbidden: Tensor | None = None

    def begin_task(self, task: TaskView) -> None:
        """Prepare for a task; called once before its first batch."""

    def examples(self, task: TaskView) -> Examples:
        """Return what the task is trained on; asked once, after `begin_task`."""
        return task.examples

    def loss(self, batch: Examples) -> Tensor:
        """Return the scalar to minimise on a batch."""
        return self.task_loss(batch)

    def after_backward(self) -> None:
        """Change the gradients, if the method does; called between backward and step."""

    def after_step(self, batch: Examples) -> None:
        """Observe the step just taken on a batch."""

    def end_task(self, task: TaskView) -> None:
        """Consolidate: measure importances, choose what to remember."""

    def predict(self, x: Tensor, task: int | None) -> Tensor:
        """Return scores [B, C]; `task` is 1..T where the scenario reveals it, else None."""
        return cast(Tensor, self.network(x))

    def step_kind(self) -> object:
        """Return what changes whenever a step's arithmetic does, so that FLOPs are counted anew."""
        return None

    @final
    def see(self, allowed: Tensor | None) -> None:
        """Take the table of competing outputs; the learner calls it before `begin_task`."""
        self._forbidden = None if allowed is None else ~allowed

    @final
    def masked(self, logits: Tensor, y: Tensor) -> Tensor:
        """Return logits [B, C], -inf at outputs that do not compete with each label in y [B]."""
        if self._forbidden is None:
            return logits
        return logits.masked_fill(self._forbidden[y], float("-inf"))

    @final
    def task_loss(self, batch: Examples) -> Tensor:
        """Return the mean cross-entropy over each example's allowed outputs."""
        return F.cross_entropy(self.masked(self.network(batch.x), batch.y), batch.y)
