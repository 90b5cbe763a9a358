"""Values of a sweep file that its means replace: one cell, said so when the sweep is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_means import finish, load_means, solve

pytestmark = pytest.mark.slow

GRID = "[finetune, {name: er, memory_size: {grid: [10, 20]}}]"
EPOCHS = "{batch_size: 4, epochs: {grid: [1, 2]}}"


def test_sizes_of_a_memory_that_is_solved_for_are_one_cell(tmp_path: Path) -> None:
    sweep = load_means(tmp_path, GRID, "{storage: 5 kB}")
    assert sweep.remarks == (
        "means: method.memory_size 10, 20 of er are one cell, since means.storage solves for it: "
        "leave memory_size out, or means.storage",
    )
    solved, _, _ = solve(tmp_path, GRID, "{storage: 5 kB}")
    assert [cell.trial.method.name for cell in solved.cells] == ["finetune", "er"]
    assert solved.remarks == ()


def test_epochs_are_one_cell_of_each_method_and_no_row_is_there_twice(tmp_path: Path) -> None:
    """Both sizes of the memory stay: with free storage a memory has the size of the file."""
    trials = finish(tmp_path, GRID, "{compute: 2}", training=EPOCHS)
    assert trials["method"].tolist() == ["finetune", "er", "er"]
    (remark,) = load_means(tmp_path, GRID, "{compute: 2}", training=EPOCHS).remarks
    assert remark.startswith("means: training.epochs 1, 2 of finetune, er are one cell, since ")
    assert remark.endswith("means.compute solves for it: leave epochs out, or means.compute")


def test_what_means_do_not_solve_for_is_no_cell_less(tmp_path: Path) -> None:
    """Batches of two sizes, and the epochs of a method where computation is free, are cells."""
    training = "{batch_size: {grid: [4, 8]}, epochs: {grid: [1, 2]}}"
    sweep, _, _ = solve(tmp_path, "[finetune]", "{storage: 5 kB}", training=training)
    assert (len(sweep.cells), sweep.remarks) == (4, ())


def test_the_largest_of_the_sizes_is_what_is_carried_at_most(tmp_path: Path) -> None:
    """Of 20 and 10 images of 65 bytes and a counter of 8 the dearer sets the budget."""
    sweep, _, _ = solve(tmp_path, GRID, "memory-aligned")
    model = 4 * (64 * 8 + 8 + 8 * 10 + 10)
    assert [cell.storage for cell in sweep.cells] == [model + 20 * 65 + 8] * 2


def test_a_body_apart_from_a_storage_that_is_free_is_said_to_change_nothing(tmp_path: Path) -> None:
    sweep = load_means(tmp_path, "[finetune]", "{compute: 2, backbone: apart}")
    assert sweep.remarks == (
        "means: backbone: apart has no effect, since storage is free: give storage, or leave "
        "backbone out",
    )
