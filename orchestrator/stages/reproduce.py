"""Recomputes stages and compares them with the stored ones: same bits, close or different."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from orchestrator.stages.differences import have_same_bits, score_differences, tensor_differences
from orchestrator.stages.features.attach import attach_features
from orchestrator.stages.record import Record
from orchestrator.stages.run_stage import State, run_stage
from orchestrator.stages.same_input import require_same_data
from orchestrator.stages.stage import Stage
from orchestrator.stages.storage.store import StageStore

Verdict = Literal["same", "close", "different"]


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
        attach_features(stage.benchmark, store, stored.computed_for, device)
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
    attach_features(stage.benchmark, store, stored.computed_for, device)
    state, anew = recompute(stage, parent, device)
    return compare_stage(stage, stored, anew, store.state(stage.key), state, tolerance)


def recompute(stage: Stage, parent: State | None, device: str) -> tuple[State | None, Record]:
    """Run a stage without storing it."""
    require_same_data(stage)
    return run_stage(stage, parent, ("", "", stage.seed), device)


def number_tasks(stage: Stage) -> dict[str, int]:
    """Return task key -> number, 1..T, of the tasks that a stage is evaluated on."""
    numbered = enumerate(stage.benchmark.task_keys(), 1)
    return {key: number for number, key in numbered if key in stage.task_keys}


def compare_stage(
    stage: Stage,
    stored: Record,
    anew: Record,
    stored_state: State | None,
    state: State | None,
    tolerance: float,
) -> Reproduction:
    """Compare a stage's record and state with the recomputed ones."""
    differences = dict(score_differences(stored.evaluation, anew.evaluation, number_tasks(stage)))
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
