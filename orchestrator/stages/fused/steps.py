"""The steps of siblings as one batched program: losses, gradients, optimiser, hooks.

Shape legend: K siblings, S slots, B examples of a batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from methods.base import Examples, Method
from methods.hooks import TrainingHooks
from methods.parts.rehearsal import Rehearsal
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.fused.aligned import AlignedProducts
from orchestrator.stages.fused.flat_parameters import FlatParameters, make_joint_optimizer
from orchestrator.stages.fused.slots import fill_slots, num_slots
from orchestrator.stages.fused.stacked import Stacked
from orchestrator.stages.learning.training import Training


class FusedSteps:
    """The steps of siblings on their batches.

    The method's own `loss` runs under `torch.vmap`, on a sibling that holds the stacked tensors.
    Each sibling makes its random draws beforehand, from its own stream.

    Args:
        methods: the siblings, after `begin_task`.
        trainings: of each, which differ in the learning rate alone.
        meter: receives the FLOPs of one sibling; counts those of a program as shared by its slots.
        device: of the methods.

    Attributes:
        meter: as given.
        last_size: examples of the last batch.
    """

    last_size = 0

    def __init__(
        self,
        methods: Sequence[Method],
        trainings: Sequence[Training],
        meter: FlopMeter,
        device: torch.device,
    ) -> None:
        self._methods, self._lead, self.meter = methods, methods[0], meter
        self._device, self._slots = device, num_slots(len(methods), device)
        weights = [float(method.weight) for method in methods]
        # On a GPU a group has a fixed number of slots: those left over repeat the first sibling.
        self._weights = torch.tensor(fill_slots(weights, self._slots), device=device)
        self._state = Stacked(methods, self._slots)
        # After the stacking, since its parts take the place of the stacked parameters.
        self._flat = FlatParameters(self._state)
        self._optimizer = make_joint_optimizer(self._flat, trainings)
        for method, training in zip(methods, trainings, strict=True):
            method.learning_rate = float(training.lr)  # type: ignore[arg-type]

    def restack(self) -> None:
        """Stack the tensors anew where a hook of an epoch may have replaced some."""
        # To find all tensors again takes time, and only a hook of an epoch can have replaced any.
        if type(self._lead).begin_epoch is not TrainingHooks.begin_epoch:
            self._state.restack()

    def take(self, batches: Sequence[Examples]) -> tuple[Tensor, int]:
        """Take the steps on a batch of each; return the sums of losses [K], and of examples."""
        inputs, labels = (self._stack([getattr(b, name) for b in batches]) for name in ("x", "y"))
        total, before = torch.zeros(len(batches), device=self._device), self.meter.total
        size, count = len(batches[0]), self._lead.num_updates(batches[0])
        for update in range(count):
            for method in self._methods:
                method.update = update
            # One kind for all: siblings differ in strength and rate, which cost nothing.
            kind = (size, self._lead.step_kind())
            total += self.meter.measure(kind, self._step, inputs, labels, batches)
        self.meter.note_batch(size, self.meter.total - before)
        self.last_size = size
        return total, count * size

    def _step(self, inputs: Tensor, labels: Tensor, batches: Sequence[Examples]) -> Tensor:
        # Before vmap, which cannot draw from a generator of each sibling.
        rows = self._draw(batches)
        dims = (0, 0, None if rows is None else 0, 0, 0)
        losses, kept = torch.vmap(self._loss, in_dims=dims)(
            self._state.tensors, self._weights, rows, inputs, labels
        )
        # No sibling's loss depends on another's leaves, so the sum has the gradients of each.
        gradients = torch.autograd.grad(losses.sum(), self._flat.leaves)
        self._flat.set_gradients(self._change(gradients))
        self._optimizer.step()
        self._finish(kept, batches)
        # Without the slots that only fill the program up.
        return losses.detach()[: len(batches)]

    def _stack(self, tensors: Sequence[Tensor]) -> Tensor:
        return torch.stack(fill_slots(tensors, self._slots))

    def _draw(self, batches: Sequence[Examples]) -> Tensor | None:
        drawn = [
            method.draw(batch)
            for method, batch in zip(self._methods, batches, strict=True)
            if isinstance(method, Rehearsal)
        ]
        return self._stack(drawn) if drawn else None

    def _loss(
        self, tensors: list[Tensor], weight: Tensor, rows: Tensor | None, x: Tensor, y: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of one sibling, and the tensors that `loss` keeps for later hooks."""
        lead = self._lead
        own = vars(lead)
        before = dict(own)
        # The strength is an argument of the program, so that siblings of different strengths share
        # it.
        lead.weight = weight
        if rows is not None:
            own["draw"] = lambda batch: rows
        try:
            with self._state.substitute(tensors), AlignedProducts(self._device):
                placed = dict(own)
                loss = lead.loss(Examples(x, y))
                kept = {
                    name: value
                    for name, value in own.items()
                    if isinstance(value, Tensor) and value is not placed.get(name)
                }
        finally:
            # Tensors of vmap must not outlive it: `_finish` gives each sibling its own part.
            own.clear()
            own.update(before)
        return loss, kept

    def _change(self, gradients: Sequence[Tensor]) -> Sequence[Tensor]:
        """Return gradients after the hook of the method, called once for all."""
        # Hooks that act on each element alone may run once on the stacked tensors.
        if not self._lead.steps_by_element:
            return gradients
        leaves = self._flat.leaves
        for leaf, gradient in zip(leaves, gradients, strict=True):
            leaf.grad = gradient
        with self._hold_all():
            self._lead.after_backward()
        return [leaf.grad for leaf in leaves if leaf.grad is not None]

    def _finish(self, kept: dict[str, Tensor], batches: Sequence[Examples]) -> None:
        if self._lead.steps_by_element:
            with self._hold_all():
                self._lead.after_step(batches[0])
            return
        for number, method in enumerate(self._methods):
            vars(method).update({name: value[number] for name, value in kept.items()})
            method.after_step(batches[number])

    @contextmanager
    def _hold_all(self) -> Iterator[None]:
        """Let the first sibling hold the stacked tensors, and the weights of all, in the block."""
        own = self._lead.weight
        with self._state.substitute(self._state.tensors):
            self._lead.weight = self._weights
            try:
                yield
            finally:
                self._lead.weight = own

    def release(self) -> None:
        """Give each sibling tensors of its own again."""
        self._state.release()
