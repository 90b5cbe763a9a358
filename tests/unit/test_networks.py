"""The networks: their sizes, their first layer, their features and head, and their seeds."""

from functools import cache

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from methods.base import Setting
from methods.parts.initialisation import draws_by_layer, reinitialise, reset
from orchestrator.networks.base import Normalise
from orchestrator.networks.networks import CNN, MLP, NETWORKS, NetworkShape, ResNet18, build_network
from orchestrator.seeding import stream

GREY = NetworkShape((1, 28, 28), 10, (0.286,), (0.353,))
RGB = NetworkShape((3, 32, 32), 100, (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762))
SMALL = NetworkShape((1, 8, 8), 10, (0.3,), (0.4,))


def images(shape, count=2):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, *shape.input_shape), generator=generator).to(torch.uint8)


@cache
def every_network(shape):
    configs = [(MLP, {}), (CNN, {}), (ResNet18, {}), (ResNet18, {"variant": "torchvision"})]
    return [
        build_network(network, network.Config(**options), shape, 0) for network, options in configs
    ]


def num_parameters(network):
    return sum(p.numel() for p in network.parameters())


# sizes


def test_the_mlp_has_478410_parameters_on_fashion_mnist():
    assert num_parameters(build_network(MLP, MLP.Config(), GREY, 0)) == 478_410


def test_the_slim_resnet_has_the_1109240_parameters_of_the_gem_paper_on_cifar100():
    assert num_parameters(build_network(ResNet18, ResNet18.Config(), RGB, 0)) == 1_109_240


def test_torchvisions_resnet_has_its_published_size_on_rgb_images():
    network = build_network(ResNet18, ResNet18.Config(variant="torchvision"), RGB, 0)
    assert num_parameters(network) == 11_689_512 - 900 * 513


def test_the_cnn_counts_by_hand():
    by_hand = (9 * 1 + 1) * 32 + (9 * 32 + 1) * 64 + (64 * 7 * 7 + 1) * 128 + 129 * 10
    assert num_parameters(build_network(CNN, CNN.Config(), GREY, 0)) == by_hand


def test_an_mlp_without_hidden_layers_is_softmax_regression():
    assert num_parameters(build_network(MLP, MLP.Config(hidden=()), SMALL, 0)) == 65 * 10


# normalisation


@pytest.mark.parametrize("shape", [GREY, RGB])
def test_bytes_are_scaled_and_normalised_per_channel(shape):
    x = images(shape)
    mean, std = (
        torch.tensor(v, dtype=torch.float64).view(-1, 1, 1) for v in (shape.mean, shape.std)
    )
    expected = (x.double() / 255 - mean) / std
    ours = Normalise(shape.mean, shape.std)(x)
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours.double(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [SMALL, RGB])
def test_floats_are_taken_as_pixels_between_0_and_1(shape):
    x = images(shape)
    for network in every_network(shape):
        network.eval()
        torch.testing.assert_close(network(x / 255), network(x), rtol=1e-3, atol=1e-4)


def test_normalising_leaves_its_input_alone_and_passes_gradients():
    x = torch.rand(2, 1, 8, 8, requires_grad=True)
    before = x.detach().clone()
    Normalise(SMALL.mean, SMALL.std)(x).sum().backward()
    assert torch.equal(x.detach(), before)
    torch.testing.assert_close(x.grad, torch.full_like(x, 1 / 0.4))


def test_normalisation_is_no_part_of_the_state():
    for network in every_network(SMALL):
        assert not [name for name in network.state_dict() if name.startswith("normalise")]
        assert [name for name, _ in network.named_buffers() if name.startswith("normalise")]


# features and head


@pytest.mark.parametrize("shape", [SMALL, GREY, RGB])
def test_scores_are_the_linear_head_of_the_features(shape):
    x = images(shape)
    for network in every_network(shape):
        network.eval()
        features = network.features(x)
        assert isinstance(network.head, nn.Linear)
        assert features.shape == (2, network.head.in_features)
        scores = features @ network.head.weight.T + network.head.bias
        assert network(x).shape == (2, shape.num_classes)
        torch.testing.assert_close(network(x), scores)


