"""What the contract offers beyond one loss: phases, epochs, several steps, rates, other heads."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from methods.base import Method, Phase
from methods.er import ER
from methods.finetune import Finetune
from methods.parts.heads import CosineHead, GrowingHead
from methods.testing.blobs import Blobs
from methods.testing.conformance import assert_conforms
from methods.testing.equality import copy_state, unequal_entries
from methods.testing.watch import ExactMeter
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.errors import RepertoireError
from orchestrator.networks.networks import MLP
from orchestrator.stages.build_stages import build_stages
from orchestrator.stages.code.components import Component, create_component
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning.learner import Training, train_task
from orchestrator.stages.run_stage import run_stage

WARM = Phase("warm-up", {"epochs": 1, "lr": 0.5, "schedule": "constant"})
BALANCED = Phase("balanced", {"iterations": 3, "lr": 0.01, "batch_size": 4})


class Parts(Finetune):
    """Trains the head, then everything, then everything on as many examples of each class."""

    def __init__(self, *args):
        super().__init__(*args)
        self.diary, self.chosen = [], None

    def phases(self, task):
        return (WARM, Phase(), BALANCED)

    def begin_phase(self, phase, task):
        self.diary.append(phase.name)
        for name, p in self.network.named_parameters():
            p.requires_grad_(name.startswith("head.") or phase.name != "warm-up")
        self.chosen = slice(None, None, 4) if phase.name == "balanced" else slice(None)

    def examples(self, task):
        return task.examples[self.chosen]

    def begin_epoch(self, epoch):
        self.diary.append(("begin", epoch))

    def after_epoch(self, epoch):
        self.diary.append(("end", epoch))

    def loss(self, batch):
        self.diary.append((len(batch), round(self.learning_rate, 4), self.update))
        return super().loss(batch)


def blobs_of(cls):
    return Blobs(cls, cls.Config(), "class")


def train_once(cls, **options):
    method = blobs_of(cls).create_method()
    training = Training(**{"batch_size": 24, "lr": 0.1, "optimizer": "sgd", **options})
    return method, train_task(method, blobs_of(cls).view(1), training, FlopMeter())


def test_each_phase_has_its_own_training_parameters_and_examples():
    method, trained = train_once(Parts, schedule={"name": "multistep", "milestones": [1]}, epochs=2)
    an_epoch = [(24, 0.5, 0)] * 2
    assert method.diary == [
        *("warm-up", ("begin", 1), *an_epoch, ("end", 1)),
        *("", ("begin", 1), *[(24, 0.1, 0)] * 2, ("end", 1)),
        *(("begin", 2), *[(24, 0.01, 0)] * 2, ("end", 2)),
        *("balanced", ("begin", 1), (4, 0.01, 0), *[(4, 0.001, 0)] * 2, ("end", 1)),
    ]
    assert (trained.epochs, trained.samples) == (4, 48 + 96 + 12)


def test_a_warm_up_changes_the_head_alone():
    class HeadFirst(Parts):
        def phases(self, task):
            return (WARM,)

    method, _ = train_once(HeadFirst)
    start = blobs_of(HeadFirst).create_method().network.state_dict()
    changed = unequal_entries(start, method.network.state_dict())
    assert changed == ["head.weight", "head.bias"]


def test_a_phase_whose_training_cannot_be_says_which():
    class Wrong(Parts):
        def phases(self, task):
            return (Phase("compression", {"lr": -1}),)

    with pytest.raises(RepertoireError, match="the training of phase 'compression': lr must be ab"):
        train_once(Wrong)


class Twice(Finetune):
    """Takes two steps on every batch."""

    def num_updates(self, batch):
        return 2


def test_several_steps_on_a_batch_are_those_steps_one_after_another():
    method, trained = train_once(Twice, epochs=1)
    plain = blobs_of(Finetune).create_method()
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1)
    view = blobs_of(Finetune).view(1)
    plain.configure_loss(view.allowed)
    order = torch.randperm(len(view.examples), generator=view.stream("data order"))
    for rows in order.split(24):
        for _ in range(2):
            optimizer.zero_grad()
            plain.loss(view.examples[rows]).backward()
            optimizer.step()
    assert trained.samples == 2 * 48
    for name, tensor in plain.state_dict().items():
        assert torch.allclose(tensor, method.state_dict()[name], atol=1e-6)


def test_a_memory_stores_a_batch_once_however_many_steps_it_takes():
    def memory(updates):
        class Repeated(ER):
            def num_updates(self, batch):
                return updates

        cls = Repeated
        blobs = Blobs(cls, cls.Config(memory_size=12), "class")
        method = blobs.create_method()
        train_task(method, blobs.view(1), Training(batch_size=16), FlopMeter())
        method.end_task(blobs.view(1))
        return {n: t for n, t in copy_state(method.state_dict()).items() if "memory" in n}

    assert not unequal_entries(memory(1), memory(3))


class Noting(Finetune):
    """Notes the rate of each step."""

    def loss(self, batch):
        self.rates = [*getattr(self, "rates", ()), self.learning_rate]
        return super().loss(batch)


def test_a_method_sees_the_rate_of_each_step_and_of_the_body():
    method, _ = train_once(Noting, epochs=4, schedule={"name": "exponential", "gamma": 0.25})
    assert method.rates == pytest.approx([0.1 * 0.5**step for step in range(8)])
    method, _ = train_once(Noting, lr={"head": 0.3, "body": 0.2}, epochs=1)
    assert method.rates == [0.2, 0.2]


# Heads


class Grows(Method):
    """Has the outputs of the classes it has met."""

    def __init__(self, network, config, outlook):
        super().__init__(network, config, outlook)
        self.network.head = GrowingHead(network.head)

    def begin_task(self, task):
        self.network.head.grow(max(task.classes) + 1, task.stream("head"))


class Cosine(Method):
    """Scores by cosines."""

    def __init__(self, network, config, outlook):
        super().__init__(network, config, outlook)
        self.network.head = CosineHead(network.head)


@pytest.mark.parametrize("cls", [Grows, Cosine, Twice, Parts])
def test_they_keep_the_contract(cls):
    assert_conforms(cls, scenario="class")


def test_a_growing_head_keeps_its_rows_and_scores_0_where_it_has_none():
    head = GrowingHead(torch.nn.Linear(4, 6))
    x, generator = torch.randn(3, 4), torch.Generator().manual_seed(0)
    assert torch.equal(head(x), torch.zeros(3, 6))
    head.grow(2, generator)
    first = copy_state(head.state_dict())
    head.grow(5, generator)
    head.grow(3, generator)
    assert head.weight.shape == (5, 4)
    assert torch.equal(head.weight[:2], first["weight"])
    assert torch.equal(head(x)[:, :5], F.linear(x, head.weight, head.bias))
    assert torch.equal(head(x)[:, 5], torch.zeros(3))
    assert float(head.weight.detach().abs().max()) <= 0.5  # 1 / sqrt(4)


def test_a_cosine_head_scores_directions():
    head = CosineHead(torch.nn.Linear(4, 3), scale=2.0)
    x = torch.randn(5, 4)
    assert torch.allclose(head(x), head(7 * x), atol=1e-6)
    assert float(head(head.weight.detach())[0, 0].detach()) == pytest.approx(2.0, abs=1e-6)


def stages_of(cls):
    benchmark = Benchmark(name="split_digits", num_tasks=2, samples_per_task=24)
    network = create_component("network", "mlp", MLP.Config(hidden=(8,)))
    component = create_component("method", "finetune", Finetune.Config())

    class Own(Component):
        @property
        def cls(self):
            return cls if self.kind == "method" else super().cls

    method = Own(**{**vars(component), "name": "finetune"})
    training = Training(batch_size=12, keep_optimizer=True)
    return build_stages(benchmark, network, training, method, 0)


@pytest.mark.parametrize("cls", [Grows, Cosine])
def test_stages_carry_a_replaced_head_and_start_it_as_the_method_made_it(cls):
    stages, state = stages_of(cls), None
    rows = []
    for stage in stages:
        state, record = run_stage(stage, state, ("s", "t", 0))
        rows.append(tuple(state["network.head.weight"].shape))
    assert rows == ([(10, 8), (5, 8), (10, 8)] if cls is Grows else [(10, 8)] * 3)
    assert record.status == "complete"
    # Where the head grew its optimiser began anew; that of the body went on.
    steps = {n.split("/")[0]: int(t) for n, t in state.items() if n.endswith("/step")}
    body = next(n for n in steps if ".body." in n)
    assert steps["kept_optimizer.network.head.weight"] == steps[body] // (2 if cls is Grows else 1)


def test_a_memory_with_augmented_examples_breaks_the_contract():
    class Wrong(ER):
        """Stores the view that the network saw."""

        def loss(self, batch):
            self.view = batch
            return super().loss(batch)

        def after_step(self, batch):
            super().after_step(self.view)

    with pytest.raises(AssertionError, match=r"memory\.x holds augmented examples"):
        assert_conforms(Wrong, replace(Wrong.Config(), memory_size=12), scenario="class")


def test_the_suites_meter_is_the_learners_in_all_but_what_it_measures():
    """So an argument that the learner adds to a call of its meter is known to the suite too."""
    assert issubclass(ExactMeter, FlopMeter)
    own = {name for name, value in vars(ExactMeter).items() if callable(value)}
    assert own == {"__init__", "measure"}
    x, counted = torch.ones((2, 3)), {}
    for exact in (ExactMeter(counted), ExactMeter(counted)):
        exact.measure("kind", torch.mm, x, mat2=x.T)
    assert counted == {"kind": 2 * 2 * 3 * 2}
    with pytest.raises(AssertionError, match="step_kind must tell them apart"):
        exact.measure("kind", torch.mm, x.T, x)
