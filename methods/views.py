"""What a method receives: examples, its task, and the circumstances of its trial.

Shape legend: B examples, C classes of the head.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from methods.examples import Examples


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


@dataclass(frozen=True)
class Exposure:
    """What a method has been shown when a step begins.

    Attributes:
        shown: of each task so far, the current one last: examples trained on, repeats counted.
        sizes: of each of these tasks: training examples that there are.
    """

    shown: tuple[int, ...]
    sizes: tuple[int, ...]

    @property
    def distinct(self) -> list[int]:
        """Of each task so far: how many of its examples were trained on."""
        return [min(pair) for pair in zip(self.shown, self.sizes, strict=True)]

    def add(self, count: int) -> Exposure:
        """Return the exposure after further examples of the current task."""
        return Exposure((*self.shown[:-1], self.shown[-1] + count), self.sizes)


class Replayed(NamedTuple):
    """Stored examples in the steps on a batch: numbers that are learned, and that are evaluated.

    To learn one costs what a new one does, to evaluate it a forward pass.
    """

    learned: int
    evaluated: int = 0


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
