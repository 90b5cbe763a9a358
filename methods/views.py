"""What a method receives: examples, its task, and the circumstances of its trial.

Shape legend: B examples, C classes of the head.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False, slots=True)
class Examples:
    """Inputs and labels, aligned by row.

    Shapes:
        x: uint8 pixels [B, channels, height, width], or float pixels in [0, 1] when generated; or
            float32 features [B, d].
        y: int64 [B], the index of the correct output of the head.
        other: int64 [B], the labels of the images that were mixed in; None if none were.
        share: float32 [B], the share of the first label, in [0, 1]; None if none were mixed in.
    """

    x: Tensor
    y: Tensor
    other: Tensor | None = None
    share: Tensor | None = None

    def __len__(self) -> int:
        return self.y.shape[0]

    def __getitem__(self, index: Tensor | slice) -> Examples:
        if self.other is None or self.share is None:
            return Examples(self.x[index], self.y[index])
        return Examples(self.x[index], self.y[index], self.other[index], self.share[index])

    def __add__(self, more: Examples) -> Examples:
        one, two = self, more
        if one.x.dtype != two.x.dtype:
            one, two = (each.with_float_images() for each in (one, two))
        x, y = torch.cat((one.x, two.x)), torch.cat((one.y, two.y))
        if self.share is None and more.share is None:
            return Examples(x, y)
        (other, share), (more_other, more_share) = one.mixture(), two.mixture()
        return Examples(x, y, torch.cat((other, more_other)), torch.cat((share, more_share)))

    def to(self, device: torch.device | str) -> Examples:
        """Return the same examples on another device."""
        other, share = (None if t is None else t.to(device) for t in (self.other, self.share))
        return Examples(self.x.to(device), self.y.to(device), other, share)

    def with_float_images(self) -> Examples:
        """Return the same examples with images in [0, 1]."""
        x = self.x if self.x.is_floating_point() else self.x.float() / 255
        return Examples(x, self.y, self.other, self.share)

    def mixture(self) -> tuple[Tensor, Tensor]:
        """Return the labels mixed in and the shares of the first; plain examples are their own."""
        if self.other is None or self.share is None:
            return self.y, torch.ones(len(self), device=self.y.device)
        return self.other, self.share


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


@dataclass(frozen=True)
class Phase:
    """A part of a task with a training of its own: a warm-up, a balanced fine-tuning.

    Attributes:
        name: different for each phase of a task; "" for the phase with the training as it is.
        training: values of the training in place of the sweep's: {"epochs": 2, "lr": 0.01}.
    """

    name: str = ""
    training: Mapping[str, Any] = field(default_factory=dict)
