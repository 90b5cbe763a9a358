"""Assertions of the conformance suite: bitwise equality, FLOPs, hooks and random generators.

Reference:
    None.

Deviations:
    None.
"""

from __future__ import annotations

import random  # noqa: TID251 - reads the generator's state only
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from methods.base import Method, Phase, TaskView
from methods.testing.blobs import State
from methods.testing.equality import copy_state, require, require_same
from orchestrator.stages.costs import FlopMeter

P = ParamSpec("P")
T = TypeVar("T")


class ExactMeter(FlopMeter):
    """Count the FLOPs of steps; raise AssertionError if two steps of one kind differ.

    Its `total` stays 0, since the suite compares FLOPs and does not sum them.

    Args:
        flops_by_kind: FLOPs of a step of each kind, extended by those of new kinds; None counts
            nothing, which is ten times faster.
        every: whether to count every step, or the first of each kind only.
    """

    def __init__(self, flops_by_kind: dict[Hashable, int] | None, every: bool = True) -> None:
        super().__init__()
        self.flops_by_kind = flops_by_kind
        self._every = every
        self._counted: set[Hashable] = set()

    def measure(self, kind: Hashable, work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """Run a step and compare its FLOPs with those of its kind."""
        known = kind in self._counted and not self._every
        if self.flops_by_kind is None or known:
            return work(*args, **named)
        # One that knows no kind as yet counts whatever it is given.
        step = FlopMeter()
        step.counting = self.counting
        result = step.measure(kind, work, *args, **named)
        self._counted.add(kind)
        flops = step.total
        earlier = self.flops_by_kind.setdefault(kind, flops)
        story = "step_kind must tell them apart"
        require(earlier == flops, f"steps of kind {kind} took {earlier} and {flops} FLOPs: {story}")
        return result


@contextmanager
def watch_hooks(method: Method) -> Iterator[None]:
    """Check that hooks keep the network's modes and statistics, and that phases have names.

    A hook that changes the network's parameters may change its statistics too.
    """

    def watch(name: str) -> Callable[[TaskView], None]:
        hook = getattr(method, name)

        def call(view: TaskView) -> None:
            modes, weights, rest = module_modes(method.network), *weights_and_rest(method.network)
            hook(view)
            require(
                modes == module_modes(method.network), f"{name} left the network in another mode"
            )
            weights_after, rest_after = weights_and_rest(method.network)
            if all(torch.equal(w, weights_after[n]) for n, w in weights.items()):
                require_same(rest, rest_after, f"{name} changed the network's running statistics")

        return call

    watched = {name: watch(name) for name in ("begin_task", "end_task")}
    for name, call in {**watched, "phases": named_phases(method)}.items():
        # An attribute of the instance hides the hook of the class until it is deleted.
        setattr(method, name, call)
    yield
    for name in (*watched, "phases"):
        delattr(method, name)


def named_phases(method: Method) -> Callable[[TaskView], Sequence[Phase]]:
    """Return `phases` of a method, with a check that they have names of their own."""
    phases = method.phases

    def call(view: TaskView) -> Sequence[Phase]:
        given = phases(view)
        names = [phase.name for phase in given]
        unique = len(set(names)) == len(names)
        require(unique, f"the phases of a task need different names: {names}")
        return given

    return call


def module_modes(network: nn.Module) -> list[bool]:
    """Return whether each module is in training mode."""
    return [module.training for module in network.modules()]


def weights_and_rest(network: nn.Module) -> tuple[State, State]:
    """Return copies of a network's parameters and of its buffers."""
    parameters, buffers = dict(network.named_parameters()), dict(network.named_buffers())
    return copy_state(parameters), copy_state(buffers)


@contextmanager
def watch_generators() -> Iterator[None]:
    """Check that the block does not change the global generators of torch, numpy and random."""

    def states() -> list[Tensor]:
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        numpy = torch.from_numpy(np.random.get_state(legacy=True)[1].astype(np.int64))  # type: ignore[index]
        return [torch.get_rng_state(), numpy, torch.tensor(random.getstate()[1]), *cuda]

    before = states()
    yield
    story = "a global random generator was used: draw from task.stream(purpose)"
    require(all(map(torch.equal, before, states())), story)
