"""What learning a task holds and what a prediction costs, by hand."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import torch
from torch import nn

from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.networks.networks import MLP
from orchestrator.stages.build_stages import build_stages
from orchestrator.stages.code.classes import find_class
from orchestrator.stages.code.components import create_component
from orchestrator.stages.held_bytes import held_bytes
from orchestrator.stages.inference import ReadCounter, prediction_costs
from orchestrator.stages.learning.learner import Training
from orchestrator.stages.record import Costs
from orchestrator.stages.run_stage import run_stage

# Digits through 64-100-10: the elements of its layers, and the constants that normalise pixels.
FIRST, HEAD = 64 * 100 + 100, 100 * 10 + 10
NETWORK, TENSORS, NORMALISE = 4 * (FIRST + HEAD), 4, 12
FORWARD = 2 * (64 * 100 + 100 * 10)


def costs_of(
    method: str, scenario: str = "task", upto: int = 2, optimizer: str = "adam", **config: object
) -> list[Costs]:
    """Return the costs of the first stages of a trial."""
    benchmark = Benchmark(name="split_digits", scenario=scenario, samples_per_task=24)
    network = create_component("network", "mlp", MLP.Config(hidden=(100,)))
    component = create_component("method", method, find_class("method", method).Config(**config))
    training = Training(lr=0.01, batch_size=8, optimizer=optimizer)
    state, costs = None, []
    for stage in build_stages(benchmark, network, training, component, 0)[: upto + 1]:
        state, record = run_stage(stage, state, ("sweep", "trial", 0))
        costs.append(record.costs)
    return costs


def test_finetune_with_adam_holds_four_times_the_network_and_a_count_of_steps_a_tensor():
    start, *costs = costs_of("finetune")
    assert start.working_bytes is None
    for each in costs:
        assert each.working_bytes == 4 * NETWORK + 4 * TENSORS + NORMALISE


def test_plain_sgd_holds_the_network_and_its_gradients():
    _, first = costs_of("finetune", upto=1, optimizer="sgd")
    assert first.working_bytes == 2 * NETWORK + NORMALISE


def test_copies_that_are_not_carried_are_held_while_learning():
    finetune = 4 * NETWORK + 4 * TENSORS + NORMALISE
    _, first, second = costs_of("lwf", "class")
    assert first.working_bytes == finetune + 10  # a byte for each class that may be old
    # From the second task on also the teacher, and the one group of classes that compete.
    assert second.working_bytes == finetune + 10 + NETWORK + NORMALISE + 10
    _, first, second = costs_of("l2", "class")
    assert first.working_bytes == finetune
    assert second.working_bytes == finetune + 4 * FIRST
    _, first, second = costs_of("ewc", "class")
    assert (first.working_bytes, second.working_bytes) == (finetune, finetune + 2 * 4 * FIRST)


def test_a_memory_is_held_with_its_room_and_examples_of_the_task_are_not():
    finetune = 4 * NETWORK + 4 * TENSORS + NORMALISE
    _, first, second = costs_of("er", memory_size=30)
    assert first.working_bytes == finetune + 24 * (64 + 1) + 8
    assert second.working_bytes == finetune + 30 * (64 + 1) + 8


def test_a_prediction_reads_the_network_and_multiplies_by_it_once():
    for scenario in ("task", "class"):
        for each in costs_of("finetune", scenario):
            assert (each.inference_flops, each.inference_bytes) == (FORWARD, NETWORK)
    for method in ("er", "ewc"):  # what is stored for learning is not read
        assert costs_of(method)[-1].inference_bytes == NETWORK


def test_progressive_networks_read_a_column_and_its_laterals_more_with_each_task():
    for older, costs in enumerate(costs_of("pnn", upto=3)[1:]):
        # All columns run to their heads; alpha, V of all older ones together, U.
        laterals = older * 100 * 100 + 100 * 10 if older else 0
        assert costs.inference_flops == (1 + older) * FORWARD + 2 * laterals
        assert costs.inference_bytes == (1 + older) * NETWORK + 4 * (older + laterals)


def test_a_network_for_each_task_reads_the_one_of_the_task():
    for costs in costs_of("independent")[1:]:
        assert (costs.inference_flops, costs.inference_bytes) == (FORWARD, NETWORK)


def test_packnet_reads_the_owners_of_its_weights_too():
    assert costs_of("packnet")[-1].inference_bytes == NETWORK + 64 * 100


def test_nearest_means_are_read_instead_of_the_head_and_the_exemplars_are_not():
    costs = costs_of("icarl", "class", memory_size=20)[-1]
    means = 4 * 10 * 100
    assert costs.inference_bytes == NETWORK + means  # the head is computed along the way
    assert costs.inference_flops == FORWARD + 2 * 100 * 10


def test_a_memory_is_counted_once_whoever_holds_it_and_gradients_with_their_tensors():
    weight = nn.Parameter(torch.zeros(10))
    weight.sum().backward()
    inner = SimpleNamespace(view=weight.detach()[2:4], more=[{"a": torch.zeros(3)}])
    inner.itself = inner
    assert held_bytes([weight, inner]) == 40 + 40 + 12
    assert held_bytes([inner], without=[inner.more[0]["a"]]) == 40
    assert held_bytes([partial(print, weight), lambda: weight, None, 3, "text"]) == 0


def test_an_optimiser_within_an_object_is_found_and_modules_in_tuples():
    layer = nn.Linear(3, 2)
    optimizer = torch.optim.Adam(layer.parameters())
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    assert held_bytes([SimpleNamespace(parts=(optimizer,))]) == 4 * 8 * 4 + 2 * 4


def test_a_row_of_a_tensor_is_read_alone_and_overlapping_views_at_most_once():
    table, other = torch.arange(12.0).view(3, 4), torch.zeros(2)
    with ReadCounter({"table": table, "other": other}) as reads:
        _ = table[1] + 1
    assert reads.total == 16
    with ReadCounter({"table": table, "other": other}) as reads:
        _ = table.T @ table, table + 0, table[2] + other.sum()
    assert reads.total == 48 + 8


def test_a_prediction_that_fails_has_no_figures():
    def fail() -> None:
        raise ValueError("needs two examples")

    assert prediction_costs(fail, {}) == (None, None)
    assert prediction_costs(lambda: torch.ones(2, 3) @ torch.ones(3, 1), {}) == (2 * 2 * 3, 0)


def test_early_stopping_holds_a_copy_of_its_best_epoch():
    benchmark = Benchmark(name="split_digits", scenario="task", samples_per_task=24, validation=0.2)
    network = create_component("network", "mlp", MLP.Config(hidden=(100,)))
    component = create_component("method", "finetune", find_class("method", "finetune").Config())
    sizes = []
    for options in ({}, {"early_stopping": {"patience": 1}}):
        training = Training(lr=0.01, batch_size=8, epochs=1, **options)
        first, second, *_ = build_stages(benchmark, network, training, component, 0)
        state, _ = run_stage(first, None, ("sweep", "trial", 0))
        sizes.append(run_stage(second, state, ("sweep", "trial", 0))[1].costs.working_bytes)
    assert sizes[1] == sizes[0] + NETWORK + NORMALISE + 10 * 10  # with the mask of outputs
