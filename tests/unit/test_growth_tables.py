"""Growth, seconds and the search of a surface on a terminal, by hand."""

from __future__ import annotations

import json
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from rich.console import RenderableType
from rich.table import Table

from orchestrator.columns import STORAGE_BOUND
from orchestrator.results.bodies import APART
from orchestrator.results.growth import FIXED, LIMITS, compute_limits, fit_cost
from orchestrator.results.results import Results
from orchestrator.results.surface.costs import cell_costs
from orchestrator.results.surface.surface import Surface, surfaces
from orchestrator.terminal.broken_text import BrokenText
from orchestrator.terminal.console import PlainConsole
from orchestrator.terminal.growth_tables import cost_tables, growth_table

TASKS, SEEDS = 6, (0, 1)
NO_BOUNDS = {**dict.fromkeys([FIXED, STORAGE_BOUND, *LIMITS.values()], np.nan), APART: False}
CONFIG = json.dumps({"selection": {"means": {"backbone": "apart"}}})
BODY = 7_000_000  # bytes of a frozen body, which the budgets leave out
# Method -> bytes after task T, FLOPs of task T, and seconds of all, of a thousand FLOPs.
COSTS = {
    "er": (lambda task: 20_000 + 10_000 * task, lambda task: 2_000, 30.0),
    "pnn": (lambda task: 5_000 * task, lambda task: 1_000 + 500 * task, 20.0),
    "lwf": (lambda task: 40_000, lambda task: 1_000, 10.0),
}


def results() -> Results:
    """Return trials in two cells: pnn does not fit the smaller, er is 2 kB larger on seed 1."""
    trials, stages = [], []
    for size in (50_000, 100_000):
        for method, (carried, spent, seconds) in COSTS.items():
            unfit = (method, size) == ("pnn", 50_000)
            for seed in SEEDS:
                chain = {"sweep": "lab", "trial_id": f"{method}-{size}", "seed": seed}
                flops = 0 if unfit else sum(map(spent, range(1, TASKS + 1)))
                row = {"method": method, "phase": "evaluation", "benchmark": "split_digits"}
                row |= {"scenario": "class", "num_tasks": TASKS, "means_storage_bytes": size}
                dial = json.dumps({"method.memory_bytes": size - 20_000} if method == "er" else {})
                row |= {"means_compute": None, "means_dial": dial, "device": "cpu", "acc": 0.5}
                row |= {"status": "infeasible" if unfit else "complete", "storage_bytes": 0}
                row |= {"storage_backbone_bytes": BODY, "storage_buffer_bytes": 0, "config": CONFIG}
                row |= {"train_flops": flops, "consolidate_flops": 0, "consolidate_seconds": 0.0}
                row |= {"train_seconds": 0.0 if unfit else seconds + seed, "eval_seconds": 0.0}
                trials.append(chain | row | {"eval_flops": 0, "inference_flops": 0})
                extra = 2_000 * seed * (method == "er")
                for task in range(0 if unfit else TASKS + 1):
                    own = carried(task) + extra
                    costs = {"train_flops": spent(task) - 1, "consolidate_flops": 1}
                    costs |= {"storage_bytes": own + BODY, "storage_without_backbone_bytes": own}
                    memory = own - 20_000 if method == "er" else 0
                    costs |= {"storage_buffer_bytes": memory, "means_flops": None}
                    stages.append(chain | {"after": task, **costs})
    return Results(pd.DataFrame(trials), pd.DataFrame(), pd.DataFrame(stages))


@pytest.fixture(scope="module")
def lab() -> tuple[Results, Surface]:
    own = results()
    return own, next(surfaces(own))


def cells(table: RenderableType) -> list[tuple[str, ...]]:
    assert isinstance(table, Table)
    columns = [[str(column.header), *map(cell_text, column.cells)] for column in table.columns]
    return list(zip(*columns, strict=True))


def cell_text(cell: RenderableType) -> str:
    return "".join(map("".join, cell.words)) if isinstance(cell, BrokenText) else str(cell)


def test_growth_is_that_of_the_largest_cell_with_what_it_comes_to(
    lab: tuple[Results, Surface],
) -> None:
    """er's memory is solved for, and takes at most the rest of 100 kB; pnn passes it at T = 21."""
    growth, _ = cost_tables(*lab)
    assert isinstance(growth, Table)
    assert "without a frozen body" in str(growth.caption)
    assert cells(growth) == [
        ("growth at 100 kB", "bytes", "T = 20", "above budget from", "FLOPs of task T", "T = 20"),
        ("er", "10 kB x T + 21 kB, at most 100 kB", "100 kB", "–", "2 kFLOP", "2 kFLOP"),
        ("pnn", "5 kB x T", "100 kB", "T = 21", "500 FLOP x T + 1 kFLOP", "11 kFLOP"),
        ("lwf", "40 kB", "40 kB", "–", "1 kFLOP", "1 kFLOP"),
    ]


