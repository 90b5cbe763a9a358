"""The benchmarks: tasks, labels, masks and keys, in three scenarios and three transformations."""

from dataclasses import replace

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from methods.base import Examples
from orchestrator.benchmarks import recipes, tasks
from orchestrator.benchmarks.benchmark import BENCHMARKS, Benchmark
from orchestrator.benchmarks.datasets.dataset import DATASETS, load_dataset
from orchestrator.benchmarks.split_cache import SplitCache
from orchestrator.benchmarks.transformations import permute_pixels, rotate_images
from orchestrator.errors import RepertoireError

T, F = True, False


def benchmark(name="split_digits", **options):
    return Benchmark(name=name, **options)


def rows_of(x):
    return {tuple(row) for row in x.flatten(1).tolist()}


# tasks and labels


def test_split_gives_each_task_consecutive_classes():
    tasks = benchmark().tasks()
    assert [task.index for task in tasks] == [1, 2, 3, 4, 5]
    assert [task.classes for task in tasks] == [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9)]


@pytest.mark.parametrize("scenario", ["task", "class"])
def test_split_keeps_the_original_labels_where_the_head_has_all_classes(scenario):
    stream = benchmark(scenario=scenario)
    assert stream.num_classes == 10
    task = stream.tasks()[2]
    for split in (task.train, task.validation, task.test):
        assert split.y.unique().tolist() == [4, 5]
        assert split.x.dtype == torch.uint8
        assert split.y.dtype == torch.int64


def test_split_domain_labels_by_position_within_the_task():
    stream = benchmark(scenario="domain")
    assert stream.num_classes == 2
    task, same = stream.tasks()[2], benchmark().tasks()[2]
    assert task.classes == (0, 1)
    assert torch.equal(task.test.x, same.test.x)
    assert torch.equal(task.test.y, same.test.y - 4)


def test_domain_position_is_that_in_the_sorted_task_when_classes_are_shuffled():
    domain = benchmark(scenario="domain", order="seeded", seed=3).tasks()
    original = benchmark(order="seeded", seed=3).tasks()
    for ours, theirs in zip(domain, original, strict=True):
        low, high = theirs.classes
        assert low < high
        assert torch.equal(ours.test.y, (theirs.test.y == high).long())


@pytest.mark.parametrize("name", ["permuted_digits", "rotated_digits"])
@pytest.mark.parametrize(("scenario", "head"), [("domain", 10), ("task", 30), ("class", 30)])
def test_whole_data_set_tasks_have_own_outputs_except_in_the_domain_scenario(name, scenario, head):
    stream = benchmark(name, scenario=scenario, num_tasks=3)
    assert stream.num_classes == head
    for identity, task in enumerate(stream.tasks()):
        first = 0 if scenario == "domain" else 10 * identity
        assert task.classes == tuple(range(first, first + 10))
        assert torch.equal(task.test.y, load_dataset("digits").test_y + first)


def test_the_test_split_is_the_data_sets_own():
    digits, task = load_dataset("digits"), benchmark().tasks()[4]
    chosen = digits.test_y >= 8
    assert torch.equal(task.test.x, digits.test_x[chosen])
    assert torch.equal(task.test.y, digits.test_y[chosen])


def test_building_the_test_split_draws_no_validation_split():
    task = benchmark().tasks()[0]
    assert len(task.test)
    assert not {"train", "validation", "_drawn"} & set(vars(task))


def test_every_benchmark_describes_its_data_set_without_reading_it():
    for name, (_, dataset) in BENCHMARKS.items():
        stream = benchmark(name, num_tasks=2)
        assert len(stream.mean) == len(stream.std) == stream.input_shape[0]
        assert len(stream.tasks()) == 2, dataset
    assert len(BENCHMARKS) == 23


# validation and samples


