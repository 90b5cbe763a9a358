"""The loop between who wants stages and who computes them: slots, budgets, the brake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from orchestrator.graph.brake import Brake
from orchestrator.graph.driver import drive
from orchestrator.graph.events import (
    ChainAdvanced,
    ChainEnded,
    ChainStopped,
    ChainWanted,
    Event,
    Instruction,
    RunStage,
)
from orchestrator.stages.outcomes import StageDiverged, StageDone, StageFailed
from orchestrator.stages.worker import StageOrder
from orchestrator.sweep.options import RunBudget
from orchestrator.sweep.sweep import Sweep

SWEEP = """
name: driven
benchmark: {name: rotated_digits, num_tasks: 3, order: all}
network: {name: mlp, hidden: [4]}
methods: [finetune]
seeds: [0, 1]
"""
STAGES = 2 * (1 + 3 + 6 + 6)  # per seed: stage 0, then which task came first, second and third


class All:
    """Wants all chains of a sweep at once."""

    def __init__(self, folder: Path) -> None:
        path = folder / "sweep.yaml"
        path.write_text(SWEEP)
        chains = list(Sweep.load(path).chains())
        self.orders = {
            s.key: StageOrder((s,), ("driven", "", 0)) for _, steps in chains for s in steps
        }
        self._wanted = [
            ChainWanted((chain.trial_id, chain.seed), tuple((s.key, s.parent) for s in steps))
            for chain, steps in chains
        ]
        self.ended: list[str] = []

    def begin(self) -> list[Event]:
        return list(self._wanted)

    def handle(self, news: ChainAdvanced | ChainEnded) -> list[Event]:
        if isinstance(news, ChainEnded):
            self.ended.append(news.status)
        return []


class Pool:
    """Workers of whom a random one ends first; what they were asked for is remembered."""

    def __init__(self, slots: int, outcome: Callable[[str], Event] = StageDone) -> None:
        self.room, self._outcome = slots, outcome
        self._random = np.random.default_rng(0)
        self.running: list[StageOrder] = []
        self.done: list[str] = []
        self.most = self.waits = 0

    def slots(self) -> int:
        return self.room

    def submit(self, order: StageOrder) -> None:
        parent = order.stages[0].parent
        assert parent is None or parent in self.done, "a stage was asked for before its parent"
        self.running.append(order)
        self.most = max(self.most, len(self.running))

    def wait(self) -> list[Event]:
        assert self.running, "waited for nothing"
        self.waits += 1
        if self.waits % 5 == 0:
            return []  # nobody ended for a while
        order = self.running.pop(self._random.integers(len(self.running)))
        self.done.append(order.key)
        return [self._outcome(order.key)]


@pytest.fixture
def client(tmp_path: Path) -> All:
    return All(tmp_path)


def go(client: All, pool: Pool, brake: Brake | None = None, observe: Any = None) -> list[Any]:
    news: list[Event | Instruction] = []

    def watch(item: Event | Instruction) -> None:
        news.append(item)
        if observe:
            observe(item)

    drive(client, pool, watch, brake or Brake())
    assert pool.running == []
    return news


@pytest.mark.parametrize("slots", [1, 3, 100])
def test_every_stage_is_computed_once_on_no_more_workers_than_there_are(
    client: All, slots: int
) -> None:
    pool = Pool(slots)
    news = go(client, pool)
    assert len(pool.done) == len(set(pool.done)) == len(client.orders) == STAGES
    assert pool.most == slots if slots < 100 else pool.most <= 2 * 6  # six orders, two seeds
    assert client.ended == ["complete"] * 12
    started = [item.key for item in news if isinstance(item, RunStage)]
    assert sorted(started) == sorted(pool.done)


def test_workers_that_come_and_go_are_used_as_they_are(client: All) -> None:
    pool = Pool(4)
    running: list[int] = []

    def change(item: Event | Instruction) -> None:
        if isinstance(item, StageDone):
            pool.room = 1 if len(pool.done) >= 10 else 4
        if isinstance(item, RunStage) and len(pool.done) > 12:
            running.append(len(pool.running) + 1)

    go(client, pool, observe=change)
    assert set(running) == {1}
    assert len(pool.done) == STAGES


@pytest.mark.parametrize("slots", [1, 3, 100])
@pytest.mark.parametrize("budget", [1, 2, 7, STAGES - 1])
def test_a_budget_of_stages_is_never_overshot_and_spent_to_the_last(
    client: All, slots: int, budget: int
) -> None:
    pool, brake = Pool(slots), Brake(RunBudget(stages=budget))
    go(client, pool, brake)
    assert len(pool.done) == budget
    assert brake.reason == f"the budget is spent (stages: {budget})"


@pytest.mark.parametrize("budget", [STAGES, STAGES + 1])
def test_a_budget_that_suffices_limits_nothing(client: All, budget: int) -> None:
    pool = Pool(3)
    go(client, pool, Brake(RunBudget(stages=budget)))
    assert client.ended == ["complete"] * 12


def test_a_brake_pulled_in_the_middle_lets_those_that_run_finish(client: All) -> None:
    pool, brake = Pool(4), Brake()
    at_the_time: list[int] = []

    def pull(item: Event | Instruction) -> None:
        if isinstance(item, StageDone) and len(pool.done) == 9 and not at_the_time:
            at_the_time.append(len(pool.running))
            brake.pull("interrupted")

    news = go(client, pool, brake, pull)
    assert at_the_time == [3]
    assert len(pool.done) == 9 + 3
    after = news[[isinstance(i, StageDone) and i.key == pool.done[8] for i in news].index(True) :]
    assert not any(isinstance(item, RunStage) for item in after)


def test_a_brake_pulled_before_the_start_starts_nothing(client: All) -> None:
    pool, brake = Pool(4), Brake()
    brake.pull("interrupted")
    go(client, pool, brake)
    assert pool.done == []


@pytest.mark.parametrize("outcome", [StageFailed, StageDiverged])
def test_what_comes_after_a_stage_that_went_wrong_is_not_computed(
    client: All, outcome: Callable[[str, str], Event]
) -> None:
    first = next(key for key, order in client.orders.items() if order.stages[0].after == 1)
    below = [key for key, order in client.orders.items() if order.stages[0].parent == first]
    pool = Pool(3, lambda key: outcome(key, "too shy") if key == first else StageDone(key))
    go(client, pool)
    assert len(below) == 2  # two tasks may come second
    assert len(pool.done) == STAGES - 2 - 2  # and then one third
    assert (
        sorted(client.ended)
        == ["complete"] * 10 + ["failed" if outcome is StageFailed else "diverged"] * 2
    )


def test_a_client_hears_of_each_step_and_may_want_more_or_less(tmp_path: Path) -> None:
    class Step(All):
        """Wants one chain, a stage at a time, and another to be stopped after its first task."""

        def begin(self) -> list[Event]:
            (self.one, self.other), self.heard = self._wanted[:2], list[tuple[int, int]]()
            return [self._part(0), self.other]

        def _part(self, after: int) -> ChainWanted:
            return ChainWanted(self.one.chain, (self.one.stages[after],), last=after == 3)

        def handle(self, news: ChainAdvanced | ChainEnded) -> list[Event]:
            super().handle(news)
            if isinstance(news, ChainEnded):
                return []
            own = news.chain == self.one.chain
            self.heard.append((int(own), news.after))
            if own:
                return [self._part(news.after + 1)] if news.after < 3 else []
            return [ChainStopped(news.chain)] if news.after == 1 else []

    client, pool = Step(tmp_path), Pool(2)
    go(client, pool)
    assert [after for own, after in client.heard if own] == [0, 1, 2, 3]
    assert [after for own, after in client.heard if not own] == [0, 1]
    assert sorted(client.ended) == ["complete", "stopped"]
    # Of the other chain no stage starts any more; one may have been on its way.
    assert set(pool.done) >= {key for key, _ in client.one.stages}
    assert {key for key, _ in client.other.stages[3:]}.isdisjoint(pool.done)
