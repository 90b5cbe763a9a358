"""A kept optimiser beside methods that add parameters, drop them or draw them anew."""

from dataclasses import replace

import pytest
import torch
from alike import ALIKE

from methods import METHODS
from methods.testing.blobs import Blobs
from orchestrator.stages.code.optimizer_table import OPTIMIZERS
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning.learner import Training, train_task
from orchestrator.stages.learning.optimizer_state import STATE
from orchestrator.stages.learning.updates import make_optimizer
from orchestrator.stages.run_stage import capture_state

SGD = {"name": "sgd", "momentum": 0.9}
SMALL = {"generative_replay": {"hidden": (8,), "latent_size": 2}}


def blobs_of(name):
    method = METHODS[name]
    scenario = "task" if "task" in method.scenarios else "class"
    blobs = Blobs(method, method.Config(**SMALL.get(name, {})), scenario)
    return replace(blobs, config=method.with_defaults(blobs.config, blobs.setting("mlp")))


def learn_two_tasks(name, optimizer):
    """Return the states of a method after each of two tasks, with its kept optimiser."""
    blobs, states = blobs_of(name), []
    training = Training(batch_size=16, lr=0.01, optimizer=optimizer, keep_optimizer=True)
    for after in (1, 2):
        method = blobs.restore(own_part(states[-1]), 1) if states else blobs.create_method()
        parent = states[-1] if states else {}
        trained = train_task(method, blobs.view(after), training, FlopMeter(), parent)
        method.end_task(blobs.view(after))
        states.append(capture_state(method, trained.optimizer))
    return states


def own_part(state):
    return {name: tensor for name, tensor in state.items() if not name.startswith(STATE)}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name, cls in METHODS.items() if cls.takes_steps and name not in ALIKE]
)
def test_every_method_goes_on_with_it_and_keeps_it_of_what_is_carried_alone(name):
    for state in learn_two_tasks(name, SGD):
        kept = {entry for entry in state if entry.startswith(STATE)}
        names = {entry.removeprefix(f"{STATE}.").rpartition("/")[0] for entry in kept}
        assert names - {""} <= own_part(state).keys()
        assert f"{STATE}.network.head.weight/momentum_buffer" in kept


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_goes_on_beside_parameters_that_are_new(optimizer):
    for name in ("hat", "pnn"):
        _, last = learn_two_tasks(name, SGD if optimizer == "sgd" else optimizer)
        assert any(entry.startswith(f"{STATE}.network.head.weight/") for entry in last)


@pytest.mark.parametrize("name", ["finetune", "independent", "pnn"])
def test_a_network_that_is_drawn_anew_has_an_optimizer_that_begins(name):
    one, two = (
        state[f"{STATE}.network.body.weight/step"] for state in learn_two_tasks(name, "adam")
    )
    assert int(two) == int(one) * (2 if name == "finetune" else 1)


def test_a_step_that_is_the_first_of_some_parameters_is_each_one_s_own():
    blobs = blobs_of("finetune")
    training = Training(lr=0.1, optimizer={**SGD, "dampening": 0.5})
    method = blobs.create_method()
    optimizer = make_optimizer(method, training)
    weight, bias = method.network.head.weight, method.network.head.bias
    start = bias.detach().clone()
    for step in range(3):
        weight.grad = torch.ones_like(weight)
        bias.grad = torch.ones_like(bias) if step else None
        optimizer.step()
    # Its first step is the gradient; in its second, momentum times that and half the gradient.
    assert torch.allclose(bias, start - 0.1 * (1 + (0.9 + 0.5)))
