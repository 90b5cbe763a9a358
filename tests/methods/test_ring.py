"""Rings: the last examples of each task, in equal shares."""

from __future__ import annotations

import pytest
import safetensors.torch
import torch
from numbering import learn, number_images, numbers_in, view

from methods.base import Outlook
from methods.parts.budget import Budget
from methods.parts.ring import RingMemory, equal_shares

SMALL = Outlook(10, (1, 1, 2))


def test_shares_add_up_and_differ_by_one_at_most():
    assert equal_shares(11, 3) == [4, 4, 3]
    assert equal_shares(2, 3) == [1, 1, 0]


@pytest.mark.parametrize("batch_size", [1, 7, 16, 100])
def test_a_ring_holds_the_last_examples_of_each_task_oldest_first(batch_size):
    memory = RingMemory(Budget(10), SMALL)
    learn(memory, number_images(range(50)), 1, batch_size=batch_size)
    assert numbers_in(memory) == list(range(40, 50))
    learn(memory, number_images(range(100, 133)), 2, batch_size=batch_size)
    assert numbers_in(memory) == [*range(45, 50), *range(128, 133)]
    learn(memory, number_images(range(200, 260)), 3, batch_size=batch_size)
    assert numbers_in(memory) == [*range(46, 50), *range(130, 133), *range(257, 260)]
    assert memory.counts.tolist() == [4, 3, 3]


def test_a_task_with_few_examples_leaves_its_share_empty_and_nothing_uninitialised():
    memory = RingMemory(Budget(10), SMALL)
    learn(memory, number_images([1, 2]), 1)
    learn(memory, number_images(range(100, 140)), 2)
    assert numbers_in(memory) == [1, 2, *range(135, 140)]
    assert memory.counts.tolist() == [2, 5]


def test_several_epochs_do_not_fill_a_ring_with_copies():
    memory = RingMemory(Budget(30), SMALL)
    learn(memory, number_images(range(20)), 1, batch_size=8, epochs=3)
    assert numbers_in(memory) == list(range(20))


def test_past_tasks_have_their_own_rows_while_a_task_is_learned():
    memory = RingMemory(Budget(9), SMALL)
    learn(memory, number_images(range(20)), 1)
    learn(memory, number_images(range(100, 120)), 2)
    task = view(number_images(range(200, 220)), index=3)
    memory.begin_task(task)
    for start in range(0, 20, 4):
        memory.after_step(task.examples[start : start + 4])
        assert memory.filled <= 9
        numbers = numbers_in(memory)
        assert [numbers[span] for span in memory.spans] == [[17, 18, 19], [117, 118, 119]]
    assert memory.past == 6


def test_with_fewer_rows_than_tasks_the_first_tasks_keep_theirs():
    memory = RingMemory(Budget(2), SMALL)
    for index in range(1, 5):
        learn(memory, number_images(range(100 * index, 100 * index + 20)), index)
    assert numbers_in(memory) == [119, 219]
    assert memory.counts.tolist() == [1, 1, 0, 0]


def test_a_ring_is_loaded_from_its_bytes_and_goes_on_as_if_it_had_not_been():
    straight = RingMemory(Budget(10), SMALL)
    learn(straight, number_images(range(40)), 1)
    learn(straight, number_images(range(50, 52)), 2)
    loaded = RingMemory(Budget(10), Outlook(10, (1, 1, 2), num_learned=2))
    loaded.load_state_dict(safetensors.torch.load(safetensors.torch.save(straight.state_dict())))
    for memory in (straight, loaded):
        learn(memory, number_images(range(140, 180)), 3)
    assert numbers_in(straight) == numbers_in(loaded)
    assert torch.equal(straight.counts, loaded.counts)
