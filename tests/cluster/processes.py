"""Start drivers as processes, and list their descendants."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from perf.chaos.lab import PROGRAM

ROOT = Path(__file__).parents[2]
# The process that sends to MLflow takes as long as the stages of a small sweep.
UNTRACKED = "import orchestrator.cli.run_folder as run; run.MLflowTracker = lambda *_, **__: None\n"


def start(
    folder: Path, *extra: str, group: bool = False, tracked: bool = True
) -> subprocess.Popen[str]:
    """Start `repertoire run sweep.yaml --out results` in another folder than the sweep's.

    With `group`, in a process group of its own, as a shell does, so that Ctrl-C can be sent to it.
    Unless it is `tracked`, nothing is sent to MLflow.
    """
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    words = ["run", f"{folder}/sweep.yaml", "--out", f"{folder}/results", *extra]
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM if tracked else UNTRACKED + PROGRAM, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=elsewhere,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "160"},
        start_new_session=group,
    )


def finish(command: subprocess.Popen[str], seconds: float = 200) -> tuple[int, str, str]:
    """Wait for a driver; return its exit code and its output."""
    out, err = command.communicate(timeout=seconds)
    return command.returncode, out, err


def descendants(pid: int) -> dict[int, str]:
    """Return pid -> command of all descendants of a process."""
    listed = subprocess.run(
        ["ps", "-ewwo", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    commands: dict[int, str] = {}
    above = {pid}
    while above:
        level = {int(child): args for child, parent, args in rows if int(parent) in above}
        commands |= level
        above = set(level)
    return commands


def alive_after(started: dict[int, str], seconds: float = 30.0) -> dict[int, str]:
    """Return the processes that still run; the one that sends to MLflow outlives the command."""
    alive, until = started, time.monotonic() + seconds
    while alive and time.monotonic() < until:
        time.sleep(0.5)
        alive = {pid: command for pid, command in alive.items() if Path(f"/proc/{pid}").exists()}
    return alive
