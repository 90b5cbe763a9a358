"""Memories: what they hold, with what probability, and in how many bytes."""

from __future__ import annotations

from collections import Counter

import pytest
import safetensors.torch
import torch
from numbering import learn, number_images, numbers_in, view
from scipy.stats import chisquare

from methods.base import Examples, Outlook
from methods.parts.budget import Budget
from methods.parts.class_balanced import ClassBalancedMemory
from methods.parts.reservoir import ReservoirMemory, last_occurrences
from orchestrator.seeding import stream

IMAGE = (1, 28, 28)
OUTLOOK = Outlook(num_classes=10, input_shape=IMAGE)


def test_the_reservoir_holds_every_example_with_the_same_probability():
    offered, capacity, repeats = 60, 12, 500
    counts = Counter()
    for seed in range(repeats):
        memory = ReservoirMemory(Budget(capacity), Outlook(10, (1, 1, 2)))
        learn(memory, number_images(range(35)), index=1, seed=seed)
        learn(memory, number_images(range(35, offered)), index=2, seed=seed)
        counts.update(numbers_in(memory))
    actual = [counts[number] for number in range(offered)]
    assert sum(actual) == repeats * capacity
    assert chisquare(actual).pvalue > 1e-3


def test_a_batch_is_offered_as_algorithm_r_offers_one_example_after_the_other():
    capacity, batch = 6, number_images(range(40))
    memory = ReservoirMemory(Budget(capacity), Outlook(10, (1, 1, 2)))
    memory.resize(capacity)
    memory.offer(batch, stream(0, "draws"))
    rows = list(range(capacity))
    u = torch.rand(40, generator=stream(0, "draws"), dtype=torch.float64)
    for place in range(capacity, 40):
        row = int(u[place] * (place + 1))
        if row < capacity:
            rows[row] = place
    assert numbers_in(memory) == rows


def test_the_last_occurrence_of_each_value_is_found():
    assert sorted(last_occurrences(torch.tensor([3, 1, 3, 2, 1, 3])).tolist()) == [3, 4, 5]
    assert last_occurrences(torch.tensor([], dtype=torch.int64)).tolist() == []


def test_the_reservoir_never_outgrows_its_capacity_nor_holds_an_example_twice():
    memory = ReservoirMemory(Budget(25), Outlook(10, (1, 1, 2)))
    for index in range(1, 5):
        learn(memory, number_images(range(100 * (index - 1), 100 * index)), index)
        numbers = numbers_in(memory)
        assert len(numbers) == len(set(numbers)) == 25
        assert int(memory.offered) == 100 * index


@pytest.mark.parametrize("epochs", [1, 3])
@pytest.mark.parametrize("batch_size", [1, 16, 100])
def test_only_the_first_pass_is_offered_and_a_reservoir_with_room_holds_all(epochs, batch_size):
    memory = ReservoirMemory(Budget(100), Outlook(10, (1, 1, 2)))
    learn(memory, number_images(range(50)), 1, batch_size=batch_size, epochs=epochs)
    learn(memory, number_images(range(50, 90)), 2, batch_size=batch_size, epochs=epochs)
    assert numbers_in(memory) == list(range(90))
    assert int(memory.offered) == 90


def test_an_interrupted_pass_leaves_no_empty_rows():
    memory = ReservoirMemory(Budget(100), Outlook(10, (1, 1, 2)))
    task = view(number_images(range(80)))
    memory.begin_task(task)
    memory.after_step(task.examples[:30])
    memory.end_task(task)
    assert numbers_in(memory) == list(range(30))


@pytest.mark.parametrize(("capacity", "rows"), [(20, 20), (500, 60)])
@pytest.mark.parametrize("kind", [ReservoirMemory, ClassBalancedMemory])
def test_an_example_occupies_its_pixels_and_one_byte(kind, capacity, rows):
    memory = kind(Budget(capacity), OUTLOOK)
    learn(memory, number_images(range(60), image=IMAGE))
    state = memory.state_dict()
    images, labels = (state[name].numel() * state[name].element_size() for name in ("x", "y"))
    assert images + labels == memory.filled * memory.row_bytes == rows * (784 + 1)


def test_labels_beyond_a_byte_take_two():
    memory = ReservoirMemory(Budget(5), Outlook(num_classes=1000, input_shape=(1, 1, 2)))
    learn(memory, number_images([1, 2], labels=[999, 256]))
    assert memory.y.dtype == torch.int16
    assert memory.sample(2, stream(0, "draw")).y.sort().values.tolist() == [256, 999]


