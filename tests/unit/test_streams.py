"""Streams as papers make them: unequal tasks, class orders; that every method learns them."""

from pathlib import Path

import numpy as np
import pytest
from alike import SMALL, cases, small_network

from methods import METHODS
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.benchmarks.datasets.dataset_table import CIFAR10_CLASSES
from orchestrator.benchmarks.orders import class_numbers
from orchestrator.stages.build_stages import build_stages, network_shape
from orchestrator.stages.code.classes import find_class
from orchestrator.stages.code.components import create_component
from orchestrator.stages.learning.training import Training
from orchestrator.stages.run_stage import run_stage
from orchestrator.sweep.sweep import Sweep

pytestmark = pytest.mark.slow

# By np.random.seed(1993); np.random.permutation(100), as PyCIL's logs print it.
PYCIL_CIFAR100 = [68, 56, 78, 8, 23, 84, 90, 65, 74, 76]
SWEEPS = Path(__file__).parents[2] / "sweeps"
T, F = True, False


def benchmark(name="split_digits", **options):
    return Benchmark(name=name, **options)


def sizes(stream):
    return [len(task.classes) for task in stream.tasks()]


def classes(stream):
    return [task.classes for task in stream.tasks()]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("cifar100_base0_inc10", [10] * 10), ("cifar100_base50_inc10", [50] + [10] * 5)],
)
def test_the_sweeps_of_cifar_100_have_the_tasks_of_the_papers(name, expected):
    for trial in Sweep.load(SWEEPS / f"{name}.yaml").trials:
        assert sizes(trial.benchmark) == expected
        assert set(classes(trial.benchmark)[0]) >= set(PYCIL_CIFAR100)


# sizes of tasks


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"num_tasks": 10}, [10] * 10),
        ({"first": 50, "step": 10}, [50, 10, 10, 10, 10, 10]),
        ({"step": 20}, [20] * 5),
        ({"step": 30}, [30, 30, 30, 10]),
        ({"first": 100, "step": 1}, [100]),
        ({"classes_per_task": (40, 1, 59)}, [40, 1, 59]),
        ({"first": 50, "step": 25, "num_tasks": 3}, [50, 25, 25]),
    ],
)
def test_the_sizes_of_tasks_are_those_asked_for(options, expected):
    for order in ("natural", "seeded"):
        stream = benchmark("split_cifar100", order=order, **options)
        assert sizes(stream) == expected
        assert stream.num_tasks == len(expected)
        assert sorted(c for group in classes(stream) for c in group) == list(range(100))


def test_sizes_given_in_three_ways_are_the_same_tasks_under_the_same_keys():
    ways = [
        {"first": 4, "step": 3},
        {"classes_per_task": [4, 3, 3]},
        {"classes": [[3, 2, 1, 0], [4, 5, 6], [7, 8, 9]]},
    ]
    one, *others = (benchmark(**way).task_keys() for way in ways)
    assert others == [one, one]
    assert benchmark(step=2).task_keys() == benchmark(num_tasks=5).task_keys()


def test_classes_are_named_by_number_or_by_name():
    groups = [["cat", "dog"], ["automobile", 0], [2, 4, 6, 7, 8, "truck"]]
    assert classes(benchmark("split_cifar10", classes=groups)) == [
        (3, 5),
        (0, 1),
        (2, 4, 6, 7, 8, 9),
    ]
    assert class_numbers(["truck", 9], CIFAR10_CLASSES, 10) == [9, 9]


def test_a_name_that_is_a_number_is_that_class():
    assert class_numbers([10, "30", 20], ["10", "20", "30"], 3) == [0, 2, 1]


def test_a_list_of_classes_orders_a_seeded_order_shuffles_groups_that_are_given():
    groups = [[0, 9], [1], [2, 3, 4, 5, 6, 7, 8]]
    orders = {tuple(classes(benchmark(classes=groups, order="seeded", seed=s))) for s in range(5)}
    assert len(orders) > 1
    assert {frozenset(order) for order in orders} == {frozenset(map(tuple, groups))}
    assert sizes(benchmark(classes=groups, order=(3, 1, 2))) == [7, 2, 1]


# orders of classes


def test_the_order_of_seed_1993_is_that_of_published_results():
    order = {"seed": 1993, "generator": "numpy"}
    stream = benchmark("split_cifar100", first=10, step=90, order=order)
    assert classes(stream)[0] == tuple(sorted(PYCIL_CIFAR100))
    single = benchmark("split_cifar100", step=1, order=order)
    assert [group[0] for group in classes(single)][:10] == PYCIL_CIFAR100
    legacy = np.random.RandomState(7).permutation(100).tolist()
    other = benchmark("split_cifar100", step=1, order={"seed": 7, "generator": "numpy"})
    assert [group[0] for group in classes(other)] == legacy


def test_the_stream_s_seed_does_not_change_a_published_order():
    order = {"seed": 1993, "generator": "numpy"}
    assert classes(benchmark(order=order, seed=0)) == classes(benchmark(order=order, seed=1))


def test_a_list_of_all_classes_is_their_order():
    reverse = benchmark(order=range(9, -1, -1), classes_per_task=(7, 3))
    assert classes(reverse) == [(3, 4, 5, 6, 7, 8, 9), (0, 1, 2)]
    one_each = benchmark(step=1, order=(10, *range(1, 10)))  # of tasks, which begin with 1
    assert classes(one_each)[:2] == [(9,), (0,)]


# tasks of unequal size everywhere


