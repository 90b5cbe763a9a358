"""Sweep files: what a right one means, and how a wrong one is answered.

The fixtures `load`, `mistakes` and `answer` are in conftest.py.
"""

from collections.abc import Callable
from textwrap import dedent

import pytest

from methods import METHODS
from orchestrator.hashing import to_keyed_json
from orchestrator.sweep.sweep import Sweep

Load = Callable[[str], Sweep]

TOP = """\
name: {name}
benchmark: {benchmark}
network: {network}
training: {training}
methods: {methods}
seeds: {seeds}
resources: {resources}
mlflow: {mlflow}
"""
RIGHT = {
    "name": "right",
    "benchmark": "{name: split_digits}",
    "network": "{name: mlp, hidden: [8]}",
    "training": "{lr: 0.1}",
    "methods": "[finetune]",
    "seeds": "[0, 1]",
    "resources": "{cpus: 1}",
    "mlflow": "{experiment: mine}",
}


def text_of(**changes: str) -> str:
    return TOP.format(**{**RIGHT, **changes})


# What a right file means


def test_a_label_names_an_entry_and_is_no_part_of_what_is_computed(load):
    plain = load(text_of(methods="[finetune, {name: er, memory_size: {grid: [10, 20]}}]"))
    given = "[finetune, {name: er, label: ER (ours), memory_size: {grid: [10, 20]}}]"
    labelled = load(text_of(methods=given))
    assert [trial.label for trial in labelled.trials] == ["", "ER (ours)", "ER (ours)"]
    for one, other in zip(plain.chains(), labelled.chains(), strict=True):
        assert (one[0].keys, one[0].trial_id) == (other[0].keys, other[0].trial_id)
        assert one[0].config == other[0].config
    labels = [chain.method_label for chain, _ in labelled.chains()]
    assert labels == [None] * 2 + ["ER (ours)"] * 4
    search = "{algorithm: random, num_trials: 1}"
    searched = "[{name: er, label: ours, memory_size: {choice: [1, 2]}}]"
    group, *_ = load(text_of(methods=searched) + f"search: {search}").groups
    assert (group.name, group.build_trial({"method.memory_size": 1}, (0,)).label) == ("er", "ours")


@pytest.mark.parametrize(
    ("methods", "line"),
    [
        ("[{name: er, label: [1]}]", "methods[0].label: must be text of 1 to 80 characters"),
        (f"[{{name: er, label: {'x' * 81}}}]", "... of 81 characters"),
        ("[{name: er, label: ''}]", "methods[0].label: must be text of 1 to 80 characters"),
        (f"[{{name: er, label: {'x' * 81}}}]", "methods[0].label: must be text of 1 to 80"),
        ("[{name: er, label: x}, {name: ewc, label: x}]", "'x' is that of methods[0] too"),
        ("[er, {name: er, label: x}]", "methods[1]: the same trial as methods[0]"),
    ],
)
def test_a_label_that_names_nothing_or_two_entries_is_a_mistake(mistakes, methods, line):
    assert any(line in each for each in mistakes(text_of(methods=methods)))


def test_a_file_is_read_whole(load):
    sweep = load(text_of(methods="[finetune, {name: ewc, lam: 7}]"))
    assert (sweep.name, sweep.resources.cpus, sweep.mlflow.experiment) == ("right", 1.0, "mine")
    assert [(t.method.name, t.seeds) for t in sweep.trials] == [
        ("finetune", (0, 1)),
        ("ewc", (0, 1)),
    ]
    ewc = METHODS["ewc"].Config(lam=7.0, penalise_head=False)
    assert sweep.trials[1].config == {
        "benchmark": {
            "name": "split_digits",
            "scenario": "class",
            "num_tasks": 5,
            "order": "natural",
            "validation": 0.1,
            "samples_per_task": None,
            "train_mask": "seen",
            "eval_mask": "seen",
        },
        "network": {"name": "mlp", "hidden": [8]},
        "training": {
            "epochs": 1,
            "iterations": None,
            "batch_size": 128,
            "optimizer": "adam",
            "lr": 0.1,
            "momentum": 0.0,
            "weight_decay": 0.0,
            "num_threads": 1,
        },
        "method": {"name": "ewc", **to_keyed_json(ewc)},
    }
    assert sweep.text == text_of(methods="[finetune, {name: ewc, lam: 7}]")


