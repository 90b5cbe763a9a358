"""Where a stage ran and what its worker wrote last, read on its node."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.backends import worker_log
from orchestrator.backends.worker_log import last_lines, note_end, note_start, read_note
from orchestrator.stages.storage.store import StageStore


def test_the_note_of_a_stage_has_what_its_worker_wrote_since_it_began(tmp_path: Path) -> None:
    out, other = tmp_path / "worker-ab12-01-7.out", tmp_path / "worker-ffff-01-8.out"
    out.write_text(":job_id:01\nof an earlier stage\n")
    other.write_text("")
    note_start(tmp_path, "key", "cpu", "ab12")
    out.write_text(out.read_text() + ":task_name:stage\n\x1b[31mfirst\x1b[0m\n\nlast\n")
    other.write_text("of another worker\n")
    note = read_note(tmp_path, "key")
    assert note is not None
    assert (note.worker.pid, note.worker.device) == (os.getpid(), "cpu")
    assert note.worker.log == "first\nlast"
    note_end(tmp_path, "key")
    note_end(tmp_path, "key")
    assert read_note(tmp_path, "key") is None


def test_a_log_is_bounded_in_lines_and_bytes(tmp_path: Path) -> None:
    path = tmp_path / "worker.out"
    path.write_text("".join(f"line {i}\n" for i in range(10_000)))
    lines = last_lines([(path, 0)]).splitlines()
    assert lines == [f"line {i}" for i in range(10_000 - worker_log.MAX_LINES, 10_000)]
    path.write_text("x" * 100_000)
    assert len(last_lines([(path, 0)])) == worker_log.MAX_BYTES
    path.write_text("short\n")  # truncated since: what is there is shown
    assert last_lines([(path, 50_000), (tmp_path / "gone.err", 0)]) == "short"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"node": "a", "pid": "x"}'])
def test_a_note_that_cannot_be_read_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / worker_log.FOLDER).mkdir()
    (tmp_path / worker_log.FOLDER / "key.json").write_text(content)
    assert read_note(tmp_path, "key") is None


def test_the_store_keeps_where_a_stage_failed(tmp_path: Path) -> None:
    store, key = StageStore(str(tmp_path)), "ab" * 20
    assert store.failed_worker(key) == {}
    store.put_failure(key, "why")
    assert store.failed_worker(key) == {}
    worker = {"node": "a", "pid": 7, "device": "cpu", "log": "last"}
    store.put_failure(key, "why", worker)
    assert (store.failure(key), store.failed_worker(key)) == ("why", worker)
