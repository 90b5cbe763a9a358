"""The process that sends to MLflow: it reads its orders from standard input and prints a report."""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from threading import Event

from orchestrator.errors import RepertoireError
from orchestrator.tracking.report import SyncReport
from orchestrator.tracking.sync import sync
from orchestrator.tracking.target import Target

POLITENESS = 15
WAIT_SECONDS = 600.0
COUNTED = ("runs", "steps", "artifacts", "removed", "complete", "problem")


def main() -> None:
    """Send one folder, giving way to the stages that are being computed."""
    stop = Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    with suppress(OSError):
        os.nice(POLITENESS)
    orders = json.load(sys.stdin)
    folder, running = Path(orders.pop("folder")), orders.pop("running")
    report = send(folder, Target(**orders), running, stop)
    with suppress(BrokenPipeError):  # the sweep did not wait
        sys.stdout.write(json.dumps({name: getattr(report, name) for name in COUNTED}))
        sys.stdout.flush()


def send(folder: Path, target: Target, running: bool, stop: Event) -> SyncReport:
    """Send a folder; what goes wrong is in the report."""
    wait = 0.0 if running else WAIT_SECONDS
    try:
        return sync(
            folder,
            target,
            running=running,
            wait_seconds=wait,
            keep_going=lambda: not stop.is_set(),
        )
    except RepertoireError as error:
        return SyncReport(uri=target.shown, complete=False, problem=str(error))


if __name__ == "__main__":
    main()
