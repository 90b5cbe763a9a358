"""Early stopping: which epoch is kept, and that all of the method is that of it."""

from dataclasses import replace
from itertools import cycle

import pytest
import torch
from alike import SMALL, cases
from test_optimizers import mistakes_of, sweep_with

from methods import METHODS
from methods.base import Examples
from methods.testing.blobs import Blobs
from methods.testing.equality import copy_state, unequal_entries
from orchestrator.errors import Diverged
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning.batches import num_steps
from orchestrator.stages.learning.learner import Training, train_task
from orchestrator.stages.learning.snapshot import Snapshot
from orchestrator.stages.record import Score
from orchestrator.stages.run_stage import run_stage
from orchestrator.stages.scoring import pool_scores
from orchestrator.sweep.sweep import Sweep

pytestmark = pytest.mark.slow

SERVING = {
    "task": ["independent", "hat", "pnn"],
    "class": [n for n, cls in METHODS.items() if cls.takes_steps and "class" in cls.scenarios],
}
CASES = [(scenario, name) for scenario, names in SERVING.items() for name in names]


def blobs_of(name="finetune", scenario="class"):
    cls = METHODS[name]
    sizes = {"memory_size": 12} if "memory_size" in cls.Config.__dataclass_fields__ else {}
    blobs = Blobs(cls, cls.Config(**sizes, **SMALL.get(name, {})), scenario)
    return replace(blobs, config=cls.with_defaults(blobs.config, blobs.setting("mlp")))


def scores_of(values):
    """Return a validation whose losses are given, one for each epoch, and again in a new phase."""
    left = cycle(values)
    return lambda: Score(accuracy=None, loss=next(left), n=1)


def train_tasks(blobs, training, losses=None, tasks=2):
    """Return the state after some tasks, and what the last training was."""
    method = blobs.create_method()
    for index in range(1, tasks + 1):
        # The number of steps is a circumstance of a method, which shall be the same.
        view = replace(blobs.view(index), num_steps=12)
        validate = scores_of(losses) if losses else None
        trained = train_task(method, view, training, FlopMeter(), None, validate)
        method.end_task(view)
        if blobs.method_class.starts_afresh and index < tasks:
            method = blobs.create_method()
    return copy_state(method.state_dict()), trained


TRAINING = Training(batch_size=20, lr=0.05, optimizer="sgd", momentum=0.5, keep_optimizer=True)


@pytest.mark.parametrize(("scenario", "name"), cases(CASES))
def test_a_method_is_as_if_training_had_ended_after_its_best_epoch(scenario, name):
    blobs = blobs_of(name, scenario)
    stopping = {"patience": 2}
    stopped, trained = train_tasks(
        blobs, replace(TRAINING, epochs=9, early_stopping=stopping), [3, 1, 2, 2]
    )
    # Of a phase with a training of its own.
    own = ("alignment_epochs", "classifier_epochs", "balanced_epochs")
    more = sum(getattr(blobs.config, field, 0) for field in own)
    more += 4 * (name == "progress_compress")  # its second phase is stopped as its first one is
    assert trained.epochs in (4 + more, 0)  # freeze has no examples in its second task
    ended, plain = train_tasks(blobs, replace(TRAINING, epochs=2))
    assert not unequal_entries(stopped, ended)
    assert not unequal_entries(trained.optimizer, plain.optimizer)


@pytest.mark.parametrize(
    ("options", "losses", "trained", "kept"),
    [
        ({"patience": 1}, [2, 1, 1], 3, 2),  # an equal score is no improvement
        ({"patience": 2}, [3, 4, 2, 5, 5], 5, 3),
        ({"patience": 5}, [3, 2, 1, 2, 3, 4], 6, 3),
        ({"patience": 1}, [6, 5, 4, 3, 2, 1], 6, 6),  # all epochs
        ({"patience": 1, "min_epochs": 3}, [1, 9, 5, 6], 4, 3),
        ({"patience": 1}, [None, None, 2, 3], 4, 3),  # a loss that is not finite
        ({"patience": 1}, [None] * 6, 6, 6),  # no score at all: the last epoch
    ],
)
def test_the_epochs_that_are_trained_and_the_one_that_is_kept(options, losses, trained, kept):
    training = replace(TRAINING, epochs=6, early_stopping=options)
    state, extent = train_tasks(blobs_of(), training, losses, tasks=1)
    assert (extent.epochs, extent.samples) == (trained, trained * 48)
    assert not unequal_entries(
        state, train_tasks(blobs_of(), replace(TRAINING, epochs=kept), tasks=1)[0]
    )