def test_unequal_tasks_of_the_domain_scenario_share_the_first_outputs():
    stream = benchmark(scenario="domain", classes_per_task=(2, 5, 3))
    assert stream.num_classes == 5
    assert classes(stream) == [(0, 1), (0, 1, 2, 3, 4), (0, 1, 2)]
    assert stream.tasks()[2].test.y.unique().tolist() == [0, 1, 2]
    assert stream.train_allowed(2) is None


def test_masks_of_unequal_tasks_cover_their_own_outputs():
    stream = benchmark(scenario="task", classes_per_task=(6, 1, 3))
    assert stream.eval_allowed(3, 2).tolist() == [F] * 6 + [T] + [F] * 3
    assert stream.train_allowed(1)[8].tolist() == [F] * 7 + [T] * 3
    seen = benchmark(classes_per_task=(6, 1, 3))
    assert seen.eval_allowed(2, 1).tolist() == [T] * 7 + [F] * 3
    assert seen.train_allowed(1)[0].tolist() == [T] * 6 + [F] * 4


SCENARIOS = [
    *((name, "class" if "class" in METHODS[name].scenarios else "task") for name in METHODS),
    *(("er", "domain"), ("ewc", "domain"), ("icarl", "task")),
]


@pytest.mark.parametrize(("name", "scenario"), cases(SCENARIOS))
def test_every_method_learns_tasks_of_unequal_size(name, scenario):
    stream = benchmark(classes_per_task=(6, 1, 3), scenario=scenario, samples_per_task=24)
    config = find_class("method", name).Config
    sized = {"memory_size": 20} if "memory_size" in config.__dataclass_fields__ else {}
    method = create_component("method", name, config(**sized, **SMALL.get(name, {})))
    network = small_network(name, 8)
    states = {}
    for stage in build_stages(stream, network, Training(batch_size=8), method, 0):
        states[stage.key], record = run_stage(stage, states.get(stage.parent), ("s", "t", 0))
        assert record.status == "complete"
    last = states[stage.key]
    assert network_shape(stream).num_classes == (6 if scenario == "domain" else 10)
    scores = [record.evaluation[key]["test"].accuracy for key in stream.task_keys()]
    assert all(0 <= score <= 1 for score in scores)
    if scenario == "task":
        assert scores[1] == 1  # one class alone
    if name == "icarl":  # an equal share of the memory for each class, whatever its task's size
        assert last["memory.y"].long().bincount().tolist() == [2] * 10


# mistakes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes_per_task": (5, 3)}, r"classes_per_task: \[5, 3\] add up to 8; valid: .* 10 cla"),
        ({"classes_per_task": (11, -1)}, r"classes_per_task: \[11, -1\] add up to 10; valid"),
        ({"classes_per_task": ()}, r"classes_per_task: \[\] add up to 0"),
        ({"classes_per_task": (5, 5), "step": 5}, "classes_per_task: the sizes .* given twice"),
        ({"classes_per_task": (5, 5), "num_tasks": 3}, "num_tasks: 3; 2 by classes_per_task, so l"),
        ({"first": 11, "step": 2}, "first: 11; must be at most the 10 classes of digits"),
        ({"first": 2, "step": 20}, "step: 20; must be at most the 10 classes"),
        ({"first": 2}, "first: 2 needs a step"),
        ({"step": 0}, "step: 0; must be at least 1"),
        ({"classes": [[0, 1], [1, *range(2, 10)]]}, r"classes: \[1\] named twice"),
        ({"classes": [[0, 1], range(3, 10)]}, r"classes: \[2\] in no task"),
        ({"classes": [[0, "cat"]]}, "classes: there is no class 'cat'; valid: 0 to 9"),
        ({"classes": [range(10), []]}, "classes: each task must have at least one class"),
        ({"classes": [range(10)], "order": range(10)}, r"order: .* of the tasks 1..1, each once$"),
        (
            {"order": (*range(9), 8)},
            r"order: \[0, .*; valid: natural, .* of all 10 classes, or {se",
        ),
        ({"order": {"seed": 1993, "generator": "torch"}}, "order: .*'torch'}; valid: {seed: 0 to"),
        ({"order": {"seed": -1}}, r"order: {'seed': -1}; valid: {seed: 0 to 2\^32 - 1, gen"),
        ({"order": {"sed": 1}}, "order: {'sed': 1}; valid"),
        ({"name": "permuted_digits", "step": 2}, "step: each task of permuted_digits has all cla"),
    ],
)
def test_a_mistake_is_answered_with_what_is_valid(options, message):
    with pytest.raises(ValueError, match=message) as caught:
        benchmark(**options)
    assert len(str(caught.value).splitlines()) == 1


SIZES = {
    "classes_per_task: [2, 1]": "classes_per_task: [2, 1] add up to 3; valid",
    "num_tasks: 3, classes_per_task: [2, 1]": "classes_per_task: [2, 1] add up to 3; valid",
    "first: 2": "first: 2 needs a step",
    "step: 0": "step: 0; must be at least 1",
    "scenario: domain": "num_tasks: 5, the default, does not divide the 4 classes of four",
}


@pytest.mark.parametrize("sizes", SIZES)
def test_wrong_sizes_of_tasks_are_one_mistake(sizes, tmp_path, mistakes):
    np.savez(tmp_path / "four.npz", train_x=np.ones((40, 2)), train_y=np.arange(40) % 4)
    benchmark = f"{{name: split, data: {{npz: {tmp_path / 'four.npz'}}}, {sizes}}}"
    text = f"name: lab\nbenchmark: {benchmark}\nmethods: [finetune]\nseeds: [0]\n"
    (line,) = mistakes(text)
    assert line.startswith(f"benchmark.{SIZES[sizes]}")
