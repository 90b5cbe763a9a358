"""A sweep's folder has one writer, and one that is gone holds nobody up."""

import json
import os
import socket
from pathlib import Path

import pytest

from orchestrator.errors import RepertoireError
from orchestrator.results.folder import writer
from orchestrator.results.folder.owner import OWNER
from orchestrator.results.folder.writer import LOCK, writer_lock


def leave_owner(folder: Path, host: str, seconds_ago: float) -> Path:
    """Write the file of an owner who was last heard of so long ago."""
    folder.mkdir(parents=True, exist_ok=True)
    owner = folder / OWNER
    owner.write_text(json.dumps({"host": host, "pid": 4242, "since": "2026-01-01 00:00:00"}))
    then = owner.stat().st_mtime - seconds_ago
    os.utime(owner, (then, then))
    return owner


def test_a_second_writer_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    with writer_lock(tmp_path / "s"):
        who = rf"process {os.getpid()} on {socket.gethostname()} since \d"
        with pytest.raises(RepertoireError, match=who), writer_lock(tmp_path / "s"):
            pass
        with writer_lock(tmp_path / "other"):
            pass
    with writer_lock(tmp_path / "s"):
        pass
    assert not (tmp_path / "s" / OWNER).exists()


def test_an_error_inside_gives_the_folder_back(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="inside"), writer_lock(tmp_path / "s"):
        raise ValueError("inside")
    with writer_lock(tmp_path / "s"):
        pass


def test_a_process_of_this_host_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    leave_owner(tmp_path / "s", socket.gethostname(), 0)
    (tmp_path / "s" / LOCK).touch()
    with writer_lock(tmp_path / "s"):
        assert json.loads((tmp_path / "s" / OWNER).read_text())["pid"] == os.getpid()


def test_an_owner_on_another_host_who_fell_silent_is_gone(tmp_path: Path) -> None:
    leave_owner(tmp_path / "s", "elsewhere", seconds_ago=3600)
    lines: list[str] = []
    with writer_lock(tmp_path / "s", lines.append):
        assert json.loads((tmp_path / "s" / OWNER).read_text())["host"] == socket.gethostname()
    (line,) = lines
    assert line.startswith("process 4242 on elsewhere since 2026-01-01 00:00:00 gives no sign")


def test_an_owner_on_another_host_who_is_heard_of_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = leave_owner(tmp_path / "s", "elsewhere", seconds_ago=1)
    monkeypatch.setattr(writer.time, "sleep", lambda seconds: os.utime(owner))
    with (
        pytest.raises(RepertoireError, match="process 4242 on elsewhere"),
        writer_lock(tmp_path / "s"),
    ):
        pass
    assert owner.exists()


def test_without_locks_an_owner_on_this_host_who_is_heard_of_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(writer.FileLock, "acquire", refuse)
    owner = leave_owner(tmp_path / "s", socket.gethostname(), seconds_ago=1)
    monkeypatch.setattr(writer.time, "sleep", lambda seconds: os.utime(owner))
    with pytest.raises(RepertoireError, match="process 4242 on"), writer_lock(tmp_path / "s"):
        pass
    owner.unlink()
    with writer_lock(tmp_path / "s"):
        assert owner.exists()


def test_a_requeue_on_another_host_goes_on_once_the_former_owner_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(writer.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(writer.time, "sleep", lambda seconds: clock.append(clock.pop() + seconds))
    leave_owner(tmp_path / "s", "elsewhere", seconds_ago=0)
    lines: list[str] = []
    with writer_lock(tmp_path / "s", lines.append):
        assert json.loads((tmp_path / "s" / OWNER).read_text())["pid"] == os.getpid()
    assert 29 <= clock[0] <= 31, "silent for 30 seconds, not less"
    assert "waiting 30 s for a sign of life" in lines[0]
    assert lines[1].endswith(f"this run takes over {tmp_path / 's'}")


def test_an_owner_on_another_host_that_ends_while_it_is_waited_for_frees_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = leave_owner(tmp_path / "s", "elsewhere", seconds_ago=1)
    monkeypatch.setattr(writer.time, "sleep", lambda seconds: owner.unlink())
    with writer_lock(tmp_path / "s"):
        assert json.loads(owner.read_text())["pid"] == os.getpid()
