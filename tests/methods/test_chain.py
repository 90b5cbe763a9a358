"""Networks that are chains of layers: which are found, what is refused, and hat and pnn on them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from methods import METHODS
from methods.base import Examples, Outlook, Setting, TaskView
from methods.parts.chain import LayerChain, chain_objection, find_chain, values_per_unit
from methods.parts.layers import select_layers
from orchestrator.networks.networks import CNN, MLP, NetworkShape, ResNet18, build_network
from orchestrator.seeding import stream
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning.learner import Training, num_steps, train_task

GREY = NetworkShape((1, 28, 28), 10, (0.286,), (0.353,))
IMAGE = (1, 8, 8)


class Pixels(nn.Module):
    def forward(self, x):
        return x.flatten(1).float() / 255


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        return x + self.layer(x)


def sequence(*layers):
    return nn.Sequential(Pixels(), *layers)


def test_the_layers_of_an_mlp_are_found_in_the_order_of_their_calls():
    network = build_network(MLP, MLP.Config(hidden=(20, 30)), GREY, 0)
    assert find_chain(network, GREY.input_shape) == LayerChain(("body.1", "body.3", "head"), {})


def test_convolutions_are_layers_and_flattened_maps_have_several_values_a_channel():
    network = build_network(CNN, CNN.Config(channels=(4, 6), hidden=5), GREY, 0)
    chain = find_chain(network, GREY.input_shape)
    assert chain.names == ("body.0", "body.3", "body.7", "head")
    layers = select_layers(network, chain.names)
    repeats = [values_per_unit(*pair) for pair in zip(layers[1:], layers[:-1], strict=True)]
    assert repeats == [1, 7 * 7, 1]


def test_layers_are_ordered_by_call_not_by_name():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(3, 2)
            self.body = nn.Linear(16, 3)

        def forward(self, x):
            return self.head(self.body(x.flatten(1).float()).relu())

    assert find_chain(Backwards(), (1, 4, 4)).names == ("body", "head")


def test_batch_normalisation_belongs_to_the_layer_before_it():
    network = sequence(nn.Linear(784, 4), nn.ReLU(), nn.BatchNorm1d(4), nn.Linear(4, 2))
    assert find_chain(network, GREY.input_shape) == LayerChain(("1", "4"), {"3": "1"})


@pytest.mark.parametrize(
    ("network", "story"),
    [
        (
            build_network(ResNet18, ResNet18.Config(), GREY, 0),
            r"body.3 \(_Residual\) joins several",
        ),
        (build_network(MLP, MLP.Config(hidden=()), GREY, 0), "it has no hidden layer"),
        (sequence(nn.Linear(784, 4), Residual(), nn.Linear(4, 2)), r"2 \(Residual\) joins several"),
        (sequence(nn.Linear(784, 4), nn.PReLU(), nn.Linear(4, 2)), r"2 \(PReLU\) holds other"),
        (sequence(nn.Linear(784, 4), nn.LayerNorm(4), nn.Linear(4, 2)), r"2 \(LayerNorm\) holds"),
        (sequence(nn.BatchNorm1d(784), nn.Linear(784, 4), nn.Linear(4, 2)), "does not follow"),
        (sequence(nn.Linear(784, 8), nn.GLU(), nn.Linear(4, 2)), "3 is not as wide"),
        (sequence(nn.Linear(784, 4), *[nn.Linear(4, 4)] * 2), "must be called once"),
        (
            nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3, groups=2), nn.Flatten()),
            r"1 \(Conv2d\) has 2 groups",
        ),
    ],
    ids=["resnet", "shallow", "residual", "prelu", "norm", "first", "glu", "twice", "groups"],
)
def test_what_is_no_chain_of_layers_is_refused_with_the_layer(network, story):
    with pytest.raises(ValueError, match=f"{type(network).__name__} is no chain of layers: ") as e:
        find_chain(network, GREY.input_shape)
    e.match(story)


def test_looking_leaves_modes_hooks_and_gradients_as_they_were():
    network = build_network(CNN, CNN.Config(), GREY, 0).train()
    find_chain(network, GREY.input_shape)
    assert network.training
    assert not any(m._forward_pre_hooks or m._forward_hooks for m in network.modules())
    assert all(p.grad is None and p.requires_grad for p in network.parameters())


@pytest.mark.parametrize(
    ("network", "refused"),
    [("mlp", 0), ("my:Own", 0), ("cnn", 0), ("resnet32", 1), ("vit_tiny", 1), ("timm:vgg11", 1)],
)
def test_built_in_networks_are_judged_by_name_and_a_users_when_it_is_built(network, refused):
    story = chain_objection(Setting("task", 10, (1, 28, 28), network))
    assert (story is not None) == bool(refused)
    assert story is None or network in story


def test_a_cosine_head_is_refused():
    setting = Setting("task", 10, GREY.input_shape, "mlp", network_config=MLP.Config(head="cosine"))
    assert chain_objection(setting) == "needs a linear head, given head: cosine"


class Convolutions(nn.Module):
    """Convolutions with batch normalisation, whose maps of 2x2 pixels are flattened."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv2d(1, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU()),
            *(nn.Conv2d(6, 5, 3, stride=2, padding=1), nn.BatchNorm2d(5), nn.ReLU()),
            *(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(20, 8), nn.ReLU()),
        )
        self.head = nn.Linear(8, 6)

    def forward(self, x):
        return self.head(self.body(x.float() / 255))


def view(index):
    classes = (2 * index - 2, 2 * index - 1)
    y = torch.tensor(classes).repeat_interleave(16)
    x = torch.randint(0, 128, (32, *IMAGE), generator=stream(0, index, "x")).to(torch.uint8)
    x[y == classes[1], :, :, 4:] += 127
    owner = torch.arange(6) // 2
    allowed = owner.unsqueeze(1) == owner
    return TaskView(index, classes, Examples(x, y), allowed, lambda name: stream(0, index, name))


def learn(method, index, optimizer):
    training = Training(epochs=8, batch_size=8, optimizer=optimizer, lr=0.01)
    task = view(index)
    method.train()
    steps = num_steps(len(task.examples), training)
    train_task(method, TaskView(**{**vars(task), "num_steps": steps}), training, FlopMeter())
    method.end_task(task)
    return method.eval()


OPTIONS = {"hat": {"spread": 0.1, "sparsity": 0.0}, "pnn": {}}


@pytest.mark.parametrize("name", OPTIONS)
def test_convolutions_with_batch_norm_are_learned_and_earlier_tasks_kept_bit_for_bit(name):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        network = Convolutions()
    cls = METHODS[name]
    method = cls(network, cls.Config(**OPTIONS[name]), Outlook(6, IMAGE))
    scores = {}
    for index in (1, 2):
        learn(method, index, "adam")
        assert (
            own_scores(method, index).argmax(1) == view(index).examples.y % 2
        ).float().mean() > 0.9
        if name == "hat":  # a gate between 0 and 1 protects its unit in part
            for rows in method.attention.buffers():
                rows.copy_(rows.sign() * 6)
        scores[index] = own_scores(method, index)
    learn(method, 3, "adam")
    assert all(torch.equal(own_scores(method, index), scores[index]) for index in (1, 2))


@torch.no_grad()
def own_scores(method, index):
    return method.predict(view(index).examples.x, index)[:, 2 * index - 2 : 2 * index]
