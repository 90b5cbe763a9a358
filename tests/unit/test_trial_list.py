"""`plan --trials`: what a file sets for each trial is listed, also where it does not vary."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from orchestrator.graph.plan import plan
from orchestrator.stages.storage.store import StageStore
from orchestrator.sweep.solve_means import solve_sweep
from orchestrator.sweep.sweep import Sweep
from orchestrator.terminal.trial_list import ListedTrial, _table, trials_tables

SWEEP = """\
name: listed
benchmark: {name: split_digits, scenario: class, num_tasks: 2}
methods:
  - finetune
  - {name: er, memory_size: 20}
  - {name: er, memory_size: 50, label: ER (ours)}
  - {name: ewc, lam: {grid: [1, 30]}, gamma: 0.9, training: {lr: 0.1}}
seeds: [0, 1]
"""


def hyperparameters(table: RenderableType) -> list[str]:
    """Return the last column of a table at 80 characters, the lines of each row joined."""
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(table)
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= 80
    (head,) = (i for i, line in enumerate(lines) if "hyperparameters" in line)
    identity, at = lines[head].index(" id ") + 1, lines[head].index("hyperparameters")
    texts: list[str] = []
    for line in filter(str.strip, lines[head + 2 :]):
        if line[identity] != " ":
            texts.append("")
        texts[-1] += f" {line[at:].strip()}"
    return [text.strip() for text in texts]


def test_each_trial_has_what_its_own_entry_sets(tmp_path: Path) -> None:
    file = tmp_path / "listed.yaml"
    file.write_text(SWEEP)
    planned = plan(Sweep.load(file), StageStore(str(tmp_path / "stages")))
    assert hyperparameters(trials_tables(planned)) == [
        "",
        "memory_size=20",
        "memory_size=50",
        "gamma=0.9 lam=1 lr=0.1",
        "gamma=0.9 lam=30 lr=0.1",
    ]


def test_without_options_there_is_no_column(tmp_path: Path) -> None:
    file = tmp_path / "listed.yaml"
    file.write_text(SWEEP.partition("  - {")[0] + "seeds: [0]\n")
    planned = plan(Sweep.load(file), StageStore(str(tmp_path / "stages")))
    (table,) = trials_tables(planned).renderables
    assert isinstance(table, Table)
    headers = [column.header for column in table.columns]
    assert headers == ["trial", "id", "seeds", "stages\nleft"]


def test_cells_without_a_dial_say_so_and_those_to_solve_are_counted(tmp_path: Path) -> None:
    """The network has 7,960 B: er does not fit 7 kB, and takes its steps once prices are known."""
    means = "means: {storage: {grid: [7 kB, 9 kB]}, compute: 2}\n"
    network = "network: {name: mlp, hidden: [25]}\n"
    text = SWEEP.partition("methods")[0] + f"methods: [er]\n{network}{means}seeds: [0, 1]\n"
    (tmp_path / "listed.yaml").write_text(text)
    store = StageStore(str(tmp_path / "stages"), True)
    solved = solve_sweep(Sweep.load(tmp_path / "listed.yaml"), store)
    table, note = trials_tables(plan(solved, store)).renderables
    assert isinstance(table, Table)
    assert [*table.columns[3].cells] == [Text("infeasible")]
    assert str(note) == "cells whose trials follow once prices are counted: 1"


@pytest.mark.parametrize("width", [80, 120, 200])
def test_no_column_and_no_part_of_a_long_id_vanishes(width: int) -> None:
    ids = [f"a_{'very_' * 20}long_name-{i}f" for i in range(2)]
    listed = [ListedTrial("", "name " * 20, each, 2, "3", "lam=1 " * 9) for each in ids]
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(_table("setting", listed))
    text = console.export_text()
    assert "…" not in text
    head = next(line for line in text.splitlines() if " id " in line)
    assert head.split() == ["trial", "id", "seeds", "left", "hyperparameters"]
    at, end = head.index(" id ") + 1, head.index("seeds")
    column = "".join(line[at:end].strip() for line in text.splitlines())
    assert all(each in column for each in ids)
