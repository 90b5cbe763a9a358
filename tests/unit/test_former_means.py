"""An edit of a searched sweep with means keeps the tables that it requests as they were."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_steps_of_seeds import finish, solve, write

from orchestrator.results.folder.kept_files import describe_former_tables

pytestmark = pytest.mark.slow

# Alike on all seeds: 9 images of each task, of 10.
EVEN = "{name: split, data: {npz: tiny.npz}, num_tasks: 1, scenario: class, validation: 0.1}"
METHODS = "[{name: l2, lam: {choice: [1, 2, 3, 4]}}]"


def searched(number: int = 2, **parts: str) -> dict[str, str]:
    search = f"{{algorithm: random, num_trials: {number}, seeds: [7]}}"
    return {"methods": METHODS, "search": search, "benchmark": EVEN} | parts


def describe(folder: Path, **parts: str) -> list[str]:
    """Return what a plan says of the former tables of a folder."""
    solved, tables, _ = solve(folder, write(folder, **parts))
    return describe_former_tables(tables.folder, solved)


def test_a_search_whose_steps_are_part_of_the_configuration_goes_on(tmp_path: Path) -> None:
    finish(tmp_path, **searched())
    lines = describe(tmp_path, **searched(methods=f"{METHODS} # edited"))
    assert not any("refuse" in line for line in lines)
