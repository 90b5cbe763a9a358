"""Stage keys: everything that could change a stage is in them, and nothing else."""

from dataclasses import dataclass, fields, replace
from itertools import permutations

import pytest

from methods import METHODS
from methods.base import neutral
from methods.ewc import EWC
from orchestrator.benchmarks import tasks
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.errors import RepertoireError
from orchestrator.graph.plan import plan
from orchestrator.networks.networks import MLP, ResNet18
from orchestrator.results.names.trial_ids import former_id
from orchestrator.stages.build_stages import build_stages
from orchestrator.stages.code.classes import find_class
from orchestrator.stages.code.components import create_component
from orchestrator.stages.keys import inert_hyperparameters
from orchestrator.stages.learning import learner
from orchestrator.stages.learning.learner import Training
from orchestrator.stages.same_input import require_same_code
from orchestrator.stages.stage import Stage
from orchestrator.stages.storage.store import StageStore
from orchestrator.sweep.sweep import Sweep
from orchestrator.sweep.trial import Trial

SPLIT = Benchmark(name="split_digits")
ROTATED = Benchmark(name="rotated_digits", num_tasks=4)
NETWORK = create_component("network", "mlp", MLP.Config(hidden=(8,)))
RESNET = create_component("network", "resnet18", ResNet18.Config(variant="torchvision"))
TRAINING = Training(lr=0.1)


def method(name: str, **config: object):
    return create_component("method", name, find_class("method", name).Config(**config))


FINETUNE = method("finetune")


def chain(
    benchmark: Benchmark = SPLIT,
    network=NETWORK,
    training: Training = TRAINING,
    method=FINETUNE,
    seed: int = 0,
) -> tuple[Stage, ...]:
    return build_stages(benchmark, network, training, method, seed)


def keys(*args, **options) -> list[str]:
    return [stage.key for stage in chain(*args, **options)]


def same(one: list[str], other: list[str]) -> list[bool]:
    return [a == b for a, b in zip(one, other, strict=True)]


# The chain


def test_what_the_keys_of_a_chain_have_in_common_is_built_once_however_long_it_is(monkeypatch):
    built = []
    monkeypatch.setattr(Training, "content", lambda training: built.append(training) or {})
    for num_tasks in (1, 4):
        chain(replace(ROTATED, num_tasks=num_tasks))
    assert built == [TRAINING, TRAINING]


@pytest.mark.parametrize("name", METHODS)
def test_a_chain_has_a_stage_for_each_task_and_one_before_them(name):
    benchmark = replace(SPLIT, scenario="task")
    actual = chain(benchmark, method=method(name))
    assert [stage.after for stage in actual] == [0, 1, 2, 3, 4, 5]
    assert len({stage.key for stage in actual}) == 6
    assert all(stage.task_keys == benchmark.task_keys() for stage in actual)


def test_each_stage_starts_from_the_one_before_or_from_stage_0_if_it_starts_afresh():
    actual = chain()
    assert [stage.parent for stage in actual] == [None, *(stage.key for stage in actual[:-1])]
    joint = chain(method=method("joint"))
    assert [stage.parent for stage in joint] == [None] + 5 * [joint[0].key]


def test_the_same_description_has_the_same_keys():
    again = chain(Benchmark(name="split_digits"), training=Training(lr=0.1))
    assert [stage.key for stage in again] == keys()


# What is shared


def test_stage_0_is_shared_by_all_methods_trainings_and_orders():
    benchmark = replace(ROTATED, scenario="task")
    firsts = {
        chain(replace(benchmark, order=order), training=training, method=method(name))[0].key
        for name in METHODS
        for training in (TRAINING, Training(lr=0.5, epochs=3, num_threads=2))
        for order in ((1, 2, 3, 4), (4, 3, 2, 1))
    }
    assert len(firsts) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (method("ewc", lam=1.0), method("ewc", lam=2.0)),
        (method("ewc", gamma=1.0), method("ewc", gamma=0.5)),
        (method("ewc", mode="online"), method("ewc", mode="offline")),
    ],
)
def test_a_hyperparameter_that_is_inert_on_task_1_splits_chains_after_it(one, other):
    assert same(keys(method=one), keys(method=other)) == [True, True, False, False, False, False]


def test_a_hyperparameter_that_acts_when_task_1_ends_splits_chains_there():
    one, other = keys(method=method("ewc")), keys(method=method("ewc", num_samples=10))
    assert same(one, other) == [True] + 5 * [False]


@pytest.mark.parametrize("name", METHODS)
def test_what_is_called_inert_is_a_hyperparameter_of_the_method(name):
    component = method(name)
    names = {field.name for field in fields(component.config)}
    assert inert_hyperparameters(component.cls, 1) <= names
    assert inert_hyperparameters(component.cls, 2) == frozenset()


def test_two_orders_share_their_common_beginning():
    one = keys(replace(ROTATED, order=(2, 1, 3, 4)))
    other = keys(replace(ROTATED, order=(2, 1, 4, 3)))
    assert same(one, other) == [True, True, True, False, False]