def test_accuracy_is_better_the_higher():
    options = {"patience": 1, "metric": "accuracy"}
    left = iter([0.5, 0.7, 0.6])
    training = replace(TRAINING, epochs=6, early_stopping=options)
    trained = train_task(
        blobs_of().create_method(),
        blobs_of().view(1),
        training,
        FlopMeter(),
        None,
        lambda: Score(accuracy=next(left), loss=1.0, n=1),
    )
    assert trained.epochs == 3


def stage_of(folder, more, methods="[finetune]", benchmark=""):
    training = f"{{epochs: 40, batch_size: 16, lr: 0.05, optimizer: sgd{more}}}"
    text = "name: lab\nbenchmark: {name: split_digits, num_tasks: 2, samples_per_task: 60, "
    (folder / "lab.yaml").write_text(
        f"{text}validation: 0.3{benchmark}}}\nnetwork: {{name: mlp, hidden: [8]}}\n"
        f"training: {training}\nmethods: {methods}\nseeds: [0]\n"
    )
    return Sweep.load(folder / "lab.yaml").trials[0].stages(0)


@pytest.mark.parametrize(
    "method",
    [
        "finetune",
        "icarl",
        *(pytest.param(m, marks=pytest.mark.variant) for m in ("joint", "gdumb")),
    ],
)
def test_a_stage_keeps_the_epoch_with_the_best_score_on_its_validation_data(tmp_path, method):
    methods = (
        f"[{method}]"
        if method not in ("icarl", "gdumb")
        else (f"[{{name: {method}, memory_size: 20}}]")
    )
    stages = stage_of(tmp_path, ", early_stopping: {patience: 3}", methods)
    parent, _ = run_stage(stages[0], None, ("s", "t", 0))
    state, record = run_stage(stages[1], parent, ("s", "t", 0))
    epochs = record.costs.epochs
    plain = stage_of(tmp_path, "", methods)[1]
    assert stages[1].key != plain.key
    rows = []
    for count in sorted({max(1, epochs - back) for back in (4, 3, 2, 0)}):
        training = replace(plain.training, epochs=count)
        ended, row = run_stage(replace(plain, training=training), parent, ("s", "t", 0))
        rows.append((count, ended, row))
    same = [count for count, ended, _ in rows if not unequal_entries(state, ended)]
    assert same == [epochs - 3] or epochs == 40
    flops = {count: row.costs.train_flops for count, _, row in rows}
    # The validation passes are part of the training: of 18 examples a task, at each epoch.
    assert record.costs.train_flops > flops[epochs]
    assert record.costs.samples == rows[-1][2].costs.samples
    assert record.costs.eval_flops == rows[-1][2].costs.eval_flops


def test_the_flops_of_validation_are_those_of_its_forward_passes(tmp_path):
    stages = stage_of(tmp_path, ", early_stopping: {patience: 3}")
    parent, _ = run_stage(stages[0], None, ("s", "t", 0))
    costs = run_stage(stages[1], parent, ("s", "t", 0))[1].costs
    plain = replace(stage_of(tmp_path, "")[1].training, epochs=costs.epochs)
    without = run_stage(replace(stages[1], training=plain), parent, ("s", "t", 0))[1].costs
    n = len(stages[1].benchmark.tasks()[0].validation)
    features, classes = 64, 10
    a_pass = 2 * n * (features * 8 + 8 * classes)
    assert costs.train_flops - without.train_flops == costs.epochs * a_pass


