"""The networks: their sizes, their first layer, their features and head, and their seeds."""

from functools import cache, partial

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from methods.base import Setting
from methods.parts.initialisation import draws_by_layer, reinitialise, reset
from orchestrator.networks.heads import CosineLinear
from orchestrator.networks.networks import (
    CNN,
    MLP,
    NETWORKS,
    NetworkShape,
    ResNet18,
    ResNet32,
    ViTTiny,
    build_network,
)
from orchestrator.networks.normalise import Normalise
from orchestrator.seeding import stream
from orchestrator.stages.flops import FlopCounter

pytestmark = pytest.mark.slow

GREY = NetworkShape((1, 28, 28), 10, (0.286,), (0.353,))
RGB = NetworkShape((3, 32, 32), 100, (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762))
SMALL = NetworkShape((1, 8, 8), 10, (0.3,), (0.4,))


def images(shape, count=2):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, *shape.input_shape), generator=generator).to(torch.uint8)


@cache
def every_network(shape):
    configs = [
        (MLP, {}),
        (CNN, {}),
        (ResNet18, {}),
        (ResNet18, {"variant": "torchvision"}),
        (ResNet32, {}),
        (ViTTiny, {"width": 12, "depth": 2}),
    ]
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


def test_the_full_resnet_has_its_well_known_size_on_cifar10():
    shape = NetworkShape((3, 32, 32), 10, RGB.mean, RGB.std)
    network = build_network(ResNet18, ResNet18.Config(variant="full"), shape, 0)
    assert num_parameters(network) == 11_173_962


def test_the_body_of_resnet32_has_463504_parameters():
    stem = 27 * 16 + 2 * 16
    stages = sum(
        9 * before * after + 9 * 9 * after * after + 10 * 2 * after
        for before, after in ((16, 16), (16, 32), (32, 64))
    )
    network = build_network(ResNet32, ResNet32.Config(), RGB, 0)
    assert num_parameters(network.body) == stem + stages == 463_504
    assert num_parameters(network.head) == 65 * 100


def test_the_vision_transformer_counts_by_hand():
    d = 192
    norm, hidden = 2 * d, (d + 1) * 4 * d + (4 * d + 1) * d
    block = norm + (d + 1) * 3 * d + (d + 1) * d + norm + hidden
    by_hand = (48 + 1) * d + d + 65 * d + 12 * block + norm + (d + 1) * 100
    assert num_parameters(build_network(ViTTiny, ViTTiny.Config(), RGB, 0)) == by_hand


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


# computation


def forward_flops(network, shape):
    with FlopCounter() as counter, torch.no_grad():
        network.eval()(images(shape, 1))
    return counter.total


def test_resnet32_takes_138_mflops_an_image_of_cifar():
    stages = (
        9 * (before * after + 9 * after * after) * rows**2
        for before, after, rows in ((16, 16, 32), (16, 32, 16), (32, 64, 8))
    )
    by_hand = 2 * (27 * 16 * 32**2 + sum(stages) + 64 * 100)
    assert forward_flops(build_network(ResNet32, ResNet32.Config(), RGB, 0), RGB) == by_hand


def test_the_flops_of_the_vision_transformer_include_its_attention():
    config = ViTTiny.Config(patch=8, width=24, depth=2, heads=2)
    tokens, d = 17, 24
    block = tokens * 12 * d * d + 2 * tokens * tokens * d
    by_hand = 2 * (16 * 192 * d + 2 * block + d * 100)
    assert forward_flops(build_network(ViTTiny, config, RGB, 0), RGB) == by_hand


# features and head


@pytest.mark.parametrize(
    "network_class", [*NETWORKS.values(), partial(ResNet18, variant="torchvision")]
)
def test_scores_of_a_cosine_head_are_bounded_by_its_scale_and_ignore_lengths(network_class):
    options = getattr(network_class, "keywords", {})
    network_class = getattr(network_class, "func", network_class)
    shape = NetworkShape((1, 8, 8), 5, (0.3,), (0.4,))
    network = build_network(network_class, network_class.Config(head="cosine", **options), shape, 0)
    network.eval()
    with torch.no_grad():
        network.head.scale.fill_(3.0)
        scores = network(images(shape))
        assert scores.abs().max() <= 3.0 + 1e-5
        torch.testing.assert_close(network.head(7 * network.features(images(shape))), scores)
        network.head.weight.mul_(5)
        torch.testing.assert_close(network(images(shape)), scores)


