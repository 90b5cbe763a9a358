"""A study as papers make it: every method on split CIFAR-100, cut short and gone on with.

The files are CIFAR's in format and small in content: eight images of a class to learn from and
two to test on, each a colour of its class under noise.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from hashlib import md5
from pathlib import Path

import numpy as np
import pytest
from alike import NEED_TOKENS
from lab import Lab
from test_search import Died, dying_backend, same

from methods import METHODS
from orchestrator.benchmarks.sources.torchvision_import import import_torchvision
from orchestrator.results.load import load

pytestmark = [pytest.mark.storm, pytest.mark.timeout(1800)]

CLASSES, TRAIN, TEST = 100, 8, 2
BASE_0, BASE_50 = "num_tasks: 10", "first: 50, step: 10"
EPOCHS = 3
TRAINING = f"""{{epochs: {EPOCHS}, batch_size: 32, lr: 0.05,
  optimizer: {{name: sgd, nesterov: true, momentum: 0.9}},
  schedule: {{name: cosine, warmup: 1}}, augment: [pad_crop, flip],
  early_stopping: {{patience: 1, metric: accuracy, min_epochs: 1}}}}"""
ORDERS = "{grid: [{seed: 1993, generator: numpy}, natural, seeded]}"
# Where the default is sized for a paper's machine.
SMALL = {
    "generative_replay": "{name: generative_replay, hidden: [16], latent_size: 4}",
    "gem": "{name: gem, memory_size: 100}",
    "icarl": "{name: icarl, memory_size: 200, exemplar_passes: 1}",
    "lucir": "{name: lucir, memory_size: 200, exemplar_passes: 1}",
    "der_expand": "{name: der_expand, memory_size: 200, exemplar_passes: 1, classifier_epochs: 2}",
    "memo": "{name: memo, memory_size: 200, exemplar_passes: 1}",
    "podnet": "{name: podnet, memory_size: 200, exemplar_passes: 1, balanced_epochs: 2}",
    "bic": "{name: bic, memory_size: 1000, exemplar_passes: 1, correction_epochs: 2}",
    "ranpac": "{name: ranpac, projection: 100}",
    "wa": "{name: wa, memory_size: 200, exemplar_passes: 1}",
    # Its parts of a task have lengths fixed before.
    "packnet": "{name: packnet, training: {early_stopping: null}}",
}


@pytest.fixture
def cifar100(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files of CIFAR-100 in the folder of data sets; torchvision takes them for the real."""
    cifar = import_torchvision().datasets.CIFAR100
    folder = tmp_path / "data" / cifar.base_folder
    folder.mkdir(parents=True)
    colours = np.random.default_rng(0).integers(40, 216, (CLASSES, 3, 1, 1))

    def write(name: str, content: object) -> str:
        (folder / name).write_bytes(pickle.dumps(content))
        return md5((folder / name).read_bytes()).hexdigest()

    def images(name: str, count: int, seed: int) -> list[list[str]]:
        y = np.repeat(np.arange(CLASSES), count)
        noise = np.random.default_rng(seed).integers(-30, 30, (len(y), 3, 32, 32))
        pixels = (colours[y] + noise).astype(np.uint8).reshape(len(y), -1)
        return [[name, write(name, {"data": pixels, "fine_labels": y.tolist()})]]

    names = {"fine_label_names": [f"class {i}" for i in range(CLASSES)]}
    monkeypatch.setattr(cifar, "train_list", images("train", TRAIN, 1))
    monkeypatch.setattr(cifar, "test_list", images("test", TEST, 2))
    monkeypatch.setattr(cifar, "meta", {**cifar.meta, "md5": write("meta", names)})
    monkeypatch.setenv("REPERTOIRE_DATA", str(tmp_path / "data"))


def list_methods(scenario: str) -> list[str]:
    """Return the methods that serve a scenario with a network of convolutions."""
    names = METHODS.keys() - NEED_TOKENS
    return [name for name in METHODS if name in names and scenario in METHODS[name].scenarios]


def methods_of(scenario: str) -> str:
    """Return every method of the table that serves a scenario, as in a sweep file."""
    names = list_methods(scenario)
    return f"[{', '.join(SMALL.get(name, name) for name in names)}]"


def study(lab: Lab, methods: str, stream: str, scenario: str, network: str) -> Lab:
    benchmark = f"{{name: split_cifar100, scenario: {scenario}, validation: 0.25, {stream}}}"
    return lab.ask(methods, benchmark=benchmark, network=network, training=TRAINING)


def study_of_every_method(lab: Lab, stream: str, scenario: str) -> Lab:
    network = "{name: cnn, channels: [4, 8], hidden: 16}"
    return study(lab, methods_of(scenario), stream, scenario, network)


def check_trials_of(lab: Lab, scenario: str) -> None:
    results = load(lab.out / "lab")
    trials, epochs = results.trials, results.stages["epochs"].dropna()
    assert set(trials["status"]) == {"complete"}
    assert len(trials) == len(list_methods(scenario))
    assert trials[["acc", "average_incremental_accuracy"]].notna().all(axis=None)
    assert (epochs < EPOCHS).any(), "some training is stopped early"


@pytest.mark.parametrize("scenario", ["class", "task"])
def test_every_method_learns_tasks_after_a_large_first_one(
    cifar100: None, make_lab: Callable[[], Lab], scenario: str
) -> None:
    lab = study_of_every_method(make_lab(), BASE_50, scenario)
    lab.run()
    check_trials_of(lab, scenario)


def test_every_method_learns_equal_tasks_and_goes_on_where_it_was_cut_short(
    cifar100: None, make_lab: Callable[[], Lab], computed: list[str]
) -> None:
    straight, killed = (study_of_every_method(make_lab(), BASE_0, "class") for _ in range(2))
    straight.run()
    once = len(computed)
    computed.clear()
    for after in (1, once // 3):
        with pytest.raises(Died):
            killed.run(dying_backend(after))
    killed.run()
    assert same(straight, killed)
    assert len(computed) == len(set(computed)) == once
    check_trials_of(straight, "class")


def test_it_runs_on_the_network_of_the_papers_in_three_orders_of_the_classes(
    cifar100: None, make_lab: Callable[[], Lab]
) -> None:
    lab = study(
        make_lab(),
        "[finetune, {name: er, memory_size: 200}]",
        f"num_tasks: 5, order: {ORDERS}",
        "class",
        "resnet32",
    )
    lab.run()
    trials = load(lab.out / "lab").trials
    assert (len(trials), set(trials["status"])) == (6, {"complete"})
    er, finetune = (trials[trials["method"] == name]["acc"].mean() for name in ("er", "finetune"))
    assert er > finetune
