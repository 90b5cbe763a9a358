"""Differences of two states, and of two rows of scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from orchestrator.stages.record import Score, TaskScores
from orchestrator.stages.run_stage import State


def have_same_bits(one: State, other: State) -> bool:
    """Return whether two states hold the same names, types, shapes and bits."""
    return one.keys() == other.keys() and all(
        a.dtype == b.dtype and a.shape == b.shape and torch.equal(tensor_bytes(a), tensor_bytes(b))
        for a, b in ((one[name], other[name]) for name in one)
    )


def tensor_bytes(tensor: Tensor) -> Tensor:
    """Return a tensor's bytes."""
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)


def tensor_differences(one: State, other: State) -> Iterator[tuple[str, float]]:
    """Yield name -> largest difference, relative to the largest value where that exceeds 1."""
    for name in sorted(one.keys() | other.keys()):
        if name not in one or name not in other or one[name].shape != other[name].shape:
            yield name, float("inf")
        else:
            yield name, tensor_difference(one[name].double(), other[name].double())


def tensor_difference(one: Tensor, other: Tensor) -> float:
    """Return the largest difference of two tensors; NaN and infinities equal only themselves."""
    gaps = (one - other).abs()
    # inf - inf is NaN, though the two are equal.
    gaps[(one == other) | (one.isnan() & other.isnan())] = 0.0
    finite = one[one.isfinite()].abs()
    # Relative to values near 0, rounding would look like a difference.
    scale = max(1.0, float(finite.max())) if len(finite) else 1.0
    gaps[gaps.isnan()] = float("inf")
    return float(gaps.max()) / scale if gaps.numel() else 0.0


def score_differences(
    one: TaskScores, other: TaskScores, tasks: Mapping[str, int]
) -> Iterator[tuple[str, float]]:
    """Yield place -> difference of the accuracies and losses on some tasks, key -> number."""
    empty: Mapping[str, Score] = {}
    for key, number in tasks.items():
        before, after = one.get(key, empty), other.get(key, empty)
        for split in sorted(before.keys() | after.keys()):
            for figure in ("accuracy", "loss"):
                a, b = (getattr(s.get(split), figure, None) for s in (before, after))
                gap = abs(a - b) if a is not None and b is not None else float("inf")
                place = f"{figure} on task {number} ({split})"
                yield place, 0.0 if a == b else gap / max(1.0, abs(a or 0.0))