def test_a_cosine_head_computes_its_formula():
    head = CosineLinear(2, 2)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[3.0, 4.0], [0.0, -2.0]]))
        head.scale.fill_(10.0)
    scores = head(torch.tensor([[0.0, 5.0], [0.0, 0.0]]))
    torch.testing.assert_close(scores, torch.tensor([[8.0, -10.0], [0.0, 0.0]]))


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
        (CNN.Config, {"hidden": 0}, "hidden: 0 must be a whole number of at least 1"),
        (ResNet18.Config, {"variant": "wide"}, "variant: 'wide'; valid: slim, full, torchvision"),
        (ViTTiny.Config, {"patch": 0}, "patch: 0 must be a whole number of at least 1"),
        (ViTTiny.Config, {"heads": 5}, "heads: 5 must be a divisor of the width, 192"),
    ],
)
def test_a_hyperparameter_out_of_range_is_named(config, options, message):
    with pytest.raises(ValueError, match=message):
        config(**options)


def test_more_halvings_than_the_image_bears_are_refused():
    with pytest.raises(ValueError, match=r"4 convolutions.*16x16 pixels or more, not 8x8"):
        build_network(CNN, CNN.Config(channels=(4, 4, 4, 4)), SMALL, 0)


def test_patches_that_do_not_divide_the_image_are_refused():
    with pytest.raises(ValueError, match=r"patch: 5 does not divide images of 8x8.*valid: 1, 2, 4"):
        build_network(ViTTiny, ViTTiny.Config(patch=5), SMALL, 0)


@pytest.mark.parametrize("name", sorted(NETWORKS.keys() - {"mlp"}))
def test_networks_of_images_refuse_features(name):
    shape = NetworkShape((13,), 3, (0.0,), (1.0,))
    objection = NETWORKS[name].objection(NETWORKS[name].Config(), shape)
    assert objection == "name: needs images, and the data has 13 features; use mlp"


def test_a_kind_of_head_that_is_none_is_refused():
    with pytest.raises(ValueError, match="head: 'round'; valid: linear, cosine"):
        build_network(MLP, MLP.Config(head="round"), SMALL, 0)
    with pytest.raises(ValidationError, match="cosine"):
        TypeAdapter(MLP.Config).validate_python({"head": "round"})


def test_a_configuration_from_a_file_is_typed_and_refuses_unknown_keys():
    assert TypeAdapter(MLP.Config).validate_python({"hidden": [3, 4]}).hidden == (3, 4)
    for network_class in NETWORKS.values():
        with pytest.raises(ValidationError, match="wide"):
            TypeAdapter(network_class.Config).validate_python({"wide": 3})


CONFIGURED = [
    (MLP, MLP.Config(hidden=(8,))),
    (CNN, CNN.Config(channels=(4,), hidden=8)),
    (ResNet18, ResNet18.Config()),
    (ResNet18, ResNet18.Config(variant="torchvision")),
    (ResNet32, ResNet32.Config()),
    (ViTTiny, ViTTiny.Config(width=12, depth=2)),
]
COSINE = [
    (MLP, MLP.Config(hidden=(8,), head="cosine")),
    (ResNet18, ResNet18.Config(variant="torchvision", head="cosine")),
]


def test_every_network_of_the_table_is_drawn_anew_in_the_tests():
    assert {network for network, _ in CONFIGURED} == set(NETWORKS.values())


@pytest.mark.parametrize(("network", "config"), CONFIGURED + COSINE)
def test_weights_drawn_anew_are_those_the_constructor_would_have_drawn(network, config):
    shape = NetworkShape((1, 8, 8), 10, (0.5,), (0.25,))
    built = build_network(network, config, shape, seed=0)
    first = {name: p.std().item() for name, p in built.named_parameters() if p.numel() > 1}
    built.train()
    built(torch.randint(256, (4, 1, 8, 8), dtype=torch.uint8))
    generator = stream(3, "weights")
    reinitialise(built, generator)
    for name, spread in first.items():
        # Five standard errors: sqrt(1 / 2n) of the spread of n normal values.
        p = built.get_parameter(name)
        assert p.std().item() == pytest.approx(spread, rel=5 / (2 * p.numel()) ** 0.5, abs=0), name
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.set_state(generator.get_state())
        expected = network(config, shape).state_dict()
    for name, value in built.state_dict().items():
        assert torch.equal(value, expected[name]), name


# Those of release 0.1, and one whose layers draw otherwise.
@pytest.mark.parametrize(("network", "config"), CONFIGURED[:-1])
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
