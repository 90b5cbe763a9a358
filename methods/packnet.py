"""PackNet: each task takes some of the free weights for good and leaves the rest to later tasks.

A task trains all weights that no earlier task owns. Part of the way through, in every layer, the
smallest of them in magnitude are set to zero and stay free; the others are the task's own, are
trained on, and never change again. A task's scores use the weights of tasks up to it, the others
set to zero, so that they stay the same for ever, bit for bit.

State:
    owner.<parameter>: uint8, shaped like each weight of a hidden layer: the task that owns it,
    0 for none; changes once in a task. Its mask for task k is 0 < owner <= k.

Reference:
    Mallya and Lazebnik 2018, PackNet: adding multiple tasks to a single network by iterative
    pruning, CVPR, section 3.

Deviations:
    Training and re-training share one budget of steps and one optimiser: pruning happens at the
    share `prune_at` of a task's steps; the paper adds epochs of re-training at a smaller rate.
    The output layer has rows for all classes; each task trains its own, none is pruned.
    The masks say who owns a weight in 8 bits; the paper packs them into log2(T).
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
from methods.parts.layers import head_names
from methods.parts.sensitivity import evaluation_mode

MOST_TASKS = 255


class PackNet(Method):
    """Pack tasks into one network by pruning."""

    @dataclass(frozen=True, kw_only=True)
    class Config(base.Config):
        """Hyperparameters of PackNet.

        Attributes:
            prune: share of the free weights of a layer that a task leaves free, in [0, 1).
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
    scores_unseen: ClassVar[bool] = False
    storage: ClassVar[dict[str, str]] = {"owner": "importance"}
    config: Config

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self._head = head_names(network)
        self.owner = nn.Module()
        for name, p in network.named_parameters():
            if p.dim() > 1 and name not in self._head:
                self.owner.register_buffer(
                    buffer_name(name), torch.zeros_like(p, dtype=torch.uint8)
                )
        self._norms = [m for m in network.modules() if isinstance(m, _BatchNorm)]
        self._held: dict[str, tuple[Tensor, Tensor]] = {}
        self._index = 0
        self._steps_left = 0.0

    def begin_task(self, task: TaskView) -> None:
        """Hold what earlier tasks own and find the step at which to prune."""
        if task.index > MOST_TASKS:
            raise ValueError(f"packnet numbers tasks up to {MOST_TASKS}; this is task {task.index}")
        self._index = task.index
        # Where the learner does not say how many steps there are, pruning waits for the end.
        steps = max(round(self.config.prune_at * task.num_steps), 1)
        self._steps_left = steps if task.num_steps else float("inf")
        for name, p, mask in self.holds(task):
            self.hold(name, p, mask)

    def loss(self, batch: Examples) -> Tensor:
        """Return the task's loss; after the first task batches no longer move the statistics."""
        with ExitStack() as still:
            for norm in self._norms if self._index > 1 else ():
                still.enter_context(evaluation_mode(norm))
            return self.task_loss(batch)

    @torch.no_grad()
    def after_step(self, batch: Examples) -> None:
        """Put held weights back, whatever the optimiser did to them, and prune in due time."""
        for name, p in self.network.named_parameters():
            if name in self._held:
                value, share = self._held[name]
                # With shares of 0 and 1 lerp chooses, bit for bit, and is faster than where.
                p.copy_(value.lerp(p, share))
        self._steps_left -= 1
        if self._steps_left == 0:
            self.prune()

    def end_task(self, task: TaskView) -> None:
        """Prune, if that has not come yet."""
        if self._steps_left > 0:
            self.prune()
        self._held = {}

    def predict(self, x: Tensor, task: int | None) -> Tensor:
        """Return the scores [B, C] of the weights that tasks up to this one own."""
        if task is None:
            raise ValueError("packnet needs to be told the task: use the task scenario")
        weights = {
            name: torch.where((owner > 0) & (owner <= task), p, 0)
            for name, p, owner in self.owned()
        }
        return cast(Tensor, functional_call(self.network, weights, (x,)))

    def owned(self) -> Iterator[tuple[str, Tensor, Tensor]]:
        """Yield each weight that is pruned: its name, itself, the task that owns each element."""
        owners = dict(self.owner.named_buffers())
        for name, p in self.network.named_parameters():
            if buffer_name(name) in owners:
                yield name, p, owners[buffer_name(name)]

    def holds(self, task: TaskView) -> Iterator[tuple[str, Tensor, Tensor]]:
        """Yield name, parameter and mask of what may not change while a task is trained."""
        owned = {name: owner for name, _, owner in self.owned()}
        for name, p in self.network.named_parameters():
            mask = torch.full_like(p, task.index > 1, dtype=torch.bool)
            if name in owned:
                mask = owned[name] > 0
            elif name in self._head:
                mask = torch.ones_like(mask)
                mask[list(task.classes)] = False
            yield name, p, mask

    def hold(self, name: str, p: Tensor, mask: Tensor) -> None:
        """Note a parameter as it is, and where it is to stay so."""
        self._held[name] = (p.detach().clone(), (~mask).to(p.dtype))

    @torch.no_grad()
    def prune(self) -> None:
        """Set the smallest free weights of each layer to zero for later tasks; own the others."""
        for name, p, owner in self.owned():
            free = owner == 0
            smallest_first = p.abs().masked_fill(~free, torch.inf).flatten().argsort(stable=True)
            left = smallest_first[: round(self.config.prune * int(free.sum()))]
            owner[free] = self._index
            owner.view(-1)[left] = 0
            p.view(-1)[left] = 0
            self.hold(name, p, owner != self._index)
