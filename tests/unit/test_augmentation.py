"""Augmentation: each operation, independent for each example, and what methods see of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from alike import SMALL, each_method
from test_optimizers import mistakes_of, sweep_with

from methods import METHODS
from methods.base import Examples
from methods.testing.blobs import Blobs
from methods.testing.equality import copy_state, unequal_entries
from orchestrator.benchmarks.sources.torchvision_import import import_torchvision
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning.augmentation import image_operations as images
from orchestrator.stages.learning.augmentation.augmentation import Augmentation, read_changes
from orchestrator.stages.learning.augmentation.colours import color_jitter, turn_hue
from orchestrator.stages.learning.augmentation.rand_augment import operations
from orchestrator.stages.learning.learner import Training, train_task

pytestmark = pytest.mark.slow

ALL = ["pad_crop", "flip", "color_jitter", "rand_augment", "cutout", "mixup", "cutmix"]


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(count=64, size=8, channels=3):
    return torch.randint(1, 256, (count, channels, size, size), generator=stream(5)).to(torch.uint8)


def batch_of(x):
    return Examples(x, torch.arange(len(x)) % 4)


def augmented(x, *changes, seed=0):
    augmentation = Augmentation(read_changes(changes), stream(seed))
    return augmentation.mix(augmentation.change(batch_of(x)))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("kind", [torch.uint8, torch.float32])
def test_each_operation_keeps_shape_and_range_and_repeats_its_bits(name, kind):
    x = pictures() if kind == torch.uint8 else pictures().float() / 255
    before = x.clone()
    first, again, other = (augmented(x, name, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(x, before)
    assert first.x.shape == x.shape
    assert first.x.dtype == (torch.float32 if name == "mixup" else kind)
    assert float(first.x.min()) >= 0
    assert float(first.x.max()) <= (255 if first.x.dtype == torch.uint8 else 1)
    assert torch.equal(first.x, again.x)
    assert not torch.equal(first.x, other.x)


@pytest.mark.parametrize("name", [name for name in ALL if name not in ("mixup", "cutmix")])
def test_copies_of_one_picture_are_changed_apart(name):
    x = pictures(1).expand(64, -1, -1, -1)
    changed = augmented(x, name).x.flatten(1)
    distinct = len({row.numpy().tobytes() for row in changed})
    assert distinct == 2 if name == "flip" else distinct > 8


def test_a_crop_is_a_window_of_the_padded_picture_and_all_windows_come_alike():
    x = pictures(1, size=4).expand(4500, -1, -1, -1)
    crops = images.pad_crop(x, stream(), 1)
    padded = F.pad(x[0], [1, 1, 1, 1])
    windows = [padded[:, i : i + 4, j : j + 4] for i in range(3) for j in range(3)]
    counts = [int((crops == window).all(dim=(1, 2, 3)).sum()) for window in windows]
    assert sum(counts) == 4500
    # 500 of each expected, with a standard deviation of 21.
    assert all(abs(count - 500) < 100 for count in counts)


def test_half_of_the_pictures_are_mirrored():
    x = pictures(2000, size=4)
    flipped = images.flip(x, stream(), 0.5)
    mirrored = (flipped == x.flip(3)).all(dim=(1, 2, 3))
    assert bool((mirrored | (flipped == x).all(dim=(1, 2, 3))).all())
    assert abs(int(mirrored.sum()) - 1000) < 120
    assert torch.equal(images.flip(x, stream(), 1.0), x.flip(3))
    assert torch.equal(images.flip(x, stream(), 0.0), x)


def test_a_cutout_is_a_square_of_zeros_that_may_reach_over_the_border():
    cut = images.cutout(pictures(500), stream(), 4) == 0
    assert bool((cut == cut[:, :1]).all())  # of all channels
    rows, columns = cut[:, 0].any(dim=2).sum(dim=1), cut[:, 0].any(dim=1).sum(dim=1)
    assert torch.equal(cut[:, 0].sum(dim=(1, 2)), rows * columns)
    assert (int(rows.min()), int(rows.max())) == (2, 4)


FACTORS = {"brightness": (0.4, 0, 0), "contrast": (0, 0.4, 0), "saturation": (0, 0, 0.4)}


@pytest.mark.parametrize("name", FACTORS)
def test_each_factor_of_the_jitter_is_torchvision_s(name):
    import_torchvision()
    from torchvision.transforms.v2 import functional

    x = pictures(6).float() / 255
    got = color_jitter(x, stream(), FACTORS[name], 0)
    factors = images.draw_uniform(stream(), 0.6, 1.4, x).flatten().tolist()
    adjust = getattr(functional, f"adjust_{name}")
    expected = [adjust(image, factor) for image, factor in zip(x, factors, strict=True)]
    assert torch.allclose(got, torch.stack(expected), atol=1e-5)


def test_the_turn_of_the_hue_is_torchvision_s():
    import_torchvision()
    from torchvision.transforms.v2 import functional

    x = pictures(6).float() / 255
    x[0] = 0.5  # grey has no hue
    turns = images.draw_uniform(stream(), -0.5, 0.5, x)
    expected = [
        functional.adjust_hue(i, t) for i, t in zip(x, turns.flatten().tolist(), strict=True)
    ]
    assert torch.allclose(turn_hue(x, turns), torch.stack(expected), atol=1e-5)


def test_grey_pictures_are_jittered_without_colours():
    x = pictures(8, channels=1)
    assert torch.equal(color_jitter(x, stream(), (0, 0, 0.9), 0.5), x)
    assert not torch.equal(color_jitter(x, stream(), (0.4, 0, 0), 0), x)


def test_operations_of_magnitude_0_that_have_one_change_nothing():
    x = pictures(8)
    kept = [torch.equal(op(x, 1), x) for op in operations(8, 8, 0)]
    assert kept[:11] == [True] * 11  # posterize keeps 8 bits; the rest do not depend on it
    moved = [torch.equal(op(x, 1), op(x, -1)) for op in operations(8, 8, 30)]
    assert moved == [True, *[False] * 9, *[True] * 4]  # those with a sign


# Mixed examples


def test_mixup_is_the_weighted_mean_of_pictures_and_of_their_losses():
    x = pictures(32)
    mixed = augmented(x, "mixup")
    plain = x.float() / 255
    assert bool((mixed.share >= 0.5).all())
    weight = mixed.share.view(-1, 1, 1, 1)
    partner = (mixed.x - weight * plain) / (1 - weight)
    known = [any(torch.allclose(p, q, atol=1e-2) for q in plain) for p in partner]
    assert sum(known) >= 28  # the rest have too small a share to be told
    method = Blobs(METHODS["finetune"], METHODS["finetune"].Config(), "class").create_method()
    logits = torch.randn(32, 6, generator=stream())
    allowed = torch.ones(6, 6, dtype=torch.bool)
    allowed[0, 1] = allowed[1, 0] = False
    for smoothing in (0.0, 0.1):
        method.configure_loss(allowed, smoothing)
        loss = method.task_loss(mixed, logits)
        by_hand = [
            float(s) * float(method.task_loss(batch_one(mixed, i, mixed.y), logits[i : i + 1]))
            + (1 - float(s))
            * float(method.task_loss(batch_one(mixed, i, mixed.other), logits[i : i + 1]))
            for i, s in enumerate(mixed.share)
        ]
        assert float(loss) == pytest.approx(sum(by_hand) / 32, rel=1e-5)


def batch_one(mixed, i, labels):
    return Examples(mixed.x[i : i + 1], labels[i : i + 1])


def test_cutmix_replaces_a_rectangle_and_shares_labels_by_its_pixels():
    x = pictures(64)
    mixed = augmented(x, "cutmix")
    same = (mixed.x == x).all(dim=1).float().mean(dim=(1, 2))
    assert bool((same >= mixed.share - 1e-6).all())
    # A pixel of another picture is the same with probability 1/255^3.
    fixed = same == 1
    assert torch.allclose(same[~fixed], mixed.share[~fixed])
    assert bool((~fixed).sum() > 40)


def test_plain_and_mixed_examples_are_joined_as_they_are():
    mixed, plain = augmented(pictures(4), "mixup"), batch_of(pictures(4))
    both = mixed + plain
    assert torch.equal(both.x[4:], plain.x.float() / 255)
    assert torch.equal(both.other[4:], plain.y)
    assert both.share[4:].tolist() == [1.0] * 4
    assert torch.equal(both[torch.tensor([1, 6])].share, both.share[[1, 6]])
    assert (plain + plain).share is None


# What methods see


class Watching(METHODS["er"]):
    """Notes the views of each batch."""

    def __init__(self, *args):
        super().__init__(*args)
        self.seen, self.stored = [], []

    def loss(self, batch):
        self.seen.append(batch)
        return super().loss(batch)

    def after_step(self, batch):
        self.stored.append(batch)
        super().after_step(batch)


BLOBS = Blobs(Watching, Watching.Config(memory_size=12), "class")


def test_the_loss_has_the_augmented_view_and_the_memory_the_plain_one():
    method, view = BLOBS.create_method(), BLOBS.view(1)
    training = Training(batch_size=16, augment=("flip", {"name": "cutout", "size": 2}))
    train_task(method, view, training, FlopMeter())
    known = {row.numpy().tobytes() for row in view.examples.x}
    assert {row.numpy().tobytes() for batch in method.stored for row in batch.x} == known
    assert {row.numpy().tobytes() for row in method.memory.x} <= known
    assert not {row.numpy().tobytes() for batch in method.seen for row in batch.x} <= known
    for seen, stored in zip(method.seen, method.stored, strict=True):
        assert torch.equal(seen.y, stored.y)
    replayed = method.memory[:5]
    assert method.augment(replayed) is replayed  # not after the training


def test_what_is_replayed_is_augmented_and_never_mixed():
    method, view = BLOBS.create_method(), BLOBS.view(1)
    method.configure_loss(
        None, 0.0, Augmentation(read_changes([{"name": "flip", "p": 1}]), stream()).change
    )
    assert torch.equal(method.augment(view.examples).x, view.examples.x.flip(3))
    mixing = Augmentation(read_changes(["mixup"]), stream())
    assert mixing.change(view.examples) is view.examples


def test_der_stores_the_logits_of_what_the_network_saw():
    cls = METHODS["der"]
    blobs = Blobs(cls, cls.Config(memory_size=48), "class")
    method, view = blobs.create_method(), blobs.view(1)
    network = copy_state(method.network.state_dict())
    training = Training(iterations=1, batch_size=48, lr=0.1, augment=({"name": "flip", "p": 1},))
    train_task(method, view, training, FlopMeter())
    method.end_task(view)
    method.network.load_state_dict(network)
    plain = method.memory.x
    assert torch.allclose(method.network(plain.flip(3)), method.memory.logits, atol=1e-6)
    assert not torch.allclose(method.network(plain), method.memory.logits, atol=1e-2)


@pytest.mark.parametrize("name", each_method())
def test_every_method_learns_with_augmentation_and_those_that_mix_say_so(name, tmp_path):
    cls = METHODS[name]
    sizes = {"memory_size": 12} if "memory_size" in cls.Config.__dataclass_fields__ else {}
    scenario = "class" if "class" in cls.scenarios else "task"
    blobs = Blobs(cls, cls.Config(**sizes, **SMALL.get(name, {})), scenario)
    blobs = replace(blobs, config=cls.with_defaults(blobs.config, blobs.setting("mlp")))
    changes = ("pad_crop", "flip", *(("mixup",) if cls.takes_mixtures else ()))
    states = []
    for augment in (changes, changes, ()):
        method = blobs.create_method()
        for index in (1, 2):
            view = replace(blobs.view(index), num_steps=3)
            train_task(method, view, Training(batch_size=16, lr=0.05, augment=augment), FlopMeter())
            method.end_task(view)
            if cls.starts_afresh and index == 1:
                method = blobs.create_method()
        states.append(copy_state(method.state_dict()))
    assert not unequal_entries(states[0], states[1])
    assert bool(unequal_entries(states[0], states[2])) == cls.takes_steps


# In a sweep


def test_options_are_filled_in_and_part_of_the_key(tmp_path):
    (trial,) = sweep_with(tmp_path, "{augment: [{name: pad_crop, padding: 2}, flip]}").trials
    assert trial.config["training"]["augment"] == [
        {"name": "pad_crop", "padding": 2},
        {"name": "flip", "p": 0.5},
    ]
    assert (
        Training(augment=("flip",)).content()
        == Training(augment=({"name": "flip", "p": 0.5},)).content()
    )
    assert Training(augment=()).content() == Training().content()


@pytest.mark.parametrize(
    ("augment", "line"),
    [
        ("[flop]", "augment[0]: unknown augmentation 'flop'; did you mean 'flip'"),
        ("[flip, {padding: 2}]", "augment[1]: unknown augmentation None"),
        ("[{name: pad_crop, pading: 2}]", "augment[0].pading: unknown option of pad_crop"),
        ("[{name: rand_augment, num_ops: 101}]", "augment[0].num_ops: must be from 1 to 100"),
        ("[{name: pad_crop, padding: 1.5}]", "augment[0].padding: must be a whole number"),
        ("[{name: flip, p: 2}]", "augment[0].p: must be in [0, 1], given 2"),
        ("[{name: mixup, alpha: a}]", "augment[0].alpha: must be a finite number"),
        ("[mixup, flip]", "augment: must be with at most one of mixup and cutmix, as the last"),
        ("[mixup, cutmix]", "augment: must be with at most one of mixup and cutmix, as the last"),
        ("flip", "augment: must be a list"),
    ],
)
def test_what_cannot_be_is_refused_in_one_message(tmp_path, augment, line):
    (mistake,) = mistakes_of(tmp_path, f"{{augment: {augment}}}")
    assert mistake.startswith(f"training.{line}")


def test_a_method_that_cannot_mix_says_so_when_the_sweep_is_read(mistakes):
    text = (
        "name: lab\nbenchmark: {name: split_digits}\ntraining: {augment: [cutmix]}\n"
        "methods: [{name: er, memory_size: 20}, {name: derpp, memory_size: 20}]\nseeds: [0]\n"
    )
    assert mistakes(text) == [
        "training.augment: derpp cannot learn from examples that are mixed, given cutmix; leave it "
        "out for derpp"
    ]


def test_a_table_cannot_be_augmented(mistakes, tmp_path):
    rows = "".join(f"{i % 4},{i * 7 % 5},{'abcd'[i % 4]}\n" for i in range(80))
    (tmp_path / "rows.csv").write_text(f"one,two,kind\n{rows}")
    text = (
        "name: lab\nbenchmark: {name: split, data: {table: rows.csv, label: kind}, num_tasks: 2}\n"
        "training: {augment: [flip, cutout]}\nmethods: [finetune]\nseeds: [0]\n"
    )
    assert mistakes(text) == [
        "training.augment: changes images, given flip, cutout, and the examples of "
        "split_rows are rows of a table; leave it out"
    ]


def test_images_are_padded_by_at_most_their_side(mistakes):
    text = (
        "name: lab\nbenchmark: {name: split_digits, num_tasks: 2}\n"
        "training: {augment: [{name: pad_crop, padding: %d}]}\nmethods: [finetune]\nseeds: [0]\n"
    )
    assert mistakes(text % 9) == [
        "training.augment: pad_crop must pad by at most 8 pixels, the side of the images of "
        "split_digits, given 9"
    ]


def test_what_needs_grey_or_colour_is_refused_for_other_channels(mistakes, tmp_path):
    x = np.zeros((40, 4, 6, 6), np.uint8)
    np.savez(tmp_path / "four.npz", train_x=x, train_y=np.arange(40) % 4)
    data = f"{{npz: {tmp_path / 'four.npz'}}}"
    text = (
        f"name: lab\nbenchmark: {{name: split, data: {data}, num_tasks: 2}}\n"
        "training: {augment: [flip, color_jitter, rand_augment]}\nmethods: [finetune]\nseeds: [0]\n"
    )
    assert mistakes(text) == [
        "training.augment: rand_augment takes images of 1 or 3 channels, and those of split_four "
        "have 4; leave it out"
    ]
