"""What a sweep asks for, what is shared, what the store has, and what is left."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from orchestrator.graph.plan import Plan, plan
from orchestrator.stages.record import Costs, Record, Score
from orchestrator.stages.storage.store import StageStore
from orchestrator.sweep.sweep import Sweep

SWEEP = """\
name: planned
benchmark: {benchmark}
network: {{name: mlp, hidden: [4]}}
methods: {methods}
seeds: {seeds}
"""
SCORES = {split: Score(accuracy=0.5, loss=1.0, n=1) for split in ("validation", "test")}

FOUR_TASKS = "{name: rotated_digits, num_tasks: 4}"
ALL_ORDERS = "{name: rotated_digits, num_tasks: 4, order: all}"

Make = Callable[..., Plan]


@pytest.fixture
def store(tmp_path: Path) -> StageStore:
    return StageStore(str(tmp_path / "stages"))


@pytest.fixture
def make(tmp_path: Path, store: StageStore, monkeypatch: pytest.MonkeyPatch) -> Make:
    monkeypatch.setattr(sys, "path", [*sys.path])

    def planned(
        methods: str = "[finetune]", seeds: str = "[0]", benchmark: str = FOUR_TASKS
    ) -> Plan:
        path = tmp_path / "sweep.yaml"
        path.write_text(SWEEP.format(methods=methods, seeds=seeds, benchmark=benchmark))
        return plan(Sweep.load(path), store)

    return planned


def beyond_stage_0(sweep_plan: Plan) -> int:
    return sum(1 for key in sweep_plan.orders if sweep_plan.links[key] is not None)


def put(store: StageStore, sweep_plan: Plan, key: str, **changes: Any) -> None:
    """Put a stage that was never run into the store."""
    stage = sweep_plan.orders[key].stages[0]
    record = Record(
        key=key,
        parent=stage.parent,
        after=stage.after,
        status="complete",
        costs=Costs(train_seconds=2.0, eval_seconds=1.0),
        computed_for=("s", "t", 0),
        evaluation=dict.fromkeys(stage.task_keys, SCORES),
    )
    record = replace(record, **changes)
    store.put({"a": torch.zeros(1)} if record.status == "complete" else None, record)


# What is asked for and what is shared


def test_all_orders_of_4_tasks_ask_for_96_stages_beyond_stage_0_of_which_64_are_distinct(make):
    new_plan = make(benchmark=ALL_ORDERS)
    assert len(new_plan.chains) == 24
    assert new_plan.stages_requested - len(new_plan.chains) == 96
    assert beyond_stage_0(new_plan) == 64
    assert len(new_plan.orders) == len(new_plan.stages_to_run) == 65


def test_joint_training_in_all_orders_has_a_stage_for_each_set_of_tasks(make):
    new_plan = make("[joint]", benchmark=ALL_ORDERS)
    assert (new_plan.stages_requested, beyond_stage_0(new_plan)) == (24 * 5, 15)


def test_stage_0_is_shared_by_methods_and_not_by_seeds(make):
    new_plan = make("[finetune, ewc, er, joint]", seeds="[0, 1, 2]")
    assert [new_plan.links[key] for key in new_plan.orders].count(None) == 3
    assert new_plan.stages_requested == 4 * 3 * 5
    assert len(new_plan.orders) == 3 * (1 + 4 * 4)


@pytest.mark.parametrize("count", [1, 3, 8])
def test_values_that_are_inert_on_task_1_share_it(make, count):
    values = list(range(1, count + 1))
    new_plan = make(f"[{{name: ewc, lam: {{grid: {values}}}}}]")
    assert beyond_stage_0(new_plan) == 1 + count * 3


def test_chains_keep_the_order_of_the_file_and_name_their_trials(make):
    new_plan = make("[er, finetune]", seeds="[5, 2]")
    assert [(c.method, c.seed) for c in new_plan.chains] == [
        ("er", 5),
        ("er", 2),
        ("finetune", 5),
        ("finetune", 2),
    ]
    assert new_plan.orders[new_plan.chains[0].keys[0]].computed_for == (
        "planned",
        new_plan.chains[0].trial_id,
        5,
    )


def test_links_lead_from_every_stage_to_stage_0(make):
    new_plan = make("[finetune, joint]")
    for chain in new_plan.chains:
        (first, parent), *rest = new_plan.steps(chain)
        assert (first, parent) == (chain.keys[0], None)
        assert [key for key, _ in rest] == list(chain.keys[1:])
        assert all(parent in chain.keys for _, parent in rest)


def test_a_stage_shared_by_benchmarks_with_other_tasks_is_one_order_for_both(make):
    new_plan = make(benchmark="{name: rotated_digits, scenario: domain, num_tasks: {grid: [2, 3]}}")
    (first,) = (order for key, order in new_plan.orders.items() if new_plan.links[key] is None)
    assert [len(stage.task_keys) for stage in first.stages] == [2, 3]
    assert len(new_plan.orders) == 1 + 2 + 3 - 1  # task 1 is not turned in either


# What the store has


def test_with_an_empty_store_everything_is_to_be_run_and_no_time_is_known(make, store):
    new_plan = make()
    assert new_plan.stages_to_run == list(new_plan.chains[0].keys)
    assert (new_plan.unfinished_chains, new_plan.stored, new_plan.estimated_seconds()) == (
        [*new_plan.chains],
        {},
        None,
    )
    assert store.keys() == []


def test_what_the_store_has_is_not_run_again_and_says_how_long_the_rest_takes(make, store):
    new_plan = make(seeds="[0, 1]")
    keys = new_plan.chains[0].keys
    for key, seconds in zip(keys[:4], (50.0, 1.0, 2.0, 9.0), strict=True):
        put(store, new_plan, key, costs=Costs(train_seconds=seconds / 2, eval_seconds=seconds / 2))
    again = make(seeds="[0, 1]")
    assert set(again.stored) == set(keys[:4])
    assert all(again.is_stored(key) for key in keys[:4])
    assert again.stages_to_run == [keys[4], *new_plan.chains[1].keys]
    # 1 + 4 stages beyond stage 0 are left, at the median of 1, 2 and 9 seconds.
    assert again.estimated_seconds() == 5 * 2.0


def test_a_finished_sweep_has_nothing_left(make, store):
    new_plan = make("[finetune, ewc]")
    for key in new_plan.orders:
        put(store, new_plan, key)
    again = make("[finetune, ewc]")
    assert (again.stages_to_run, again.unfinished_chains, again.estimated_seconds()) == (
        [],
        [],
        0.0,
    )
    assert again.stages_requested == 10


def test_a_method_added_to_a_finished_sweep_asks_for_its_own_stages_alone(make, store):
    new_plan = make()
    for key in new_plan.orders:
        put(store, new_plan, key)
    again = make("[finetune, er]")
    assert again.stages_to_run == list(again.chains[1].keys[1:])
    assert again.unfinished_chains == [again.chains[1]]


def test_a_chain_that_diverged_is_over_and_its_later_stages_are_not_run(make, store):
    new_plan = make(seeds="[0, 1]")
    first, second = new_plan.chains
    put(store, new_plan, first.keys[0])
    put(store, new_plan, first.keys[1])
    put(store, new_plan, first.keys[2], status="diverged", story="nan", evaluation={})
    again = make(seeds="[0, 1]")
    assert again.unfinished_chains == [second]
    assert again.stages_to_run == list(second.keys)
    assert not again.is_stored(first.keys[2])
    assert again.stored[first.keys[2]].status == "diverged"


def test_a_chain_that_shares_the_stage_that_diverged_is_over_too(make, store):
    new_plan = make("[{name: ewc, lam: {grid: [1, 2]}}]")
    put(store, new_plan, new_plan.chains[0].keys[0])
    put(store, new_plan, new_plan.chains[0].keys[1], status="diverged", story="nan", evaluation={})
    again = make("[{name: ewc, lam: {grid: [1, 2]}}]")
    assert (again.unfinished_chains, again.stages_to_run) == ([], [])


def test_a_stage_lost_from_the_middle_is_run_again_alone(make, store):
    new_plan = make()
    keys = new_plan.chains[0].keys
    for key in keys:
        put(store, new_plan, key)
    store.delete(keys[2])
    assert make().stages_to_run == [keys[2]]


def test_a_stage_that_lacks_the_scores_of_a_task_is_to_be_run(make, store):
    new_plan = make()
    for key in new_plan.orders:
        put(
            store, new_plan, key, evaluation=dict.fromkeys(new_plan.chains[0].task_keys[:3], SCORES)
        )
    assert make().stages_to_run == list(new_plan.chains[0].keys)
    missing = new_plan.chains[0].task_keys[3]
    store.put_evaluation(new_plan.chains[0].keys[1], {missing: SCORES})
    assert make().stages_to_run == [key for i, key in enumerate(new_plan.chains[0].keys) if i != 1]


def test_planning_writes_nothing(make, store):
    before = sorted(Path(store.uri).rglob("*"))
    make("[finetune, ewc]", seeds="[0, 1]")
    assert sorted(Path(store.uri).rglob("*")) == before


def test_a_task_added_to_a_finished_sweep_is_scored_anew_on_stages_that_stand(make, store):
    """ADR 9: what a stage is evaluated on is no part of its key."""
    three, four = (f"{{name: permuted_digits, scenario: domain, num_tasks: {n}}}" for n in (3, 4))
    new_plan = make(benchmark=three)
    for key in new_plan.orders:
        put(store, new_plan, key)
    again = make(benchmark=four)
    assert again.chains[0].keys[:4] == new_plan.chains[0].keys
    assert again.stages_to_score == list(new_plan.chains[0].keys)
    assert again.stages_to_compute == [again.chains[0].keys[4]]
    assert again.stages_to_run == [*again.stages_to_score, *again.stages_to_compute]
    assert not any(again.is_stored(key) for key in again.stages_to_score)
    assert again.estimated_seconds() == 3.0  # of the one stage to compute
    for key in again.stages_to_score:
        stage = again.orders[key].stages[0]
        missing = set(stage.task_keys) - store.record(key).evaluation.keys()
        store.put_evaluation(key, dict.fromkeys(missing, SCORES))
    after = make(benchmark=four)
    assert (after.stages_to_score, after.stages_to_run) == ([], [again.chains[0].keys[4]])


def test_a_plan_holds_few_records_at_a_time(make, store, monkeypatch):
    new_plan = make(seeds="[0, 1, 2]")
    for key in new_plan.orders:
        put(store, new_plan, key)
    sizes: list[int] = []

    def records(wanted):
        stored = StageStore.records(store, wanted)
        sizes.append(len(stored))
        return stored

    monkeypatch.setattr(store, "records", records)
    monkeypatch.setattr("orchestrator.graph.stored_stages.RECORDS_AT_A_TIME", 4)
    assert make(seeds="[0, 1, 2]").stages_to_run == []
    assert sizes == [4, 4, 4, 3]