def test_a_cost_that_falls_keeps_its_last_value_and_the_caption_says_so() -> None:
    """A task takes 9, 8, 6 and 4 kFLOP: 4 at any T, where a line would come to less than 0."""
    costs = pd.DataFrame({"label": "gem", "after": range(1, 5), "storage_bytes": 1000})
    costs = costs.assign(compute_flops=[9e3, 8e3, 6e3, 4e3], **NO_BOUNDS)
    table = growth_table(costs, "growth", None)
    assert cells(table)[1] == ("gem", "1 kB", "1 kB", "–", "4 kFLOP", "4 kFLOP")
    assert "; a cost that falls keeps its last value. " in str(table.caption)


def test_a_cell_has_the_costs_of_the_methods_that_fit_it(lab: tuple[Results, Surface]) -> None:
    small = cell_costs(*lab, (0, 0))
    assert sorted(set(small["label"])) == ["er", "lwf"]
    costs = small.set_index(["label", "after"]).loc[("er", 3)]
    bounds = ["storage_limit_bytes", "storage_fixed_bytes"]
    assert costs[["storage_bytes", "compute_flops", *bounds]].tolist() == [51e3, 2e3, 50e3, 20e3]
    assert costs[APART]
    assert np.isnan(costs["compute_limit_flops"])


def test_seconds_are_ranked_over_the_trials_that_took_any(lab: tuple[Results, Surface]) -> None:
    """Of 10 trials er has 4 with 12 kFLOP and pnn 2 with 16.5, in less time; lwf 4 with 6."""
    _, agreement = cost_tables(*lab)
    flops = np.repeat([6.0, 12.0, 16.5], [4, 4, 2])
    seconds = np.array([10, 10, 11, 11, 30, 30, 31, 31, 20, 21])
    ranks = pd.DataFrame({"flops": flops, "seconds": seconds}).rank()
    rho = np.corrcoef(ranks["flops"], ranks["seconds"])[0, 1]
    assert cells(agreement)[1:] == [("cpu", "10", f"{rho:.3f}")]


def test_the_search_of_a_cell_is_beside_its_evaluation_each_stage_once(
    lab: tuple[Results, Surface],
) -> None:
    """Two candidates of er share task 1: of 6 stages of 2 kFLOP each, 11 are distinct."""
    own, surface = lab
    stages = own.stages.assign(key=np.arange(len(own.stages)).astype(str))
    winner = own.trials[own.trials["trial_id"] == "er-100000"].iloc[:1]
    tried = [winner.assign(phase="search", trial_id=f"er-{n}") for n in (1, 2)]
    chain = stages[(stages["trial_id"] == "er-100000") & (stages["seed"] == 0)]
    chain = chain[chain["after"] > 0]
    others = [chain.assign(trial_id=f"er-{n}", key=chain["key"] + f"-{n}") for n in (1, 2)]
    others[1].loc[others[1]["after"] == 1, "key"] = others[0]["key"].iloc[0]
    trials, stages = pd.concat([own.trials, *tried]), pd.concat([stages, *others])
    search, *_ = cost_tables(Results(trials, pd.DataFrame(), stages), surface)
    # er has two cells with two seeds, and stages 0 of 2 kFLOP too.
    assert cells(search)[1:] == [("er", "1", "2", "22 kFLOP", "56 kFLOP")]


def test_columns_beside_a_memory_outgrow_the_budget_that_the_memory_fills() -> None:
    """Of 30 kB columns take 4 T + 2 kB, all of it at T = 7; until then a memory has the rest."""
    tasks = np.arange(1, 6)
    costs = pd.DataFrame({"label": "memo", "after": tasks, "compute_flops": 1e3, **NO_BOUNDS})
    costs = costs.assign(
        storage_bytes=5_000 * tasks + 5_000, storage_fixed_bytes=4_000 * tasks + 2_000
    )
    costs = costs.assign(storage_limit_bytes=30_000.0)
    row = cells(growth_table(costs, "growth", 30_000))[1]
    line = "5 kB x T + 5 kB, at most 30 kB; at least 4 kB x T + 2 kB"
    assert row == ("memo", line, "82 kB", "T = 8", "1 kFLOP", "1 kFLOP")
    fit = fit_cost(costs, "storage_bytes")
    assert [fit.cost(n) for n in (4, 5, 6, 7, 8)] == pytest.approx([25e3, 30e3, 30e3, 30e3, 34e3])
    assert fit.find_bends(3, 20) == pytest.approx([5, 7])


