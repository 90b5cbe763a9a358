"""Wall and processor seconds of a command and of all processes that it starts."""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import psutil

from perf.gpu.timing import Seconds

MARK = "REPERTOIRE_PERF_RUN"
INTERVAL = 0.1


def run_command(command: Sequence[str], log: Path) -> Seconds:
    """Run a command to its end; its output goes to a file. Processor seconds are user + system.

    Ray's processes leave the session of the command, so they are known by a variable of the
    environment, which they inherit. What a process uses after it was last seen is lost: at most
    `INTERVAL` seconds of each.

    Raises:
        RuntimeError: the command failed.
    """
    mark = uuid.uuid4().hex
    used: dict[int, float] = {}
    others = set(psutil.pids())
    start = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, MARK: mark}
        )
        while process.poll() is None:
            time.sleep(INTERVAL)
            _read(mark, used, others)
    seconds = Seconds(time.perf_counter() - start, sum(used.values()))
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed; see {log}")
    return seconds


def _read(mark: str, used: dict[int, float], others: set[int]) -> None:
    """Note the processor time of each marked process."""
    for pid in set(psutil.pids()) - others:
        try:
            process = psutil.Process(pid)
            if pid not in used and process.environ().get(MARK) != mark:
                others.add(pid)
                continue
            times = process.cpu_times()
        except psutil.Error:  # it has ended, or has not begun
            continue
        used[pid] = times.user + times.system