def test_validation_and_training_images_are_disjoint_and_together_all():
    digits = load_dataset("digits")
    for task in benchmark(validation=0.25).tasks():
        of_task = torch.isin(digits.train_y, torch.tensor(task.classes))
        together = torch.cat((task.train.x, task.validation.x)).flatten(1).tolist()
        assert sorted(together) == sorted(digits.train_x[of_task].flatten(1).tolist())
        assert rows_of(task.train.x).isdisjoint(rows_of(task.validation.x))
        assert rows_of(task.test.x).isdisjoint(
            rows_of(torch.cat((task.train.x, task.validation.x)))
        )


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_validation_takes_its_share_of_every_class(share):
    task = benchmark("permuted_digits", scenario="domain", validation=share).tasks()[1]
    total = load_dataset("digits").train_y.bincount()
    held_out = task.validation.y.bincount(minlength=10)
    assert held_out.sum() == round(1438 * share)
    assert ((held_out - total * share).abs() <= 1).all()


def test_samples_per_task_caps_training_alone_and_evenly():
    capped = benchmark(num_tasks=2, samples_per_task=100).tasks()[0]
    full = benchmark(num_tasks=2).tasks()[0]
    assert len(capped.train) == 100
    counts = capped.train.y.bincount()
    assert counts.min() >= 19
    assert counts.max() <= 21
    assert rows_of(capped.train.x) <= rows_of(full.train.x)
    assert torch.equal(capped.validation.x, full.validation.x)
    assert torch.equal(capped.test.x, full.test.x)


def test_a_cap_above_what_is_there_keeps_everything():
    full, capped = benchmark().tasks()[0], benchmark(samples_per_task=10**6).tasks()[0]
    assert torch.equal(full.train.x, capped.train.x)


def draw_rows(stream):
    """Return the rows of the data set that each task trains on, and those it validates on."""
    splits = [tasks._draw_rows(recipe) for recipe in stream._recipes()]
    return [{part: set(rows.tolist()) for part, rows in split.items()} for split in splits]


@pytest.mark.slow
@pytest.mark.parametrize("samples", [None, 60])
@pytest.mark.parametrize("order", ["natural", "seeded"])
@pytest.mark.parametrize("scenario", ["task", "domain", "class"])
@pytest.mark.parametrize("name", ["split_digits", "permuted_digits", "rotated_digits"])
def test_no_validation_image_of_any_task_is_a_training_image_of_another(
    name, scenario, order, samples
):
    actual = draw_rows(benchmark(name, scenario=scenario, order=order, samples_per_task=samples))
    trained = set.union(*(split["train"] for split in actual))
    validated = set.union(*(split["validation"] for split in actual))
    assert len(validated) in range(140, 150)
    assert not trained & validated


def test_a_permuted_image_that_validates_is_in_no_task_s_training_data():
    actual = benchmark("permuted_digits", num_tasks=3, validation=0.2).tasks()
    trained = set.union(*(rows_of(task.train.x.flatten(1).sort().values) for task in actual))
    for task in actual:
        assert rows_of(task.validation.x.flatten(1).sort().values).isdisjoint(trained)


def test_tasks_that_share_their_images_validate_on_the_same_and_sample_others():
    one, *others = draw_rows(benchmark("rotated_digits", num_tasks=4, samples_per_task=100))
    assert all(other["validation"] == one["validation"] for other in others)
    assert all(len(other["train"] & one["train"]) < 40 for other in others)
    seeded = draw_rows(benchmark("rotated_digits", num_tasks=4, seed=1))
    assert seeded[0]["validation"] != one["validation"]


