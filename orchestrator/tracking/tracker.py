"""Keeps MLflow up to date beside a running sweep, and never holds the sweep up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

from orchestrator.tracking.ledger import Ledger, run_ids
from orchestrator.tracking.sender import SyncReport
from orchestrator.tracking.sync import sync
from orchestrator.tracking.target import Target


class Tracker:
    """A thread of its own that sends a folder's tables whenever they have changed.

    Whatever goes wrong is said once and the sweep goes on: the tables are the record, and
    `repertoire track` sends later what is missing.

    Args:
        folder: the sweep's folder.
        target: where to send.
        say: called with the one message, from the thread or from `close`.
    """

    def __init__(self, folder: Path, target: Target, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._target = target
        self._say = say
        self._changed = Event()
        self._closing = Event()
        self._abandoned = Event()
        self._said = False
        self._known: Ledger | None = None
        self._report = SyncReport(uri=target.shown)
        self._thread = Thread(target=self._work, name="repertoire-tracking", daemon=True)
        self._thread.start()

    def poke(self) -> None:
        """Say that the tables have changed; returns at once."""
        self._changed.set()

    def run_ids(self) -> dict[str, str]:
        """Return MLflow's run id of each trial sent so far."""
        return run_ids(self._folder)

    def close(self, timeout_seconds: float = 30.0) -> SyncReport:
        """Send what is missing, for at most `timeout_seconds`, and return what was sent in all."""
        self._closing.set()
        self._changed.set()
        self._thread.join(timeout_seconds)
        if self._thread.is_alive():
            self._abandoned.set()
            problem = (
                f"MLflow at {self._target.shown} did not take everything within "
                f"{timeout_seconds:g} s. The tables in {self._folder} have it all; "
                f"send the rest with: repertoire track {self._folder.parent}"
            )
            self._tell(problem)
            return replace(self._report, complete=False, problem=problem)
        return self._report

    def _work(self) -> None:
        closing = False
        while not closing:
            self._changed.wait()
            self._changed.clear()
            closing = self._closing.is_set()
            self._sync_once(closing)

    def _sync_once(self, closing: bool) -> None:
        try:
            new = sync(
                self._folder,
                self._target,
                running=not closing,
                known=self._known,
                keep_going=lambda: not self._abandoned.is_set(),
            )
        except Exception as error:  # the sweep's edge: nothing about tracking may end a sweep
            self._known = None
            self._report = replace(self._report, complete=False, problem=str(error))
            self._tell(str(error))
            return
        self._known = new.ledger if new.complete else None
        self._report = replace(
            new,
            runs=self._report.runs + new.runs,
            steps=self._report.steps + new.steps,
            artifacts=self._report.artifacts + new.artifacts,
        )

    def _tell(self, message: str) -> None:
        if not self._said:
            self._said = True
            self._say(message)
