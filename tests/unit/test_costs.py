"""Costs: bytes by hand, FLOPs by formula, and FLOPs multiplied against FLOPs counted."""

import mmap

import pytest
import torch
from counting_meter import CountingMeter
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from methods import METHODS
from methods.base import Examples, Method, Outlook, TaskView
from orchestrator.errors import RepertoireError
from orchestrator.networks.networks import MLP, NetworkShape, build_network
from orchestrator.seeding import stream
from orchestrator.stages import usage
from orchestrator.stages.costs import CATEGORIES, FlopMeter, raw_data_bytes, storage_bytes
from orchestrator.stages.flops import FlopCounter
from orchestrator.stages.learning.learner import Training, train_task
from orchestrator.stages.usage import Clock

FORWARD = 784 * 400 + 400 * 400 + 400 * 10  # multiply-adds of one image
# Backward: the gradient of every weight, and of every layer's input but the first's.
BACKWARD = FORWARD + 400 * 400 + 400 * 10
MNIST = NetworkShape(input_shape=(1, 28, 28), num_classes=10, mean=(0.1307,), std=(0.3081,))
SMALL = NetworkShape(input_shape=(1, 4, 4), num_classes=4, mean=(0.5,), std=(0.5,))


def mnist_mlp() -> nn.Module:
    return build_network(MLP, MLP.Config(hidden=(400, 400)), MNIST, seed=0)


def images(count: int, shape: NetworkShape, purpose: str = "images") -> Examples:
    generator = stream(0, purpose)
    x = torch.randint(256, (count, *shape.input_shape), generator=generator, dtype=torch.uint8)
    return Examples(x, torch.randint(shape.num_classes, (count,), generator=generator))


def view(examples: Examples, index: int = 1) -> TaskView:
    classes = tuple(examples.y.unique().tolist())
    return TaskView(index, classes, examples, None, lambda purpose: stream(7, index, purpose))


def method_on(name: str, shape: NetworkShape, network: nn.Module, **config: object) -> Method:
    cls = METHODS[name]
    return cls(network, cls.Config(**config), Outlook(shape.num_classes, shape.input_shape))


# The MLP of the field: 784-400-400-10


def test_the_mlp_of_the_field_has_478_410_parameters_in_1_913_640_bytes():
    network = mnist_mlp()
    assert sum(p.numel() for p in network.parameters()) == 478_410
    state = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    assert storage_bytes(state, {}) == {"model": 1_913_640}


@pytest.mark.parametrize("batch", [1, 128])
def test_its_forward_pass_costs_477_600_multiply_adds_an_image(batch):
    assert FORWARD == 477_600
    network, x, meter = mnist_mlp(), images(batch, MNIST).x, FlopMeter()
    with torch.no_grad():
        meter.measure("predict", lambda: network(x))
    assert meter.total == 2 * batch * 477_600


def test_its_training_step_costs_2_34_forward_passes_not_3():
    assert BACKWARD == 641_600
    batch = images(128, MNIST)
    method, meter = method_on("finetune", MNIST, mnist_mlp()), FlopMeter()
    assert train_task(method, view(batch), Training(batch_size=128), meter).samples == 128
    assert meter.total == 2 * 128 * (477_600 + 641_600)
    assert round(meter.total / (2 * 128 * 477_600), 2) == 2.34


def test_three_epochs_with_a_short_last_batch_cost_what_their_examples_cost():
    method, meter = method_on("finetune", MNIST, mnist_mlp()), FlopMeter()
    train_task(method, view(images(10, MNIST)), Training(batch_size=4, epochs=3), meter)
    assert meter.total == 2 * 30 * (477_600 + 641_600)


# Multiplying by kind is counting


def test_the_counter_gives_the_totals_of_pytorch_s() -> None:
    first = (nn.Conv2d(2, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Flatten(2), nn.Conv1d(4, 6, 3))
    network = nn.Sequential(*first, nn.Flatten(), nn.LazyLinear(5))
    x = torch.rand(7, 2, 6, 6)
    network(x)

    def work() -> None:
        scores = network(x)
        torch.einsum("bi,bj->ij", scores, scores).trace().add(scores.logsumexp(1).sum()).backward()

    with FlopCounterMode(display=False) as theirs:
        work()
    with FlopCounter() as ours:
        work()
    assert ours.total == theirs.get_total_flops() > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("finetune", {}),
        ("er", {"memory_size": 7}),
        ("er", {"memory_size": 50, "replay_batch_size": 3}),
        ("er", {"memory_size": 10, "policy": "class_balanced"}),
        ("er", {"memory_size": 10, "policy": "ring"}),
        ("der", {"memory_size": 7}),
        ("derpp", {"memory_size": 50, "replay_batch_size": 3}),
        ("gem", {"memory_size": 11}),
        ("agem", {"memory_size": 7, "policy": "ring"}),
        ("icarl", {"memory_size": 10}),
        ("gdumb", {"memory_size": 10}),
        ("ewc", {"lam": 10.0}),
        ("ewc", {"mode": "offline"}),
        ("joint", {}),
        ("independent", {}),
    ],
)
def test_flops_multiplied_by_kind_are_the_flops_counted_at_every_step(name, config):
    totals = []
    for meter in (FlopMeter(), CountingMeter()):
        method = method_on(
            name, SMALL, build_network(MLP, MLP.Config(hidden=(5,)), SMALL, seed=1), **config
        )
        for index in (1, 2):
            task = view(images(9, SMALL, f"task {index}"), index)
            train_task(method, task, Training(batch_size=4, epochs=2, lr=0.01), meter)
            method.end_task(task)
        totals.append(meter.total)
    assert totals[0] == totals[1] > 0


