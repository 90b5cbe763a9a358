"""Sealed files with any kind of value in any place: one line, or tables that can be written."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch

from orchestrator.errors import OtherRelease
from orchestrator.hashing import digest_bytes
from orchestrator.results.tables.chain_records import chain_records, read_records
from orchestrator.results.tables.rows import Row, accuracy_rows, stage_row, trial_row
from orchestrator.results.tables.schemas import SCHEMAS
from orchestrator.results.tables.tables import build_table
from orchestrator.stages.record import Costs, Record, Score
from orchestrator.stages.stage import Chain
from orchestrator.stages.storage.stage_files import (
    FAILURE,
    RECORD,
    evaluation_name,
    stage_path,
    unseal,
)
from orchestrator.stages.storage.store import StageStore

FIRST, KEY = "ab" + "0" * 38, "cd" + "0" * 38
EVALUATION = evaluation_name({"further"})
SCORES = {"validation": Score(accuracy=0.5, loss=0.1, n=4), "test": Score(accuracy=1, loss=0, n=4)}
WORKER = {"node": "n", "pid": 7, "device": "cpu", "log": "last"}
KINDS = (None, True, -1, 0.5, 1e300, 2**70, float("inf"), "x", "\ud800", [], [[1, 2]], {}, {"x": 1})


def record(key: str, after: int) -> Record:
    costs = Costs(
        storage={"model": 8, "own": 1},
        train_flops=6,
        batch_flops={"5": [2, 3]},
        rising_steps={"5": [[1, 2], [1, 3]]},
        working_bytes=4,
        energy_joules=0.5,
    )
    return Record(
        key=key,
        parent=FIRST if after else None,
        after=after,
        status="complete",
        costs=costs,
        evaluation={"t": SCORES},
        computed_for=("s", "finetune-0", 0),
        environment={"node": "n", "pid": "7"},
    )


@pytest.fixture
def store(tmp_path: Path) -> StageStore:
    """A store with two stages, the second of which is scored on a further task."""
    filled = StageStore(str(tmp_path))
    for after, key in enumerate((FIRST, KEY)):
        filled.put({"w": torch.ones(1)}, record(key, after))
        filled.put_evaluation(key, {"further": SCORES})
    return filled


def chain(*task_keys: str) -> Chain:
    return Chain(
        sweep="s",
        trial_id="finetune-0",
        phase="evaluation",
        selected=False,
        seed=0,
        method="finetune",
        benchmark="b",
        scenario="task",
        network="mlp",
        num_tasks=1,
        config={"method": {"name": "finetune"}},
        keys=(FIRST, KEY),
        task_keys=task_keys,
    )


def add_rows(tables: dict[str, list[Row]], store: StageStore, one: Chain) -> None:
    """Add the rows of a chain to those of the three tables."""
    records = chain_records(one, read_records([one], store))
    tables["accuracy"] += accuracy_rows(one, records)
    tables["stages"] += [stage_row(one, record) for record in records]
    tables["trials"].append(trial_row(one, records, store, None))


def build(tables: dict[str, list[Row]]) -> list[dict[str, Any]]:
    """Return the rows of trials, all tables of which can be built."""
    built = {name: build_table(rows, SCHEMAS[name]) for name, rows in tables.items()}
    return built["trials"].to_pylist()


def sealed(name: str, content: Any) -> bytes:
    """The bytes of a file as whoever knows its form can write them, also of no valid JSON."""
    text = json.dumps(content).encode()
    digest = digest_bytes(b"[%b,%b]" % (json.dumps(name).encode(), text)).encode()
    return b'{"content":%b,"digest":"%b"}' % (text, digest)


def write(store: StageStore, name: str, content: Any) -> None:
    Path(store.uri, stage_path(KEY, name)).write_bytes(sealed(name, content))


def read(store: StageStore, name: str) -> dict[str, Any]:
    data = store.files.read(stage_path(KEY, name))
    content = None if data is None else unseal(name, data)
    assert content is not None
    return content


def places(content: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the place of each value in JSON types."""
    yield place
    inner = content if isinstance(content, dict) else {}
    inner |= dict(enumerate(content)) if isinstance(content, list) else {}
    for name, value in inner.items():
        yield from places(value, (*place, name))


def variants(content: dict[str, Any]) -> Iterator[Any]:
    """Yield the content with each kind of value in each place."""
    for place in places(content):
        for kind in KINDS:
            changed = {"": deepcopy(content)}
            holder: Any = changed
            *above, last = ("", *place)
            for name in above:
                holder = holder[name]
            holder[last] = kind
            yield changed[""]


@pytest.mark.parametrize(("name", "task"), [(RECORD, "t"), (EVALUATION, "further")])
def test_a_record_or_scores_with_any_value_are_written_to_tables_or_named_in_a_line(
    store: StageStore, name: str, task: str
) -> None:
    refused, tables, one = [], defaultdict[str, list[Row]](list), chain(task)
    for content in variants(read(store, name)):
        write(store, name, content)
        try:
            add_rows(tables, store, one)
        except OtherRelease as error:
            refused.append(str(error))
    assert len(build(tables)) > 10
    assert len(refused) > 50
    assert max(map(len, refused)) < 600
    assert not any("\n" in line for line in refused)


@pytest.mark.parametrize("flops", [2**53 + 1, 2**63 - 1])
def test_flops_that_a_float_rounds_and_their_sums_are_written_to_tables(
    store: StageStore, flops: int
) -> None:
    tables, content = defaultdict[str, list[Row]](list), read(store, RECORD)
    content["record"]["costs"] |= {"train_flops": flops, "consolidate_flops": flops}
    write(store, RECORD, content)
    add_rows(tables, store, chain("t"))
    (row,) = build(tables)
    assert (row["train_flops"], row["consolidate_flops"]) == (float(flops + 6), float(flops))


def test_a_failure_with_any_value_stops_no_tables(store: StageStore) -> None:
    store.delete(KEY)
    store.put_failure(KEY, "why", WORKER)
    tables, one = defaultdict[str, list[Row]](list), chain("t")
    for content in variants(read(store, FAILURE)):
        write(store, FAILURE, content)
        add_rows(tables, store, one)
    for row in build(tables):
        assert row["status"] in ("failed", "stopped")
        assert (row["trial_id"], row["acc"], row["tasks_done"]) == ("finetune-0", None, 0)
