"""The processes a test started: drivers, and what these started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def start(folder: Path, *extra: str, group: bool = False) -> subprocess.Popen[str]:
    """Type `repertoire run sweep.yaml --out results` somewhere else than beside the sweep.

    With `group`, in a process group of its own, as a shell would for Ctrl-C.
    """
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    says = "import sys; from orchestrator.cli.app import main; sys.argv[0] = 'repertoire'; main()"
    return subprocess.Popen(
        [
            sys.executable, "-c", says, "run", f"{folder}/sweep.yaml",
            "--out", f"{folder}/results", *extra,
        ],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=elsewhere,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "160"}, start_new_session=group,
    )  # fmt: skip


def finish(command: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for a driver; return its exit code and what it said."""
    out, err = command.communicate(timeout=200)
    return command.returncode, out, err


def descendants(pid: int) -> dict[int, str]:
    """Return pid -> command of all that a process started, and what that started."""
    listed = subprocess.run(
        ["ps", "-ewwo", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    found: dict[int, str] = {}
    above = {pid}
    while above:
        level = {int(child): args for child, parent, args in rows if int(parent) in above}
        found |= level
        above = set(level)
    return found
