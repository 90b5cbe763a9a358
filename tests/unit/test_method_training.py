"""A training of one entry of `methods`: its values in place of the file's, keyed and searched."""

import json

import pytest
from search_lab import SWEEP, journal, run, trials

import orchestrator
from orchestrator.results.comparison import comparison
from orchestrator.sweep.common_training import merge_training
from orchestrator.sweep.configuration import Configurations

HEAD = """\
name: own
benchmark: {name: split_digits, num_tasks: 2, samples_per_task: 32}
network: {name: mlp, hidden: [8]}
seeds: [0]
"""
RANDOM = "search: {algorithm: random, num_trials: 2}\n"


def sweep_text(training: str, *methods: str, more: str = "") -> str:
    entries = "".join(f"  - {method}\n" for method in methods)
    return f"{HEAD}training: {training}\nmethods:\n{entries}{more}"


@pytest.mark.parametrize(
    ("common", "own", "merged"),
    [
        ({"lr": 0.1, "epochs": 2}, {"lr": 0.2}, {"lr": 0.2, "epochs": 2}),
        ({"epochs": 2}, {"iterations": 5}, {"iterations": 5}),
        ({"iterations": 5}, {"epochs": 2}, {"epochs": 2}),
        (
            {"schedule": {"name": "cosine", "warmup": 1}},
            {"schedule": {"warmup": 2}},
            {"schedule": {"name": "cosine", "warmup": 2}},
        ),
        (
            {"schedule": "cosine"},
            {"schedule": {"warmup": 2}},
            {"schedule": {"name": "cosine", "warmup": 2}},
        ),
        (
            {"schedule": {"name": "cosine", "warmup": 1}},
            {"schedule": {"name": "exponential"}},
            {"schedule": {"name": "exponential"}},
        ),
        (
            {"optimizer": {"name": "sgd", "momentum": 0.9, "nesterov": True}},
            {"momentum": 0.5},
            {"optimizer": {"name": "sgd", "nesterov": True}, "momentum": 0.5},
        ),
        (
            {"optimizer": "sgd", "momentum": 0.9},
            {"optimizer": {"momentum": 0.5}},
            {"optimizer": {"name": "sgd", "momentum": 0.5}},
        ),
        (
            {"optimizer": "adam"},
            {"optimizer": {"grid": ["sgd", "adam"]}},
            {"optimizer": {"grid": ["sgd", "adam"]}},
        ),
    ],
)
def test_the_values_of_an_entry_stand_in_place_of_the_file_s(common, own, merged):
    assert merge_training(common, own) == merged


def test_a_trial_of_an_entry_is_that_of_a_file_with_its_values(load):
    common = "{lr: 0.1, epochs: 2, schedule: cosine}"
    plain, ewc = load(sweep_text(common, "finetune", "{name: ewc, training: {lr: 0.01}}")).trials
    (whole,) = load(sweep_text("{lr: 0.01, epochs: 2, schedule: cosine}", "ewc")).trials
    assert (plain.training.lr, ewc.training.lr) == (0.1, 0.01)
    assert ewc.identity == whole.identity
    assert [s.key for s in ewc.stages(0)] == [s.key for s in whole.stages(0)]
    assert ewc.stages(0)[0].key == plain.stages(0)[0].key  # the network before any training


def test_grids_of_the_file_and_of_the_entry_are_combined(load):
    sweep = load(
        sweep_text(
            "{lr: {grid: [0.1, 0.2]}, epochs: 2}",
            "finetune",
            "{name: ewc, lam: {grid: [1, 10]}, training: {epochs: {grid: [3, 4]}}}",
            "{name: l2, training: {lr: 0.3}}",
        )
    )
    points = [(t.method.name, t.training.lr, t.training.epochs) for t in sweep.trials]
    own = [("ewc", lr, epochs) for lr in (0.1, 0.2) for epochs in (3, 4)]
    both = [("finetune", 0.1, 2), ("finetune", 0.2, 2), *own, *own, ("l2", 0.3, 2)]
    assert points == both


def test_a_value_of_an_entry_is_searched_like_any_other(load):
    methods = ("finetune", "{name: ewc, training: {lr: {loguniform: [1.0e-3, 0.1]}}}")
    sweep = load(sweep_text("{lr: 0.5}", *methods, more=RANDOM))
    (trial,), (group,) = sweep.trials, sweep.groups
    assert (trial.method.name, group.name, list(group.space)) == (
        "finetune",
        "ewc",
        ["training.lr"],
    )
    assert group.build_trial({"training.lr": 0.02}, (0,)).training.lr == 0.02
    replaced = load(
        sweep_text(
            "{lr: {uniform: [0.1, 1]}}", "finetune", "{name: ewc, training: {lr: 2}}", more=RANDOM
        )
    )
    assert [group.name for group in replaced.groups] == ["finetune"]
    assert replaced.trials[0].training.lr == 2


