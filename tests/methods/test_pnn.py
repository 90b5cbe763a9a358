"""Progressive networks: laterals that work, columns that stay, bytes and FLOPs by formula."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from methods.base import Outlook, Setting
from methods.finetune import Finetune
from methods.pnn import PNN
from methods.testing.blobs import NUM_TASKS, Blobs
from methods.testing.conformance import assert_conforms
from methods.testing.snapshots import snapshots
from orchestrator.networks.networks import MLP, NetworkShape, build_network
from orchestrator.stages.costs import storage_bytes

WIDTHS = (64, 20, 12, 10)
SHAPE = NetworkShape((1, 8, 8), WIDTHS[-1], (0.3,), (0.4,))


def pnn(**config):
    return Blobs(PNN, PNN.Config(**config), "task")


def columns(num_columns, **config):
    """Progressive networks on an MLP of two hidden layers, as if they had learned some tasks."""
    network = build_network(MLP, MLP.Config(hidden=WIDTHS[1:-1]), SHAPE, 0)
    method = PNN(network, PNN.Config(**config), Outlook(WIDTHS[-1], SHAPE.input_shape, num_columns))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in method.parameters():
            p.copy_(0.3 * torch.randn(p.shape, generator=generator))
    return method.eval()


def images(count=5):
    generator = torch.Generator().manual_seed(1)
    return torch.rand((count, *SHAPE.input_shape), generator=generator)


def by_equation(method, x, column):
    """Scores by eq. 2, layer by layer."""
    networks = [*method.columns, method.network]
    outputs = [[networks[0].normalise(x).flatten(1)] for _ in range(column)]
    for k in range(column):
        layers = [networks[k].body[1], networks[k].body[3], networks[k].head]
        for i, layer in enumerate(layers):
            z = outputs[k][i] @ layer.weight.T + layer.bias
            if k and i:
                lateral = method.laterals[k - 1][i - 1]
                below = [lateral.alpha[j] * outputs[j][i] for j in range(k)]
                v = torch.cat(below, dim=1) @ lateral.project.weight.T
                z = z + v.clamp_min(0) @ lateral.expand.weight.T
            outputs[k].append(z if i == len(layers) - 1 else z.clamp_min(0))
    return outputs[column - 1][-1]


@pytest.mark.parametrize("column", [1, 2, 3])
@pytest.mark.parametrize("projection", [None, 3])
def test_scores_are_those_of_the_equation(column, projection):
    method = columns(3, projection=projection)
    actual = method.predict(images(), column)
    assert torch.allclose(actual, by_equation(method, images(), column), atol=1e-5)


@pytest.mark.parametrize("old", [0, 1])
def test_zeroing_an_old_column_changes_the_new_ones_output(old):
    method = columns(3)
    before = method.predict(images(), 3)
    with torch.no_grad():
        for p in method.columns[old].parameters():
            p.zero_()
    assert (method.predict(images(), 3) - before).abs().min(dim=1).values.max() > 1e-3


def test_every_lateral_layer_matters_the_one_into_the_output_too():
    for place in range(len(WIDTHS) - 2):
        method = columns(2)
        before = method.predict(images(), 2)
        with torch.no_grad():
            method.laterals[0][place].expand.weight.zero_()
        assert not torch.allclose(method.predict(images(), 2), before)


def test_laterals_get_gradients_and_old_columns_none():
    blobs = pnn()
    *_, last = snapshots(blobs)
    method = blobs.restore(last.state, NUM_TASKS).train()
    view = blobs.view(NUM_TASKS)
    method.configure_loss(view.allowed)
    method.laterals[:-1].requires_grad_(False)
    method.loss(view.examples).backward()
    fresh = dict(method.laterals[-1].named_parameters())
    assert set(fresh) == {"0.alpha", "0.project.weight", "0.expand.weight"}
    assert all(p.grad.abs().sum() > 0 for p in fresh.values())
    old = [*method.columns.parameters(), *method.laterals[:-1].parameters()]
    assert all(p.grad is None for p in old)


def test_what_learns_is_the_newest_column_and_its_laterals():
    blobs = pnn()
    first, second, _ = snapshots(blobs)
    for index, snapshot in ((2, first), (3, second)):
        method = blobs.restore(snapshot.state, index - 1)
        method.begin_task(blobs.view(index))
        learning = {n.partition(".")[0] for n, p in method.named_parameters() if p.requires_grad}
        newest = {p for p in method.laterals[-1].parameters()}
        laterals = {p for p in method.laterals.parameters() if p.requires_grad}
        assert learning == {"network", "laterals"}
        assert laterals == newest


def part(state, prefix):
    return {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}


def same(first, second):
    return first.keys() == second.keys() and all(
        torch.equal(t, second[n]) for n, t in first.items()
    )


def test_a_column_once_learned_never_changes_nor_do_its_scores():
    first, second, third = snapshots(pnn())
    assert same(part(first.state, "network."), part(third.state, "columns.0."))
    assert same(part(second.state, "network."), part(third.state, "columns.1."))
    assert same(part(second.state, "laterals.0."), part(third.state, "laterals.0."))
    assert torch.equal(first.scores[1], third.scores[1])
    assert torch.equal(second.scores[2], third.scores[2])


def test_laterals_are_trained_during_their_own_task():
    blobs = pnn()
    first, second, _ = snapshots(blobs)
    method = blobs.restore(first.state, 1)
    method.begin_task(blobs.view(2))
    fresh = dict(method.laterals.named_parameters())
    assert all(not torch.equal(p, second.state[f"laterals.{n}"]) for n, p in fresh.items())


def test_the_first_column_is_fine_tuning():
    plain = next(snapshots(Blobs(Finetune, Finetune.Config(), "task"))).state
    assert same(plain, next(snapshots(pnn())).state)


@pytest.mark.parametrize("projection", [None, 7])
def test_storage_grows_as_the_formula_says(projection):
    column = sum(below * above + above for below, above in pairwise(WIDTHS))
    for num_columns in range(1, 5):
        method = columns(num_columns, projection=projection)
        laterals = 0
        for older in range(1, num_columns):
            for below, above in pairwise(WIDTHS[1:]):
                width = projection or below
                laterals += older + older * below * width + width * above
        sizes = storage_bytes(method.state_dict(), PNN.storage)
        assert sizes["model"] == 4 * column
        assert sizes.get("columns", 0) == 4 * ((num_columns - 1) * column + laterals)


def test_flops_are_those_of_all_columns_up_to_the_tasks_own():
    method, batch = columns(3), 5
    products = sum(below * above for below, above in pairwise(WIDTHS))
    for task in range(1, 4):
        expected = task * products
        for older in range(1, task):
            into = pairwise(WIDTHS[1:] if older == task - 1 else WIDTHS[1:-1])
            expected += sum(below * (older * below + above) for below, above in into)
        with FlopCounterMode(display=False) as counter:
            method.predict(images(batch), task)
        assert counter.get_total_flops() == 2 * batch * expected


def test_alphas_start_small_and_differ():
    blobs = pnn(alpha=0.01)
    first, second, _ = snapshots(blobs)
    method = blobs.restore(second.state, 2)
    method.begin_task(blobs.view(3))
    alpha = method.laterals[1][0].alpha
    assert alpha.shape == (2,)
    assert ((alpha > 0) & (alpha < 0.01)).all()
    assert alpha[0] != alpha[1]
    assert first.after == 1


def test_a_narrower_projection_keeps_the_contract():
    assert_conforms(PNN, PNN.Config(projection=3), "task")


def test_it_must_be_told_the_task():
    with pytest.raises(ValueError, match="use the task scenario"):
        pnn().create_method().predict(pnn().examples(1).x, None)


@pytest.mark.parametrize(
    ("scenario", "network", "story"),
    [
        ("class", "mlp", "cannot serve the class scenario"),
        ("domain", "mlp", "cannot serve the domain scenario"),
        ("task", "vit_tiny", "needs a chain of layers .mlp, cnn, or your own., given vit_tiny"),
        ("task", "resnet18", "given resnet18"),
    ],
)
def test_what_it_cannot_do_is_refused_when_the_sweep_is_read(scenario, network, story):
    objection = PNN.objection(PNN.Config(), Setting(scenario, 10, (1, 28, 28), network))
    with pytest.raises(ValueError, match=story):
        raise ValueError(objection)


def test_the_mlp_with_told_tasks_is_taken():
    assert PNN.objection(PNN.Config(), Setting("task", 10, (1, 28, 28), "mlp")) is None


def test_a_users_network_it_cannot_take_apart_is_refused_when_built():
    network = nn.Sequential(nn.Flatten(), nn.PReLU(), nn.Linear(784, 10))
    with pytest.raises(ValueError, match=r"1 \(PReLU\) holds other values"):
        PNN(network, PNN.Config(), Outlook(10, SHAPE.input_shape))


@pytest.mark.parametrize(
    ("config", "story"),
    [
        ({"alpha": 0.0}, "alpha must be above 0 and finite, given 0.0"),
        ({"projection": 0}, "projection must be at least 1 or left out, given 0"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(config, story):
    with pytest.raises(ValueError, match=story):
        PNN.Config(**config)