def test_the_seed_changes_the_draw_and_the_same_seed_repeats_it():
    first, again, other = (benchmark(seed=seed).tasks()[0].validation.x for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


# transformations


def test_a_permutation_moves_pixels_as_in_a_hand_worked_example():
    x = torch.tensor([[[[10, 20], [30, 40]]]], dtype=torch.uint8)
    assert permute_pixels(x, torch.tensor([3, 0, 2, 1])).tolist() == [[[[40, 10], [30, 20]]]]


def test_every_channel_is_permuted_alike():
    x = torch.arange(24, dtype=torch.uint8).view(2, 3, 2, 2)
    moved = permute_pixels(x, torch.tensor([1, 2, 3, 0]))
    for image in range(2):
        for channel in range(3):
            single = permute_pixels(x[image, channel].view(1, 1, 2, 2), torch.tensor([1, 2, 3, 0]))
            assert torch.equal(moved[image, channel], single[0, 0])


def test_permuted_tasks_are_bijections_of_the_pixels_and_the_first_is_untouched():
    test_x = load_dataset("digits").test_x
    tasks = benchmark("permuted_digits", num_tasks=3).tasks()
    assert torch.equal(tasks[0].test.x, test_x)
    columns = sorted(test_x.flatten(1).t().tolist())
    for task in tasks[1:]:
        assert not torch.equal(task.test.x, test_x)
        assert sorted(task.test.x.flatten(1).t().tolist()) == columns
    assert not torch.equal(tasks[1].test.x, tasks[2].test.x)


def test_train_and_test_of_a_task_share_one_permutation():
    plain, moved = (
        benchmark(name, num_tasks=2, validation=0).tasks()[1]
        for name in ("rotated_digits", "permuted_digits")
    )
    assert len(plain.train) == len(moved.train)
    digits = load_dataset("digits")
    both = torch.cat((digits.train_x, digits.test_x)).flatten(1).t().tolist()
    ours = torch.cat((moved.train.x, moved.test.x)).flatten(1).t().tolist()
    assert sorted(ours) == sorted(both)


def test_rotating_by_nothing_is_the_identity():
    x = load_dataset("digits").test_x
    assert torch.equal(rotate_images(x, 0.0), x)


@pytest.mark.parametrize(("degrees", "quarter_turns"), [(90.0, 1), (180.0, 2), (270.0, 3)])
def test_rotating_by_right_angles_moves_every_pixel_anticlockwise(degrees, quarter_turns):
    x = load_dataset("digits").test_x
    assert torch.equal(rotate_images(x, degrees), torch.rot90(x, quarter_turns, (2, 3)))
    assert torch.equal(rotate_images(x, 180.0), x.flip(2, 3))


def test_rotating_by_half_a_turn_flips_images_that_are_not_square_and_have_colours():
    x = torch.randint(0, 256, (300, 3, 5, 8), generator=torch.Generator().manual_seed(0))
    x = x.to(torch.uint8)
    assert torch.equal(rotate_images(x, 180.0), x.flip(2, 3))


def test_no_image_rotates_to_no_image():
    assert rotate_images(torch.zeros(0, 1, 8, 8, dtype=torch.uint8), 30.0).shape == (0, 1, 8, 8)


def test_rotated_tasks_turn_by_equal_steps_below_half_a_turn():
    test_x = load_dataset("digits").test_x
    tasks = benchmark("rotated_digits", num_tasks=4).tasks()
    for k, task in enumerate(tasks):
        assert torch.equal(task.test.x, rotate_images(test_x, 45.0 * k))


# masks, split digits in 5 tasks unless said otherwise


def test_no_output_is_forbidden_in_the_domain_scenario():
    for name in ("split_digits", "permuted_digits"):
        stream = benchmark(name, scenario="domain", train_mask="current")
        assert stream.train_allowed(2) is None
        assert stream.eval_allowed(2, 1) is None


def test_in_the_task_scenario_a_label_competes_within_its_own_task():
    stream = Benchmark(name="split_cifar10", scenario="task", num_tasks=5)
    allowed = stream.train_allowed(2)
    assert allowed.dtype == torch.bool
    assert allowed[2].tolist() == [F, F, T, T, F, F, F, F, F, F]
    assert allowed[1].tolist() == [T, T, F, F, F, F, F, F, F, F]
    assert stream.eval_allowed(0, 5).tolist() == [F] * 8 + [T, T]
    assert stream.eval_allowed(3, 1).tolist() == [T, T] + [F] * 8


def test_in_the_class_scenario_labels_compete_with_all_seen_classes():
    stream = benchmark()
    for row in stream.train_allowed(2):
        assert row.tolist() == [T, T, T, T, F, F, F, F, F, F]
    assert stream.eval_allowed(1, 4).tolist() == [T, T, F, F, F, F, F, F, F, F]
    assert stream.eval_allowed(5, 1).tolist() == [T] * 10
    assert stream.eval_allowed(0, 1) is None


def test_in_the_class_scenario_masks_can_be_current_or_all():
    current = benchmark(train_mask="current", eval_mask="all")
    assert current.train_allowed(3)[7].tolist() == [F, F, F, F, F, F, T, T, F, F]
    assert current.train_allowed(3)[0].tolist() == [T, T, F, F, F, F, F, F, F, F]
    assert current.eval_allowed(1, 1) is None
    assert benchmark(train_mask="all").train_allowed(1) is None


def test_masks_follow_the_order_of_the_tasks():
    stream = benchmark(order=(3, 1, 2, 5, 4))
    assert stream.train_allowed(1)[0].tolist() == [F, F, F, F, T, T, F, F, F, F]
    assert stream.eval_allowed(2, 1).tolist() == [T, T, F, F, T, T, F, F, F, F]
    shuffled = replace(stream, order="seeded")
    seen = shuffled.eval_allowed(1, 1)
    assert tuple(seen.nonzero().flatten().tolist()) == shuffled.tasks()[0].classes


def test_masks_of_permuted_tasks_cover_ten_outputs_a_task():
    stream = benchmark("permuted_digits", scenario="task", num_tasks=3)
    assert stream.eval_allowed(0, 2).tolist() == [F] * 10 + [T] * 10 + [F] * 10
    assert stream.train_allowed(1)[25].tolist() == [F] * 20 + [T] * 10
    seen = replace(stream, scenario="class").eval_allowed(2, 1)
    assert seen.tolist() == [T] * 20 + [F] * 10


def test_every_training_label_may_compete_with_itself():
    for scenario in ("task", "class"):
        for mask in ("seen", "current"):
            stream = benchmark(scenario=scenario, train_mask=mask, order="seeded")
            for task in stream.tasks():
                allowed = stream.train_allowed(task.index)
                assert all(allowed[label, label] for label in task.classes)


# order


def test_an_explicit_order_permutes_the_natural_tasks():
    natural, ordered = benchmark(), benchmark(order=(3, 1, 2, 5, 4))
    keys = natural.task_keys()
    assert ordered.task_keys() == tuple(keys[k - 1] for k in (3, 1, 2, 5, 4))
    assert [task.index for task in ordered.tasks()] == [1, 2, 3, 4, 5]
    assert [task.classes[0] for task in ordered.tasks()] == [4, 0, 2, 8, 6]


def test_a_seeded_order_shuffles_the_classes_of_split_over_the_tasks():
    orders = [[t.classes for t in benchmark(order="seeded", seed=s).tasks()] for s in range(4)]
    for order in orders:
        assert sorted(c for classes in order for c in classes) == list(range(10))
        assert all(classes == tuple(sorted(classes)) for classes in order)
    assert len({str(order) for order in orders}) == 4


@pytest.mark.parametrize("name", ["permuted_digits", "rotated_digits"])
def test_a_seeded_order_shuffles_the_tasks_of_the_others(name):
    for seed in range(3):
        natural = benchmark(name, scenario="domain", seed=seed).task_keys()
        seeded = benchmark(name, scenario="domain", seed=seed, order="seeded").task_keys()
        assert sorted(seeded) == sorted(natural)
    orders = {
        tuple(t.classes[0] for t in benchmark(name, order="seeded", seed=s).tasks())
        for s in range(4)
    }
    assert len(orders) > 1


def test_a_list_is_as_good_an_order_as_a_tuple():
    assert (
        benchmark(order=[2, 1, 3, 4, 5]).task_keys() == benchmark(order=(2, 1, 3, 4, 5)).task_keys()
    )


# keys


def test_tasks_of_one_benchmark_have_different_keys():
    for name in ("split_digits", "permuted_digits", "rotated_digits"):
        for scenario in ("task", "domain", "class"):
            assert len(set(benchmark(name, scenario=scenario).task_keys())) == 5


def test_the_number_of_tasks_is_no_part_of_a_permuted_tasks_key():
    five, ten = (
        benchmark("permuted_digits", scenario="domain", num_tasks=n).task_keys() for n in (5, 10)
    )
    assert five == ten[:5]


def test_rotated_tasks_of_one_angle_share_a_key():
    five, ten = (
        benchmark("rotated_digits", scenario="domain", num_tasks=n).task_keys() for n in (5, 10)
    )
    assert five == ten[::2]


def test_a_split_tasks_key_depends_on_its_classes_not_on_its_place():
    natural = dict(
        zip([t.classes for t in benchmark().tasks()], benchmark().task_keys(), strict=True)
    )
    reverse = benchmark(order=(5, 4, 3, 2, 1))
    ours = dict(zip([t.classes for t in reverse.tasks()], reverse.task_keys(), strict=True))
    assert ours == natural


def test_scenarios_share_a_task_exactly_where_its_tensors_and_labels_are_the_same():
    task, domain, class_ = (
        benchmark(scenario=scenario).task_keys() for scenario in ("task", "domain", "class")
    )
    assert task == class_
    assert domain[0] == class_[0]  # classes 0 and 1 are also positions 0 and 1
    assert not set(domain[1:]) & set(class_)


def test_masks_are_no_part_of_a_tasks_key():
    assert benchmark(train_mask="all", eval_mask="all").task_keys() == benchmark().task_keys()


@pytest.mark.parametrize("name", ["split_digits", "rotated_digits"])
def test_without_randomness_the_seed_is_no_part_of_a_key(name):
    zero, one = (benchmark(name, validation=0, seed=seed).task_keys() for seed in (0, 1))
    assert zero == one


def test_without_validation_only_the_unpermuted_task_ignores_the_seed():
    zero, one = (
        benchmark("permuted_digits", validation=0, seed=seed).task_keys() for seed in (0, 1)
    )
    assert zero[0] == one[0]
    assert not set(zero[1:]) & set(one[1:])


@pytest.mark.parametrize(
    "change", [{"validation": 0.2}, {"samples_per_task": 50}, {"seed": 1}, {"validation": 0.0}]
)
def test_what_changes_the_tensors_changes_every_key(change):
    assert not set(benchmark(**change).task_keys()) & set(benchmark().task_keys())


def test_other_content_of_the_data_set_changes_the_key(monkeypatch):
    before = benchmark().task_keys()
    altered = replace(load_dataset("digits"), fingerprint="another")
    monkeypatch.setattr("orchestrator.benchmarks.tasks.load_dataset", lambda _name: altered)
    assert not set(benchmark().task_keys()) & set(before)


def test_another_version_of_the_data_set_changes_the_key(monkeypatch):
    before = benchmark().task_keys()
    monkeypatch.setitem(DATASETS, "digits", replace(DATASETS["digits"], version=2))
    assert not set(benchmark().task_keys()) & set(before)


@pytest.mark.parametrize("name", ["split_digits", "permuted_digits", "rotated_digits"])
def test_equal_keys_mean_equal_tensors(name):
    first, again = benchmark(name, order="seeded").tasks(), benchmark(name, order="seeded").tasks()
    for one, two in zip(first, again, strict=True):
        assert one.key == two.key
        for split in ("train", "validation", "test"):
            assert torch.equal(getattr(one, split).x, getattr(two, split).x)
            assert torch.equal(getattr(one, split).y, getattr(two, split).y)


def test_building_tasks_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    for name in ("split_digits", "permuted_digits", "rotated_digits"):
        for task in benchmark(name, order="seeded", samples_per_task=20).tasks():
            assert len(task.train) == 20
    assert torch.equal(torch.random.get_rng_state(), before)


# mistakes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "split_digit"}, "unknown benchmark 'split_digit'; did you mean 'split_digits'"),
        ({"num_tasks": 0}, "num_tasks: 0; must be at least 1"),
        ({"num_tasks": 10**12}, "1000000000000 does not divide the 10 classes"),
        ({"name": "permuted_digits", "num_tasks": 100_001}, "100001; must be at most 100,000"),
        ({"name": "rotated_digits", "num_tasks": 10**12, "order": (1,)}, "must be at most 100,000"),
        ({"num_tasks": 3}, "3 does not divide the 10 classes of digits; valid: 1, 2, 5, 10"),
        ({"order": (1, 2, 3, 4)}, r"order: \[1, 2, 3, 4\]; valid: natural, seeded, or a list"),
        ({"order": (1, 2, 3, 4, 4)}, r"tasks 1\.\.5, each once"),
        ({"order": "random"}, "order: 'random'; valid: natural, seeded"),
        ({"validation": 0.6}, r"validation: 0\.6; must be a share"),
        ({"validation": -0.1}, r"validation: -0\.1"),
        ({"validation": float("nan")}, "validation: nan"),
        ({"samples_per_task": 0}, "samples_per_task: 0; must be at least 1"),
        ({"scenario": "instance"}, "scenario: 'instance'; valid: task, domain, class"),
        ({"train_mask": "own"}, "train_mask: 'own'; valid: seen, all, current"),
        ({"eval_mask": "current"}, "eval_mask: 'current'; valid: seen, all"),
    ],
)
def test_a_mistake_is_answered_with_what_is_valid(options, message):
    with pytest.raises(ValueError, match=message):
        Benchmark(**{"name": "split_digits", **options})


