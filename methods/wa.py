"""WA: distil on new examples and exemplars, then scale new classes' weights to the old ones'.

A network trained on few exemplars and many new examples gives new classes larger weights in its
output layer, and so larger scores. From the second task on the loss distils the old outputs, and
when the task ends the new classes' weight vectors get the mean norm of the old ones':

    L = (1 - k) CE + k KL(softmax(z_old / T) || softmax(z / T)),   k = |old| / (|old| + |new|)
    w_c <- w_c mean_{o old} ||w_o|| / mean_{n new} ||w_n||,        c new

So that norms decide about scores, the output layer's weights are clipped at 0 after each step:
features after a ReLU are not negative either.

State:
    memory.*: the exemplars, see `methods.parts.exemplars`; they change when a task ends.

Reference:
    Zhao et al. 2020, Maintaining discrimination and fairness in class incremental learning, CVPR.

Deviations:
    The divergence replaces the cross-entropy with the teacher: the value differs, the gradient does
    not. Many later implementations leave out the clipping (`positive_weights: false`). Biases are
    not scaled. An epoch passes over the exemplars five times by default, as in `methods.icarl`.
    Groups of classes that are distilled follow the training mask, as in `methods.lwf`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from methods.base import Examples, Setting, TaskView
from methods.parts.exemplar_replay import ExemplarConfig, ExemplarReplay
from methods.parts.exemplars import output_layer
from methods.parts.heads import align_weights
from methods.parts.ranges import require_positive


class WA(ExemplarReplay):
    """Distil, and align the norms of new and old classes' weights when a task ends."""

    @dataclass(frozen=True, kw_only=True)
    class Config(ExemplarConfig):
        """Hyperparameters of WA.

        Attributes:
            temperature: T of the distillation, above 0.
            positive_weights: whether the weights of the output layer are kept at 0 or above, as
                features after a ReLU are.
        """

        temperature: float = 2.0
        positive_weights: bool = True

        def __post_init__(self) -> None:
            super().__post_init__()
            require_positive("temperature", self.temperature)

    inert_on_first_task: ClassVar[frozenset[str]] = frozenset({"temperature", "exemplar_passes"})
    config: Config

    @classmethod
    def objection(cls, config: Any, setting: Setting) -> str | None:
        """Return the base's objection, or that a cosine head has no norms to align."""
        if getattr(setting.network_config, "head", "linear") == "cosine":
            return "aligns the norms of the output layer's weights, which a cosine head ignores"
        return super().objection(config, setting)

    def loss(self, batch: Examples) -> Tensor:
        """Return the task's loss, mixed with the divergence from the second task on."""
        return self.distillation_loss(batch, self.config.temperature)

    def after_step(self, batch: Examples) -> None:
        """Clip the output layer's weights at 0, if the option says so."""
        if self.config.positive_weights:
            with torch.no_grad():
                output_layer(self.network).weight.clamp_(min=0)

    def end_task(self, task: TaskView) -> None:
        """Choose exemplars, and align the weights of the task's classes."""
        self.keep_exemplars(task)
        if self.old_C.any():
            old = self.old_C.nonzero().flatten().tolist()
            align_weights(output_layer(self.network), old, task.classes)