@pytest.mark.parametrize("kind", [ReservoirMemory, ClassBalancedMemory])
def test_a_part_filled_memory_is_loaded_from_its_bytes_and_goes_on_as_if_it_had_not_been(kind):
    outlook = Outlook(10, (1, 1, 2))
    straight, loaded = kind(Budget(70), outlook), kind(Budget(70), outlook)
    learn(straight, number_images(range(40)), 1)
    loaded.load_state_dict(safetensors.torch.load(safetensors.torch.save(straight.state_dict())))
    for memory in (straight, loaded):
        learn(memory, number_images(range(40, 140)), 2)
    assert numbers_in(straight) == numbers_in(loaded)
    assert straight.filled == loaded.filled == 70


def test_a_state_beyond_the_capacity_is_refused():
    memory = ReservoirMemory(Budget(40), Outlook(10, (1, 1, 2)))
    learn(memory, number_images(range(40)))
    with pytest.raises(ValueError, match="a memory of 30 examples cannot hold 40"):
        ReservoirMemory(Budget(30), Outlook(10, (1, 1, 2))).load_state_dict(memory.state_dict())


def test_images_that_are_not_bytes_are_refused():
    memory = ReservoirMemory(Budget(4), Outlook(10, (1, 1, 2)))
    floats = Examples(torch.rand(3, 1, 1, 2, generator=stream(0, "x")), torch.tensor([0, 1, 2]))
    with pytest.raises(TypeError, match=r"uint8 images, given torch\.float32"):
        learn(memory, floats)


def test_a_draw_has_no_example_twice_and_is_all_there_is_where_that_is_less():
    memory = ReservoirMemory(Budget(30), Outlook(10, (1, 1, 2)))
    learn(memory, number_images(range(30)))
    few, all_of_them = memory.sample(7, stream(0, "draw")), memory.sample(99, stream(0, "draw"))
    pixels = few.x.flatten(1)[:, 0].tolist()
    assert len(set(pixels)) == 7
    assert few.y.dtype == torch.int64
    assert few.y.tolist() == [pixel % 10 for pixel in pixels]
    assert sorted(all_of_them.x.flatten(1)[:, 0].tolist()) == list(range(30))


def test_a_class_balanced_memory_gives_every_class_the_same_share():
    memory = ClassBalancedMemory(Budget(20), Outlook(10, (1, 1, 2)))
    learn(memory, number_images(range(60), labels=[0] * 40 + [1] * 20), 1)
    assert Counter(memory.y.tolist()) == {0: 10, 1: 10}
    before = numbers_in(memory)
    learn(memory, number_images(range(60, 100), labels=[2] * 40), 2)
    assert Counter(memory.y.tolist()) == {0: 7, 1: 7, 2: 6}
    assert len(set(numbers_in(memory))) == 20
    assert {n for n in numbers_in(memory) if n < 60} <= set(before)


def test_a_class_with_too_few_examples_gives_all_it_has():
    memory = ClassBalancedMemory(Budget(20), Outlook(10, (1, 1, 2)))
    learn(memory, number_images(range(43), labels=[0] * 3 + [1] * 40))
    assert Counter(memory.y.tolist()) == {0: 3, 1: 10}
    assert set(numbers_in(memory)) >= {0, 1, 2}


def test_a_class_balanced_memory_with_room_holds_all():
    memory = ClassBalancedMemory(Budget(200), Outlook(10, (1, 1, 2)))
    learn(memory, number_images(range(50), labels=[0, 1] * 25), 1)
    learn(memory, number_images(range(50, 80), labels=[2, 3] * 15), 2)
    assert sorted(numbers_in(memory)) == list(range(80))


def test_a_class_met_in_every_task_divides_its_share_among_the_tasks():
    memory = ClassBalancedMemory(Budget(12), Outlook(10, (1, 1, 2)))
    for index in range(1, 4):
        learn(memory, number_images(range(100 * index, 100 * index + 50), labels=[0] * 50), index)
    tasks = Counter(number // 100 for number in numbers_in(memory))
    assert tasks[3] == 4
    assert sum(tasks.values()) == 12
    assert min(tasks[1], tasks[2]) >= 1


def test_logits_stay_with_their_example():
    memory = ReservoirMemory(Budget(20), Outlook(10, (1, 1, 2)), logits=True)
    task = view(number_images(range(90)))
    memory.begin_task(task)
    for start in range(0, 90, 16):
        batch = task.examples[start : start + 16]
        numbers = torch.arange(start, start + len(batch))
        memory.after_step(batch, numbers.float().unsqueeze(1).repeat(1, 10))
    memory.end_task(task)
    assert memory.logits[:, 3].tolist() == numbers_in(memory)
    assert memory.logits.dtype == torch.float32
    assert memory.row_bytes == 2 + 1 + 4 * 10
    assert memory.filled == 20


def test_a_draw_can_be_among_the_first_rows_only():
    memory = ReservoirMemory(Budget(30), Outlook(10, (1, 1, 2)))
    learn(memory, number_images(range(30)))
    rows = memory.draw(99, stream(0, "draw"), among=7)
    assert sorted(rows.tolist()) == list(range(7))
    assert memory.draw(3, stream(0, "draw"), among=0).tolist() == []
