"""The steps of siblings as one batched program: losses, gradients, optimiser, hooks.

Shape legend: K siblings, B examples of a batch, P elements of a sibling's parameters, each tensor's
rounded up to whole cache lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from methods.base import Examples, Method
from methods.hooks import TrainingHooks
from methods.parts.rehearsal import Rehearsal
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.fused.aligned import LINE, AlignedProducts
from orchestrator.stages.fused.stacked import Stacked
from orchestrator.stages.learning.training import Training
from orchestrator.stages.without_compiler import spare_optimizers


class FusedSteps:
    """The steps of siblings on their batches.

    The method's own `loss` runs under `torch.vmap`, on a sibling that holds the stacked tensors.
    What it draws at random, each sibling draws beforehand from its own stream.

    Args:
        methods: the siblings, after `begin_task`.
        trainings: of each, which differ in the learning rate alone.
        meter: receives the FLOPs of one sibling.

    Attributes:
        meter: as given.
        last_size: examples of the last batch.
    """

    last_size = 0

    def __init__(
        self, methods: Sequence[Method], trainings: Sequence[Training], meter: FlopMeter
    ) -> None:
        self._methods, self._lead, self.meter = methods, methods[0], meter
        self._weights = torch.tensor([float(method.weight) for method in methods])
        self._state = Stacked(methods)
        self._flat = FlatParameters(self._state)
        self._optimizer = make_optimizer(self._flat, trainings)
        for method, training in zip(methods, trainings, strict=True):
            method.learning_rate = float(training.lr)  # type: ignore[arg-type]

    def restack(self) -> None:
        """Stack the tensors anew where a hook of an epoch may have replaced some."""
        if type(self._lead).begin_epoch is not TrainingHooks.begin_epoch:
            self._state.restack()

    def take(self, batches: Sequence[Examples]) -> tuple[Tensor, int]:
        """Take the steps on a batch of each; return the sums of losses [K], and of examples."""
        inputs, labels = (torch.stack([getattr(b, name) for b in batches]) for name in ("x", "y"))
        total, before = torch.zeros(len(batches)), self.meter.total
        size, count = len(batches[0]), self._lead.num_updates(batches[0])
        for update in range(count):
            for method in self._methods:
                method.update = update
            kind = (size, self._lead.step_kind())
            total += self.meter.measure(kind, self._step, inputs, labels, batches)
        self.meter.note_batch(size, self.meter.total - before)
        self.last_size = size
        return total, count * size

    def _step(self, inputs: Tensor, labels: Tensor, batches: Sequence[Examples]) -> Tensor:
        rows = self._draw(batches)
        dims = (0, 0, None if rows is None else 0, 0, 0)
        losses, made = torch.vmap(self._loss, in_dims=dims)(
            self._state.tensors, self._weights, rows, inputs, labels
        )
        gradients = torch.autograd.grad(losses.sum(), self._flat.leaves)
        self._flat.set_gradients(self._change(gradients))
        self._optimizer.step()
        self._finish(made, batches)
        return losses.detach()

    def _draw(self, batches: Sequence[Examples]) -> Tensor | None:
        drawn = [
            method.draw(batch)
            for method, batch in zip(self._methods, batches, strict=True)
            if isinstance(method, Rehearsal)
        ]
        return torch.stack(drawn) if drawn else None

    def _loss(
        self, tensors: list[Tensor], weight: Tensor, rows: Tensor | None, x: Tensor, y: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of one sibling, and the tensors that `loss` keeps for later hooks."""
        lead = self._lead
        own = vars(lead)
        before = dict(own)
        lead.weight = weight
        if rows is not None:
            own["draw"] = lambda batch: rows
        try:
            with self._state.placed(tensors), AlignedProducts():
                placed = dict(own)
                loss = lead.loss(Examples(x, y))
                made = {
                    name: value
                    for name, value in own.items()
                    if isinstance(value, Tensor) and value is not placed.get(name)
                }
        finally:
            own.clear()
            own.update(before)
        return loss, made

    def _change(self, gradients: Sequence[Tensor]) -> Sequence[Tensor]:
        """Return gradients after the hook of the method, called once for all."""
        if not self._lead.steps_by_element:
            return gradients
        leaves = self._flat.leaves
        for leaf, gradient in zip(leaves, gradients, strict=True):
            leaf.grad = gradient
        with self._holding_all():
            self._lead.after_backward()
        return [leaf.grad for leaf in leaves if leaf.grad is not None]

    def _finish(self, made: dict[str, Tensor], batches: Sequence[Examples]) -> None:
        if self._lead.steps_by_element:
            with self._holding_all():
                self._lead.after_step(batches[0])
            return
        for number, method in enumerate(self._methods):
            vars(method).update({name: value[number] for name, value in made.items()})
            method.after_step(batches[number])

    @contextmanager
    def _holding_all(self) -> Iterator[None]:
        """Let the first sibling hold the stacked tensors, and the weights of all, in the block."""
        own = self._lead.weight
        with self._state.placed(self._state.tensors):
            self._lead.weight = self._weights
            yield
        self._lead.weight = own

    def release(self) -> None:
        """Give each sibling tensors of its own again."""
        self._state.release()


class FlatParameters:
    """The parameters that learn as one tensor [K, P], so that an optimiser takes one step for all.

    Attributes:
        leaves: its parts, by parameter, [K, ...]; they take the place of the stacked ones.
    """

    def __init__(self, state: Stacked) -> None:
        learning = state.learning()
        sizes = [-(-state.tensors[i][0].numel() // LINE) * LINE for i in learning]
        count = len(state.tensors[0])
        self.values, self._gradients = torch.zeros(2, count, sum(sizes)).unbind()
        self._parts: list[Tensor] = []
        for i, values, gradients in zip(
            learning,
            torch.split(self.values, sizes, dim=1),
            torch.split(self._gradients, sizes, dim=1),
            strict=True,
        ):
            shape = state.tensors[i].shape
            length = shape[1:].numel()
            part = values[:, :length].view(shape).copy_(state.tensors[i])
            self._parts.append(gradients[:, :length].view(shape))
            state.tensors[i] = part.requires_grad_()
        self.leaves = [state.tensors[i] for i in learning]
        state.share()

    def rows(self, start: int, end: int) -> Tensor:
        """Return the parameters of some siblings, with their gradients, for an optimiser."""
        part = torch.nn.Parameter(self.values[start:end])
        part.grad = self._gradients[start:end]
        return part

    @torch.no_grad()
    def set_gradients(self, gradients: Sequence[Tensor]) -> None:
        """Set the gradients of the leaves."""
        for part, gradient in zip(self._parts, gradients, strict=True):
            part.copy_(gradient)


def make_optimizer(flat: FlatParameters, trainings: Sequence[Training]) -> torch.optim.Optimizer:
    """Return an optimiser of all siblings, in which each has its own learning rate."""
    spare_optimizers()
    groups: list[dict[str, Any]] = []
    start = 0
    for end in range(1, len(trainings) + 1):
        if end == len(trainings) or trainings[end].lr != trainings[start].lr:
            groups.append({"params": [flat.rows(start, end)], "lr": trainings[start].lr})
            start = end
    return trainings[0].optimizer_class()(groups, **trainings[0].optimizer_settings())
