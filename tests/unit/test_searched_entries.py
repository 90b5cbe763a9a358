"""Entries of one method that are searched in each cell of a surface, by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from orchestrator.results.results import Results
from orchestrator.results.surface.costs import search_costs
from orchestrator.results.surface.surface import Surface, surfaces
from orchestrator.results.surface.trials import method_names, searched_entries

RATES = {8_000: 0.1, 30_000: 0.01}  # what the search chose in each cell
# The group of an entry in the cells -> its label, and its policy.
ENTRIES = {
    ("er policy=ring", "er policy=ring #2"): (None, "ring"),
    ("er policy=reservoir storage_bytes=8000", "er policy=reservoir storage_bytes=30000"): (
        None,
        "reservoir",
    ),
    ("er batch=5", "er batch=5 #2"): ("my er", "ring"),
}


@pytest.fixture(scope="module")
def lab() -> tuple[Results, Surface]:
    """Return three entries of er at two storages: two candidates, of which the first is chosen.

    A candidate takes 1, 2 or 3 kFLOP by entry, and its evaluation on two seeds twice that.
    """
    trials, stages = [], []
    for number, (groups, (label, policy)) in enumerate(ENTRIES.items(), 1):
        for (size, rate), group in zip(RATES.items(), groups, strict=True):
            for phase, seed, candidate in [
                *(("search", 10, candidate) for candidate in (0, 1)),
                *(("evaluation", seed, 0) for seed in (0, 1)),
            ]:
                name = f"er-{group}-{candidate}"
                chain = {"sweep": "lab", "trial_id": name, "seed": seed}
                row = {"method": "er", "method_label": label, "phase": phase, "status": "complete"}
                row |= {"benchmark": "split_digits", "scenario": "class", "num_tasks": 1}
                row |= {"means_storage_bytes": size, "means_compute": None, "means_dial": "{}"}
                row |= {"config.method.policy": policy, "group": group, "candidate": candidate}
                row |= {"config.training.lr": rate + candidate, "acc": 0.5, "storage_bytes": 0}
                row |= {"storage_backbone_bytes": 0, "eval_seconds": 0.0, "eval_flops": 0}
                row |= {"train_seconds": 0.0, "consolidate_seconds": 0.0, "inference_flops": 0}
                flops = {"train_flops": 1_000.0 * number, "consolidate_flops": 0.0}
                trials.append(chain | row | flops)
                stages.append(chain | flops | {"key": f"{name}-{seed}", "after": 1})
    stages = pd.DataFrame(stages).assign(storage_bytes=0)
    results = Results(pd.DataFrame(trials), pd.DataFrame(), stages)
    return results, next(surfaces(results))


def test_each_entry_has_one_name_in_all_cells_whatever_its_search_chose(
    lab: tuple[Results, Surface],
) -> None:
    _, surface = lab
    assert surface.methods == ("er policy=ring", "er policy=reservoir", "my er")
    assert surface.mean.tolist() == [[[0.5], [0.5]]] * 3


def test_the_search_of_each_entry_has_a_row_of_its_own(lab: tuple[Results, Surface]) -> None:
    rows = search_costs(*lab).to_dict("records")
    assert [[*row.values()] for row in rows] == [
        ["er policy=ring", 2, 4, 4e3, 4e3],
        ["er policy=reservoir", 2, 4, 8e3, 8e3],
        ["my er", 2, 4, 12e3, 12e3],
    ]


def test_values_that_no_search_chose_tell_trials_of_a_cell_apart(
    lab: tuple[Results, Surface],
) -> None:
    """As a grid over the policy and the rate: each pair is a method of its own."""
    trials = lab[0].trials
    grid = trials[(trials["phase"] == "evaluation") & trials["method_label"].isna()]
    names = method_names(grid.drop(columns="group").assign(means_storage_bytes=8_000))
    assert len(set(names)) == 4
    assert searched_entries(grid.drop(columns="group")).isna().all()
