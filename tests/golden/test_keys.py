"""The keys of every sweep in `sweeps/` and of every method, as every earlier version gave them.

A key that moves costs everyone who has its stage in a store. It may move only with a version that
is raised by hand; then write all keys anew with `python tests/golden/test_keys.py --all` and a line
under "Numerics" in the change log. Without `--all` it adds the keys of what has none.
"""

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from methods import METHODS
from orchestrator.benchmarks.data_folder import DATA_VARIABLE
from orchestrator.benchmarks.datasets.dataset_files import DEBIAN_FASHION_MNIST
from orchestrator.benchmarks.datasets.dataset_table import DATASETS
from orchestrator.sweep.sweep import Sweep

KEYS = Path(__file__).with_name("keys.json")
SWEEPS = Path(__file__).parents[2] / "sweeps"
DEFAULTS = """\
name: defaults_{scenario}
benchmark: {{name: split_digits, scenario: {scenario}, num_tasks: 2}}
network: {network}
methods: [{methods}]
seeds: [0]
"""
NETWORKS = {"mlp": "mlp", "cnn": "cnn", "resnet18": "{name: resnet18, variant: slim}"}
NETWORKS |= {"vit_tiny": "vit_tiny"}


def keys_of(sweep: Sweep) -> dict[str, str]:
    """Return "trial seed" -> the first six digits of each stage's key.

    Of a group that is searched, the trial at the first value of each space stands for all.
    """
    searched = [group.first_trial(sweep.search.seeds) for group in sweep.groups if sweep.search]
    return {
        f"{trial.trial_id.rpartition('-')[0]}-{trial.trial_id.rpartition('-')[2][:8]} {seed}": (
            " ".join(stage.key[:6] for stage in trial.stages(seed))
        )
        for trial in [*sweep.trials, *searched]
        for seed in trial.seeds
    }


def keys_of_file(path: Path, folder: Path) -> dict[str, str]:
    """Return the keys of a sweep, with `small_cifar100` in place of CIFAR-100."""
    with pytest.MonkeyPatch.context() as patch:
        if "cifar100" in path.name:
            patch.setenv(DATA_VARIABLE, str(folder))  # a data set is read once for each folder
            patch.setitem(DATASETS, "cifar100", replace(DATASETS["cifar100"], read=small_cifar100))
        sweep = Sweep.load(path)
        assert sweep.name == path.stem
        return keys_of(sweep)


def small_cifar100(folder: Path) -> tuple[np.ndarray, ...]:
    """Return two images of each class in place of CIFAR-100, which comes by download alone.

    The content of a data set is part of each key, so that these are not the keys on CIFAR-100.
    """
    images, labels = np.arange(200 * 3 * 32 * 32).astype(np.uint8), np.arange(200) % 100
    return images, labels, images, labels


def load_defaults(folder: Path, scenario: str, network: str = "mlp") -> Sweep:
    """Return a sweep of every method that serves a scenario, with default configuration."""
    tokens = {name for name, cls in METHODS.items() if cls.needs_tokens}
    of_network = {"mlp": METHODS.keys() - tokens, "vit_tiny": tokens}
    chosen = of_network.get(network, {"finetune", "ewc"})
    names = [name for name in METHODS if name in chosen]
    methods = ", ".join(name for name in names if scenario in METHODS[name].scenarios)
    text = DEFAULTS.format(scenario=scenario, network=NETWORKS[network], methods=methods)
    (folder / "defaults.yaml").write_text(text)
    return Sweep.load(folder / "defaults.yaml")


CASES = [
    *((scenario, "mlp") for scenario in ("task", "domain", "class")),
    ("task", "cnn"),
    ("task", "resnet18"),
    *((scenario, "vit_tiny") for scenario in ("task", "domain", "class")),
]


@pytest.mark.parametrize("name", sorted(path.name for path in SWEEPS.glob("*.yaml")))
def test_the_keys_of_a_sweep_are_those_of_every_earlier_version(name, tmp_path):
    text = (SWEEPS / name).read_text(encoding="utf-8")
    if "fashion_mnist" in text and not DEBIAN_FASHION_MNIST.is_dir():
        pytest.skip("needs Fashion-MNIST, whose content is part of a key")
    golden = json.loads(KEYS.read_text(encoding="utf-8"))
    assert keys_of_file(SWEEPS / name, tmp_path) == golden["sweeps"][name]


@pytest.mark.parametrize(("scenario", "network"), CASES)
def test_the_keys_of_default_configurations_are_those_of_every_earlier_version(
    scenario, network, tmp_path
):
    golden = json.loads(KEYS.read_text(encoding="utf-8"))
    keys = keys_of(load_defaults(tmp_path, scenario, network))
    assert keys == golden["defaults"][f"{scenario} {network}"]


def test_every_method_has_keys_in_each_scenario_it_serves():
    defaults = json.loads(KEYS.read_text(encoding="utf-8"))["defaults"]
    have = {(label.partition("-")[0], case) for case in defaults for label in defaults[case]}
    assert have >= {
        (name, f"{scenario} {'vit_tiny' if cls.needs_tokens else 'mlp'}")
        for name, cls in METHODS.items()
        for scenario in cls.scenarios
    }


def complete_keys(held: dict[str, dict[str, dict[str, str]]]) -> dict[str, Any]:
    """Return the keys that are held, and those of what has none."""
    sweeps, defaults = held.get("sweeps", {}), held.get("defaults", {})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return {
            "sweeps": {
                path.name: sweeps.get(path.name) or keys_of_file(path, folder)
                for path in sorted(SWEEPS.glob("*.yaml"))
            },
            "defaults": {
                (case := " ".join(each)): keys_of(load_defaults(folder, *each))
                | defaults.get(case, {})
                for each in CASES
            },
        }


def test_what_is_new_gets_keys_and_what_is_held_stays():
    held = json.loads(KEYS.read_text(encoding="utf-8"))
    ewc = next(label for label in held["defaults"]["task mlp"] if label.startswith("ewc"))
    key = held["defaults"]["task mlp"].pop(ewc)
    held["sweeps"]["quickstart.yaml"] = {"as it was": "held"}
    complete = complete_keys(held)
    assert complete["defaults"]["task mlp"][ewc] == key
    assert complete["sweeps"]["quickstart.yaml"] == {"as it was": "held"}


if __name__ == "__main__":
    everything = "--all" in sys.argv
    content = complete_keys({} if everything else json.loads(KEYS.read_text(encoding="utf-8")))
    KEYS.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
