"""What makes methods slow, and is not done: a Python loop over examples, a network on the host."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from alike import NEED_TOKENS, cases, each_method
from full_size import build, learn, view
from test_conformance import KINDS
from torch.utils._python_dispatch import TorchDispatchMode

from methods import METHODS
from methods.base import Examples
from methods.testing.blobs import Blobs
from methods.testing.snapshots import snapshots

CONFIGS = {
    "gdumb": {"passes": 1},
    "ranpac": {"projection": 30},
    "bic": {"correction_epochs": 1},
    "generative_replay": {"hidden": (24,), "latent_size": 4},
}
MEMORY_SIZE = 12
APART = {"hat", "pnn", *NEED_TOKENS}  # take no network with batch normalisation
NETWORKS = [
    (name, norm) for name in METHODS for norm in (False, True) if not (norm and name in APART)
]


def config(name):
    given = CONFIGS.get(name, {})
    if hasattr(METHODS[name].Config(), "memory_size"):
        given = {**given, "memory_size": MEMORY_SIZE}
    return given


def scenario(name):
    return "class" if "class" in METHODS[name].scenarios else "task"


@dataclass(frozen=True)
class Repeated(Blobs):
    """Every example several times."""

    times: int = 1

    def examples(self, index):
        once = super().examples(index)
        return Examples(once.x.repeat(self.times, 1, 1, 1), once.y.repeat(self.times))


class Operations(TorchDispatchMode):
    """Counts operations on tensors."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


def operations(blobs):
    """How many operations the second task takes, from beginning to end, in one step."""
    method = blobs.restore(next(snapshots(blobs)).state, num_learned=1)
    if blobs.method_class.starts_afresh:
        method = blobs.create_method()
    with Operations() as counted:
        learn(method, blobs.view(2), batch_size=1000)
    return counted.count


# With batch normalisation, `make test` goes through a method for each kind of state.
@pytest.mark.parametrize(
    ("name", "batch_norm"),
    [
        *cases([(name, norm) for name, norm in NETWORKS if not norm or name in KINDS]),
        *(
            pytest.param(name, norm, marks=pytest.mark.variant)
            for name, norm in NETWORKS
            if norm and name not in KINDS
        ),
    ],
)
def test_four_times_the_examples_take_no_more_operations(name, batch_norm):
    method = METHODS[name]
    blobs = Repeated(method, method.Config(**config(name)), scenario(name), batch_norm)
    assert operations(replace(blobs, times=4)) == operations(blobs) > 0


TO_THE_HOST = ("cpu", "numpy", "tolist", "item")
SMALLEST_WEIGHT = 400 * 10


@pytest.mark.parametrize("name", each_method())
def test_nothing_as_large_as_a_weight_is_copied_to_the_host(name, monkeypatch):
    sizes = []

    def note_sizes(plain):
        def note(tensor, *given, **named):
            sizes.append(tensor.numel())
            return plain(tensor, *given, **named)

        return note

    network = "vit_tiny" if name in NEED_TOKENS else "mlp"
    method, reveals_task = build(name, network, **config(name)), scenario(name) == "task"
    views = [view(index, network, reveals_task=reveals_task) for index in (1, 2)]
    learn(method, views[0])
    with monkeypatch.context() as watched:
        for way in TO_THE_HOST:
            watched.setattr(torch.Tensor, way, note_sizes(getattr(torch.Tensor, way)))
        learn(method, views[1])
    assert max(sizes, default=0) < SMALLEST_WEIGHT


def test_a_loop_over_examples_would_be_noticed():
    class Loops(METHODS["finetune"]):
        def end_task(self, task):
            for x in task.examples.x:
                self.network(x.unsqueeze(0))

    blobs = Repeated(Loops, Loops.Config(), "class")
    assert operations(replace(blobs, times=4)) > 3 * operations(blobs)


def test_a_network_on_the_host_would_be_noticed(monkeypatch):
    sizes = []
    monkeypatch.setattr(torch.Tensor, "cpu", lambda t: sizes.append(t.numel()) or t)
    build("finetune", "mlp").network.cpu()
    assert max(sizes) >= SMALLEST_WEIGHT
