"""Chains of siblings for the tests of fused stages: in groups, and each by itself.

The hidden layer and the batches have odd sizes, so that no matrix would end with a cache line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch

from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.networks.networks import MLP
from orchestrator.stages.build_stages import build_stages
from orchestrator.stages.code.classes import find_class
from orchestrator.stages.code.components import create_component
from orchestrator.stages.fused.run_group import run_group
from orchestrator.stages.learning.learner import Training
from orchestrator.stages.record import Record
from orchestrator.stages.run_stage import State, run_stage
from orchestrator.stages.stage import Stage

FOR = ("sweep", "trial", 0)
SPLIT = Benchmark(name="split_digits", num_tasks=2, samples_per_task=35)
NETWORK = create_component("network", "mlp", MLP.Config(hidden=(7,)))
# Momentum, since Adam turns a gradient of nearly 0 into a step of full length, of either sign.
TRAINING = Training(
    optimizer="sgd", momentum=0.5, lr=0.05, batch_size=10, epochs=2, label_smoothing=0.1, fuse=8
)
CASES: dict[str, list[dict[str, Any]]] = {
    "finetune": [{}, {}],
    "l2": [{"lam": 0.1}, {"lam": 1.0}],
    "ewc": [{"lam": 10.0, "mode": "offline"}, {"lam": 300.0, "mode": "offline"}],
    "si": [{"c": 1.0}, {"c": 30.0}],
    "mas": [{"lam": 0.01}, {"lam": 1.0}],
    "lwf": [{"lam": 1.0, "scale_by_temperature": True}, {"lam": 3.0, "scale_by_temperature": True}],
    "er": [{"memory_size": 12, "updates_per_batch": 2}] * 2,
    "er_ace": [{"memory_size": 12, "policy": "ring"}] * 2,
    "der": [{"memory_size": 50, "alpha": a, "offered": "every_epoch"} for a in (0.5, 2.0)],
}


def chain(name: str, seed: int = 0, training: Training = TRAINING, **config: Any) -> list[Stage]:
    method = create_component("method", name, find_class("method", name).Config(**config))
    return [*build_stages(SPLIT, NETWORK, training, method, seed)]


def siblings(name: str) -> list[list[Stage]]:
    """Return two chains that differ in all that siblings may differ in."""
    rates = (TRAINING, replace(TRAINING, lr=0.02))
    cases = zip((3, 4), rates, CASES[name], strict=True)
    return [chain(name, seed, training, **config) for seed, training, config in cases]


Runs = list[tuple[State, Record]]


@cache
def initial(seed: int) -> tuple[State, Record]:
    """Return the state of stage 0, which all methods and trainings share."""
    return finish(run_stage(chain("finetune", seed)[0], None, FOR))


def run_fused(chains: Sequence[list[Stage]], device: str = "cpu") -> list[Runs]:
    """Run chains as one group for each task; return of each its stages' states and records."""
    runs: list[Runs] = [[initial(stages[0].seed)] for stages in chains]
    for after in range(1, SPLIT.num_tasks + 1):
        together = [stages[after] for stages in chains]
        done = run_group(together, [own[-1][0] for own in runs], [FOR] * len(chains), device)
        for own, each in zip(runs, done, strict=True):
            own.append(finish(each))
    return runs


@cache
def group_of(name: str, device: str = "cpu") -> list[Runs]:
    """Run two siblings with a third between them."""
    one, other = siblings(name)
    return run_fused([other, chain(name, 9, **CASES[name][0]), one], device)


def finish(run: tuple[State | None, Record]) -> tuple[State, Record]:
    state, record = run
    assert state is not None
    return state, record


def run_apart(stages: list[Stage], device: str = "cpu") -> Runs:
    """Run a chain by itself, by the plain program."""
    runs = [initial(stages[0].seed)]
    for stage in stages[1:]:
        runs.append(finish(run_stage(stage, runs[-1][0], FOR, device)))
    return runs


def same_bits(one: State, other: State) -> bool:
    return one.keys() == other.keys() and all(torch.equal(t, other[n]) for n, t in one.items())


def costs_of(record: Record) -> dict[str, Any]:
    """Return the costs that do not depend on the machine."""
    names = ("storage", "train_flops", "consolidate_flops", "eval_flops", "samples", "epochs")
    more = ("batch_flops", "rising_steps", "inference_flops", "inference_bytes", "working_bytes")
    return {name: getattr(record.costs, name) for name in (*names, *more)}


def assert_same_row(record: Record, reference: Record) -> None:
    for key, splits in reference.evaluation.items():
        for split, score in splits.items():
            assert record.evaluation[key][split].accuracy == score.accuracy
            loss = record.evaluation[key][split].loss
            assert loss == (None if score.loss is None else pytest.approx(score.loss, rel=1e-3))