def test_steps_that_are_solved_for_take_the_flops_of_the_budget_at_most() -> None:
    """Tasks take 2, 3 and 4 of 5 kFLOP: 5 from the fourth on."""
    costs = pd.DataFrame({"label": "mir", "after": [1, 2, 3], "storage_bytes": 1e3, **NO_BOUNDS})
    costs = costs.assign(compute_flops=[2e3, 3e3, 4e3], compute_limit_flops=5e3)
    assert [fit_cost(costs, "compute_flops").cost(n) for n in (3, 4, 20)] == [4e3, 5e3, 5e3]
    dials = ['{"training.iterations": 7}', '{"method.memory_size": 7}']
    rows = pd.DataFrame({"means_dial": dials, "means_flops": [5e3, 5e3]})
    assert compute_limits(rows).fillna(0).tolist() == [5e3, 0]


def test_a_name_that_is_wider_than_its_column_is_broken_and_not_cut() -> None:
    tasks = np.array([1, 2, 3])
    costs = pd.DataFrame({"after": tasks, "storage_bytes": 2920.0 * tasks + 4850})
    costs = costs.assign(compute_flops=2e3 * tasks + 1e3, **NO_BOUNDS)
    name = "derpp offered=every_epoch batch_size=64"
    console = PlainConsole(width=80, record=True, file=StringIO())
    console.print(growth_table(costs.assign(label=name), "growth at 61.4 kB", 61_400))
    lines = console.export_text().splitlines()
    assert "…" not in "".join(lines)
    own = lines[[line.startswith("  derpp") for line in lines].index(True) :]
    assert "".join(line[2:13].strip() for line in own).startswith(name.replace(" ", ""))


def test_what_the_configuration_bounds_grows_no_further_though_no_dial_is_solved_for() -> None:
    """270 of 65 bytes beside 7,240 and a counter of 8, and bases that are at most 18 kB."""
    tasks = np.arange(1, 6)
    er = 7_248 + 65 * np.minimum(60 * tasks, 270)
    costs = pd.DataFrame({"label": "er", "after": tasks, "storage_bytes": er, **NO_BOUNDS})
    costs = costs.assign(compute_flops=1e3, storage_fixed_bytes=7_240, storage_bound_bytes=24_798.0)
    bases = {"storage_bytes": 7_000.0 + 2_000 * tasks, "storage_bound_bytes": 18_000.0}
    # Bases are no memory: what is fixed beside a memory grows, and is bounded too.
    gpm = costs.assign(label="gpm", **bases, storage_fixed_bytes=bases["storage_bytes"])
    rows = cells(growth_table(pd.concat([costs, gpm]), "growth", 20_000))[1:]
    assert [row[1:4] for row in rows] == [
        ("2.92 kB x T + 10.5 kB, at most 24.8 kB", "24.8 kB", "T = 4"),
        ("2 kB x T + 7 kB, at most 18 kB", "18 kB", "–"),
    ]


@pytest.mark.parametrize(
    ("memory", "flops", "later"),
    [
        ([65, 130, 160, 160, 160], [3, 6, 8, 9, 9], 9),  # a full memory is learned from in task 4
        ([65, 130, 195, 200, 200], [3, 6, 9, 10, 10], 10),  # or in the task that fills it
        ([65, 130, 195, 200, 200], [3, 6, 9, 10, 12], 42),  # what grows though it is full
        ([65, 130, 195, 260, 325], [3, 6, 9, 12, 15], 60),  # never full
        ([0, 0, 0, 0, 0], [3, 6, 9, 12, 15], 60),  # no memory
    ],
)
def test_flops_are_those_with_a_full_memory_once_it_is_full(
    memory: list[int], flops: list[float], later: float
) -> None:
    costs = pd.DataFrame({"after": range(1, 6), "compute_flops": flops, **NO_BOUNDS})
    costs = costs.assign(storage_bytes=np.array(memory) + 500, storage_fixed_bytes=500)
    assert fit_cost(costs, "compute_flops").cost(20) == pytest.approx(later)
