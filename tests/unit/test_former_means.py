"""An edit of a sweep with means keeps the tables whose rows it requests as before."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_steps_of_seeds import BENCHMARK, finish, first_seeds, solve, write

from orchestrator.results.folder.kept_files import describe_former_tables, keep_former_tables
from orchestrator.results.folder.places import open_store
from orchestrator.sweep.solve_means import solve_sweep

pytestmark = pytest.mark.slow

# One task of all 30 images, 3 of them held out: alike on all seeds.
EVEN = "{name: split, data: {npz: tiny.npz}, num_tasks: 1, scenario: class, validation: 0.1}"
UNEQUAL = BENCHMARK.replace("validation: 0", "validation: 0.1")
SPACE = "[{name: l2, lam: {choice: [1, 2, 3, 4]}}]"
# The parameters have 80 B, so that one cell does not fit.
STORAGE = "{storage: {grid: [70, 1 kB, 2 kB]}}"


def searched(number: int = 2, **parts: str) -> dict[str, str]:
    """Return the parts of a sweep whose search has a number of candidates."""
    search = f"{{algorithm: random, num_trials: {number}, seeds: [99]}}"
    return {"methods": SPACE, "search": search, "benchmark": EVEN} | parts


def describe(folder: Path, **parts: str) -> list[str]:
    """Return what a plan says of the former tables once all prices are counted."""
    solved, tables, _ = solve(folder, write(folder, **parts))
    return describe_former_tables(tables.folder, solved, tables.records)


@pytest.mark.parametrize("means", ["{compute: 1.9}", STORAGE])
def test_a_search_that_is_longer_and_on_a_further_seed_goes_on(tmp_path: Path, means: str) -> None:
    finish(tmp_path, **searched(means=means))
    assert describe(tmp_path, **searched(3, means=f"{means} # edited", seeds="[0, 1]")) == []


def test_a_search_goes_on_where_each_seed_has_steps_of_its_own(tmp_path: Path) -> None:
    one, other, further = first_seeds(tmp_path, benchmark=UNEQUAL).values()
    given = searched(benchmark=UNEQUAL, seeds=f"[{one}]")
    given["search"] = given["search"].replace("99", str(other))
    finish(tmp_path, **given)
    assert describe(tmp_path, **given | {"seeds": f"[{one}, {further}]"}) == []


def test_a_budget_that_is_left_out_loses_the_rows_of_its_cell(tmp_path: Path) -> None:
    """Two candidates and a winner in each of two cells, and the row of the one that is unfit."""
    finish(tmp_path, **searched(means=STORAGE))
    (line,) = describe(tmp_path, **searched(means=STORAGE.replace("2 kB", "3 kB")))
    assert "written: means" in line
    assert "; 3 of 7 (trial, seed)" in line
    assert line.endswith("run will keep the former tables aside")


def test_a_seed_whose_prices_are_missing_is_neither_refused_nor_lost(tmp_path: Path) -> None:
    one, other, further = first_seeds(tmp_path).values()
    finish(tmp_path, seeds=f"[{one}, {other}]")
    sweep, folder = write(tmp_path, seeds=f"[{one}, {other}, {further}]"), tmp_path / "results/lab"
    store, empty = open_store(tmp_path / "results", None), open_store(tmp_path / "empty", None)
    (line,) = describe_former_tables(folder, solve_sweep(sweep, store), store)
    assert "written: seeds" in line
    assert line.endswith("which of their rows it requests is known once its prices are counted")
    solved, tables, _ = solve(tmp_path, sweep)
    assert describe_former_tables(folder, solved, tables.records) == []
    # A run that ends while they are counted keeps what it cannot compare.
    (line,) = keep_former_tables(folder, solve_sweep(sweep, empty), empty)
    assert line.endswith(f"kept in {folder / 'former' / '1'}")
