"""Methods that take no steps: what their stages depend on, and what is counted of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from methods import METHODS
from methods.ncm import NCM
from methods.testing.blobs import Blobs
from methods.testing.equality import copy_state, unequal_entries
from methods.testing.snapshots import snapshots
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.networks.networks import MLP
from orchestrator.stages.build_stages import build_stages
from orchestrator.stages.code.components import create_component
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning.learner import Training, train_task
from orchestrator.stages.run_stage import run_stage

STREAM = Benchmark(name="split_digits", scenario="class", num_tasks=5, samples_per_task=20)
NETWORK = create_component("network", "mlp", MLP.Config(hidden=(6,)))
CONFIGS = {"ranpac": {"projection": 30}, "knn": {"memory_size": 12}}
WITHOUT_STEPS = [name for name, cls in METHODS.items() if not cls.takes_steps]
TRAININGS = (
    Training(epochs=3, lr=0.5, optimizer="sgd", batch_size=7, keep_optimizer=True),
    Training(epochs=9, early_stopping={"patience": 2}, precision="bf16", augment=("flip",)),
)


def chain(name, training=TRAININGS[0]):
    method = create_component("method", name, METHODS[name].Config(**CONFIGS.get(name, {})))
    return build_stages(STREAM, NETWORK, training, method, 0)


def run(stages):
    state, records = None, []
    for stage in stages:
        state, record = run_stage(stage, state, ("sweep", "trial", 0))
        records.append(record)
    return state, records


@pytest.mark.parametrize("name", WITHOUT_STEPS)
def test_stages_depend_on_no_option_of_the_training_but_the_number_of_threads(name):
    one, other = (chain(name, training) for training in TRAININGS)
    assert [stage.key for stage in one] == [stage.key for stage in other]
    threads = chain(name, replace(TRAININGS[0], num_threads=2))
    assert [a.key == b.key for a, b in zip(one, threads, strict=True)] == [True] + 5 * [False]
    states = [run(stages[:3])[0] for stages in (one, other)]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][n], states[1][n]) for n in states[0])
    steps = [chain("finetune", training)[1].key for training in TRAININGS]
    assert steps[0] != steps[1]


def test_no_example_or_epoch_is_counted_and_all_work_is_consolidation():
    """20 examples through 64 x 6, and a product with their labels for the sums of 10 classes."""
    _, (_, first, second) = run(chain("ncm")[:3])
    for record in (first, second):
        costs = record.costs
        assert (costs.samples, costs.epochs, costs.train_flops) == (0, 0, 0)
        assert costs.batch_flops == {}
        assert costs.consolidate_flops == 2 * 20 * (64 * 6 + 10 * 6)
        assert costs.inference_flops == 2 * (64 * 6 + 6 * 10)
        assert costs.storage == {"model": 4 * (64 * 6 + 6) + 10 * (4 * 6 + 8)}
        # The constants that normalise pixels are held too.
        assert costs.working_bytes == sum(costs.storage.values()) + 3 * 4


# Multiply-adds of a prediction from 6 features after two tasks, and numbers of the state it reads
# besides the network: four classes are seen, and a memory of 12 is full.
PREDICTIONS = {
    "ncm": (6 * 10, 10 * 6 * 4 + 10 * 8),
    "slda": (6 * 10, 4 * (10 * 6 + 10) + 10 * 8),
    "ranpac": (6 * 30 + 30 * 10, 4 * (6 * 30 + 30 * 10) + 10 * 8),
    "fecam": (4 * 6 * 6 / 2, 4 * (10 * 6 + 4 * 21) + 10 * 8),
    "knn": (12 * 6, 12 * (4 * 6 + 1) + 10 * 2),
}


@pytest.mark.parametrize("name", WITHOUT_STEPS)
def test_a_prediction_costs_what_it_computes_and_reads(name):
    flops, rest = PREDICTIONS[name]
    _, (*_, last) = run(chain(name)[:3])
    assert last.costs.inference_flops == 2 * (64 * 6 + flops)
    assert last.costs.inference_bytes == 4 * (64 * 6 + 6) + rest


def test_phases_of_a_method_without_steps_are_not_gone_through():
    class HasPhases(NCM):
        def phases(self, task):
            raise AssertionError("a method without steps has no phases")

    blobs = Blobs(HasPhases, HasPhases.Config(), "class")
    trained = train_task(blobs.create_method(), blobs.view(1), Training(), FlopMeter())
    assert (trained.samples, trained.epochs) == (0, 0)


@pytest.mark.parametrize("name", WITHOUT_STEPS)
def test_the_network_is_left_as_it_was_and_its_head_is_not_carried(name):
    cls = METHODS[name]
    blobs = Blobs(cls, cls.Config(**CONFIGS.get(name, {})), "class", batch_norm=True)
    untrained = copy_state(blobs.create_method().network.state_dict())
    last = next(snapshots(blobs)).state
    carried = {n.removeprefix("network."): t for n, t in last.items() if n.startswith("network.")}
    assert "head.weight" not in carried
    assert not unequal_entries(untrained, carried)