def test_all_but_name_benchmark_methods_and_seeds_may_be_left_out(load):
    sweep = load("name: a\nbenchmark: {name: split_digits}\nmethods: [finetune]\nseeds: [3]\n")
    assert sweep.trials[0].network.describe() == {"name": "mlp", "hidden": [400, 400]}
    assert (sweep.resources.gpus, sweep.mlflow.uri) == (0.0, None)


def test_one_and_one_point_nought_given_to_a_float_are_one_trial_with_one_key(load):
    texts = [
        text_of(methods=f"[{{name: ewc, lam: {lam}}}]", training=f"{{lr: {lr}}}")
        for lam, lr in (("1", "1"), ("1.0", "1.0"), ("1e0", "10e-1"))
    ]
    rows = [next(load(text).chains())[0] for text in texts]
    assert len({(chain.trial_id, chain.keys) for chain in rows}) == 1


def test_a_grid_in_any_section_multiplies_the_trials(load):
    sweep = load(
        text_of(
            benchmark="{name: {grid: [split_digits, rotated_digits]}, scenario: domain}",
            network="{name: mlp, hidden: {grid: [[4], [5]]}}",
            training="{lr: {grid: [0.1, 0.2]}}",
            methods="[finetune, {name: ewc, lam: {grid: [1, 2, 3]}}]",
        )
    )
    assert len(sweep.trials) == 2 * 2 * 2 * (1 + 3)
    assert len({trial.trial_id for trial in sweep.trials}) == len(sweep.trials)


def test_long_values_of_a_grid_that_begin_alike_are_different(load):
    first, second = [4] * 30, [*[4] * 29, 5]
    sweep = load(text_of(network=f"{{name: mlp, hidden: {{grid: [{first}, {second}]}}}}"))
    assert [trial.network.config.hidden for trial in sweep.trials] == [tuple(first), tuple(second)]


def test_all_orders_of_the_tasks_are_a_grid(load):
    sweep = load(text_of(benchmark="{name: rotated_digits, num_tasks: 3, order: all}"))
    assert [trial.benchmark.order for trial in sweep.trials] == [
        (1, 2, 3),
        (1, 3, 2),
        (2, 1, 3),
        (2, 3, 1),
        (3, 1, 2),
        (3, 2, 1),
    ]


def test_the_stream_follows_the_seed_unless_the_file_fixes_it(load):
    follows = load(text_of(benchmark="{name: permuted_digits}")).trials[0]
    fixed = load(text_of(benchmark="{name: permuted_digits, seed: 7}")).trials[0]
    assert [follows.stages(seed)[0].benchmark.seed for seed in (0, 1)] == [0, 1]
    assert [fixed.stages(seed)[0].benchmark.seed for seed in (0, 1)] == [7, 7]
    assert "seed" not in follows.config["benchmark"]
    assert fixed.config["benchmark"]["seed"] == 7


def test_resources_and_tracking_change_neither_trials_nor_keys(load):
    one = list(load(text_of()).chains())
    other = list(load(text_of(resources="{cpus: 4, gpus: 1}", mlflow="{uri: 'http://x'}")).chains())
    assert one == other


def test_a_method_beside_the_sweep_is_found_by_its_dotted_name(load, tmp_path):
    (tmp_path / "beside_sweep.py").write_text("from methods.finetune import Finetune as Mine\n")
    (trial,) = load(text_of(methods="['beside_sweep:Mine']")).trials
    assert trial.method.name == "beside_sweep:Mine"
    assert trial.trial_id.startswith("beside_sweep_Mine-")


# What is wrong with a wrong one