def test_a_description_from_a_file_is_typed_and_refuses_unknown_keys():
    from_file = TypeAdapter(Benchmark)
    read = from_file.validate_python({"name": "split_digits", "order": [5, 4, 3, 2, 1]})
    assert read == benchmark(order=(5, 4, 3, 2, 1))
    with pytest.raises(ValidationError, match="num_task"):
        from_file.validate_python({"name": "split_digits", "num_task": 5})


# What is built, and how often


def test_the_splits_of_a_long_sequence_are_built_once(monkeypatch):
    built = []
    build = tasks._build
    monkeypatch.setattr(tasks, "SPLITS", SplitCache(2**27))
    monkeypatch.setattr(tasks, "_build", lambda *given: built.append(given[1:]) or build(*given))
    stream = benchmark("permuted_digits", scenario="domain", num_tasks=40)
    for _stage in range(3):
        for task in stream.tasks():
            assert (len(task.validation), len(task.test)) == (144, 359)
    assert len(built) == len(set(built)) == 80


def test_the_sizes_of_tasks_are_drawn_once(monkeypatch):
    drawn = []
    draw = tasks._draw_rows
    monkeypatch.setattr(tasks, "_draw_rows", lambda recipe: drawn.append(recipe) or draw(recipe))
    stream = benchmark(samples_per_task=60, seed=987654321)
    for _cell in range(3):
        assert [task.num_train for task in stream.tasks()] == [60] * 5
        assert all(task.num_validation for task in stream.tasks())
    assert len(drawn) == len(set(drawn)) == 5


