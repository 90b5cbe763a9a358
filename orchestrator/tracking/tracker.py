"""Keeps MLflow up to date with a running sweep, without delaying the sweep.

MLflow takes seconds to import and about 50 milliseconds of processor time a run. Therefore separate
processes send (see `__main__.py`): from time to time during a long sweep, and once when the tables
are final. The last process continues in the background if there is much to send.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from math import inf
from pathlib import Path
from threading import Thread

from orchestrator.errors import shell_word
from orchestrator.tracking.ledger import load_ledger, run_ids
from orchestrator.tracking.sync import report_if_sent
from orchestrator.tracking.sync_report import SyncReport
from orchestrator.tracking.target import Target, TrackingError

# The share of the time between two calls that the first of them may have taken.
MAX_SHARE = 1 / 30
# A sweep that ends before FIRST_SECONDS is sent once, at its end: to import MLflow and to create
# its database takes some four seconds.
FIRST_SECONDS, EVERY_SECONDS = 120.0, 60.0
SENDING_CONTINUES = "MLflow: sending continues in the background"  # no failure


class MLflowTracker:
    """Starts processes that send a folder's tables when they have changed.

    A failure is reported once and does not stop the sweep: the tables are the record, and
    `repertoire track` sends what is missing.

    Args:
        folder: the sweep's folder.
        target: the experiment.
        say: called with the message of the first failure.
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
        self._new_points = time.monotonic() + first_seconds
        self._process: subprocess.Popen[str] | None = None
        self._started = 0.0
        self._has_warned = False

    def notify(self) -> None:
        """Start a process if one is due, since the tables have changed; return at once."""
        if self._process is not None and self._process.poll() is not None:
            took = time.monotonic() - self._started
            self._new_points = time.monotonic() + max(EVERY_SECONDS, took / MAX_SHARE)
            self._end(self._process)
        if self._process is None and time.monotonic() >= self._new_points:
            self._process = self._start(running=True)

    def run_ids(self) -> dict[str, str]:
        """Return key -> MLflow run id of the trials sent so far."""
        return run_ids(self._folder)

    def close(self, timeout_seconds: float = 0.0) -> SyncReport:
        """Send the missing parts; return the report.

        After `timeout_seconds` the process continues in the background, independent of the
        terminal, and the report is incomplete.
        """
        self._new_points = inf
        if self._process is not None:
            self._process.terminate()  # it ends between two trials; the next process waits for it
            self._detach(self._process)
        try:
            if report := report_if_sent(self._folder, self._target):
                return report
        except TrackingError as error:
            return self._failure(str(error))
        process = self._start(running=False)
        try:
            process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self._detach(process)
            return self._failure(
                f"{SENDING_CONTINUES} (process {process.pid}); "
                f"wait for it, or send the rest: repertoire track {shell_word(self._folder.parent)}"
            )
        return self._end(process)

    def _start(self, running: bool) -> subprocess.Popen[str]:
        self._started = time.monotonic()
        process = subprocess.Popen(
            # -P: a folder of that name in the current folder must not shadow the package.
            [sys.executable, "-P", "-m", "orchestrator.tracking"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            env=os.environ.copy(),
        )
        # Through a pipe: the address may hold a password, and a command line is for all to read.
        request = {"folder": str(self._folder.resolve()), "running": running}
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it has died already, which `_end` reports
            process.stdin.write(json.dumps(request | asdict(self._target)))
            process.stdin.close()
        return process

    def _end(self, process: subprocess.Popen[str]) -> SyncReport:
        assert process.stdout is not None
        answer = process.stdout.read()
        process.stdout.close()
        self._process = None
        try:
            fields = json.loads(answer)
        except ValueError:
            return self._failure(
                f"MLflow at {self._target.safe_uri} does not have everything: the process that "
                f"sends ended with code {process.returncode}; send the rest: "
                f"repertoire track {shell_word(self._folder.parent)}"
            )
        if fields["problem"]:
            self._warn_once(fields["problem"])
        return SyncReport(uri=self._target.safe_uri, ledger=load_ledger(self._folder), **fields)

    def _detach(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        process.stdout.close()
        # Something must wait for the process when it ends, or it stays as a zombie.
        Thread(target=process.wait, daemon=True).start()
        self._process = None

    def _failure(self, problem: str) -> SyncReport:
        self._warn_once(problem)
        return SyncReport(uri=self._target.safe_uri, complete=False, problem=problem)

    def _warn_once(self, message: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            self._say(message)
