"""The tensors of K methods as views of stacked ones, and a method that holds the stacked ones.

All tensors within reach of a method are stacked: parameters, buffers and those of plain attributes
(anchors, a teacher, path integrals, a memory). Each sibling's own tensors become views, so that its
hooks see what the fused steps do, and the steps see what the hooks write in place.

Shape legend: K siblings, S slots.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from methods.base import Method
from orchestrator.stages.fused.aligned import aligned_zeros
from orchestrator.stages.fused.slots import fill_slots
from orchestrator.stages.held_bytes import OPAQUE

Slot = tuple[Any, Any]  # a dictionary or list, and where in it a tensor is


class Stacked:
    """The stacked tensors of siblings, in the order in which `tensor_slots` finds them.

    Args:
        methods: of one class and configuration, but for their strength, each with its own state.
        slots: of the stacked tensors.

    Attributes:
        tensors: each [S, ...].
        slots: of each tensor, where the first sibling has it.
    """

    def __init__(self, methods: Sequence[Method], slots: int) -> None:
        self._methods, self._num_slots = methods, slots
        self._before: dict[int, tuple[Tensor, Tensor]] = {}
        self._find()
        self.tensors = [self._stack(column) for column in zip(*self._owns, strict=True)]
        self.share()

    def _find(self) -> None:
        tensors_and_slots = [tensor_slots(method) for method in self._methods]
        self.slots = [slots for _, slots in tensors_and_slots[0]]
        self._owns = [[tensor for tensor, _ in own] for own in tensors_and_slots]

    def restack(self) -> None:
        """Find the tensors again, and stack those that are no longer views of stacked ones."""
        # By address: a tensor that a hook wrote in place still is the view that it was.
        before = {place_of(stacked[0]): stacked for stacked in self.tensors}
        self._find()
        columns = list(zip(*self._owns, strict=True))
        known = [before.get(place_of(column[0])) for column in columns]
        self.tensors = [
            self._stack(column) if stacked is None else stacked
            for column, stacked in zip(columns, known, strict=True)
        ]
        self.share()

    def _stack(self, column: Sequence[Tensor]) -> Tensor:
        return stack_aligned(fill_slots(column, self._num_slots))

    def share(self) -> None:
        """Let each sibling's tensors be views of the stacked ones."""
        for number, own in enumerate(self._owns):
            for tensor, stacked in zip(own, self.tensors, strict=True):
                # Kept with the tensor, so that no other has its identity.
                self._before.setdefault(id(tensor), (tensor, tensor.detach()))
                tensor.data = stacked.detach()[number]

    def release(self) -> None:
        """Give each sibling tensors of its own again, where they were before."""
        self._find()
        for own in self._owns:
            for tensor in own:
                # The values as the training left them, copied to where the tensor was at first.
                values = tensor.detach()
                _, before = self._before.get(id(tensor), (tensor, torch.empty_like(values)))
                tensor.data = before.copy_(values)

    def learning_indices(self) -> list[int]:
        """Return the numbers of the tensors that learn."""
        lead = self._owns[0]
        return [
            i for i, t in enumerate(lead) if isinstance(t, torch.nn.Parameter) and t.requires_grad
        ]

    @contextmanager
    def substitute(self, tensors: Sequence[Tensor]) -> Iterator[None]:
        """Let the first sibling hold other tensors in the block, in the order of `tensors`."""
        self._place(tensors)
        try:
            yield
        finally:
            self._place(self._owns[0])

    def _place(self, tensors: Sequence[Tensor]) -> None:
        for tensor, slots in zip(tensors, self.slots, strict=True):
            for container, key in slots:
                container[key] = tensor


def place_of(tensor: Tensor) -> tuple[int, torch.Size, torch.dtype]:
    """Return the address, shape and dtype of a tensor."""
    return tensor.data_ptr(), tensor.shape, tensor.dtype


@torch.no_grad()
def stack_aligned(tensors: Sequence[Tensor]) -> Tensor:
    """Stack tensors of one shape into [K, ...]; each part begins at a cache line."""
    stacked = aligned_zeros((len(tensors), *tensors[0].shape), tensors[0].detach())
    for part, tensor in zip(stacked, tensors, strict=True):
        part.copy_(tensor)
    return stacked


def tensor_slots(method: Method) -> list[tuple[Tensor, list[Slot]]]:
    """Return the distinct tensors within reach of a method, each with all places that hold it."""
    slots_by_id: dict[int, tuple[Tensor, list[Slot]]] = {}
    known: set[int] = set()

    def walk(container: Any, key: Any, value: Any) -> None:
        if isinstance(value, Tensor):
            # A tied parameter is one tensor at several places, and is stacked once.
            slots_by_id.setdefault(id(value), (value, []))[1].append((container, key))
        elif not isinstance(value, OPAQUE) and id(value) not in known:
            known.add(id(value))
            inner = value if isinstance(value, dict | list) else getattr(value, "__dict__", {})
            items = enumerate(inner) if isinstance(inner, list) else list(inner.items())
            for name, each in items:
                walk(inner, name, each)

    walk(None, None, method)
    return list(slots_by_id.values())