def test_an_order_written_out_is_the_natural_one_by_key():
    assert keys(replace(ROTATED, order=(1, 2, 3, 4))) == keys(ROTATED)


def test_joint_is_the_same_stage_whatever_the_order_of_the_same_seen_tasks():
    joint = method("joint")
    one = keys(replace(ROTATED, order=(1, 2, 3, 4)), method=joint)
    other = keys(replace(ROTATED, order=(2, 1, 4, 3)), method=joint)
    assert same(one, other) == [True, False, True, False, True]


def test_all_orders_of_4_tasks_have_64_chained_and_15_joint_stages_beside_stage_0():
    orders = [replace(ROTATED, order=order) for order in permutations((1, 2, 3, 4))]
    assert len({key for order in orders for key in keys(order)}) == 1 + 4 + 12 + 24 + 24
    joint = method("joint")
    assert len({key for order in orders for key in keys(order, method=joint)}) == 1 + 15


@pytest.mark.parametrize("scenario", ["task", "domain"])
def test_masks_are_no_part_of_a_key_where_the_scenario_decides_what_competes(scenario):
    benchmark = replace(SPLIT, scenario=scenario)
    assert keys(benchmark) == keys(replace(benchmark, train_mask="all", eval_mask="all"))


# What is told apart


@pytest.mark.parametrize(
    "changed",
    [
        {"network": create_component("network", "mlp", MLP.Config(hidden=(9,)))},
        {"network": create_component("network", "cnn", find_class("network", "cnn").Config())},
        {"seed": 1},
        {"benchmark": replace(SPLIT, scenario="task")},
        {"benchmark": replace(SPLIT, scenario="domain")},
        {"benchmark": replace(SPLIT, train_mask="current")},
        {"benchmark": replace(SPLIT, eval_mask="all")},
    ],
)
def test_what_stage_0_depends_on_is_in_every_key_of_the_chain(changed):
    assert same(keys(), keys(**changed)) == 6 * [False]


@pytest.mark.parametrize(
    "changed",
    [
        *(
            {"training": replace(TRAINING, **{name: value})}
            for name, value in {
                "epochs": 2,
                "iterations": 3,
                "batch_size": 64,
                "optimizer": "sgd",
                "lr": 0.2,
                "weight_decay": 0.1,
                "num_threads": 2,
            }.items()
        ),
        {"method": method("er")},
        {"method": method("joint")},
        {"benchmark": replace(SPLIT, order=(5, 4, 3, 2, 1))},
        {"benchmark": replace(SPLIT, order="seeded")},
        {"benchmark": replace(SPLIT, validation=0.2)},
        {"benchmark": replace(SPLIT, samples_per_task=20)},
        {"benchmark": replace(SPLIT, seed=1)},
    ],
)
def test_what_training_depends_on_is_in_every_key_but_that_of_stage_0(changed):
    assert same(keys(), keys(**changed)) == [True] + 5 * [False]


def test_the_momentum_of_sgd_is_in_the_key():
    sgd = replace(TRAINING, optimizer="sgd")
    assert same(keys(training=sgd), keys(training=replace(sgd, momentum=0.9))) == [True] + 5 * [
        False
    ]


def test_more_tasks_are_a_longer_chain_where_the_tasks_stay_what_they_are():
    one, other = (
        replace(ROTATED, scenario="domain", num_tasks=2),
        replace(ROTATED, scenario="domain"),
    )
    # Turned by 180 degrees over their number, tasks 1 and 3 of 4 are tasks 1 and 2 of 2.
    shared = replace(other, order=(1, 3, 2, 4))
    assert same(keys(one), keys(shared)[:3]) == [True, True, True]


def test_a_version_raised_by_hand_changes_every_key_it_should(monkeypatch):
    before, ewc = keys(), keys(method=method("ewc"))
    with monkeypatch.context() as patch:
        patch.setattr(learner, "VERSION", learner.VERSION + 1)
        assert same(keys(), before) == 6 * [False]
    with monkeypatch.context() as patch:
        patch.setattr(tasks, "VERSION", tasks.VERSION + 1)
        assert same(keys(), before) == [True] + 5 * [False]
    with monkeypatch.context() as patch:
        patch.setattr(Benchmark, "version", Benchmark.version + 1)
        assert same(keys(), before) == 6 * [False]
    monkeypatch.setattr(EWC, "version", EWC.version + 1)
    assert same(keys(method=method("ewc")), ewc) == [True] + 5 * [False]


# Fields that are added later


@dataclass(frozen=True, kw_only=True)
class LongerTraining(Training):
    blur: str = neutral("none")


@dataclass(frozen=True, kw_only=True)
class LongerEWC(EWC.Config):
    warm: int = neutral(0)


def test_an_option_added_to_training_moves_no_key_at_its_neutral_value():
    longer = LongerTraining(lr=TRAINING.lr)
    assert keys(training=longer) == keys()
    assert same(keys(training=replace(longer, blur="strong")), keys()) == [True] + 5 * [False]


