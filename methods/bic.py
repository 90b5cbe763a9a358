"""BiC: distillation on new examples and exemplars, then two numbers that correct the new scores.

From the second task on a task has two phases. The first trains the network, with distillation of
the old outputs:

    L = (1 - k) CE + k KL(softmax(z_old / T) || softmax(z / T)),   k = |old| / (|old| + |new|)

The second trains alpha and beta alone, on examples that the network has not been trained on, as
many of each class:

    z_c <- alpha z_c + beta,   c new

A part of the budget stores such examples of old classes; of new ones as many are held out.

State:
    memory.*: the exemplars, see `methods.parts.exemplars`. held_out.*: the examples of old classes
    for the second phase. Both change when a task ends. alpha, beta: float32 [], 1 and 0 between
    tasks, since the correction then is part of the output layer's weights and biases.

Reference:
    Wu et al. 2019, Large scale incremental learning, CVPR, sections 3 to 5 and eq. 1-5.

Deviations:
    The divergence replaces the cross-entropy with the teacher: the value differs, the gradient does
    not. The correction becomes part of the output layer when a task ends, so that the next task
    goes on from corrected outputs; the paper keeps it beside a network that goes on uncorrected.
    An epoch passes over the exemplars five times by default, as in `methods.icarl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.base import Examples, Outlook, Phase, Setting, TaskView
from methods.parts.budget import Budget
from methods.parts.class_balanced import ClassBalancedMemory
from methods.parts.evaluation_mode import evaluation_mode
from methods.parts.exemplar_replay import ExemplarConfig, ExemplarReplay
from methods.parts.exemplars import output_layer
from methods.parts.held_out import divide_budget, first_of_each, hold_out, least_divisible
from methods.parts.ranges import require_one, require_positive

CORRECTION = "bias correction"


class BiC(ExemplarReplay):
    """Distil, and correct the scores of new classes by two numbers learned on held-out examples."""

    @dataclass(frozen=True, kw_only=True)
    class Config(ExemplarConfig):
        """Hyperparameters of BiC.

        Attributes:
            temperature: T of the distillation, above 0.
            held_out_share: of the budget and of each new class, in (0, 1), for the second phase.
            correction_epochs: epochs of the second phase, at least 1.
            correction_lr: its learning rate, above 0.
        """

        temperature: float = 2.0
        held_out_share: float = 0.1
        correction_epochs: int = 100
        correction_lr: float = 0.02

        def __post_init__(self) -> None:
            super().__post_init__()
            require_positive("temperature", self.temperature)
            if not 0 < self.held_out_share < 1:
                raise ValueError(f"held_out_share must be in (0, 1), given {self.held_out_share}")
            require_one("correction_epochs", self.correction_epochs)
            require_positive("correction_lr", self.correction_lr)

    inert_on_first_task: ClassVar[frozenset[str]] = frozenset(
        {"temperature", "exemplar_passes", "correction_epochs", "correction_lr"}
    )
    storage: ClassVar[dict[str, str]] = {
        "memory": "buffer",
        "held_out": "buffer",
        "alpha": "model",
        "beta": "model",
    }
    config: Config

    @classmethod
    def exemplar_budget(cls, config: Config) -> Budget:
        """Return the budget without the held-out examples."""
        return divide_budget(config.budget, config.held_out_share)[1]

    @classmethod
    def objection(cls, config: Any, setting: Setting) -> str | None:
        """Return the scenario's objection, that of the head, or that a part is too small."""
        if getattr(setting.network_config, "head", "linear") == "cosine":
            return "corrects scores by the output layer's biases, which a cosine head lacks"
        objection, share = super().objection(config, setting), config.held_out_share
        outlook = Outlook(setting.num_classes, setting.input_shape)
        # Empty memories, built for the capacity that a part of the budget gives.
        held, rest = (
            ClassBalancedMemory(part, outlook) for part in divide_budget(config.budget, share)
        )
        needed = setting.num_classes
        is_enough = min(held.capacity, rest.capacity) >= needed
        if setting.scenario not in cls.scenarios or is_enough:
            return objection
        part, room, change = "held-out", held.capacity, "larger"
        if room >= needed:
            part, room, change = "other", rest.capacity, "smaller"
        size = least_divisible(needed * rest.row_bytes, share)
        in_bytes = "" if config.codec else f" or memory_bytes: {size}"
        return (
            f"has room for {room} {part} examples ({config.budget}), but needs room for {needed}, "
            f"one for each class: give memory_size: {least_divisible(needed, share)}{in_bytes}, or "
            f"more, or a {change} held_out_share"
        )

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        if output_layer(network).bias is None:
            raise ValueError("the output layer has no bias, in which the correction would be kept")
        budget, _ = divide_budget(config.budget, config.held_out_share)
        self.held_out = ClassBalancedMemory(budget, outlook)
        self.alpha = nn.Parameter(torch.ones(()), requires_grad=False)
        self.beta = nn.Parameter(torch.zeros(()), requires_grad=False)
        self._learning = [p for p in network.parameters() if p.requires_grad]
        self._new_C = torch.zeros(outlook.num_classes, dtype=torch.bool)
        self._apart = torch.zeros(0, dtype=torch.bool)
        self._corrects = False

    def begin_task(self, task: TaskView) -> None:
        """Copy the teacher, and hold out some of each new class."""
        self.start_replay(task)
        self.held_out.begin_task(task)
        self._new_C = torch.zeros_like(self.old_C)
        self._new_C[list(task.classes)] = True
        y, share = task.examples.y, self.config.held_out_share
        # At most as many of each new class as the memory will keep of each old one, so that the set
        # that the correction is learned on can be balanced.
        room = self.held_out.capacity // int((self.old_C | self._new_C).sum())
        self._apart = torch.zeros_like(y, dtype=torch.bool)
        self._apart[hold_out(y.cpu(), room, share, task.stream("held-out"))] = True

    def phases(self, task: TaskView) -> Sequence[Phase]:
        """Return the training and, from the second task on, the correction."""
        training = {
            **{"epochs": self.config.correction_epochs, "lr": self.config.correction_lr},
            **{"optimizer": "adam", "momentum": 0.0, "weight_decay": 0.0, "schedule": "constant"},
            **{"augment": (), "clip": None, "label_smoothing": 0.0, "early_stopping": None},
        }
        # The correction compares old with new classes; one kind alone has nothing to be corrected
        # by.
        both = self.held_out.filled > 0 and bool(self._apart.any())
        return (Phase(), Phase(CORRECTION, training)) if both else (Phase(),)

    def begin_phase(self, phase: Phase, task: TaskView) -> None:
        """Release the network, or the correction alone."""
        self._corrects = phase.name == CORRECTION
        for parameter in self._learning:
            parameter.requires_grad_(not self._corrects)
        for parameter in (self.alpha, self.beta):
            parameter.requires_grad_(self._corrects)

    def examples(self, task: TaskView) -> Examples:
        """Return new examples and exemplars, or those held out, as many of each class."""
        if not self._corrects:
            return self.with_exemplars(task.examples[~self._apart])
        held = self.held_out[: self.held_out.filled] + task.examples[self._apart]
        # As many of each class: the correction is learned on a balanced set.
        return held[first_of_each(held.y)]

    def loss(self, batch: Examples) -> Tensor:
        """Return the loss of the phase; the correction's is over all classes seen."""
        if not self._corrects:
            return self.distillation_loss(batch, self.config.temperature)
        with torch.no_grad(), evaluation_mode(self.network):
            logits_BC = self.network(batch.x)
        unseen_C = ~(self.old_C | self._new_C)
        corrected_BC = self.correct(logits_BC).masked_fill(unseen_C, float("-inf"))
        return F.cross_entropy(corrected_BC, batch.y)

    @torch.no_grad()
    def end_task(self, task: TaskView) -> None:
        """Choose what to store, and make the correction part of the output layer."""
        self.keep_exemplars(replace(task, examples=task.examples[~self._apart]))
        if self.held_out.filled or self._apart.any():
            self.held_out.end_task(replace(task, examples=task.examples[self._apart]))
        # alpha (w x + b) + beta is linear in x, so that the layer itself can hold it, at no bytes.
        head, new = output_layer(self.network), list(task.classes)
        head.weight[new] = self.alpha * head.weight[new]
        head.bias[new] = self.alpha * head.bias[new] + self.beta
        self.alpha.fill_(1)
        self.beta.zero_()

    def predict_current(self, x: Tensor, task: int | None) -> Tensor:
        """Return corrected scores [B, C]."""
        scores: Tensor = self.network(x)
        return self.correct(scores)

    def correct(self, logits_BC: Tensor) -> Tensor:
        """Return alpha z + beta at the outputs of new classes, z at the others."""
        return torch.where(self._new_C, self.alpha * logits_BC + self.beta, logits_BC)
