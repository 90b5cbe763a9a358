"""Keys and numbers of a small sweep, as every earlier version gave them.

They may move only with a version: raise that of what changed (a method's, a network's, `VERSION` of
the learner or of the tasks), write the new figures here and a line under "Numerics" in the change
log. Without a new version, stages of the old code would be taken for stages of the new.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from orchestrator.backends.inline import Inline
from orchestrator.graph.brake import Brake
from orchestrator.graph.evaluation import Evaluation
from orchestrator.graph.plan import Plan, plan
from orchestrator.stages.storage.store import StageStore
from orchestrator.sweep.sweep import Sweep

RAISE = "moved: raise the version of what changed, and write the new figures into {} ({})"
SWEEP = """\
name: golden_{scenario}
benchmark: {{name: split_digits, scenario: {scenario}, num_tasks: 2}}
network: {{name: mlp, hidden: [16]}}
training: {{epochs: 3, batch_size: 32, optimizer: sgd, lr: 0.05}}
methods: {methods}
seeds: [0]
"""
METHODS = {
    "class": ["finetune", "joint", "{name: ewc, lam: 30.0}", "{name: er, memory_size: 50}"],
    "task": [
        "finetune",
        "independent",
        "{name: ewc, mode: offline}",
        "{name: er, policy: class_balanced}",
    ],
}
FIGURES = Path(__file__).with_name("figures.json")
GOLDEN = json.loads(FIGURES.read_text(encoding="utf-8"))


Plans = tuple[dict[str, Plan], StageStore]


@pytest.fixture(scope="module")
def plans(tmp_path_factory) -> Plans:
    """The sweeps, planned and run."""
    folder = tmp_path_factory.mktemp("golden")
    store, actual = StageStore(str(folder / "stages")), {}
    for scenario, methods in METHODS.items():
        path = folder / f"{scenario}.yaml"
        path.write_text(SWEEP.format(scenario=scenario, methods=f"[{', '.join(methods)}]"))
        new_plan = plan(Sweep.load(path), store)
        Inline().compute(Evaluation(new_plan), new_plan.sweep, store, lambda news: None, Brake())
        actual[scenario] = new_plan
    return actual, store


def figures(plans: Plans) -> dict[str, dict[str, dict[str, list]]]:
    """Return scenario -> method -> its keys and R, the accuracy on test data to 4 decimals."""
    scenarios, store = plans
    return {
        scenario: {
            chain.method: {
                "keys": list(chain.keys),
                "R": [
                    [accuracy(store, key, task) for task in chain.task_keys] for key in chain.keys
                ],
            }
            for chain in result.chains
        }
        for scenario, result in scenarios.items()
    }


def accuracy(store: StageStore, key: str, task: str) -> float | None:
    actual = store.record(key).evaluation[task]["test"].accuracy
    return None if actual is None else round(actual, 4)


CASES = [(scenario, method) for scenario, methods in GOLDEN.items() for method in methods]


@pytest.mark.parametrize(("scenario", "method"), CASES)
def test_keys_are_those_of_every_earlier_version(plans, scenario, method):
    values = figures(plans)[scenario][method]["keys"]
    assert values == GOLDEN[scenario][method]["keys"], "the keys " + RAISE.format(
        FIGURES.name, values
    )


@pytest.mark.parametrize(("scenario", "method"), CASES)
def test_numbers_are_those_of_every_earlier_version(plans, scenario, method):
    values = figures(plans)[scenario][method]["R"]
    golden = np.array(GOLDEN[scenario][method]["R"], dtype=float)
    np.testing.assert_array_equal(
        np.array(values, dtype=float), golden, "the numbers " + RAISE.format(FIGURES.name, values)
    )


def test_no_method_of_the_sweeps_is_without_figures(plans):
    assert {(s, m) for s, methods in figures(plans).items() for m in methods} == set(CASES)
