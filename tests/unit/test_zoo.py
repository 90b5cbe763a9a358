"""Networks of torchvision and timm by name: how they are found, what they take and refuse."""

import pytest
import torch
from torch import nn

from methods.parts.initialisation import reinitialise
from orchestrator.benchmarks.sources.torchvision_import import import_torchvision
from orchestrator.errors import RepertoireError, UnknownName
from orchestrator.networks import zoo
from orchestrator.networks.networks import NetworkShape, build_network
from orchestrator.seeding import stream
from orchestrator.stages.code.classes import find_class, is_dotted
from orchestrator.stages.code.components import create_component
from orchestrator.sweep.sweep import Sweep

pytestmark = pytest.mark.slow

GREY = NetworkShape((1, 32, 32), 7, (0.3,), (0.4,))
RGB = NetworkShape((3, 32, 32), 7, (0.5,) * 3, (0.25,) * 3)
SMALL = "torchvision:shufflenet_v2_x0_5"
SWEEP = """\
name: zoo
benchmark: {{name: split_digits, scenario: {scenario}, num_tasks: 5}}
network: {{name: "{network}"}}
methods: [{method}]
seeds: [0]
"""


def build(name, shape, **config):
    cls = find_class("network", name)
    return build_network(cls, cls.Config(**config), shape, 0)


@pytest.fixture
def refusal(tmp_path):
    """Return what the user reads about a sweep with one network; nothing if it is accepted."""

    def message(network, method="finetune", scenario="class"):
        path = tmp_path / "zoo.yaml"
        path.write_text(SWEEP.format(network=network, method=method, scenario=scenario))
        try:
            Sweep.load(path)
        except RepertoireError as mistake:
            return str(mistake)
        return ""

    return message


def test_a_network_of_torchvision_is_the_published_one_with_another_head():
    network = build(SMALL, RGB)
    published = 1_366_792  # of 1000 classes, as torchvision documents
    size = sum(p.numel() for p in network.parameters())
    assert size == published - (1000 - 7) * (1024 + 1)
    x = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    network.eval()
    torch.testing.assert_close(network(x), network.head(network.features(x)))
    assert network(x).shape == (2, 7)


def test_grey_images_are_repeated_to_three_channels():
    network = build(SMALL, GREY).eval()
    rgb = build(SMALL, NetworkShape((3, 32, 32), 7, GREY.mean * 3, GREY.std * 3)).eval()
    x = torch.randint(0, 256, (2, 1, 32, 32), dtype=torch.uint8)
    torch.testing.assert_close(network(x), rgb(x.expand(-1, 3, -1, -1)))


def test_the_same_seed_builds_the_same_bits_and_weights_drawn_anew_are_the_constructor_s():
    first, again = build(SMALL, RGB), build(SMALL, RGB)
    pairs = zip(first.parameters(), again.parameters(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)
    reinitialise(again, stream(3, "weights"))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.set_state(stream(3, "weights").get_state())
        expected = type(first)(first.config, RGB).state_dict()
    assert all(torch.equal(v, expected[name]) for name, v in again.state_dict().items())


def test_a_cosine_head_replaces_the_head_of_the_library():
    network = build(SMALL, RGB, head="cosine").eval()
    scores = network(torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8))
    assert scores.abs().max() <= network.head.scale + 1e-5


def test_names_of_libraries_are_no_code_of_the_user_and_are_keyed_by_name():
    assert not is_dotted(SMALL)
    component = create_component("network", SMALL, find_class("network", SMALL).Config())
    assert component.source is None
    assert component.identity == f"{SMALL}/1"
    assert component.cls is find_class("network", SMALL)
    assert component.describe() == {"name": SMALL}


def test_an_unknown_architecture_is_refused_with_the_nearest_name():
    with pytest.raises(UnknownName, match=r"did you mean 'torchvision:resnet18'\?"):
        find_class("network", "torchvision:resnt18")


def test_a_library_that_is_not_installed_is_named_with_the_command(monkeypatch):
    def raise_missing(name):
        raise ImportError(name)

    monkeypatch.setattr(zoo, "import_module", raise_missing)
    with pytest.raises(RepertoireError, match=r"pip install 'repertoire-cl\[timm\]'"):
        find_class("network", "timm:resnet18")


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        ("torchvision:alexnet", "alexnet cannot take images of 8x8 pixels and 1 channels"),
        ("torchvision:squeezenet1_1", "its output layer is not linear"),
        ("torchvision:resnt18", "unknown network 'torchvision:resnt18'; did you mean"),
    ],
)
def test_a_network_that_cannot_take_the_images_is_refused_when_the_sweep_is_read(
    refusal, network, reason
):
    message = refusal(network)
    assert reason in message


def test_a_network_of_a_library_is_taken_and_hat_and_pnn_say_that_they_cannot(refusal):
    assert refusal(SMALL) == ""
    for method in ("hat", "pnn"):
        assert f"given {SMALL}" in refusal(method=method, network=SMALL, scenario="task")


def test_images_of_two_channels_are_refused():
    cls = find_class("network", SMALL)
    shape = NetworkShape((2, 32, 32), 7, (0.5,) * 2, (0.25,) * 2)
    assert "its images have 1 or 3 channels" in cls.objection(cls.Config(), shape)
    features = NetworkShape((13,), 7, (0.0,), (1.0,))
    assert "needs images" in cls.objection(cls.Config(), features)


@pytest.mark.parametrize("name", ["timm:mobilenetv3_small_050", "timm:vit_tiny_patch16_224"])
@pytest.mark.parametrize("shape", [GREY, RGB], ids=["grey", "rgb"])
def test_networks_of_timm_take_the_benchmark_s_channels_and_size(name, shape):
    import_torchvision()  # which timm imports; it may need help beside a CPU-only torch
    pytest.importorskip("timm")
    network = build(name, shape).eval()
    x = torch.randint(0, 256, (2, *shape.input_shape), dtype=torch.uint8)
    assert network(x).shape == (2, 7)
    assert type(network.head) is nn.Linear
    assert network.features(x).shape == (2, network.head.in_features)
    cls = find_class("network", name)
    assert cls.objection(cls.Config(), shape) is None