def test_a_kind_is_watched_once_and_added_each_time():
    meter, a = FlopMeter(), torch.ones(2, 3)
    calls = []

    def work() -> torch.Tensor:
        calls.append(1)
        return a @ a.T

    results = [meter.measure("product", work) for _ in range(5)]
    assert (meter.total, len(calls)) == (5 * 2 * 2 * 3 * 2, 5)
    assert all(torch.equal(result, a @ a.T) for result in results)
    meter.measure("other", lambda: a @ a.T @ a)
    assert meter.total == 5 * 24 + 24 + 2 * 2 * 2 * 3


# Storage


def test_a_state_is_counted_by_category_at_the_size_it_occupies():
    state = {
        "network.head.weight": torch.zeros(3, 4),
        "network.head.bias": torch.zeros(3),
        "memory.x": torch.zeros(10, 1, 8, 8, dtype=torch.uint8),
        "memory.y": torch.zeros(10, dtype=torch.uint8),
        "memory.offered": torch.zeros((), dtype=torch.int64),
        "teacher.weight": torch.zeros(2, dtype=torch.float16),
        "empty.weight": torch.zeros(0),
    }
    table = {"memory": "buffer", "teacher": "teacher", "empty": "anchor"}
    assert storage_bytes(state, table) == {
        "model": 4 * 15,
        "buffer": 640 + 10 + 8,
        "teacher": 4,
        "anchor": 0,
    }


def test_a_part_of_the_state_without_a_category_is_the_method_s_mistake():
    with pytest.raises(RepertoireError, match=r"'secret\.x' of no storage category; name 'secret'"):
        storage_bytes({"secret.x": torch.zeros(1)}, {"memory": "buffer"})


@pytest.mark.parametrize("name", METHODS)
def test_every_method_charges_categories_that_the_tables_have(name):
    assert set(METHODS[name].storage.values()) <= set(CATEGORIES)


def test_the_upper_bound_is_charged_for_the_data_it_keeps_and_the_others_are_not():
    data = images(11, MNIST)
    network = mnist_mlp()
    assert raw_data_bytes(method_on("joint", MNIST, network), data) == 11 * (784 + 1)
    assert raw_data_bytes(method_on("finetune", MNIST, network), data) == 0
    many = NetworkShape(input_shape=(1, 28, 28), num_classes=257, mean=(0.0,), std=(1.0,))
    assert raw_data_bytes(method_on("joint", many, network), data) == 11 * (784 + 2)


# Time and memory


class Hands:
    """A clock that is moved by hand, and by `tick` each time it is read."""

    def __init__(self) -> None:
        self.wall = self.cpu = 100.0
        self.tick = 0.0

    def perf_counter(self) -> float:
        self.wall += self.tick
        return self.wall

    def process_time(self) -> float:
        return self.cpu


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    hands = Hands()
    monkeypatch.setattr(usage, "time", hands)
    return hands


def test_phases_add_up_apart_and_processor_seconds_together(hands):
    clock = Clock()
    for name, wall, cpu in (("train", 3.0, 2.0), ("eval", 1.0, 1.0), ("train", 4.0, 8.0)):
        with clock.phase(name):
            hands.wall += wall
            hands.cpu += cpu
        hands.wall += 50
    assert clock.seconds == {"train": 7.0, "eval": 1.0}
    assert (clock.cpu_seconds, clock.gpu_seconds) == (11.0, 0.0)


def test_a_phase_that_ends_in_an_error_took_its_time_too(hands):
    clock = Clock()
    hands.tick = 3.0
    with pytest.raises(ZeroDivisionError), clock.phase("train"):
        _ = 1 // 0
    assert clock.seconds == {"train": 3.0}


def test_peak_memory_sees_what_was_held_for_a_moment_and_forgets_it_at_a_reset():
    usage.reset_peak_memory("cpu")
    before = usage.peak_memory_bytes("cpu")
    with mmap.mmap(-1, 50_000_000) as pages:  # memory that the process has not had before
        pages.write(bytes(len(pages)))
    assert usage.peak_memory_bytes("cpu") - before > 40_000_000
    usage.reset_peak_memory("cpu")
    assert usage.peak_memory_bytes("cpu") - before < 40_000_000
