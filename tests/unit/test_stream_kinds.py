"""Streams of corrupted, imbalanced and mislabelled images, and of several data sets."""

import pickle
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from orchestrator.benchmarks import tasks
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.benchmarks.corruptions import CORRUPTIONS, Corruption, corrupt_images
from orchestrator.benchmarks.datasets.dataset import DatasetFacts, load_dataset
from orchestrator.benchmarks.datasets.dataset_files import DEBIAN_FASHION_MNIST
from orchestrator.benchmarks.draws import long_tail
from orchestrator.benchmarks.sequences import bring_to_shape, find_mistakes_in_shapes, join_facts
from orchestrator.seeding import stream
from orchestrator.stages.run_stage import run_stage
from orchestrator.sweep.sweep import Sweep

DIGITS_AND_FASHION = [{"data": "digits"}, {"data": "fashion_mnist"}]
needs_fashion = pytest.mark.skipif(not DEBIAN_FASHION_MNIST.is_dir(), reason="no Fashion-MNIST")


def benchmark(name: str = "split_digits", **options: object) -> Benchmark:
    return Benchmark(name=name, **options)  # type: ignore[arg-type]


def draw_rows(of: Benchmark) -> list[tuple[str, set[int], set[int]]]:
    """Return for each task its data set and the rows it trains and validates on."""
    split = [(recipe.dataset, tasks._draw_rows(recipe)) for recipe in of._recipes()]
    return [(d, set(r["train"].tolist()), set(r["validation"].tolist())) for d, r in split]


# long tails


def test_a_long_tail_falls_exponentially_from_the_first_class_to_the_last() -> None:
    counts = long_tail(0.01, 500, 100)  # CIFAR-100-LT of Cui et al. 2019: 500 to 5, 10,847 in all
    assert (counts[0], counts[-1], sum(counts)) == (500, 5, 10847)
    assert long_tail(0.25, 400, 3) == [400, 200, 100]
    assert all(one >= other >= 1 for one, other in pairwise(long_tail(0.001, 20, 10)))


@pytest.mark.parametrize("name", ["split_digits", "rotated_digits", "corrupted_digits"])
def test_imbalance_thins_training_alone(name: str) -> None:
    tailed, whole = benchmark(name, imbalance=0.1, num_tasks=2), benchmark(name, num_tasks=2)
    largest = round(0.9 * int(load_dataset("digits").train_y.bincount().max()))
    expected = long_tail(0.1, largest, 10)
    for ours, theirs in zip(tailed.tasks(), whole.tasks(), strict=True):
        assert torch.equal(ours.validation.x, theirs.validation.x)
        assert torch.equal(ours.test.y, theirs.test.y)
        others = (theirs.train.y % 10).bincount(minlength=10).tolist()
        kept = (ours.train.y % 10).bincount(minlength=10).tolist()
        assert kept == [min(pair) if pair[1] else 0 for pair in zip(expected, others, strict=True)]
        assert ours.num_train == len(ours.train) < len(theirs.train)
    assert benchmark(imbalance=1.0).task_keys() == benchmark().task_keys()


def test_samples_of_a_long_tail_keep_its_profile() -> None:
    task = benchmark(imbalance=0.1, num_tasks=2, samples_per_task=60).tasks()[0]
    whole = benchmark(imbalance=0.1, num_tasks=2).tasks()[0]
    share = whole.train.y.bincount().double() / len(whole.train)
    assert len(task.train) == 60
    assert (task.train.y.bincount() - 60 * share).abs().max() <= 1


# wrong labels


@pytest.mark.parametrize("name", ["split_digits", "permuted_digits"])
def test_a_share_of_training_labels_is_another_class_of_the_task(name: str) -> None:
    noisy, clean = benchmark(name, label_noise=0.3), benchmark(name)
    for ours, theirs in zip(noisy.tasks(), clean.tasks(), strict=True):
        assert torch.equal(ours.train.x, theirs.train.x)
        assert int((ours.train.y != theirs.train.y).sum()) == round(0.3 * len(theirs.train))
        assert set(ours.train.y.tolist()) <= set(ours.classes)
        for split in ("validation", "test"):
            assert torch.equal(getattr(ours, split).y, getattr(theirs, split).y)
    assert not {*noisy.task_keys()} & {*clean.task_keys()}


