"""Stages asked for, distinct, computed and already in the store, worked by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from dashboards.data.scope import Scope
from dashboards.data.sharing import count_shared
from dashboards.data.stages import count_trials
from dashboards.data.warehouse import Warehouse
from dashboards.report.cost_captions import sharing
from dashboards.report.protocol import protocol_chapters
from orchestrator.results.tables.config_columns import with_config_columns
from orchestrator.results.tables.schemas import ACCURACY, STAGES, TRIALS
from orchestrator.results.tables.tables import Tables, write_tables

Chain = tuple[str, Sequence[tuple[str, bool]]]  # trial id, and key and `cached` of its stages
STAGE = {"status": "complete", "train_flops": 70.0, "consolidate_flops": 20.0, "eval_flops": 10.0}
CLOCK = {"train_seconds": 2.0, "eval_seconds": 1.0, "device": "cpu", "node": "one"}

# Two trials of sweep a share their first stage, and b asks for one of a's and for c, of a sweep
# that is not among the folders. Stage 0, "i", is left out of all counts.
A: list[Chain] = [
    ("finetune-1", [("i", False), ("s", False), ("t", False)]),
    ("ewc-1", [("i", True), ("s", True), ("u", False)]),
]
B: list[Chain] = [
    ("finetune-1", [("i", True), ("s", True), ("c", True)]),
    ("er-1", [("i", True), ("v", False)]),
]


def write(folder: Path, chains: Sequence[Chain]) -> Path:
    """Write the tables of a sweep of one seed, in which each trained stage is 100 FLOP and 3 s."""
    sweep = {"sweep": folder.name, "seed": 0}
    trials = [
        sweep
        | {"trial_id": name, "phase": "evaluation", "status": "complete", "config": "{}"}
        | {"method": name[:-2], "scenario": "class", "benchmark": "b"}
        | {"num_tasks": len(keys) - 1}
        for name, keys in chains
    ]
    stages = [
        sweep | STAGE | CLOCK | {"trial_id": name, "after": after, "key": key, "cached": cached}
        for name, keys in chains
        for after, (key, cached) in enumerate(keys)
    ]
    write_tables(
        Tables(
            with_config_columns(pa.Table.from_pylist(trials, TRIALS)),
            pa.Table.from_pylist([], ACCURACY),
            pa.Table.from_pylist(stages, STAGES),
        ),
        folder,
    )
    return folder


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """The sweeps a and b."""
    parent = tmp_path_factory.mktemp("both")
    return Warehouse.open(write(parent / "a", A), write(parent / "b", B))


def test_each_sweep_and_all_together_count_what_was_asked_for_and_computed(
    both: Warehouse,
) -> None:
    names = ["sweep", "stages", "copies", "distinct", "computed", "seconds"]
    rows = count_shared(both)
    assert rows[names].to_numpy().tolist() == [
        ["a", 4, 3, 3, 3, 9.0],
        ["b", 3, 3, 3, 1, 3.0],
        # s, t, u of a; v of b; c of another sweep
        ["", 7, 6, 5, 4, 12.0],
    ]
    for name in ("", "copies_", "distinct_", "computed_"):
        count = name.rstrip("_") or "stages"
        assert (rows[f"{name}flops"] == 100 * rows[count]).all()


def test_what_was_asked_for_is_the_sum_of_what_was_computed_and_spared(both: Warehouse) -> None:
    first, second, total = sharing(count_shared(both))
    assert first == (
        "a: 6 stages asked for, 4 of them trained (400 FLOP), 3 of them distinct (300 FLOP): "
        "3 computed for this sweep (300 FLOP in 9 s), 0 already in the store (0 FLOP); 25.0% of "
        "the computation was spared: 100 FLOP by sharing within a sweep, 0 FLOP by the store."
    )
    assert "1 computed for this sweep (100 FLOP in 3 s), 2 already in the store" in second
    # 700 = 400 + 100 + 100 + 100
    assert total == (
        "All sweeps together: 11 stages asked for, 7 of them trained (700 FLOP), 5 of them "
        "distinct (500 FLOP): 4 computed for these sweeps (400 FLOP in 12 s), 1 already in the "
        "store (100 FLOP); 42.9% of the computation was spared: 100 FLOP by sharing within a "
        "sweep, 100 FLOP by sharing between these sweeps, 100 FLOP by the store."
    )


def test_stages_that_a_trial_asked_for_and_did_not_reach_are_asked_for(tmp_path: Path) -> None:
    """Of three tasks one trial learns all, one fails at 2, one diverges at 1, one has not begun.

    A scheduler stopped a candidate, which asked for no more, and what does not fit asked for none.
    """
    kinds = [("complete", "", 3), ("failed", "raised", 1), ("diverged", "nan", 1)]
    kinds += [("stopped", "not finished", 0), ("infeasible", "too large", 0)]
    kinds += [("stopped", "stopped by asha", 2)]
    phases = ["evaluation"] * 5 + ["search"]
    trials = [
        {"sweep": "a", "seed": 0, "trial_id": f"t-{i}", "phase": phase, "status": status}
        | {"story": story, "config": "{}", "method": "er", "scenario": "class", "num_tasks": 3}
        for i, ((status, story, _), phase) in enumerate(zip(kinds, phases, strict=True))
    ]
    stages = [
        {"sweep": "a", "seed": 0, "trial_id": f"t-{i}", "after": after, "cached": False}
        | STAGE
        | CLOCK
        | {"key": f"{i}-{after}" if after else "i"}
        for i, (*_, done) in enumerate(kinds)
        for after in range(done + 1 if done else 0)
    ]
    tables = Tables(
        with_config_columns(pa.Table.from_pylist(trials, TRIALS)),
        pa.Table.from_pylist([], ACCURACY),
        pa.Table.from_pylist(stages, STAGES),
    )
    write_tables(tables, tmp_path / "a")
    rows = count_shared(Warehouse.open(tmp_path / "a"))
    (row,) = rows.to_dict("records")
    # 3 + 3 + 3 + 3 + 0 + 2 to train; 3 + 1 + 1 + 0 + 0 + 2 are there.
    assert (row["first_states"], row["to_train"], row["stages"]) == (5, 14, 7)
    assert sharing(rows)[0].startswith(
        "a: 19 stages asked for, 14 of them to train, of which 7 have no result (their trials "
        "failed, diverged or are not over) and 7 are trained (700 FLOP), 7 of them distinct"
    )


def test_a_sweep_whose_stages_were_all_in_the_store_computed_nothing(tmp_path: Path) -> None:
    stored = [(name, [(key, True) for key, _ in keys]) for name, keys in A]
    (row,) = count_shared(Warehouse.open(write(tmp_path / "a", stored))).to_dict("records")
    assert (row["distinct"], row["computed"], row["computed_flops"], row["seconds"]) == (3, 0, 0, 0)


def test_a_trial_is_complete_with_all_seeds_and_fails_with_one(tmp_path: Path) -> None:
    rows = [("a", "complete"), ("a", "complete"), ("b", "complete"), ("b", "failed")]
    rows += [("c", "complete"), ("c", "stopped"), ("d", "diverged")]
    trials = [
        {"sweep": "s", "seed": seed, "trial_id": name, "phase": "evaluation", "status": status}
        | {"config": "{}", "method": "er", "num_tasks": 1}
        for seed, (name, status) in enumerate(rows)
    ]
    table = with_config_columns(pa.Table.from_pylist(trials, TRIALS))
    empty = ACCURACY.empty_table(), STAGES.empty_table()
    write_tables(Tables(table, *empty), tmp_path / "s")
    warehouse = Warehouse.open(tmp_path / "s")
    numbers = {"complete": 1, "failed": 2, "infeasible": 0}
    assert count_trials(warehouse, "s", "evaluation") == numbers
    assert count_trials(warehouse, "s", "search") == dict.fromkeys(numbers, 0)


@pytest.mark.parametrize(
    ("cached", "line"),
    [(True, "No stage was computed for this sweep"), (False, "versions.json is missing")],
)
def test_a_sweep_without_versions_says_whether_anything_was_computed(
    tmp_path: Path, cached: bool, line: str
) -> None:
    chain: Chain = ("er-1", [("i", cached), ("v", cached)])
    (chapter,) = protocol_chapters(Warehouse.open(write(tmp_path / "a", [chain])))
    assert chapter.sentences[-1].startswith(line)


def test_a_stage_that_a_trial_outside_the_scope_computed_is_computed_by_the_sweep(
    both: Warehouse,
) -> None:
    (row,) = count_shared(both, Scope(method=("ewc",))).to_dict("records")
    assert (row["stages"], row["computed"]) == (2, 2)
