"""PackNet: each task permanently takes some of the free weights and leaves the rest to later ones.

A task trains all weights that no earlier task owns. After a share of its steps, the smallest of
them in magnitude are set to zero in every layer and stay free; the others now belong to the task,
are trained for the remaining steps, and never change again. The scores of a task use the weights of
tasks up to it, with the others set to zero, so that they never change, bit for bit.

State:
    owner.<parameter>: uint8, of the shape of each weight of a hidden layer: the task that owns an
    element, 0 for none; changes once per task. The mask for task k is 0 < owner <= k.

Reference:
    Mallya and Lazebnik 2018, PackNet: adding multiple tasks to a single network by iterative
    pruning, CVPR, section 3.

Deviations:
    Training and re-training share one budget of steps and one optimiser: pruning happens at the
    share `prune_at` of a task's steps; the paper adds epochs of re-training at a smaller rate.
    The output layer has rows for all classes; each task trains its own, and none is pruned.
    The owner of a weight takes 8 bits; the paper packs it into log2(T).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from methods import base
from methods.base import Examples, Method, Outlook, TaskView
from methods.parts.anchoring import buffer_name
from methods.parts.evaluation_mode import evaluation_mode
from methods.parts.layers import head_names

MOST_TASKS = 255  # the owner of a weight is a byte, and 0 is no task


class PackNet(Method):
    """Pack tasks into one network by pruning."""

    @dataclass(frozen=True, kw_only=True)
    class Config(base.Config):
        """Hyperparameters of PackNet.

        Attributes:
            prune: share of a layer's free weights that remain free after a task, in [0, 1).
            prune_at: share of the task's steps after which it prunes, in (0, 1].
        """

        prune: float = 0.9
        prune_at: float = 0.5

        def __post_init__(self) -> None:
            if not 0 <= self.prune < 1:
                raise ValueError(f"prune must be in [0, 1), given {self.prune}")
            if not 0 < self.prune_at <= 1:
                raise ValueError(f"prune_at must be in (0, 1], given {self.prune_at}")

    scenarios: ClassVar[frozenset[str]] = frozenset({"task"})
    divides_task: ClassVar[bool] = True
    scores_unseen: ClassVar[bool] = False
    storage: ClassVar[dict[str, str]] = {"owner": "importance"}
    config: Config

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self._head = head_names(network)
        self.owner = nn.Module()
        for name, p in network.named_parameters():
            # Weights of hidden layers have owners; biases and norms are fixed after the first task.
            if p.dim() > 1 and name not in self._head:
                self.owner.register_buffer(
                    buffer_name(name), torch.zeros_like(p, dtype=torch.uint8)
                )
        self._norms = [m for m in network.modules() if isinstance(m, _BatchNorm)]
        self._fixed: dict[str, tuple[Tensor, Tensor]] = {}
        self._index = 0
        self._steps_left = 0.0

    def begin_task(self, task: TaskView) -> None:
        """Fix the weights of earlier tasks and compute the step at which to prune."""
        if task.index > MOST_TASKS:
            raise ValueError(f"packnet numbers tasks up to {MOST_TASKS}; this is task {task.index}")
        self._index = task.index
        # With an unknown number of steps, the task is pruned when it ends.
        steps = max(round(self.config.prune_at * task.num_steps), 1)
        self._steps_left = steps if task.num_steps else float("inf")
        # Momentum and weight decay move parameters without a gradient: these are put back after
        # each step.
        for name, p, mask in self.fixed_masks(task):
            self.fix(name, p, mask)

    def loss(self, batch: Examples) -> Tensor:
        """Return the task's loss; batch normalisation is fixed after the first task."""
        with ExitStack() as modes:
            for norm in self._norms if self._index > 1 else ():
                modes.enter_context(evaluation_mode(norm))
            return self.task_loss(batch)

    @torch.no_grad()
    def after_step(self, batch: Examples) -> None:
        """Restore the fixed weights after the optimiser's step, and prune when it is time."""
        for name, p in self.network.named_parameters():
            if name in self._fixed:
                value, share = self._fixed[name]
                # For shares of 0 and 1 lerp selects, bit for bit, and is faster than where.
                p.copy_(value.lerp(p, share))
        self._steps_left -= 1
        if self._steps_left == 0:
            self.prune()

    def end_task(self, task: TaskView) -> None:
        """Prune, unless that has been done."""
        # Not pruned yet: the number of steps was unknown, or fewer were taken.
        if self._steps_left > 0:
            self.prune()
        self._fixed = {}

    def predict(self, x: Tensor, task: int | None) -> Tensor:
        """Return the scores [B, C] with the weights of tasks up to this one."""
        if task is None:
            raise ValueError("packnet needs the task: use the task scenario")
        weights = {
            name: torch.where((owner > 0) & (owner <= task), p, 0)
            for name, p, owner in self.prunable_weights()
        }
        return cast(Tensor, functional_call(self.network, weights, (x,)))

    def prunable_weights(self) -> Iterator[tuple[str, Tensor, Tensor]]:
        """Yield (name, weight, owner of each element) for the weights of hidden layers."""
        owners = dict(self.owner.named_buffers())
        for name, p in self.network.named_parameters():
            if buffer_name(name) in owners:
                yield name, p, owners[buffer_name(name)]

    def fixed_masks(self, task: TaskView) -> Iterator[tuple[str, Tensor, Tensor]]:
        """Yield (name, parameter, mask of the elements that must not change during a task)."""
        owners = {name: owner for name, _, owner in self.prunable_weights()}
        for name, p in self.network.named_parameters():
            mask = torch.full_like(p, task.index > 1, dtype=torch.bool)
            if name in owners:
                mask = owners[name] > 0
            elif name in self._head and p.dim() > 0:  # all tasks share the scale of a cosine head
                mask = torch.ones_like(mask)
                mask[list(task.classes)] = False
            yield name, p, mask

    def fix(self, name: str, p: Tensor, mask: Tensor) -> None:
        """Record the values of a parameter and the elements that keep them."""
        self._fixed[name] = (p.detach().clone(), (~mask).to(p.dtype))

    @torch.no_grad()
    def prune(self) -> None:
        """Set the smallest free weights of each layer to zero and assign the others to the task."""
        for name, p, owner in self.prunable_weights():
            free = owner == 0
            # Stable: weights of one magnitude, such as zeros, are pruned in their order.
            smallest_first = p.abs().masked_fill(~free, torch.inf).flatten().argsort(stable=True)
            left = smallest_first[: round(self.config.prune * int(free.sum()))]
            # All free weights first, then those that stay free are given back.
            owner[free] = self._index
            owner.view(-1)[left] = 0
            p.view(-1)[left] = 0
            self.fix(name, p, owner != self._index)
