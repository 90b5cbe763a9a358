"""What a method cannot do is refused when the sweep is read, with the reason."""

from __future__ import annotations

import re
import sys

import pytest
from alike import NEED_TOKENS

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

    def reason(method, scenario="class", network="mlp"):
        path = tmp_path / "refused.yaml"
        path.write_text(SWEEP.format(method=method, scenario=scenario, network=network))
        try:
            Sweep.load(path)
        except RepertoireError as mistake:
            return str(mistake)
        return ""

    return reason


SERVED = [(name, s) for name in METHODS for s in ("task", "domain", "class")]


@pytest.mark.parametrize(("name", "scenario"), SERVED)
def test_a_method_is_refused_in_a_scenario_that_it_cannot_serve_and_in_no_other(
    refusal, name, scenario
):
    message = refusal(name, scenario, "vit_tiny" if name in NEED_TOKENS else "mlp")
    if scenario in METHODS[name].scenarios:
        assert message == ""
    else:
        serves = ", ".join(sorted(METHODS[name].scenarios))
        assert f"methods[0]: {name} cannot serve the {scenario} scenario" in message
        assert f"it serves: {serves}" in message


@pytest.mark.parametrize(
    ("method", "reason"),
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
def test_a_memory_smaller_than_what_must_each_have_one_is_refused(refusal, method, reason):
    message = refusal(method)
    assert reason in message
    assert "methods[0]" in message


STRENGTHS = [(name, method.strength) for name, method in METHODS.items() if method.strength]
OTHERS = [("derpp", "alpha"), ("derpp", "beta"), ("gem", "margin"), ("hat", "sparsity")]


@pytest.mark.parametrize(("name", "strength"), STRENGTHS + OTHERS)
def test_a_strength_below_zero_is_refused(refusal, name, strength):
    scenario = "class" if "class" in METHODS[name].scenarios else "task"
    message = refusal(f"{{name: {name}, {strength}: -0.5}}", scenario)
    assert f"methods[0].{strength}: must be" in message
    assert "given -0.5" in message


@pytest.mark.parametrize("name", ["lwf", "generative_replay"])
def test_a_temperature_of_zero_is_refused(refusal, name):
    message = refusal(f"{{name: {name}, temperature: 0}}")
    assert "methods[0].temperature: must be above 0 and finite, given 0" in message


@pytest.mark.parametrize("name", ["hat", "pnn"])
def test_a_network_that_cannot_be_taken_apart_is_refused(refusal, name):
    message = refusal(name, scenario="task", network="resnet32")
    assert "needs a chain of layers (mlp, cnn, or your own), given resnet32" in message
    assert "methods[0]" in message


def test_a_hyperparameter_that_is_not_there_is_refused_with_the_nearest_name(refusal):
    message = refusal("{name: ewc, lambda: 3, lamm: 3}")
    assert "methods[0].lamm" in message
    assert "lam" in message


NETWORKS = """\
import torch
from torch import nn
from orchestrator.networks.networks import Network

class Convolutions(Network):
    def __init__(self, config, shape):
        super().__init__(config, shape)
        self.body = nn.Sequential(
            nn.Conv2d(shape.input_shape[0], 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten()
        )
        self.head = nn.Linear(144, shape.num_classes)

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 64)

    def forward(self, x):
        return x + self.layer(x)

class Residual(Network):
    def __init__(self, config, shape):
        super().__init__(config, shape)
        self.body = nn.Sequential(nn.Flatten(), Block())
        self.head = nn.Linear(64, shape.num_classes)

class Headless(Network):
    def __init__(self, config, shape):
        super().__init__(config, shape)
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, shape.num_classes))

    def forward(self, x):
        return self.layers(self.normalise(x))

class Narrow(Headless):
    def forward(self, x):
        return super().forward(x)[:, :1]

class Broken(Headless):
    def forward(self, x):
        return self.layers(x.float())[:, "all"]
"""


@pytest.fixture
def _networks(tmp_path, monkeypatch):
    (tmp_path / "own_networks.py").write_text(NETWORKS)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("own_networks", None)


@pytest.mark.usefixtures("_networks")
@pytest.mark.parametrize(
    ("method", "scenario", "network", "reason"),
    [
        ("hat", "task", "Residual", "hat cannot take own_networks:Residual: .* body.1 .* joins"),
        ("pnn", "task", "Residual", "it must be linear layers, convolutions and batch norm"),
        ("packnet", "task", "Headless", "packnet cannot take .* no linear layer named head"),
        ("icarl", "class", "Headless", "icarl cannot take .* no linear layer named head"),
        ("ewc", "class", "Headless", r"no layer named head.*or set penalise_head: true"),
        ("finetune", "class", "Narrow", r"returns \[2, 1\] for 2 images; .* scores \[2, 10\]"),
        ("finetune", "class", "Broken", "cannot be built for images .* and 10 outputs: .*Error: "),
    ],
)
def test_a_user_s_network_that_a_method_cannot_take_is_refused_when_the_sweep_is_read(
    refusal, method, scenario, network, reason
):
    message = refusal(method, scenario, f"own_networks:{network}")
    assert re.search(reason, message), message
    assert ("network.name" if network in ("Narrow", "Broken") else "methods[0]") in message


@pytest.mark.usefixtures("_networks")
@pytest.mark.parametrize("method", ["packnet", "ewc", "gem", "lwf", "hat", "pnn"])
def test_a_user_s_network_that_a_method_can_take_is_taken(refusal, method):
    assert refusal(method, "task", "own_networks:Convolutions") == ""


@pytest.mark.usefixtures("_networks")
def test_a_cosine_head_that_a_user_s_network_does_not_make_is_refused(refusal):
    message = refusal("finetune", "class", "own_networks:Convolutions, head: cosine")
    assert "network.head: own_networks:Convolutions makes its own head" in message
    assert refusal("finetune", "class", "mlp, head: cosine") == ""


@pytest.mark.parametrize("method", ["hat", "pnn"])
def test_isolation_without_a_hidden_layer_is_refused(refusal, method):
    assert "at least one hidden layer" in refusal(method, "task", "mlp, hidden: []")


@pytest.mark.usefixtures("_networks")
@pytest.mark.parametrize("method", ["ewc", "si", "mas", "rwalk", "l2"])
def test_a_network_without_a_head_is_taken_where_the_head_is_held(refusal, method):
    assert refusal(method, "domain", "own_networks:Headless") == ""
