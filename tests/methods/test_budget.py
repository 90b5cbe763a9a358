"""Budgets: examples from bytes, one of the two, and refusals before anything is trained."""

from __future__ import annotations

import re

import pytest

from methods import METHODS
from methods.base import Outlook, Setting
from methods.parts.budget import Budget
from methods.parts.class_balanced import ClassBalancedMemory
from methods.parts.reservoir import ReservoirMemory
from methods.parts.ring import RingMemory
from methods.testing.blobs import Blobs
from methods.testing.snapshots import snapshots

WITH_MEMORY = (
    "er",
    "er_ace",
    "mir",
    "der",
    "derpp",
    "gem",
    "agem",
    "icarl",
    "gdumb",
    "wa",
    "lucir",
    "memo",
)
FASHION = Setting("class", 10, (1, 28, 28), "mlp", 5)
OUTLOOK = Outlook(10, (1, 28, 28))


@pytest.mark.parametrize("name", WITH_MEMORY)
def test_a_budget_is_given_in_examples_or_in_bytes_but_not_in_both(name):
    config = METHODS[name].Config
    assert config().memory_size == 500
    assert config().memory_bytes is None
    assert config(memory_bytes=1_000_000).memory_size is None
    with pytest.raises(
        ValueError, match="memory_size must be left out where memory_bytes is given"
    ):
        config(memory_size=3, memory_bytes=4)
    with pytest.raises(ValueError, match="memory_bytes must be at least 1 or left out, given 0"):
        config(memory_bytes=0)
    with pytest.raises(ValueError, match="memory_size must be at least 1 or left out, given -1"):
        config(memory_size=-1)


def test_a_megabyte_holds_as_many_examples_as_fit_beside_the_counters():
    megabyte = Budget(size=1_000_000)
    assert ClassBalancedMemory(megabyte, OUTLOOK).capacity == 1_000_000 // 785
    assert ReservoirMemory(megabyte, OUTLOOK).capacity == (1_000_000 - 8) // 785
    assert ReservoirMemory(megabyte, OUTLOOK, logits=True).capacity == (1_000_000 - 8) // 825
    after_four = RingMemory(megabyte, Outlook(10, (1, 28, 28), num_learned=4))
    assert after_four.capacity == (1_000_000 - 32) // 785
    colour = Outlook(1000, (3, 32, 32))
    assert ClassBalancedMemory(megabyte, colour).capacity == 1_000_000 // (3072 + 2)


@pytest.mark.parametrize("name", WITH_MEMORY)
@pytest.mark.parametrize("size", [300, 777, 1_000_000])
def test_a_memory_never_takes_more_bytes_than_its_budget(name, size):
    method = METHODS[name]
    blobs = Blobs(method, method.Config(memory_bytes=size), "class")
    for snapshot in snapshots(blobs):
        memory = [t for n, t in snapshot.state.items() if n.startswith("memory.")]
        used = sum(t.numel() * t.element_size() for t in memory)
        assert used <= size
        row = 17 + 24 * method.keeps_logits if name in ("der", "derpp") else 17
        # What is left is less than a row for each class.
        assert len(snapshot.state["memory.y"]) == 48 * snapshot.after or size - used < 6 * row


@pytest.mark.parametrize(
    ("name", "config", "story"),
    [
        (
            "icarl",
            {"memory_size": 9},
            r"for 9 examples \(memory_size: 9\).*10, one for each class",
        ),
        ("bic", {"memory_bytes": 78499}, "9 held-out examples.*memory_bytes: 78500, or more"),
        ("wa", {"memory_size": 9}, "10, one for each class"),
        ("gdumb", {"memory_bytes": 7849}, r"9 examples \(memory_bytes: 7849\).*memory_bytes: 7850"),
        ("er", {"memory_size": 9, "policy": "class_balanced"}, "give memory_size: 10"),
        ("agem", {"memory_size": 9, "policy": "class_balanced"}, "one for each class"),
        ("agem", {"memory_size": 4, "policy": "ring"}, "room for 5, one for each task"),
        ("er", {"memory_size": 4, "policy": "ring"}, "one for each task"),
        ("gem", {"memory_bytes": 5 * 785 + 5 * 8 - 1}, "room for 4 examples"),
        ("derpp", {"memory_bytes": 832}, "room for 0 examples.*memory_bytes: 833, or more"),
    ],
)
def test_a_memory_too_small_for_what_is_asked_is_refused_with_what_would_do(name, config, story):
    objection = METHODS[name].objection(METHODS[name].Config(**config), FASHION)
    assert re.search(story, objection)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("icarl", {"memory_size": 10}),
        ("gdumb", {"memory_bytes": 7850}),
        ("er", {"memory_size": 1}),
        ("gem", {"memory_bytes": 5 * 785 + 5 * 8}),
        ("agem", {"memory_size": 5, "policy": "ring"}),
        ("derpp", {"memory_bytes": 833}),
    ],
)
def test_a_memory_just_large_enough_is_not_refused(name, config):
    assert METHODS[name].objection(METHODS[name].Config(**config), FASHION) is None


def test_icarl_is_refused_where_classes_come_again():
    objection = METHODS["icarl"].objection(
        METHODS["icarl"].Config(), Setting("domain", 2, (1, 8, 8), "")
    )
    assert objection == "cannot serve the domain scenario; it serves: class, task"