def test_every_parameter_gets_a_gradient():
    for network in every_network(GREY):
        network(images(GREY)).square().sum().backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_the_mlp_computes_its_formula():
    network = build_network(MLP, MLP.Config(hidden=(5,)), SMALL, 0)
    x = images(SMALL)
    pixels = ((x / 255 - 0.3) / 0.4).flatten(1)
    weight, bias = network.state_dict()["body.1.weight"], network.state_dict()["body.1.bias"]
    torch.testing.assert_close(network.features(x), (pixels @ weight.T + bias).clamp(min=0))


# seeds


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    for network_class in NETWORKS.values():
        first, again, other = (
            build_network(network_class, network_class.Config(), SMALL, seed).state_dict()
            for seed in (0, 0, 1)
        )
        assert all(torch.equal(first[name], again[name]) for name in first)
        assert not torch.equal(first["head.weight"], other["head.weight"])


def test_building_neither_reads_nor_moves_the_global_generator():
    first = build_network(MLP, MLP.Config(), SMALL, 0).head.weight
    before = torch.random.get_rng_state()
    build_network(CNN, CNN.Config(), SMALL, 0)
    assert torch.equal(torch.random.get_rng_state(), before)
    with torch.random.fork_rng(devices=[]):
        torch.rand(7)
        assert torch.equal(build_network(MLP, MLP.Config(), SMALL, 0).head.weight, first)


# configurations


@pytest.mark.parametrize(
    ("config", "options", "message"),
    [
        (MLP.Config, {"hidden": (400, 0)}, r"hidden: \[400, 0\] must be"),
        (CNN.Config, {"channels": (-1,)}, r"channels: \[-1\] must be"),
        (CNN.Config, {"hidden": 0}, r"hidden: \[0\] must be"),
        (ResNet18.Config, {"variant": "wide"}, "variant: 'wide'; valid: slim, torchvision"),
    ],
)
def test_a_hyperparameter_out_of_range_is_named(config, options, message):
    with pytest.raises(ValueError, match=message):
        config(**options)


def test_more_halvings_than_the_image_bears_are_refused():
    with pytest.raises(ValueError, match=r"4 convolutions.*16x16 pixels or more, not 8x8"):
        build_network(CNN, CNN.Config(channels=(4, 4, 4, 4)), SMALL, 0)


def test_a_configuration_from_a_file_is_typed_and_refuses_unknown_keys():
    assert TypeAdapter(MLP.Config).validate_python({"hidden": [3, 4]}).hidden == (3, 4)
    for network_class in NETWORKS.values():
        with pytest.raises(ValidationError, match="width"):
            TypeAdapter(network_class.Config).validate_python({"width": 3})


CONFIGURED = [
    (MLP, MLP.Config(hidden=(8,))),
    (CNN, CNN.Config(channels=(4,), hidden=8)),
    (ResNet18, ResNet18.Config()),
    (ResNet18, ResNet18.Config(variant="torchvision")),
]


@pytest.mark.parametrize(("network", "config"), CONFIGURED)
def test_weights_drawn_anew_are_those_the_constructor_would_have_drawn(network, config):
    shape = NetworkShape((1, 8, 8), 10, (0.5,), (0.25,))
    built = build_network(network, config, shape, seed=0)
    built.train()
    built(torch.randint(256, (4, 1, 8, 8), dtype=torch.uint8))
    generator = stream(3, "weights")
    reinitialise(built, generator)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.set_state(generator.get_state())
        expected = network(config, shape).state_dict()
    for name, value in built.state_dict().items():
        assert torch.equal(value, expected[name]), name


@pytest.mark.parametrize(("network", "config"), CONFIGURED)
def test_networks_whose_layers_draw_what_their_constructor_draws_are_known(network, config):
    """Methods that start a network again keep their stages of release 0.1 for these networks."""
    shape = NetworkShape((1, 8, 8), 10, (0.5,), (0.25,))
    drawn, by_layer = (build_network(network, config, shape, seed) for seed in (0, 1))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.set_state(stream(3, "weights").get_state())
        drawn.load_state_dict(network(config, shape).state_dict())
        torch.default_generator.set_state(stream(3, "weights").get_state())
        reset(by_layer)
    pairs = zip(drawn.parameters(), by_layer.parameters(), strict=True)
    (name,) = (name for name, cls in NETWORKS.items() if cls is network)
    setting = Setting("task", 10, shape.input_shape, name, network_config=config)
    assert all(torch.equal(*pair) for pair in pairs) == draws_by_layer(setting)
