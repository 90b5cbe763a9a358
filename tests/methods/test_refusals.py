"""What a method cannot do is refused when the sweep is read, with the reason."""

from __future__ import annotations

import pytest

from methods import METHODS
from orchestrator.errors import RepertoireError
from orchestrator.sweep.sweep import Sweep

SWEEP = """\
name: refused
benchmark: {{name: split_digits, scenario: {scenario}, num_tasks: 5}}
network: {{name: {network}}}
methods: [{method}]
seeds: [0]
"""


@pytest.fixture
def refusal(tmp_path):
    """Return what the user is told of a sweep with one method; nothing where it is accepted."""

    def told(method, scenario="class", network="mlp"):
        path = tmp_path / "refused.yaml"
        path.write_text(SWEEP.format(method=method, scenario=scenario, network=network))
        try:
            Sweep.load(path)
        except RepertoireError as mistake:
            return str(mistake)
        return ""

    return told


SERVED = [(name, s) for name in METHODS for s in ("task", "domain", "class")]


@pytest.mark.parametrize(("name", "scenario"), SERVED)
def test_a_method_is_refused_in_a_scenario_that_it_cannot_serve_and_in_no_other(
    refusal, name, scenario
):
    told = refusal(name, scenario)
    if scenario in METHODS[name].scenarios:
        assert told == ""
    else:
        serves = ", ".join(sorted(METHODS[name].scenarios))
        assert f"methods[0]: {name} cannot serve the {scenario} scenario" in told
        assert f"it serves: {serves}" in told


@pytest.mark.parametrize(
    ("method", "told"),
    [
        ("{name: icarl, memory_size: 9}", "room for 9 examples"),
        ("{name: gdumb, memory_size: 9}", "room for 9 examples"),
        ("{name: er, memory_size: 9, policy: class_balanced}", "room for 9 examples"),
        ("{name: agem, memory_size: 9}", "room for 9 examples"),
        ("{name: gem, memory_size: 4}", "needs room for 5, one for each task"),
        ("{name: icarl, memory_bytes: 649}", "memory_bytes: 650, or more"),
        ("{name: derpp, memory_bytes: 100}", "room for 0 examples"),
    ],
)
def test_a_memory_smaller_than_what_must_each_have_one_is_refused(refusal, method, told):
    found = refusal(method)
    assert told in found
    assert "methods[0]" in found


STRENGTHS = [(name, method.strength) for name, method in METHODS.items() if method.strength]
OTHERS = [("derpp", "alpha"), ("derpp", "beta"), ("gem", "margin"), ("hat", "sparsity")]


@pytest.mark.parametrize(("name", "strength"), STRENGTHS + OTHERS)
def test_a_strength_below_zero_is_refused(refusal, name, strength):
    scenario = "class" if "class" in METHODS[name].scenarios else "task"
    found = refusal(f"{{name: {name}, {strength}: -0.5}}", scenario)
    assert f"methods[0].{strength}: must be" in found
    assert "given -0.5" in found


@pytest.mark.parametrize("name", ["lwf", "generative_replay"])
def test_a_temperature_of_zero_is_refused(refusal, name):
    found = refusal(f"{{name: {name}, temperature: 0}}")
    assert "methods[0].temperature: must be above 0 and finite, given 0" in found


@pytest.mark.parametrize("name", ["hat", "pnn"])
def test_a_network_that_cannot_be_taken_apart_is_refused(refusal, name):
    found = refusal(name, scenario="task", network="cnn")
    assert "cannot take apart cnn" in found
    assert "methods[0]" in found


def test_a_hyperparameter_that_is_not_there_is_refused_with_the_nearest_name(refusal):
    found = refusal("{name: ewc, lambda: 3, lamm: 3}")
    assert "methods[0].lamm" in found
    assert "lam" in found
