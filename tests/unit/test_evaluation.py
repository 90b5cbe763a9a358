"""The client of an evaluation: every trial starts once, in order, by Tune's objects or without."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from orchestrator.backends.tune_trials import TuneTrials
from orchestrator.graph.evaluation import CreateQueue, Evaluation, FirstInFirstOut, TrialQueue
from orchestrator.graph.events import ChainAdvanced, ChainEnded, ChainWanted
from orchestrator.graph.plan import Plan, chain_id, plan
from orchestrator.stages.storage.store import StageStore
from orchestrator.sweep.sweep import Sweep

SWEEP = """
name: lab
benchmark: {name: rotated_digits, num_tasks: 2}
network: {name: mlp, hidden: [4]}
methods: [{name: ewc, lam: {grid: [1, 2, 3]}}]
seeds: [0, 1]
"""


@pytest.fixture
def sweep_plan(tmp_path: Path) -> Plan:
    (tmp_path / "lab.yaml").write_text(SWEEP)
    return plan(Sweep.load(tmp_path / "lab.yaml"), StageStore(str(tmp_path / "stages")))


@pytest.mark.parametrize("create_queue", [FirstInFirstOut, TuneTrials])
@pytest.mark.parametrize("count", [0, 1, 250])
def test_trials_start_once_in_the_order_of_the_sweep(
    create_queue: Callable[[Sequence[str]], TrialQueue], count: int
) -> None:
    trial_ids = [f"ewc-{number:016x}" for number in range(count)]
    queue, started = create_queue(trial_ids), list[str]()
    while (trial_id := queue.next()) is not None:
        started.append(trial_id)
        queue.end(trial_id, complete=len(started) % 2 == 0)
    assert started == trial_ids
    assert queue.next() is None


@pytest.mark.parametrize("create_queue", [FirstInFirstOut, TuneTrials])
def test_all_chains_are_wanted_at_once(sweep_plan: Plan, create_queue: CreateQueue) -> None:
    wants = Evaluation(sweep_plan, create_queue).begin()
    assert [want.chain for want in wants if isinstance(want, ChainWanted)] == [
        chain_id(chain) for chain in sweep_plan.chains
    ]
    for chain, want in zip(sweep_plan.chains, wants, strict=True):
        assert isinstance(want, ChainWanted)
        assert tuple(key for key, _ in want.stages) == chain.keys
        assert want.last


class OneByOne(FirstInFirstOut):
    """Starts a trial when the one before has ended."""

    def __init__(self, trial_ids: Sequence[str]) -> None:
        super().__init__(trial_ids)
        self.running, self.ended = False, list[tuple[str, bool]]()

    def next(self) -> str | None:
        if self.running:
            return None
        trial_id = super().next()
        self.running = trial_id is not None
        return trial_id

    def end(self, trial_id: str, complete: bool) -> None:
        self.running = False
        self.ended.append((trial_id, complete))


def test_a_trial_ends_when_its_last_seed_does_and_then_the_next_starts(sweep_plan: Plan) -> None:
    queue = OneByOne([])

    def create_queue(trial_ids: Sequence[str]) -> TrialQueue:
        queue.__init__(trial_ids)  # type: ignore[misc]
        return queue

    evaluation = Evaluation(sweep_plan, create_queue)
    first, second, third = dict.fromkeys(chain.trial_id for chain in sweep_plan.chains)
    assert {want.chain[0] for want in evaluation.begin()} == {first}  # type: ignore[union-attr]
    assert evaluation.handle(ChainAdvanced((first, 0), 1)) == []
    assert evaluation.handle(ChainEnded((first, 1), "complete")) == []
    wants = evaluation.handle(ChainEnded((first, 0), "diverged"))
    assert {want.chain[0] for want in wants} == {second}  # type: ignore[union-attr]
    assert evaluation.handle(ChainEnded((second, 0), "complete")) == []
    assert len(evaluation.handle(ChainEnded((second, 1), "complete"))) == 2
    for seed in (0, 1):
        assert evaluation.handle(ChainEnded((third, seed), "complete")) == []
    assert queue.ended == [(first, False), (second, True), (third, True)]
