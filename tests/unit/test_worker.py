"""One stage against the store: found, completed, run, or told as an event."""

import os
import platform
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from methods import METHODS
from methods.finetune import Finetune
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.graph.trial_graph import ParentLost, StageDiverged, StageDone, StageFailed
from orchestrator.networks.networks import MLP
from orchestrator.stages import worker as module
from orchestrator.stages.build_stages import build_stages
from orchestrator.stages.code.components import create_component
from orchestrator.stages.learning.learner import Training
from orchestrator.stages.stage import Stage
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.worker import StageOrder, compute_order

ROTATED = Benchmark(name="rotated_digits", scenario="domain", num_tasks=2, samples_per_task=30)
NETWORK = create_component("network", "mlp", MLP.Config(hidden=(4,)))
FOR = ("sweep", "trial", 0)


@pytest.fixture
def store(tmp_path) -> StageStore:
    return StageStore(str(tmp_path))


@pytest.fixture
def runs(monkeypatch) -> list[str]:
    """The keys of the stages that were run, not found."""
    keys, run = [], module.run_stage

    def count(stage: Stage, *rest: object):
        keys.append(stage.key)
        return run(stage, *rest)

    monkeypatch.setattr(module, "run_stage", count)
    return keys


def chain(benchmark: Benchmark = ROTATED, **training: object) -> tuple[Stage, ...]:
    method = create_component("method", "finetune", Finetune.Config())
    return build_stages(benchmark, NETWORK, Training(**training), method, 0)


def order(*same_key: Stage) -> StageOrder:
    return StageOrder(same_key, FOR)


def test_a_stage_is_run_once_and_found_afterwards(store, runs):
    first, second, _ = chain()
    assert compute_order(order(first), store) == StageDone(first.key)
    assert compute_order(order(second), store) == StageDone(second.key)
    before = store.record(second.key)
    assert compute_order(StageOrder((second,), ("other", "x", 1)), store) == StageDone(second.key)
    assert (runs, store.record(second.key)) == ([first.key, second.key], before)
    assert before.computed_for == FOR


def test_a_stage_without_its_parent_is_not_run(store, runs):
    assert compute_order(order(chain()[1]), store) == ParentLost(chain()[1].key)
    assert (runs, store.keys()) == ([], [])


def test_a_stage_whose_state_was_lost_is_run_anew_when_it_is_asked_for_again(store, runs, tmp_path):
    first, second, _ = chain()
    compute_order(order(first), store)
    next(tmp_path.rglob("state.safetensors")).unlink()
    assert compute_order(order(second), store) == ParentLost(second.key)
    assert compute_order(order(first), store) == StageDone(first.key)
    assert compute_order(order(second), store) == StageDone(second.key)
    assert runs == [first.key, first.key, second.key]


def test_divergence_is_an_event_and_is_not_tried_again(store, runs):
    first, second, _ = chain(optimizer="sgd", lr=1e30, epochs=5, batch_size=5)
    compute_order(order(first), store)
    for _ in range(2):
        event = compute_order(order(second), store)
        assert isinstance(event, StageDiverged)
        assert event.story.startswith("the loss of task 1 is not finite")
    assert runs == [first.key, second.key]


def test_an_error_of_the_user_s_code_is_an_event_with_its_story_and_is_tried_again(
    store, monkeypatch
):
    first, second, _ = chain()
    compute_order(order(first), store)
    with monkeypatch.context() as patch:
        patch.setattr(METHODS["finetune"], "loss", lambda self, batch: batch.nothing)
        event = compute_order(order(second), store)
    assert isinstance(event, StageFailed)
    line, _, trace = event.story.partition("\n\n")
    error, _, place = line.partition(" (")
    assert error == "AttributeError: 'Examples' object has no attribute 'nothing'"
    assert place.startswith("test_worker.py:")
    assert trace.startswith("Traceback")
    assert store.record(second.key) is None
    assert compute_order(order(second), store) == StageDone(second.key)


def test_a_stage_in_the_store_is_scored_on_further_tasks_without_being_trained_again(store, runs):
    short = chain()
    # Tasks 1 and 3 of four are turned as far as tasks 1 and 2 of two.
    long = chain(replace(ROTATED, num_tasks=4, order=(1, 3, 2, 4)))
    assert short[1].key == long[1].key
    for step in short[:2]:
        compute_order(order(step), store)
    assert store.record(long[1].key, long[1].task_keys) is None
    assert compute_order(order(long[1]), store) == StageDone(long[1].key)
    assert runs == [short[0].key, short[1].key]
    completed = store.record(long[1].key, long[1].task_keys)
    fresh = StageStore(store.uri + "-fresh")
    for step in long[:2]:
        compute_order(order(step), fresh)
    assert completed.evaluation == fresh.record(long[1].key).evaluation


def test_an_order_for_two_benchmarks_covers_the_tasks_of_both(store, runs):
    short, other = chain(), chain(replace(ROTATED, num_tasks=4, order=(1, 2, 3, 4)))
    assert short[0].key == other[0].key
    assert compute_order(order(short[0], other[0]), store) == StageDone(short[0].key)
    assert runs == [short[0].key]
    for step in (short[0], other[0]):
        assert store.record(step.key, step.task_keys) is not None


def test_a_node_with_other_data_fails_the_stage_and_stores_nothing(store: StageStore) -> None:
    method = create_component("method", "finetune", Finetune.Config())
    stage = build_stages(ROTATED, NETWORK, Training(), method, 0)[0]
    elsewhere = replace(stage, task_keys=("other", "data"))
    event = compute_order(StageOrder((elsewhere,), FOR), store)
    assert isinstance(event, StageFailed)
    assert f"on {platform.node()} is not the data this sweep was planned with" in event.story
    assert store.keys() == []


def test_a_node_with_other_code_fails_the_stage_and_stores_nothing(store: StageStore) -> None:
    stage = chain()[0]
    planned = replace(stage, method=replace(stage.method, identity="finetune 99"))
    event = compute_order(order(planned), store)
    assert isinstance(event, StageFailed)
    assert f"the code of method 'finetune' on {platform.node()} is finetune" in event.story
    assert "planned with finetune 99; give every node the same installation" in event.story
    assert store.keys() == []


def test_a_method_that_leaves_fails_and_its_folder_is_not_the_next_stage_s(
    store, tmp_path, monkeypatch
) -> None:
    first, before = chain()[0], Path.cwd()

    def exit_elsewhere(*_: object) -> None:
        os.chdir(tmp_path)
        sys.exit(3)

    monkeypatch.setattr(module, "run_stage", exit_elsewhere)
    event = compute_order(order(first), store)
    assert isinstance(event, StageFailed)
    assert event.story.startswith("SystemExit: 3 (")
    assert Path.cwd() == before