def test_scores_of_several_tasks_are_those_of_their_examples_together():
    one, other = Score(accuracy=1.0, loss=2.0, n=1), Score(accuracy=0.5, loss=1.0, n=3)
    assert pool_scores([one, other]) == Score(accuracy=0.625, loss=1.25, n=4)
    assert pool_scores([one, Score(accuracy=0.0, loss=None, n=1)]).loss is None
    assert pool_scores([Score(accuracy=None, loss=None, n=0)]).n == 0


def test_a_training_that_diverges_is_not_saved_by_its_best_epoch():
    training = replace(TRAINING, lr=1e30, epochs=6, early_stopping={"patience": 9})
    with pytest.raises(Diverged):
        train_tasks(blobs_of(), training, [1, 2, 3, 4, 5, 6])


def test_a_snapshot_restores_tensors_that_others_refer_to_and_plain_attributes():
    method = blobs_of("er").create_method()
    weight = method.network.head.weight
    method.notes, method.alias = [1], weight
    x = blobs_of().examples(1).x
    method.held = Examples(x, torch.zeros(len(x)))
    before = copy_state(method.state_dict())
    snapshot = Snapshot.take(method, [x])
    with torch.no_grad():
        weight.add_(1)
    method.memory.resize(5)
    method.notes.append(2)
    method.extra = torch.nn.Linear(1, 1)
    method.late = 1
    snapshot.restore()
    assert not unequal_entries(method.state_dict(), before)
    assert method.notes == [1]
    assert method.alias is weight is method.network.head.weight
    assert method.held.x is x
    assert not hasattr(method, "extra")
    assert not hasattr(method, "late")
    assert method.memory.filled == 0


@pytest.mark.parametrize(
    ("training", "line"),
    [
        ("{epochs: 3, early_stopping: {patience: 0}}", ".patience: must be a whole number of at"),
        ("{epochs: 3, early_stopping: {metric: acc}}", ".metric: must be loss or accuracy, given"),
        ("{epochs: 3, early_stopping: {min_epochs: 4}}", ".min_epochs: must be from 1 to 3, the"),
        ("{iterations: 3, early_stopping: {patience: 2}}", ": must be left out where the training"),
        ("{epochs: 3, early_stopping: {patients: 2}}", ".patients: unknown option; did you mean"),
        ("{epochs: 3, early_stopping: 3}", ": must be keys and values, given 3"),
    ],
)
def test_what_cannot_be_is_refused_in_one_message(tmp_path, training, line):
    (mistake,) = mistakes_of(tmp_path, training)
    assert mistake.startswith(f"training.early_stopping{line}")


def test_it_needs_validation_data_and_a_method_that_can_end_at_any_epoch(tmp_path, mistakes):
    text = (
        "name: lab\nbenchmark: {name: split_digits, scenario: task, validation: 0}\n"
        "training: {epochs: 3, early_stopping: {patience: 1}}\n"
        "methods: [finetune, {name: packnet, training: {lr: 0.1}}]\nseeds: [0]\n"
    )
    needs = "early_stopping: needs validation data; give benchmark.validation a share"
    assert mistakes(text) == [
        f"training.{needs}",
        f"methods[1].training.{needs}",
        "methods[1].training.early_stopping: packnet divides each task into parts of fixed lengths",
    ]


def test_a_share_that_holds_out_no_example_of_a_task_is_refused(mistakes):
    text = (
        "name: lab\nbenchmark: {name: split_digits, samples_per_task: 20, validation: 0.001}\n"
        "training: {epochs: 3, early_stopping: {patience: 1}}\nmethods: [ewc]\nseeds: [0]\n"
    )
    assert mistakes(text) == [
        "training.early_stopping: needs validation data, and benchmark.validation: 0.001 holds "
        "out none of the 20 training examples of task 1; give at least 0.05"
    ]


def test_one_method_alone_may_stop_early(tmp_path):
    methods = "[finetune, {name: l2, training: {early_stopping: {patience: 2}}}]"
    plain, stopped = sweep_with(tmp_path, "{epochs: 3}", methods=methods).trials
    assert "early_stopping" not in plain.config["training"]
    assert stopped.config["training"]["early_stopping.patience"] == 2
    assert num_steps(20, stopped.training) == 3
