"""GPM: steps orthogonal to the subspaces of the inputs that layers had in earlier tasks.

A change of a layer's weights W that is orthogonal to an input a leaves W a as it is. After each
task the inputs of each layer, for a sample of the task's examples, extend an orthonormal basis M of
that layer by the fewest directions that then hold a share `threshold` of their sum of squares.
Later gradients lose their part in the subspace:

    grad <- grad - grad M M^T

State:
    bases.<layer>: float32 [D, K], M: D inputs of the layer and one for its bias, K directions; it
    grows when a task ends.

Reference:
    Saha et al. 2021, Gradient projection memory for continual learning, ICLR, algorithm 1, eq. 5-9.

Deviations:
    Those of `methods.parts.subspaces`. Not only the gradient but the change of the weights since
    the task began is projected (`project_steps`): with plain SGD, with or without momentum, this
    changes nothing, but Adam's steps and weight decay would leave the orthogonal space.
    One threshold for all layers, the same for all tasks unless `threshold_growth` is given.
    Batch normalisation is that of the first task from the second task on, statistics included.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from methods import base
from methods.base import Examples, Method, Outlook, Setting, TaskView
from methods.parts.evaluation_mode import evaluation_mode
from methods.parts.layers import Layer, select_layers
from methods.parts.ranges import require_one, require_share
from methods.parts.subspaces import (
    Bases,
    extension_flops,
    input_moments,
    orthogonal_part,
    projectable_layers,
    weight_and_bias,
)

TOO_LITTLE = 1e-15  # a share of the inputs' sum of squares that needs no direction


class GPM(Method):
    """Take steps that leave the outputs of layers for earlier inputs as they are."""

    @dataclass(frozen=True, kw_only=True)
    class Config(base.Config):
        """Hyperparameters of GPM.

        Attributes:
            threshold: share of the inputs' sum of squares that a basis holds, in [0, 1]; 0 keeps
                nothing.
            threshold_growth: what is added to it for each further task; it stays at most 1.
            num_samples: training examples whose inputs are decomposed after a task, at least 1.
            project_head: whether the output layer is projected too; None: only in the domain
                scenario, where all tasks share its outputs.
            project_steps: whether the steps are projected besides the gradients, which optimisers
                other than SGD without weight decay need.
        """

        threshold: float = 0.97
        threshold_growth: float = 0.0
        num_samples: int = 125
        project_head: bool | None = None
        project_steps: bool = True

        def __post_init__(self) -> None:
            require_share("threshold", self.threshold)
            require_share("threshold_growth", self.threshold_growth)
            require_one("num_samples", self.num_samples)

        def without_growth(self) -> Self | None:
            """Return a copy that measures inputs and keeps none of their directions."""
            if self.threshold == self.threshold_growth == 0:
                return None
            return replace(self, threshold=TOO_LITTLE, threshold_growth=0.0)

    inert_on_first_task: ClassVar[frozenset[str]] = frozenset({"project_steps"})
    strength: ClassVar[str | None] = "threshold"
    storage: ClassVar[dict[str, str]] = {"bases": "importance"}
    sized_by_learning: ClassVar[bool] = True
    config: Config

    @classmethod
    def objection(cls, config: Any, setting: Setting) -> str | None:
        """Return the scenario's objection, or that the network has other layers or another head."""
        needs = "needs linear layers, convolutions without groups and batch normalisation alone"
        library, colon, _ = setting.network.partition(":")
        other = setting.network == "vit_tiny" or (colon and library in ("torchvision", "timm"))
        # Of a body that learns it is not known here what it is made of.
        train = getattr(setting.network_config, "train", "all")
        if other or (setting.network == "pretrained" and train not in ("head", "none")):
            return f"{needs} (mlp, cnn, resnet18, resnet32, or your own), given {setting.network}"
        cosine = getattr(setting.network_config, "head", "linear") == "cosine"
        if cosine and cls.with_defaults(config, setting).project_head:
            return "needs a linear head, given head: cosine; or set project_head: false"
        return super().objection(config, setting)

    @classmethod
    def with_defaults(cls, config: Any, setting: Setting) -> Any:
        """Return the configuration with `project_head` set."""
        if config.project_head is not None:
            return config
        return replace(config, project_head=setting.scenario == "domain")

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        names = projectable_layers(network)
        self._names = [name for name in names if config.project_head or name != "head"]
        self.bases = Bases(network, self._names, learned=outlook.num_learned > 0)
        self._norms = [m for m in network.modules() if isinstance(m, _BatchNorm)]
        self._held: list[tuple[Layer, Tensor, list[Tensor]]] = []

    def begin_task(self, task: TaskView) -> None:
        """Note the layers with a basis, with their weights, and fix batch normalisation."""
        self._held = [
            (layer, self.bases[name], [p.detach().clone() for p in weight_and_bias(layer)])
            for name, layer in zip(self._names, self.layers, strict=True)
            if self.bases[name].shape[1]
        ]
        # Its scale and shift would move the inputs that the bases were measured for.
        for norm in self._norms:
            norm.requires_grad_(not self._held)

    @property
    def layers(self) -> list[Layer]:
        """The layers that are projected."""
        return select_layers(self.network, self._names)

    def loss(self, batch: Examples) -> Tensor:
        """Return the task's loss; batch normalisation is fixed once there is a basis."""
        with ExitStack() as modes:
            for norm in self._norms if self._held else ():
                modes.enter_context(evaluation_mode(norm))
            return self.task_loss(batch)

    @torch.no_grad()
    def after_backward(self) -> None:
        """Remove the part of the gradients that lies in the subspaces."""
        for layer, basis, _ in self._held:
            parameters = weight_and_bias(layer)
            gradients = [p.grad for p in parameters if p.grad is not None]
            # Weight and bias are one matrix here, with an input that is always 1: both or none is
            # projected.
            if len(gradients) == len(parameters):
                for p, rest in zip(parameters, orthogonal_part(gradients, basis), strict=True):
                    p.grad = rest

    @torch.no_grad()
    def after_step(self, batch: Examples) -> None:
        """Remove the part of the task's change of the weights that lies in the subspaces."""
        for layer, basis, start in self._held if self.config.project_steps else ():
            parameters = weight_and_bias(layer)
            # Adam's division and weight decay leave the complement of the subspace although each
            # gradient is in it; so the whole change since the task began is projected.
            moved = [p - before for p, before in zip(parameters, start, strict=True)]
            rests = orthogonal_part(moved, basis)
            for p, before, rest in zip(parameters, start, rests, strict=True):
                p.copy_(before + rest)

    def end_task(self, task: TaskView) -> None:
        """Extend the bases by the inputs of a sample of the task's examples."""
        self._held = []
        growth = self.config.threshold_growth * (task.index - 1)
        threshold = min(self.config.threshold + growth, 1.0)
        if threshold == 0:
            return
        # Drawn on the CPU, so that a GPU takes the same examples.
        order = torch.randperm(len(task.examples), generator=task.stream("sample of inputs"))
        rows = order[: self.config.num_samples].to(task.examples.y.device)
        for name, moment in input_moments(self.network, self._names, task.examples.x[rows]).items():
            self.bases.extend(name, moment, threshold)

    def growth_flops(self) -> tuple[int, int, int]:
        """Return the FLOPs of projecting steps, and moments, by the bases."""
        if self.config.without_growth() is None:
            return 0, 0, 0
        pairs = [(layer, self.bases[n]) for n, layer in zip(self._names, self.layers, strict=True)]
        # Of weights [O, D] onto K directions and back, 2 O D K each.
        weights = [
            (sum(p.numel() for p in weight_and_bias(layer)), basis) for layer, basis in pairs
        ]
        projection = sum(4 * count * basis.shape[1] for count, basis in weights)
        extension = sum(extension_flops(basis) for _, basis in weights)
        return 0, projection * (2 if self.config.project_steps else 1), extension

    def step_kind(self) -> object:
        """Return the sizes of the bases that gradients are projected by."""
        return tuple(basis.shape[1] for _, basis, _ in self._held)