def test_groups_of_one_method_are_named_by_their_trainings(load):
    sweep = load(
        sweep_text(
            "{lr: 0.5}",
            "{name: ewc, lam: {loguniform: [1, 10]}}",
            "{name: ewc, lam: {loguniform: [1, 10]}, training: {lr: 0.1}}",
            more=RANDOM,
        )
    )
    assert [group.name for group in sweep.groups] == ["ewc lr=0.5", "ewc lr=0.1"]


@pytest.mark.parametrize(
    ("own", "lines"),
    [
        ("{lr: -1}", ["methods[1].training.lr: must be above 0 and finite, given -1.0"]),
        ("3", ["methods[1].training: must be keys and values, given 3"]),
        (
            "{speed: 2}",
            ["methods[1].training.speed: unknown key 'speed'; did you mean 'epochs'?"],
        ),
        (
            "{schedule: {name: multistep, milestones: [9]}}",
            [
                "methods[1].training.schedule.milestones: must be rising epochs between 0 and 4, "
                "the epochs of training, given [9.0]"
            ],
        ),
        (
            "{lr: {loguniform: [1, 2]}}",
            [
                "methods[1].training.lr: a loguniform needs a search; add search: "
                "{algorithm: random}"
            ],
        ),
    ],
)
def test_a_mistake_of_an_entry_has_its_place(mistakes, own, lines):
    messages = mistakes(sweep_text("{epochs: 4}", "finetune", f"{{name: ewc, training: {own}}}"))
    assert [line.partition("; valid:")[0] for line in messages] == lines or messages[0].startswith(
        "methods[1].training.speed: unknown key 'speed'"
    )


def test_a_mistake_of_the_file_is_reported_once(mistakes):
    own = "{name: ewc, training: {lr: -2}}"
    assert mistakes(sweep_text("{batch_size: 0}", "finetune", own)) == [
        "training.batch_size: must be at least 1, given 0",
        "methods[1].training.lr: must be above 0 and finite, given -2.0",
    ]


def test_an_entry_with_the_file_s_own_values_repeats_the_entry_without(mistakes, load):
    assert mistakes(sweep_text("{lr: 0.1}", "ewc", "{name: ewc, training: {lr: 0.1}}")) == [
        "methods[1]: the same trial as methods[0]"
    ]
    assert len(load(sweep_text("{lr: 0.1}", "ewc", "{name: ewc, training: {lr: 0.2}}")).trials) == 2


def test_a_configuration_of_tune_stands_above_the_entry(load):
    sweep = load(sweep_text("{lr: 0.5, epochs: 2}", "{name: ewc, training: {lr: 0.1}}"))
    configurations = Configurations.from_sweep(sweep)
    assert configurations.trial({}).identity == sweep.trials[0].identity
    trained = configurations.trial({"training.lr": 0.3, "training.epochs": 1}).training
    assert (trained.lr, trained.epochs) == (0.3, 1)


def test_labels_and_tables_have_what_varies(tmp_path, monkeypatch):
    monkeypatch.delitem(SWEEP, "search")
    methods = "[finetune, {name: l2, lam: 1}, {name: l2, lam: 1, training: {lr: 0.01, epochs: 2}}]"
    run(tmp_path, training="{batch_size: 16, lr: 0.1}", methods=methods)
    tables = orchestrator.load(tmp_path / "results" / "lab")
    assert tables.trials["config.training.lr"].tolist() == [0.1, 0.1, 0.01]
    assert tables.trials["config.training.epochs"].tolist() == [1, 1, 2]
    labels = comparison(tables)["label"].tolist()
    assert sorted(labels) == ["finetune epochs=1", "l2 epochs=1 lr=0.1", "l2 epochs=2 lr=0.01"]


def test_a_population_adopts_an_option_within_a_schedule(tmp_path):
    outcome = run(
        tmp_path,
        methods="[finetune]",
        training="{batch_size: 16, schedule: {name: exponential, gamma: {uniform: [0.5, 1]}}}",
        search="{algorithm: random, num_trials: 4, scheduler: {name: pbt, quantile: 0.5}}",
    )
    assert outcome.complete
    adopted = [entry for entry in journal(tmp_path) if "adopted" in entry]
    assert adopted
    rows = trials(tmp_path)
    changed = [s for text in rows["config"] if (s := json.loads(text).get("schedule"))]
    gammas = [[step["training.schedule.gamma"] for step in steps] for steps in changed]
    assert gammas
    assert all(0.5 <= gamma <= 1 for steps in gammas for gamma in steps)
    assert any(first != last for first, last in gammas)
    steps = orchestrator.load(tmp_path / "results" / "lab").stages["hyperparameters"].dropna()
    shown = {json.loads(step).get("training.schedule.gamma") for step in steps}
    assert shown >= {gamma for values in gammas for gamma in values}
