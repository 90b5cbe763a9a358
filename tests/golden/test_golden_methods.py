"""Numbers of every method, as every earlier version gave them: see `golden_methods.py`.

They may move only with a version: raise that of what changed, write the figures anew and add a line
under "Numerics" in the change log.
"""

import json

import pytest
import torch
from golden_methods import CASES, FIGURES, OPTIMIZERS, RTOL, differ

from methods import METHODS
from methods.base import Setting
from methods.si import SI

FURTHER = [pytest.mark.variant, pytest.mark.golden]
GOLDEN = json.loads(FIGURES.read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def each_case():
    """Return the cases; all but the first of a method are variants, which CI runs too."""
    first = {case.method: case.name for case in reversed(CASES.values())}
    return [pytest.param(name, marks=[] if name in first.values() else FURTHER) for name in CASES]


@pytest.mark.parametrize("name", each_case())
def test_numbers_are_those_of_every_earlier_version(name):
    figures = CASES[name].figures()
    assert not differ(figures, GOLDEN[name], RTOL), f"{name} moved: {figures} was {GOLDEN[name]}"


def test_half_the_importance_of_si_moves_a_number(monkeypatch):
    end_task = SI.end_task

    def halve_after(self, task):
        end_task(self, task)
        self.importance.replace({name: value / 2 for name, value in self.importance[0].items()})

    monkeypatch.setattr(SI, "end_task", halve_after)
    name = "si task mlp sgd"
    assert differ(CASES[name].figures()["losses"], GOLDEN[name]["losses"], RTOL)


def test_every_case_has_figures_and_every_figure_a_case():
    assert CASES.keys() == GOLDEN.keys()


@pytest.mark.parametrize("method", METHODS)
def test_cases_cover_networks_optimizers_and_scenarios(method):
    cases = [case for case in CASES.values() if case.method == method]
    cls = METHODS[method]
    assert {case.scenario for case in cases} == cls.scenarios
    assert {case.optimizer for case in cases} == OPTIMIZERS.keys()
    scenario = min(cls.scenarios)
    settings = {"vit": "vit_tiny"} if cls.needs_tokens else {"mlp": "mlp", "convnet": "resnet18"}
    used = {
        network
        for network in settings
        if not cls.objection(
            cls.Config(), Setting(scenario, 10, (1, 8, 8), settings[network], num_tasks=5)
        )
    }
    assert {case.network for case in cases} == used
