"""Records that another host has written and this one cannot see yet are waited for."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from lab import Lab

from orchestrator.results.load import load
from orchestrator.stages.record import Record
from orchestrator.stages.storage.store import StageStore


def test_tables_wait_for_records_that_this_host_cannot_see_yet(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last stage's record is written by another host and seen here once it is waited for."""
    sweep_plan = lab.ask("[finetune]").plan()
    last = sweep_plan.chains[0].keys[-1]
    record, awaited = StageStore.record, list[str]()

    def late(store: StageStore, key: str, task_keys: Iterable[str] = ()) -> Record | None:
        return record(store, key, task_keys) if key != last or awaited else None

    def await_late(store: StageStore, key: str, task_keys: Iterable[str] = ()) -> Record | None:
        awaited.append(key)
        return record(store, key, task_keys)

    monkeypatch.setattr(StageStore, "record", late)
    monkeypatch.setattr(StageStore, "await_record", await_late)
    lab.run()
    assert awaited == [last]
    assert list(load(lab.out / "lab").trials["status"]) == ["complete"]