def test_wrong_labels_are_spread_over_the_other_classes_and_drawn_by_the_seed() -> None:
    def train_y(seed: int) -> Tensor:
        return benchmark(num_tasks=1, validation=0, seed=seed, label_noise=0.5).tasks()[0].train.y

    true = load_dataset("digits").train_y
    wrong = (train_y(0) - true)[train_y(0) != true] % 10
    assert wrong.bincount(minlength=10)[1:].min() > 40  # 719 over 9 classes: 80 each
    assert torch.equal(train_y(0), train_y(0))
    assert not torch.equal(train_y(0), train_y(1))


def test_an_image_has_one_label_in_all_tasks_that_have_it() -> None:
    options = {"label_noise": 0.4, "samples_per_task": 300, "scenario": "domain", "num_tasks": 3}
    labels: dict[tuple[int, ...], int] = {}
    for task in benchmark("permuted_digits", **options).tasks():
        pixels = task.train.x.flatten(1).sort().values.tolist()  # the same, in whatever places
        for image, label in zip(map(tuple, pixels), task.train.y.tolist(), strict=True):
            assert labels.setdefault(image, label) == label
    assert len(labels) < 900


# corruptions


def corrupt(x: Tensor, name: str, severity: int) -> Tensor:
    return corrupt_images(x, Corruption(name=name, severity=severity), stream(0, "noise"))


def test_contrast_draws_pixels_to_the_mean_of_their_channel() -> None:
    x = torch.tensor([[[[0, 100], [100, 200]]]], dtype=torch.uint8)
    assert corrupt(x, "contrast", 2).tolist() == [[[[50, 100], [100, 150]]]]


def test_brightness_raises_the_value_and_keeps_hue_and_saturation() -> None:
    x = torch.tensor([[[[51, 0]], [[102, 0]], [[204, 0]]]], dtype=torch.uint8)
    # The value, 0.8 and 0, is 0.1 higher: the colour is scaled by 9 / 8, black becomes grey.
    expected = [[[[57, 26]], [[115, 26]], [[230, 26]]]]
    assert (corrupt(x, "brightness", 2) - torch.tensor(expected)).abs().max() <= 1


def test_a_blur_keeps_what_is_even_and_spreads_a_point_like_a_gaussian() -> None:
    even = torch.full((1, 1, 9, 9), 130, dtype=torch.uint8)
    assert torch.equal(corrupt(even, "blur", 5), even)
    point = torch.zeros(1, 1, 9, 9, dtype=torch.uint8)
    point[0, 0, 4, 4] = 255
    blurred = corrupt(point, "blur", 5)[0, 0].double()
    weights = np.exp(-(np.arange(-4, 5) ** 2) / 2)
    weights /= weights.sum()
    expected = 255 * np.outer(weights, weights)
    assert np.abs(blurred.numpy() - expected).max() <= 0.5


def test_noise_has_its_deviation_and_follows_its_generator() -> None:
    x = torch.full((50, 1, 16, 16), 128, dtype=torch.uint8)
    noisy = corrupt(x, "noise", 5)
    assert noisy.double().std().item() / 255 == pytest.approx(0.10, rel=0.03)
    assert torch.equal(noisy, corrupt(x, "noise", 5))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corruptions_grow_with_severity(name: str) -> None:
    x = load_dataset("digits").test_x[:60]
    change = [(corrupt(x, name, s).double() - x).abs().mean() for s in range(1, 6)]
    assert change == sorted(change)
    assert corrupt(x[:0], name, 1).shape == (0, 1, 8, 8)


def test_a_corrupted_benchmark_has_a_corruption_a_task() -> None:
    given = ["clean", {"name": "blur", "severity": 5}]
    stream_ = benchmark("corrupted_digits", scenario="domain", corruptions=given)
    clean, blurred = stream_.tasks()
    digits = load_dataset("digits")
    assert torch.equal(clean.test.x, digits.test_x)
    assert torch.equal(blurred.test.x, corrupt(digits.test_x, "blur", 5))
    reverse = benchmark("corrupted_digits", scenario="domain", corruptions=given, order=(2, 1))
    assert reverse.task_keys() == stream_.task_keys()[::-1]
    assert len(set(benchmark("corrupted_digits").task_keys())) == 5
    assert benchmark("corrupted", data="digits") == benchmark("corrupted_digits")


# several data sets


