"""Keeps MLflow up to date beside a running sweep, and never holds the sweep up.

MLflow takes seconds to import and some fifty milliseconds of processor time a run. So it is told by
processes of their own (see `__main__.py`): of a sweep that takes long now and then while it runs,
and once when the tables are final. The last one goes on by itself where there is much to send.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from math import inf
from pathlib import Path
from threading import Thread

from orchestrator.tracking.ledger import load_ledger, run_ids
from orchestrator.tracking.report import SyncReport
from orchestrator.tracking.sync import up_to_date
from orchestrator.tracking.target import Target, TrackingError

# A sweep that is over by then is told once, at its end.
FIRST_SECONDS, EVERY_SECONDS = 30.0, 60.0
# A call may take this share of the time until the next.
SHARE = 1 / 30


class Tracker:
    """Starts a process that sends a folder's tables when they have changed, if one is due.

    A failure is reported once and the sweep goes on: the tables are the record, and
    `repertoire track` sends later what is missing.

    Args:
        folder: the sweep's folder.
        target: where to send.
        say: called with the one message.
        first_seconds: how long to wait before the first process is started.
    """

    def __init__(
        self,
        folder: Path,
        target: Target,
        say: Callable[[str], None],
        first_seconds: float = FIRST_SECONDS,
    ) -> None:
        self._folder, self._target, self._say = folder, target, say
        self._due = time.monotonic() + first_seconds
        self._process: subprocess.Popen[str] | None = None
        self._started = 0.0
        self._has_warned = False

    def poke(self) -> None:
        """Say that the tables have changed; returns at once."""
        if self._process is not None and self._process.poll() is not None:
            took = time.monotonic() - self._started
            self._due = time.monotonic() + max(EVERY_SECONDS, took / SHARE)
            self._end(self._process)
        if self._process is None and time.monotonic() >= self._due:
            self._process = self._start(running=True)

    def run_ids(self) -> dict[str, str]:
        """Return MLflow's run id of each trial sent so far."""
        return run_ids(self._folder)

    def close(self, timeout_seconds: float = 1.0) -> SyncReport:
        """Send what is missing; return what was sent, or after `timeout_seconds` that it goes on.

        The process that sends is left to itself then; it is not tied to the terminal.
        """
        self._due = inf
        if self._process is not None:
            self._process.terminate()  # it ends between two trials; the next one waits for it
            self._detach(self._process)
        try:
            if report := up_to_date(self._folder, self._target):
                return report
        except TrackingError as error:
            return self._failure(str(error))
        process = self._start(running=False)
        try:
            process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self._detach(process)
            return self._failure(
                f"MLflow: still being told, in the background (process {process.pid}); "
                f"wait for it, or finish what it cannot: repertoire track {self._folder.parent}"
            )
        return self._end(process)

    def _start(self, running: bool) -> subprocess.Popen[str]:
        """Start a process that sends the folder; its orders go by a pipe, for they hold secrets."""
        self._started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "orchestrator.tracking"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            env=os.environ.copy(),
        )
        orders = {"folder": str(self._folder.resolve()), "running": running}
        assert process.stdin is not None
        process.stdin.write(json.dumps(orders | asdict(self._target)))
        process.stdin.close()
        return process

    def _end(self, process: subprocess.Popen[str]) -> SyncReport:
        """Return the report of a process that has ended."""
        assert process.stdout is not None
        answer = process.stdout.read()
        process.stdout.close()
        self._process = None
        try:
            counted = json.loads(answer)
        except ValueError:
            return self._failure(
                f"MLflow at {self._target.shown} was not told everything: the process that sends "
                f"ended with code {process.returncode}; repertoire track {self._folder.parent}"
            )
        if counted["problem"]:
            self._warn_once(counted["problem"])
        return SyncReport(uri=self._target.shown, ledger=load_ledger(self._folder), **counted)

    def _detach(self, process: subprocess.Popen[str]) -> None:
        """Let a process go on by itself; a thread takes note of its end, so that it leaves none."""
        assert process.stdout is not None
        process.stdout.close()
        Thread(target=process.wait, daemon=True).start()
        self._process = None

    def _failure(self, problem: str) -> SyncReport:
        self._warn_once(problem)
        return SyncReport(uri=self._target.shown, complete=False, problem=problem)

    def _warn_once(self, message: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            self._say(message)
