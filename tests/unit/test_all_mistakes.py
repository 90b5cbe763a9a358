"""A sweep file with several mistakes: one reading reports them all, and none twice."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import yaml

Mistakes = Callable[[str], list[str]]
RIGHT: dict[str, Any] = {
    "name": "right",
    "benchmark": {"name": "split_digits", "scenario": "task", "num_tasks": 5},
    "network": {"name": "mlp", "hidden": [8]},
    "training": {"lr": 0.1},
    "methods": [
        {"name": "ewc", "lam": {"loguniform": [1, 1000]}},
        "finetune",
        {"name": "er", "memory_size": 20},
    ],
    "seeds": [0, 1],
    "search": {"algorithm": "random", "seeds": [7]},
}
# Place -> a wrong value there. None of these mistakes depends on what is at another's place.
WRONG: dict[tuple[str | int, ...], Any] = {
    ("name",): "a/b",
    ("extra",): 1,
    ("seeds", 0): -1,
    ("benchmark", "name"): "split_digit",
    ("benchmark", "scenario"): "tsk",
    ("benchmark", "num_tasks"): 0,
    ("benchmark", "validation"): 0,
    ("benchmark", "bogus"): 0,
    ("network", "hidden"): [0],
    ("network", "depth"): 3,
    ("training", "lr"): -1,
    ("training", "epochs"): 0,
    ("training", "batch_size"): {"uniform": [3, 1]},
    ("training", "speed"): 2,
    ("methods", 0, "name"): "ewcc",
    ("methods", 0, "lam"): {"loguniform": [0, 1]},
    ("methods", 1): "finetun",
    ("methods", 2, "memory_size"): 0,
    ("methods", 2, "colour"): 0,
    ("search", "algorithm"): "randm",
    ("search", "num_trials"): 0,
    ("search", "metric"): "acc(",
    ("search", "scheduler"): {"name": "asha", "grace_tasks": 0},
    ("search", "parallel"): 0,
    ("search", "bogus"): 0,
    ("resources", "gpus"): -1,
    ("resources", "bogus"): 0,
    ("budget", "wall"): "1:30",
    ("mlflow", "experiment"): "",
}


def text_with(*places: tuple[str | int, ...]) -> str:
    content: Any = copy.deepcopy(RIGHT)
    for place in places:
        inner = content
        for key in place[:-1]:
            inner = inner.setdefault(key, {}) if isinstance(inner, dict) else inner[key]
        inner[place[-1]] = WRONG[place]
    return yaml.safe_dump(content)


@pytest.mark.parametrize("seed", range(24))
def test_a_file_with_several_mistakes_reports_all_of_them_in_one_round(
    mistakes: Mistakes, seed: int
) -> None:
    order = np.random.default_rng(seed).permutation(len(WRONG))
    places = [list(WRONG)[i] for i in order[: 2 + seed % 7]]
    each = [mistakes(text_with(place)) for place in places]
    together = mistakes(text_with(*places))
    assert all(each)
    assert set().union(*each) <= set(together)
    assert len(set(together)) == len(together)
    assert len(together) <= sum(map(len, each)) + 1  # no mistake is made up of two others


def test_the_whole_list_of_mistakes_is_reported_in_one_round(mistakes: Mistakes) -> None:
    together = mistakes(text_with(*WRONG))
    for place in WRONG:
        assert set(mistakes(text_with(place))) <= set(together), place


def test_an_unknown_key_is_reported_beside_a_space_that_is_wrong(mistakes: Mistakes) -> None:
    lines = mistakes(text_with(("training", "batch_size"), ("training", "speed")))
    assert [line.partition(":")[0] for line in lines] == ["training.batch_size", "training.speed"]