@needs_fashion
@pytest.mark.parametrize(("scenario", "head"), [("class", 20), ("task", 20), ("domain", 10)])
def test_each_task_of_a_sequence_has_a_data_set_in_one_shape(scenario: str, head: int) -> None:
    both = benchmark("sequence", sequence=DIGITS_AND_FASHION, scenario=scenario, validation=0.2)
    assert (both.num_tasks, both.num_classes, both.input_shape) == (2, head, (1, 28, 28))
    assert both.title == "sequence_digits_fashion_mnist"
    digits, fashion = both.tasks()
    first = 0 if scenario == "domain" else 10
    assert fashion.classes == tuple(range(first, first + 10))
    assert torch.equal(fashion.test.x, load_dataset("fashion_mnist").test_x)
    assert torch.equal(fashion.test.y, load_dataset("fashion_mnist").test_y + first)
    assert digits.test.x.shape == (359, 1, 28, 28)
    assert torch.equal(digits.test.y, load_dataset("digits").test_y)
    back = benchmark("sequence", sequence=DIGITS_AND_FASHION, scenario=scenario, order=(2, 1))
    assert [task.classes for task in back.tasks()] == [fashion.classes, digits.classes]


@needs_fashion
def test_a_data_set_in_its_own_shape_has_the_key_that_it_has_alone() -> None:
    alone = benchmark("rotated_fashion_mnist", num_tasks=1, scenario="domain").task_keys()
    both = benchmark("sequence", sequence=DIGITS_AND_FASHION, scenario="domain").task_keys()
    assert both[1] == alone[0]


def test_grey_becomes_colour_and_size_is_interpolated() -> None:
    x = torch.tensor([[[[0, 100], [100, 200]]]], dtype=torch.uint8)
    colour = bring_to_shape(x, (3, 2, 2))
    assert colour.tolist() == [[x[0, 0].tolist()] * 3]
    larger = bring_to_shape(x, (1, 4, 4))[0, 0]
    assert larger[0].tolist() == [0, 25, 75, 100]  # a quarter and three quarters of the way
    assert torch.equal(larger, larger.t())
    assert bring_to_shape(x[:0], (3, 4, 4)).shape == (0, 3, 4, 4)


def test_the_pixels_of_a_sequence_are_normalised_as_those_of_equal_shares() -> None:
    grey = DatasetFacts(num_classes=2, input_shape=(1, 8, 9), mean=(0.2,), std=(0.1,))
    colour = DatasetFacts(
        num_classes=3, input_shape=(3, 9, 8), mean=(0.4, 0.2, 0.6), std=(0.3, 0.1, 0.1)
    )
    facts = join_facts([grey, colour])
    assert (facts.input_shape, facts.num_classes) == ((3, 9, 9), 5)
    assert facts.mean == pytest.approx((0.3, 0.2, 0.4))
    pixels = np.concatenate([np.array([0.1, 0.3]), np.array([0.1, 0.7])])  # of channel 1
    assert facts.std == pytest.approx((pixels.std(), 0.1, np.sqrt(0.01 + 0.04)), abs=1e-6)
    rgba = DatasetFacts(num_classes=2, input_shape=(4, 8, 8), mean=(0.0,) * 4, std=(1.0,) * 4)
    row = DatasetFacts(num_classes=2, input_shape=(5,), mean=(0.0,), std=(1.0,))
    long = DatasetFacts(num_classes=2, input_shape=(6,), mean=(0.0,), std=(1.0,))
    for pair, message in (
        ([colour, rgba], "only one channel can become several: a [3, 9, 8], b [4, 8, 8]"),
        ([colour, row], "images and features do not go together: a [3, 9, 8], b [5]"),
        ([row, long], "the data sets have different numbers of features: a [5], b [6]"),
    ):
        assert [*find_mistakes_in_shapes("ab", pair)] == [f"sequence: {message}"]
    assert not [*find_mistakes_in_shapes("ab", [grey, rgba])]


WRITTEN = """
name: s
benchmark:
  name: sequence
  sequence: [{data: digits}, {data: {npz: blobs.npz}}]
  samples_per_task: 40
network: {name: mlp, hidden: [8]}
training: {batch_size: 16}
methods: [{name: er, memory_size: 20}]
seeds: [0]
"""


def test_a_sequence_of_digits_and_of_a_file_of_one_s_own_is_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPERTOIRE_DATA", str(tmp_path / "data"))
    rng, y = np.random.default_rng(0), np.arange(60) % 3
    x = rng.integers(0, 80, (60, 3, 10, 6)) + 80 * y[:, None, None, None]
    named = {"train_x": x, "train_y": y, "test_x": x[:30], "test_y": y[:30]}
    arrays = {name: values.astype(np.uint8) for name, values in named.items()}
    np.savez(tmp_path / "blobs.npz", **arrays)  # type: ignore[arg-type]
    (tmp_path / "sweep.yaml").write_text(WRITTEN)
    (trial,) = Sweep.load(tmp_path / "sweep.yaml").trials
    assert (trial.benchmark.input_shape, trial.benchmark.num_classes) == ((3, 10, 8), 13)
    assert trial.config["benchmark"]["sequence"][0] == "digits"
    states: dict[str | None, dict[str, Tensor]] = {}
    for stage in pickle.loads(pickle.dumps(trial.stages(0))):
        parent = states.get(stage.parent)
        states[stage.key], record = run_stage(stage, parent, ("s", "t", 0))
    shown = [record.evaluation[key]["test"] for key in stage.task_keys]
    assert [score.n for score in shown] == [359, 30]
    assert states[stage.key]["memory.x"].shape == (20, 3, 10, 8)


