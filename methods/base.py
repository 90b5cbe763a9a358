"""The contract of a method: its inputs, its state, and the hooks that the learner calls.

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
    """Inputs and labels, aligned by row.

    Shapes:
        x: uint8 pixels [B, channels, height, width], or float pixels in [0, 1] when generated; or
            float32 features [B, d].
        y: int64 [B], the index of the correct output of the head.
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


def input_dtype(input_shape: tuple[int, ...]) -> torch.dtype:
    """Return the type of examples of a shape: uint8 images (c, h, w), or float32 features (d,)."""
    return torch.float32 if len(input_shape) == 1 else torch.uint8


@dataclass(frozen=True)
class Outlook:
    """Sizes that a method receives when it is built, before any data.

    Attributes:
        num_classes: outputs of the head, C.
        input_shape: (channels, height, width) of an image, or (d,) of features.
        num_learned: number of tasks already learned by the state that will be loaded.
    """

    num_classes: int
    input_shape: tuple[int, ...]
    num_learned: int = 0


@dataclass(frozen=True)
class Setting:
    """The circumstances of a trial that are known from the sweep file alone.

    Attributes:
        scenario: "task", "domain" or "class".
        num_classes: outputs of the head, C.
        input_shape: (channels, height, width) of an image, or (d,) of features.
        network: the name of the network.
        num_tasks: tasks of the sequence, T.
        network_config: hyperparameters of the network; None if unknown.
        train_mask: "seen", "current" or "all"; matters only in the class scenario.
    """

    scenario: str
    num_classes: int
    input_shape: tuple[int, ...]
    network: str
    num_tasks: int = 1
    network_config: Any = None
    train_mask: str = "seen"


@dataclass(frozen=True, eq=False)
class TaskView:
    """The task to learn, without test data and without later tasks.

    Attributes:
        index: position of the task in the sequence, 1..T.
        classes: outputs of the head that this task's labels use.
        examples: the training examples (of all seen tasks, if the method trains on them).
        allowed: bool [C, C]; row y marks the outputs that compete with label y. None: all do.
        stream: returns a fresh random generator for a purpose; a function of (seed, task, purpose).
        num_steps: number of steps the learner takes over `examples`; 0 if unknown.
        scenario: "task", "domain" or "class"; "" if unknown.
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
    """Hyperparameters of a method: frozen, keyword-only, ranges checked in `__post_init__`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}


def neutral(value: Any) -> Any:
    """Return a field of a Config that defaults to `value` and is left out of keys at that value.

    Use it for a hyperparameter that is added to an existing method. At the neutral value the method
    must compute the same bits as before the field existed, so that stages computed before are
    reused. The value must be hashable, like any default of a dataclass.
    """
    return field(default=value, metadata={"neutral": value})


AnyConfig: TypeAlias = Config  # inside Method the bare name is the class attribute


class Method(nn.Module):
    """A continual-learning method. Its `state_dict()` is all that passes from task to task.

    A subclass overrides hooks only, allocates every buffer in `__init__` for `outlook.num_learned`
    tasks, and calls `super()` only there and in `objection`. Hooks run in the order
    `begin_task, examples, (loss, after_backward, after_step) per batch, end_task`.

    Class attributes:
        version: raised by hand when the method's numbers change; part of every key.
        scenarios: the scenarios that the method supports.
        trains_on: "current" task or all "seen" tasks.
        starts_afresh: whether each stage starts from the fresh network of stage 0.
        scores_unseen: whether `predict` is meaningful for a task not yet learned.
        inert_on_first_task: hyperparameters that cannot change the first task's stage (tested).
        strength: the hyperparameter that reduces forgetting as it grows and equals `finetune`, bit
            for bit, at 0 (tested); None if there is no single one. A search may lower it until a
            new task is learned well enough.
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

    @classmethod
    def version_in(cls, setting: Setting) -> int:
        """Return the version in a setting, which is part of a built-in's keys there.

        An override returns an earlier version where the numbers are still those of that version, so
        that its stages are reused.
        """
        return cls.version

    def __init__(self, network: nn.Module, config: AnyConfig, outlook: Outlook) -> None:
        super().__init__()
        self.network = network
        self.config = config
        self.outlook = outlook
        self._forbidden: Tensor | None = None
        self._label_smoothing = 0.0

    def begin_task(self, task: TaskView) -> None:
        """Prepare for a task; called once before its first batch."""

    def examples(self, task: TaskView) -> Examples:
        """Return the training examples; called once, after `begin_task`."""
        return task.examples

    def loss(self, batch: Examples) -> Tensor:
        """Return the scalar to minimise on a batch."""
        return self.task_loss(batch)

    def after_backward(self) -> None:
        """Modify the gradients; called between backward and step."""

    def after_step(self, batch: Examples) -> None:
        """Process the step just taken on a batch."""

    def end_task(self, task: TaskView) -> None:
        """Consolidate: measure importances, select examples to store."""

    def predict(self, x: Tensor, task: int | None) -> Tensor:
        """Return scores [B, C]; `task` is 1..T in the task scenario, else None."""
        return cast(Tensor, self.network(x))

    def step_kind(self) -> object:
        """Return a hashable label of the next step; steps with equal labels have equal FLOPs."""
        return None

    @final
    def see(self, allowed: Tensor | None, label_smoothing: float = 0.0) -> None:
        """Set the table of competing outputs and the smoothing of labels in [0, 1).

        The learner calls it before `begin_task`.
        """
        self._forbidden = None if allowed is None else ~allowed
        self._label_smoothing = label_smoothing

    @final
    def masked(self, logits: Tensor, y: Tensor) -> Tensor:
        """Return logits [B, C], -inf at outputs that do not compete with each label in y [B]."""
        if self._forbidden is None:
            return logits
        return logits.masked_fill(self._forbidden[y], float("-inf"))

    @final
    def task_loss(self, batch: Examples, logits: Tensor | None = None) -> Tensor:
        """Return the mean cross-entropy [] over each example's allowed outputs.

        With label smoothing e the target of an example is 1 - e at its label, plus e / K at each of
        the K outputs that compete with it.

        Args:
            batch: the examples.
            logits: their scores [B, C]; None computes them.

        Reference: Szegedy et al. 2016, Rethinking the inception architecture for computer vision,
            section 7; there all outputs compete.
        """
        logits = self.masked(self.network(batch.x) if logits is None else logits, batch.y)
        loss = F.cross_entropy(logits, batch.y)
        if self._label_smoothing == 0:
            return loss
        out = logits == float("-inf")
        log_p = logits.log_softmax(dim=1).masked_fill(out, 0)
        even = -(log_p.sum(dim=1) / (~out).sum(dim=1)).mean()
        return (1 - self._label_smoothing) * loss + self._label_smoothing * even
