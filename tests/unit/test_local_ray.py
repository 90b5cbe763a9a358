"""The process of a local Ray: its address, its end, and when it starts early. No Ray starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import closing
from importlib import import_module
from pathlib import Path

import pytest

from orchestrator.backends import local_ray, worker_imports
from orchestrator.backends.local_ray import LocalRay
from orchestrator.backends.local_ray_process import wait_for_end
from orchestrator.backends.ray_cluster import runtime_env
from orchestrator.cli import early_ray
from orchestrator.errors import RepertoireError

ANSWERS = "print({line!r}, flush=True); import sys; sys.stdin.read()"


def start(monkeypatch: pytest.MonkeyPatch, script: str) -> LocalRay:
    monkeypatch.setattr(local_ray, "COMMAND", [sys.executable, "-S", "-c", script])
    return LocalRay()


def test_the_process_gives_its_address_and_ends_when_it_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ray = start(monkeypatch, ANSWERS.format(line='{"address": "127.0.0.1:6379"}'))
    assert ray.address() == ray.address() == "127.0.0.1:6379"
    assert os.getpgid(ray._process.pid) != os.getpgid(0), "signals to the command spare it"
    assert ray._process.poll() is None
    ray.close()
    assert ray._process.wait(timeout=20) == 0


def test_workers_started_in_advance_import_what_a_stage_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")  # as the user has it
    names = ["RAY_preload_python_modules", "RAY_USAGE_STATS_ENABLED", "RAY_AIR_NEW_OUTPUT"]
    script = (
        f"import json, os; print(json.dumps({{'address': str([os.environ[n] for n in {names}])}}))"
    )
    with closing(start(monkeypatch, script)) as ray:
        assert ray.address() == str([worker_imports.__name__, "1", "1"])


def test_workers_of_a_cluster_that_is_joined_import_the_same() -> None:
    module, _, name = runtime_env()["worker_process_setup_hook"].rpartition(".")
    assert getattr(import_module(module), name) is worker_imports.import_packages


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (ANSWERS.format(line='{"error": "no room for sockets"}'), "no room for sockets"),
        ("pass", "its process ended"),
    ],
)
def test_a_ray_that_cannot_start_is_a_message(
    monkeypatch: pytest.MonkeyPatch, script: str, why: str
) -> None:
    ray = start(monkeypatch, script)
    with pytest.raises(RepertoireError, match=f"cannot be started on this machine: {why}"):
        ray.address()
    assert ray._process.wait(timeout=20) in (0, -signal.SIGKILL)


@pytest.mark.parametrize("closed", [True, False])
def test_ray_ends_with_the_pipe_or_with_its_parent(
    monkeypatch: pytest.MonkeyPatch, closed: bool
) -> None:
    reading, writing = os.pipe()
    parent = os.getppid() if closed else os.getppid() + 1  # another: the parent has ended
    with os.fdopen(reading) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        waiting = threading.Thread(target=wait_for_end, args=(parent,), daemon=True)
        waiting.start()
        if closed:
            waiting.join(0.05)
            assert waiting.is_alive()
            os.close(writing)
        waiting.join(20)
        assert not waiting.is_alive()
    if not closed:
        os.close(writing)


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("name: fresh\nseeds: [0]\n", True),
        ("# A comment\nname: fresh  # of today\n", True),
        ("name: done\n", False),
        ("name: ../../fresh\n", False),
        ("methods:\n  - {name: fresh}\n  - name: fresh\n", False),
        ("seeds: [0]\n", False),
    ],
)
def test_ray_starts_early_for_a_sweep_without_tables(tmp_path: Path, text: str, new: bool) -> None:
    (tmp_path / "done").mkdir()
    (tmp_path / "done" / "trials.parquet").touch()
    sweep = tmp_path / "sweep.yaml"
    sweep.write_text(text)
    assert early_ray.is_new(sweep, tmp_path) is new


def test_a_file_that_cannot_be_read_starts_nothing(tmp_path: Path) -> None:
    assert not early_ray.is_new(tmp_path / "none.yaml", tmp_path)
    (tmp_path / "bytes.yaml").write_bytes(b"name: \xff\n")
    assert not early_ray.is_new(tmp_path / "bytes.yaml", tmp_path)


def test_an_early_ray_is_closed_when_the_command_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = ANSWERS.format(line='{"address": "127.0.0.1:6379"}')
    monkeypatch.setattr(local_ray, "COMMAND", [sys.executable, "-S", "-c", script])
    (tmp_path / "sweep.yaml").write_text("name: fresh\nno: sweep\n")
    processes: list[subprocess.Popen[str]] = []

    def fail() -> None:
        with early_ray.start_early_ray(tmp_path / "sweep.yaml", tmp_path, wanted=True) as ray:
            assert ray is not None
            processes.append(ray._process)
            raise RepertoireError("the sweep file has a mistake")

    with pytest.raises(RepertoireError, match="the sweep file has a mistake"):
        fail()
    assert processes[0].wait(timeout=20) == -signal.SIGKILL, "it would go on starting for seconds"
    with early_ray.start_early_ray(tmp_path / "sweep.yaml", tmp_path, wanted=False) as ray:
        assert ray is None
