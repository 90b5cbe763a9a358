"""What the contract suite compares with: equality to the bit, and watches on hooks and generators.

Reference:
    None.

Deviations:
    None.
"""

from __future__ import annotations

import random  # noqa: TID251 - its state is looked at, nothing is drawn
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from methods.base import Method, TaskView
from methods.testing.blobs import State

P = ParamSpec("P")
T = TypeVar("T")


def require(holds: bool, story: str) -> None:
    """Raise AssertionError with a sentence, unless it holds."""
    if not holds:
        raise AssertionError(story)


def require_same(first: Mapping[str, Tensor], second: Mapping[str, Tensor], story: str) -> None:
    """Raise AssertionError unless two states have the same names, types, shapes and bits."""
    require(first.keys() == second.keys(), f"{story}: {sorted(first.keys() ^ second.keys())}")
    differ = [n for n in first if not same_bits(first[n], second[n])]
    require(not differ, f"{story}: {differ}")


def same_bits(first: Tensor, second: Tensor) -> bool:
    """Whether two tensors agree in type, shape and every bit."""
    if (first.dtype, first.shape) != (second.dtype, second.shape):
        return False
    return torch.equal(first.flatten().view(torch.uint8), second.flatten().view(torch.uint8))


def require_saveable(state: Mapping[str, Tensor]) -> None:
    """State is contiguous tensors, no two of which share memory."""
    owners: dict[int, str] = {}
    for name, tensor in state.items():
        require(isinstance(tensor, Tensor), f"{name} is no tensor")
        require(tensor.is_contiguous(), f"{name} is not contiguous")
        if tensor.numel():
            owner = owners.setdefault(tensor.untyped_storage().data_ptr(), name)
            require(owner == name, f"{name} shares its memory with {owner}")


def snapshot_of(state: Mapping[str, Tensor]) -> State:
    """Return copies of tensors."""
    return {name: tensor.detach().clone() for name, tensor in state.items()}


class ExactMeter:
    """Counts every step, and refuses two of one kind that differ, `known` ones included."""

    def __init__(self, known: dict[Hashable, int]) -> None:
        self.known = known

    def measure(self, kind: Hashable, work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """Do a step and compare its FLOPs with those of its kind."""
        with FlopCounterMode(display=False) as counter:
            result = work(*args, **named)
        flops = counter.get_total_flops()
        known = self.known.setdefault(kind, flops)
        story = "step_kind must tell them apart"
        require(known == flops, f"steps of kind {kind} took {known} and {flops} FLOPs: {story}")
        return result


@contextmanager
def hooks_watched(method: Method) -> Iterator[None]:
    """Check that begin_task and end_task leave modes and running statistics of the network alone.

    A hook that gives the network other parameters may give it other statistics too.
    """

    def watched(name: str) -> Callable[[TaskView], None]:
        hook = getattr(method, name)

        def call(view: TaskView) -> None:
            modes, weights, rest = modes_of(method.network), *weights_and_rest(method.network)
            hook(view)
            require(modes == modes_of(method.network), f"{name} left the network in another mode")
            weights_after, rest_after = weights_and_rest(method.network)
            if all(torch.equal(w, weights_after[n]) for n, w in weights.items()):
                require_same(rest, rest_after, f"{name} changed the network's running statistics")

        return call

    names = ("begin_task", "end_task")
    for name in names:
        setattr(method, name, watched(name))
    yield
    for name in names:
        delattr(method, name)


def modes_of(network: nn.Module) -> list[bool]:
    """Return whether each module is in training mode."""
    return [module.training for module in network.modules()]


def weights_and_rest(network: nn.Module) -> tuple[State, State]:
    """Return copies of a network's parameters and of its buffers."""
    parameters, buffers = dict(network.named_parameters()), dict(network.named_buffers())
    return snapshot_of(parameters), snapshot_of(buffers)


@contextmanager
def generators_untouched() -> Iterator[None]:
    """Check that the block draws nothing from the global generators of torch, numpy and random."""

    def states() -> list[Tensor]:
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        numpy = torch.from_numpy(np.random.get_state(legacy=True)[1].astype(np.int64))  # type: ignore[index]
        return [torch.get_rng_state(), numpy, torch.tensor(random.getstate()[1]), *cuda]

    before = states()
    yield
    story = "a global random generator was used: draw from task.stream(purpose)"
    require(all(map(torch.equal, before, states())), story)
