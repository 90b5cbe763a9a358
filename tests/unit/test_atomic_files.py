"""A file that is replaced is the former one or the new one, and nothing is left beside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.benchmarks import atomic_files
from orchestrator.benchmarks.atomic_files import replace_when_complete, write_atomically


def test_the_former_file_stays_whole_until_the_new_one_is(tmp_path: Path) -> None:
    path = tmp_path / "table"
    write_atomically(path, "former")
    with replace_when_complete(path) as partial:
        partial.write_text("ne")
        assert path.read_text() == "former"
        partial.write_text("new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_block_that_raises_changes_nothing_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "table"
    write_atomically(path, b"former")
    with (
        pytest.raises(TypeError),
        replace_when_complete(path) as partial,
        partial.open("wb") as file,
    ):
        file.writelines([b"half of it", None])  # type: ignore[list-item]
    assert path.read_bytes() == b"former"
    assert list(tmp_path.iterdir()) == [path]


def test_the_folder_of_a_file_is_created(tmp_path: Path) -> None:
    write_atomically(tmp_path / "new" / "folder" / "file", memoryview(b"content"))
    assert (tmp_path / "new" / "folder" / "file").read_bytes() == b"content"


@pytest.mark.parametrize("durable", [True, False])
def test_the_content_is_on_the_disk_before_the_file_is_replaced_of_a_durable_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    steps: list[tuple[str, int]] = []
    replace = os.replace

    def note_sync(number: int) -> None:
        steps.append(("sync", os.fstat(number).st_size))

    def note_replace(source: Path, target: Path) -> None:
        steps.append(("replace", source.stat().st_size))
        replace(source, target)

    monkeypatch.setattr(atomic_files.os, "fsync", note_sync)
    monkeypatch.setattr(atomic_files.os, "replace", note_replace)
    write_atomically(tmp_path / "file", "four", durable=durable)
    assert steps == [("sync", 4)] * durable + [("replace", 4)]