def test_masks_of_a_long_sequence_build_its_recipes_once(monkeypatch):
    built = []
    build = recipes._shared_recipe
    monkeypatch.setattr(
        recipes,
        "_shared_recipe",
        lambda k, *rest, **more: built.append(k) or build(k, *rest, **more),
    )
    stream = benchmark("permuted_digits", num_tasks=100, seed=987654321)
    for after in (0, 50, 100):
        assert stream.train_allowed(after) is None or stream.num_classes == 1000
        assert len([stream.eval_allowed(after, task.index) for task in stream.tasks()]) == 100
    assert built == list(range(100))


def test_a_task_without_test_images_is_refused_when_its_key_is_asked_for(monkeypatch):
    digits = load_dataset("digits")
    kept = digits.test_y < 4
    cut = replace(digits, test_x=digits.test_x[kept], test_y=digits.test_y[kept], fingerprint="cut")
    monkeypatch.setattr(tasks, "load_dataset", lambda name: cut)
    with pytest.raises(RepertoireError, match=r"no test images of a task, that of classes 4, 5; "):
        benchmark().task_keys()
    assert len(benchmark("rotated_digits").task_keys()) == 5


def examples(size):
    return Examples(torch.zeros(size - 8, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64))


def misses(kept, names, size=100):
    """Return which names are built when they are asked for in turn."""
    built = []
    for name in names:
        kept.get(name, lambda name=name: built.append(name) or examples(size))
    return built


def test_splits_are_kept_within_their_bytes_and_a_round_too_long_hits_those_that_are():
    kept = SplitCache(450)
    assert misses(kept, "abcdef") == list("abcdef")
    for _ in range(3):
        assert misses(kept, "abcdef") == ["e", "f"]
    assert kept.get("a", lambda: examples(1)).x.numel() == 92


def test_splits_that_nobody_asks_for_any_more_make_room():
    kept = SplitCache(400)
    misses(kept, "abcd")
    assert misses(kept, "wxyz" * 8).count("w") < 8
    assert misses(kept, "wxyz") == []
    assert misses(kept, "a") == ["a"]


def test_a_split_larger_than_all_that_may_be_kept_is_built_each_time():
    kept = SplitCache(99)
    assert misses(kept, "aa") == ["a", "a"]