def test_an_option_added_to_a_method_moves_no_key_at_its_neutral_value():
    ewc = method("ewc", lam=3.0)
    longer = replace(ewc, config=LongerEWC(lam=3.0))
    assert keys(method=longer) == keys(method=ewc)
    warm = replace(ewc, config=LongerEWC(lam=3.0, warm=1))
    assert same(keys(method=warm), keys(method=ewc)) == [True] + 5 * [False]


def trial(method=FINETUNE, training: Training = TRAINING, benchmark: Benchmark = SPLIT) -> Trial:
    return Trial(benchmark=benchmark, network=NETWORK, training=training, method=method, seeds=(0,))


@dataclass(frozen=True, kw_only=True)
class LongerBenchmark(Benchmark):
    blur: float = neutral(0.0)


def test_an_option_added_to_a_benchmark_renames_no_trial_at_its_neutral_value():
    longer = LongerBenchmark(name="split_digits")
    assert trial(benchmark=longer).trial_id == trial().trial_id
    assert trial(benchmark=replace(longer, blur=0.5)).trial_id != trial().trial_id


def test_an_option_of_a_method_at_its_neutral_value_renames_no_trial_and_adds_no_column():
    ewc = method("ewc", lam=3.0)
    longer = trial(replace(ewc, config=LongerEWC(lam=3.0)))
    assert (longer.trial_id, longer.config) == (trial(ewc).trial_id, trial(ewc).config)
    warm = trial(replace(ewc, config=LongerEWC(lam=3.0, warm=2)))
    assert warm.trial_id != longer.trial_id
    assert warm.config["method"]["warm"] == 2


def test_an_option_of_training_at_its_neutral_value_renames_no_trial_and_adds_no_column():
    longer = trial(training=LongerTraining(lr=TRAINING.lr))
    assert (longer.trial_id, longer.config) == (trial().trial_id, trial().config)
    strong = trial(training=LongerTraining(lr=TRAINING.lr, blur="strong"))
    assert strong.trial_id != longer.trial_id
    assert strong.config["training"]["blur"] == "strong"


def test_ids_that_collided_when_they_had_32_bits_differ():
    first, other = (trial(method("ewc", lam=lam)) for lam in (15049.0, 43037.0))
    assert former_id(first.trial_id) == former_id(other.trial_id)
    assert first.trial_id != other.trial_id
    assert first.identity != other.identity


def test_two_trials_of_one_id_are_refused_and_neither_is_dropped(monkeypatch, tmp_path):
    monkeypatch.setattr(Trial, "trial_id", "ewc-0")
    (tmp_path / "sweep.yaml").write_text(
        "name: two\nbenchmark: {name: split_digits}\nseeds: [0]\n"
        "methods: [{name: ewc, lam: {grid: [15049, 43037]}}]\n"
    )
    sweep = Sweep.load(tmp_path / "sweep.yaml")
    assert len(sweep.trials) == 2
    with pytest.raises(RepertoireError, match=r"two trials share the id ewc-0.*15049.*43037"):
        plan(sweep, StageStore(str(tmp_path / "stages")))


@pytest.mark.parametrize(
    ("scenario", "held"), [("task", False), ("domain", True), ("class", False)]
)
@pytest.mark.parametrize("name", ["l2", "ewc", "si", "mas", "rwalk"])
def test_a_default_that_depends_on_the_scenario_has_the_keys_of_its_value(name, scenario, held):
    benchmark = replace(SPLIT, scenario=scenario)
    default = keys(benchmark, method=method(name))
    assert default == keys(benchmark, method=method(name, penalise_head=held))
    other = keys(benchmark, method=method(name, penalise_head=not held))
    assert same(default, other) == [True, *[False] * 5]
    trial = Trial(
        benchmark=benchmark, network=NETWORK, training=TRAINING, method=method(name), seeds=(0,)
    )
    assert trial.config["method"]["penalise_head"] is held
    assert [stage.key for stage in trial.stages(0)] == default


@pytest.mark.parametrize(
    ("name", "place", "version"),
    [
        ("independent", {}, 1),
        ("independent", {"network": RESNET}, 2),
        ("gdumb", {}, 1),
        ("gdumb", {"network": RESNET}, 2),
        ("icarl", {"scenario": "task"}, 1),
        ("icarl", {"scenario": "class", "train_mask": "seen"}, 1),
        ("icarl", {"scenario": "class", "train_mask": "all"}, 1),
        ("icarl", {"scenario": "class", "train_mask": "current"}, 2),
    ],
)
def test_keys_hold_the_version_whose_numbers_a_method_gives_there(name, place, version):
    """Their second versions give the numbers of the first but in these settings."""
    options = {"scenario": "task", **place}
    network = options.pop("network", NETWORK)
    stages = chain(replace(SPLIT, **options), network=network, method=method(name))
    assert {stage.method.identity for stage in stages} == {f"{name}/{version}"}
    require_same_code(stages[1])
    trial = Trial(
        benchmark=stages[0].benchmark,
        network=network,
        training=TRAINING,
        method=method(name),
        seeds=(0,),
    )
    assert [s.key for s in trial.stages(0)] == [s.key for s in stages]
