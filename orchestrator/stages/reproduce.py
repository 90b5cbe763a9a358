"""Recomputes stages and compares them with the stored ones: same bits, close or different."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from orchestrator.stages.record import Evaluation, Record, Score
from orchestrator.stages.run_stage import State, run_stage
from orchestrator.stages.stage import Stage
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.worker import require_same_data

Verdict = Literal["same", "close", "different"]
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Reproduction:
    """Comparison of a recomputed stage with the stored one.

    Attributes:
        stage: the stage.
        verdict: "same" bits, "close" within the tolerance, or "different".
        difference: the largest, relative to the largest value of its tensor where that exceeds 1.
        place: the tensor or score that differs most; empty if none does.
        stored, anew: the two records.
        has_state: whether the states were compared, or the scores alone.
    """

    stage: Stage
    verdict: Verdict
    difference: float
    place: str
    stored: Record
    anew: Record
    has_state: bool


def reproduce_chain(
    stages: Sequence[Stage], store: StageStore, tolerance: float, device: str = "cpu"
) -> Iterator[Reproduction]:
    """Recompute the stored stages of a chain from the first on; yield each comparison."""
    states: dict[str, State] = {}
    for stage in stages:
        stored = store.record(stage.key, stage.task_keys)
        if stored is None:
            return
        state, anew = recompute(stage, states.get(stage.parent or ""), device)
        yield compare_stage(stage, stored, anew, store.state(stage.key), state, tolerance)
        if state is None:
            return
        # A method that starts afresh takes each of its stages from the first one.
        states = {key: kept for key, kept in states.items() if key == stages[0].key}
        states[stage.key] = state


def reproduce_stage(
    stage: Stage, store: StageStore, tolerance: float, device: str = "cpu"
) -> Reproduction | None:
    """Recompute a stage from its stored parent; None if either is not stored."""
    stored = store.record(stage.key, stage.task_keys)
    parent = store.state(stage.parent) if stage.parent else None
    if stored is None or (stage.parent and parent is None):
        return None
    state, anew = recompute(stage, parent, device)
    return compare_stage(stage, stored, anew, store.state(stage.key), state, tolerance)


def recompute(stage: Stage, parent: State | None, device: str) -> tuple[State | None, Record]:
    """Run a stage without storing it."""
    require_same_data(stage)
    return run_stage(stage, parent, ("", "", stage.seed), device)


def compare_stage(
    stage: Stage,
    stored: Record,
    anew: Record,
    stored_state: State | None,
    state: State | None,
    tolerance: float,
) -> Reproduction:
    """Compare a stage's record and state with the recomputed ones."""
    differences = dict(score_differences(stored.evaluation, anew.evaluation, stage.task_keys))
    same = not any(differences.values())
    if stored.status != anew.status:
        differences, same = {f"{anew.status}, not {stored.status}": float("inf")}, False
    elif stored_state is not None and state is not None:
        differences |= dict(tensor_differences(stored_state, state))
        same = same and have_same_bits(stored_state, state)
    place = max(differences, key=lambda name: differences[name], default="")
    difference = differences.get(place, 0.0)
    verdict: Verdict = "same" if same else "close" if difference <= tolerance else "different"
    place = place if difference else ""
    has_state = stored_state is not None or stored.status == "diverged"
    return Reproduction(stage, verdict, difference, place, stored, anew, has_state)


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
    gaps[(one == other) | (one.isnan() & other.isnan())] = 0.0
    finite = one[one.isfinite()].abs()
    scale = max(1.0, float(finite.max())) if len(finite) else 1.0
    gaps[gaps.isnan()] = float("inf")
    return float(gaps.max()) / scale if gaps.numel() else 0.0


def score_differences(
    one: Evaluation, other: Evaluation, task_keys: Sequence[str]
) -> Iterator[tuple[str, float]]:
    """Yield place -> difference of the accuracies and losses on some tasks."""
    empty: Mapping[str, Score] = {}
    for number, key in enumerate(task_keys, 1):
        before, after = one.get(key, empty), other.get(key, empty)
        for split in sorted(before.keys() | after.keys()):
            for figure in ("accuracy", "loss"):
                a, b = (getattr(s.get(split), figure, None) for s in (before, after))
                gap = abs(a - b) if a is not None and b is not None else float("inf")
                place = f"{figure} on task {number} ({split})"
                yield place, 0.0 if a == b else gap / max(1.0, abs(a or 0.0))