WRONG = {
    "a misspelt key": (
        text_of() + "trainning: {}\n",
        "trainning: unknown key 'trainning'; did you mean 'training'?",
    ),
    "a key of a section at the top": (
        text_of() + "scenario: class\n",
        "scenario: is a key of benchmark; write it there",
    ),
    "a misspelt key of a section": (
        text_of(training="{learning_rate: 1}"),
        "training.learning_rate: unknown key 'learning_rate'; valid: augment, batch_size",
    ),
    "an unknown method": (
        text_of(methods="[finetun]"),
        "methods[0]: unknown method 'finetun'; did you mean 'finetune'?",
    ),
    "a method in capitals": (
        text_of(methods="[EWC]"),
        "methods[0]: unknown method 'EWC'; did you mean 'ewc'?",
    ),
    "an unknown benchmark": (
        text_of(benchmark="{name: split-digits}"),
        "benchmark: unknown benchmark 'split-digits'; did you mean 'split_digits'?",
    ),
    "an unknown network": (
        text_of(network="mpl"),
        "network: unknown network 'mpl'; did you mean 'mlp'?",
    ),
    "an unknown hyperparameter": (
        text_of(methods="[finetune, joint, {name: ewc, lmbda: 3}]"),
        "methods[2].lmbda: unknown key 'lmbda'; did you mean 'lam'?",
    ),
    "a hyperparameter of a method that has none": (
        text_of(methods="[{name: finetune, lam: 1}]"),
        "methods[0].lam: unknown key 'lam'; it takes none",
    ),
    "a wrong type": (
        text_of(training="{epochs: two}"),
        'training.epochs: must be a whole number, given "two"',
    ),
    "a boolean for a number": (
        text_of(methods="[{name: er, memory_size: true}]"),
        "methods[0].memory_size: must be a whole number, given true",
    ),
    "a boolean for a seed": (
        text_of(seeds="[0, yes]"),
        "seeds[1]: must be a whole number, given true",
    ),
    "a number for a boolean": (
        text_of(methods="[{name: ewc, normalise: 1}]"),
        "methods[0].normalise: must be true or false, given 1",
    ),
    "an empty grid": (
        text_of(methods="[{name: ewc, lam: {grid: []}}]"),
        'methods[0].lam: a grid is a list of at least one value, given {"grid": []}',
    ),
    "a value twice in a grid": (
        text_of(methods="[{name: ewc, lam: {grid: [1, 1.0]}}]"),
        'methods[0]: its grids give {"lam": 1.0} twice',
    ),
    "a negative rate": (
        text_of(training="{lr: -0.1}"),
        "training.lr: must be above 0 and finite, given -0.1",
    ),
    "a negative rate in a grid": (
        text_of(training="{lr: {grid: [0.1, -1]}}"),
        "training.lr: must be above 0",
    ),
    "a rate that is no number": (
        text_of(training="{lr: .nan}"),
        "training.lr: must be above 0 and finite, given nan",
    ),
    "an endless penalty": (
        text_of(methods="[{name: ewc, lam: .inf}]"),
        "methods[0].lam: must be at least 0 and finite",
    ),
    "endless resources": (
        text_of(resources="{cpus: .inf}"),
        "resources.cpus: must be finite, given inf",
    ),
    "endless GPUs": (
        text_of(resources="{gpus: .inf}"),
        "resources.gpus: must be finite, given inf",
    ),
    "tasks beyond count": (
        text_of(benchmark="{name: split_digits, num_tasks: 1000000000}"),
        "benchmark.num_tasks: 1000000000 does not divide the 10 classes of digits; valid: 1, 2, 5",
    ),
    "grids of more points than can be planned": (
        text_of(
            training=f"{{epochs: {{grid: {list(range(1, 1002))}}}, lr: {{grid: {[0.1] * 1000}}}}}"
        ),
        "training: its grids have 1,001,000 combinations; valid: at most 1,000,000 of one sweep",
    ),
    "sections of more combinations than can be planned": (
        text_of(
            network=f"{{name: mlp, hidden: {{grid: {[[n] for n in range(1, 1002)]}}}}}",
            methods=f"[{{name: ewc, lam: {{grid: {list(range(1, 1001))}}}}}]",
        ),
        "benchmark, network, training and methods have 1,001,000 combinations; valid: at most",
    ),
    "a group of one": (
        text_of(resources="{fuse: 1}"),
        "resources.fuse: must be auto, off, or a number of stages, at least 2, given 1",
    ),
    "no resources": (text_of(resources="{cpus: 0}"), "resources.cpus: must be above 0, given 0.0"),
    "less of a processor than Ray can divide": (
        text_of(resources="{cpus: 0.00001}"),
        "resources.cpus: must be a multiple of 0.0001, given 1e-05",
    ),
    "a GPU and a half": (
        text_of(resources="{gpus: 1.5}"),
        "resources.gpus: must be at most 1, or a whole number, given 1.5",
    ),
    "a duplicate seed": (
        text_of(seeds="[0, 1, 0]"),
        "seeds: must be at least one number, each of at least 0 and given",
    ),
    "a negative seed": (
        text_of(seeds="[-1]"),
        "seeds: must be at least one number, each of at least 0",
    ),
    "no seed": (text_of(seeds="[]"), "seeds: must be at least one number"),
    "a seed beyond 64 bits": (
        text_of(seeds=f"[{2**64}]"),
        f"seeds[0]: {2**64} does not fit 64 bits",
    ),
    "one seed without a list": (text_of(seeds="0"), "seeds: must be a list, given 0"),
    "tasks that do not divide the classes": (
        text_of(benchmark="{name: split_digits, num_tasks: 3}"),
        "benchmark.num_tasks: 3 does not divide the 10 classes of digits; valid: 1, 2, 5, 10",
    ),
    "an unknown scenario": (
        text_of(benchmark="{name: split_digits, scenario: clas}"),
        "benchmark.scenario: must be 'task', 'domain' or 'class', given \"clas\"; did you",
    ),
    "a method in a scenario that it does not serve": (
        text_of(methods="[finetune, independent]"),
        "methods[1]: independent cannot serve the class scenario; it serves: task",
    ),
    "an unknown order": (
        text_of(benchmark="{name: split_digits, order: seded}"),
        "benchmark.order: must be 'natural' or 'seeded', or keys and values, or a list, given",
    ),
    "a class in two tasks": (
        text_of(benchmark="{name: split_digits, classes: [[0, 1], [1, 2, 3, 4, 5, 6, 7, 8, 9]]}"),
        "benchmark.classes: [1] named twice; each class must be in one task",
    ),
    "a data set of a sequence that is not known": (
        text_of(benchmark="{name: sequence, sequence: [{data: digits}, {data: svnh}]}"),
        "benchmark.sequence[1].data: unknown data set 'svnh'; did you mean 'svhn'?",
    ),
    "a corruption that is not known": (
        text_of(benchmark="{name: corrupted_digits, corruptions: [clean, blurr]}"),
        "benchmark.corruptions: unknown corruption 'blurr'; did you mean 'blur'?",
    ),
    "all orders of too many tasks": (
        text_of(benchmark="{name: rotated_digits, num_tasks: 9, order: all}"),
        "benchmark.order: all orders need num_tasks from 1 to 6, given 9",
    ),
    "no method": (
        text_of(methods="[]"),
        "methods: must be a list of at least one method, given []",
    ),
    "a method that is no name": (
        text_of(methods="[3]"),
        "methods[0]: must be a name, or keys and values with a name, given 3",
    ),
    "a method twice": (
        text_of(methods="[ewc, finetune, ewc]"),
        "methods[2]: the same trial as methods[0]",
    ),
    "a method of no module": (
        text_of(methods="['nowhere:Mine']"),
        "methods[0]: method 'nowhere:Mine' cannot be imported: ModuleNotFoundError",
    ),
    "a method that is none": (
        text_of(methods="['filelock:FileLock']"),
        "methods[0]: method 'filelock:FileLock' is not a subclass of methods.base.Method",
    ),
    "a path for a method": (
        text_of(methods="[../x]"),
        "methods[0]: unknown method '../x'; valid: ",
    ),
    "a path for a benchmark": (
        text_of(benchmark="{name: ../x}"),
        "benchmark: unknown benchmark '../x'",
    ),
    "a path for a name": (text_of(name="../x"), "name: must be up to 100 letters, digits,"),
    "an absolute path for a name": (
        text_of(name="/tmp/x"),
        "name: must be up to 100 letters, digits,",
    ),
    "a name that hides": (text_of(name=".x"), "name: must be up to 100 letters, digits,"),
    "a name with an end of line": (
        text_of(name='"a\\n"'),
        "name: must be up to 100 letters, digits,",
    ),
    "a name too long for a folder": (
        text_of(name="x" * 101),
        "name: must be up to 100 letters, digits,",
    ),
    "the name of the store": (
        text_of(name="stages"),
        "name: 'stages' is taken in the results folder",
    ),
    "a name that is no text": (text_of(name="[a]"), 'name: must be text, given ["a"]'),
    "a network too deep for the images": (
        text_of(network="{name: cnn, channels: [4, 4, 4, 4]}"),
        "network.channels: 4 convolutions, each halving the image",
    ),
    "an empty benchmark": (text_of(benchmark="{}"), "benchmark.name: is missing"),
    "a benchmark without keys": (
        text_of(benchmark="split_digits"),
        'benchmark: must be keys and values, given "split_digits"',
    ),
    "nothing for a section": (
        text_of(training=""),
        "training: must be keys and values, given null",
    ),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_file_is_answered_with_the_place_and_what_is_valid(mistakes, text, message):
    (only,) = mistakes(text)
    assert only.startswith(message)


def test_all_mistakes_of_a_file_are_told_at_once_and_none_hides_another(mistakes):
    text = """\
        name: ../x
        benchmark: {name: split_digit, num_taks: 3, scenario: clas}
        network: {name: mlp, hidden: [8, x], widht: 3}
        training: {lr: -1, epochs: two, batchsize: 3, momentum: 2}
        methods:
          - finetun
          - {name: ewc, lmbda: 3, lam: -1, gamma: 0, mode: onlin}
          - {name: er, memory_size: {grid: []}, replay_batch_size: 0}
          - 3
        seeds: [0, 0]
        resources: {cpus: 0, gpu: 1}
        mlflow: {ur: x}
        surplus: 1
    """
    places = [line.partition(": ")[0] for line in mistakes(dedent(text))]
    assert sorted(places) == sorted(
        [
            "name",
            "benchmark",
            "benchmark.num_taks",
            "benchmark.scenario",
            "network.hidden[1]",
            "network.widht",
            "training.lr",
            "training.epochs",
            "training.batchsize",
            "training.momentum",
            "methods[0]",
            "methods[1].lmbda",
            "methods[1].lam",
            "methods[1].gamma",
            "methods[2].memory_size",
            "methods[1].mode",
            "methods[2].replay_batch_size",
            "methods[3]",
            "seeds",
            "resources.cpus",
            "resources.gpu",
            "mlflow.ur",
            "surplus",
        ]
    )


def test_a_wrong_type_at_the_top_hides_nothing_below(mistakes):
    places = [
        line.partition(": ")[0]
        for line in mistakes("name: 3\nbenchmark: 1\nnetwork: 2\nmethods: x\n")
    ]
    assert sorted(places) == ["benchmark", "methods", "name", "network", "seeds"]


def test_a_mistake_of_every_point_of_a_grid_is_told_once(mistakes):
    text = text_of(training="{epochs: 0, lr: {grid: [0.1, 0.2, 0.3]}}")
    assert mistakes(text) == ["training.epochs: must be at least 1, given 0"]


def test_a_module_that_fails_while_it_is_imported_is_told_as_a_mistake(mistakes, tmp_path):
    (tmp_path / "leaves_at_once.py").write_text("raise SystemExit(3)\n")
    (only,) = mistakes(text_of(methods="['leaves_at_once:Mine']"))
    assert only.startswith(
        "methods[0]: method 'leaves_at_once:Mine' cannot be imported: SystemExit: 3"
    )


PICKY = """\
from methods.base import Method

class Picky(Method):
    @classmethod
    def objection(cls, config, setting):
        return config.no_such_setting
"""


def test_a_method_whose_objection_raises_is_refused_with_the_line(mistakes, tmp_path):
    (tmp_path / "picky_method.py").write_text(PICKY)
    (only,) = mistakes(text_of(methods="['picky_method:Picky']"))
    assert "its objection() raised AttributeError: " in only
    assert "(picky_method.py:6, in objection)" in only


# The command line

PYTHON_TAG = "name: !!python/object/apply:os.mkdir [made]\n"
NO_MAPPING = {
    "no YAML": "a: [1",
    "a list": "- a",
    "an empty file": "",
    "a repeated key": text_of() + "name: b\n",
    "a python tag": text_of().replace("name: right\n", PYTHON_TAG),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", [*(text for text, _ in WRONG.values()), *NO_MAPPING.values()], ids=[*WRONG, *NO_MAPPING]
)
def test_the_user_s_mistake_ends_with_code_2_and_leaves_nothing(answer, text, tmp_path):
    (tmp_path / "wrong.yaml").write_text(text, encoding="utf-8")
    for command in ("plan", "run"):
        code, err = answer(command, "wrong.yaml")
        assert code == 2
        assert err.startswith("repertoire: wrong.yaml: 1 mistake\n  - ")
        assert "Traceback" not in err
        assert [path.name for path in tmp_path.iterdir()] == ["wrong.yaml"]


@pytest.mark.parametrize(
    ("name", "message"), [("none.yaml", "no such file"), (".", "this is a folder")]
)
def test_a_missing_file_and_a_folder_end_with_code_2(answer, name, message, tmp_path):
    code, err = answer("run", name)
    assert (code, message in err, list(tmp_path.iterdir())) == (2, True, [])