# validation


KINDS = [
    {"name": "split_digits", "first": 4, "step": 3},
    {"name": "split_digits", "classes": [[9, 0], [1], list(range(2, 9))], "imbalance": 0.1},
    {"name": "split_digits", "order": {"seed": 1993, "generator": "numpy"}, "label_noise": 0.2},
    {"name": "permuted_digits", "num_tasks": 3, "imbalance": 0.1},
    {"name": "rotated_digits", "num_tasks": 3, "label_noise": 0.2},
    {"name": "corrupted_digits"},
    pytest.param({"name": "sequence", "sequence": DIGITS_AND_FASHION}, marks=needs_fashion),
]


@pytest.mark.slow
@pytest.mark.parametrize("samples", [None, 60])
@pytest.mark.parametrize("scenario", ["task", "domain", "class"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(map(str, kind)))
def test_no_validation_image_of_any_task_is_a_training_image_of_another(
    kind: dict[str, object], scenario: str, samples: int | None
) -> None:
    actual = draw_rows(Benchmark(scenario=scenario, samples_per_task=samples, **kind))  # type: ignore[arg-type]
    for name in {dataset for dataset, _, _ in actual}:
        trained = set.union(*(train for dataset, train, _ in actual if dataset == name))
        validated = set.union(*(held for dataset, _, held in actual if dataset == name))
        share = len(validated) / len(load_dataset(name).train_y)
        assert share == pytest.approx(0.1, abs=0.01)
        assert trained
        assert not trained & validated


# mistakes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"imbalance": 0.0}, "imbalance: 0.0; must be above 0 and at most 1"),
        ({"imbalance": 1.5}, "imbalance: 1.5; must be"),
        ({"label_noise": 1.0}, r"label_noise: 1.0; must be a share of the labels in \[0, 1\)"),
        ({"label_noise": 0.1, "step": 3}, "label_noise: task 4 has one class, and so no other la"),
        ({"corruptions": ["blur"]}, "corruptions: split_digits has none; valid: with a corrupted"),
        ({"name": "corrupted_digits", "num_tasks": 6}, r"num_tasks: 6; .* \(clean, noise, blur, b"),
        ({"name": "corrupted_digits", "corruptions": ["fog"]}, "unknown corruption 'fog'; valid:"),
        ({"name": "corrupted_digits", "corruptions": []}, r"corruptions: \[\]; must name the"),
        ({"name": "corrupted_digits", "corruptions": ["blur"] * 2}, "blur of severity 3 is named"),
        (
            {"name": "corrupted_digits", "corruptions": [{"name": "blur", "severity": 6}]},
            "corruptions: severity 6 of blur; valid: 1 to 5",
        ),
        ({"name": "corrupted_digits", "corruptions": [{"blur": 3}]}, "valid: a name, or {name"),
        (
            {"name": "corrupted_digits", "corruptions": ["clean", "blur"], "num_tasks": 3},
            "num_tasks: 3; 2 by corruptions, so leave it out",
        ),
        ({"name": "sequence"}, "sequence: is missing; valid: "),
        ({"sequence": DIGITS_AND_FASHION}, "sequence: 'split_digits' has one data set; valid: "),
        ({"name": "sequence", "sequence": ["digit"]}, "unknown data set 'digit'; did you mean"),
        ({"name": "sequence", "sequence": ["digits"] * 2}, "sequence: digits is named twice"),
        (
            {"name": "sequence", "sequence": DIGITS_AND_FASHION, "num_tasks": 3},
            "num_tasks: 3; 2 by sequence, so leave it out",
        ),
        ({"name": "sequence", "sequence": ["digits"], "data": "mnist"}, "data: each task of a seq"),
    ],
)
def test_a_mistake_is_answered_with_what_is_valid(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        benchmark(**options)  # type: ignore[arg-type]
    assert len(str(caught.value).splitlines()) == 1
