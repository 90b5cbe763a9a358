"""The process that sends to MLflow: it reads a request from standard input, prints a report."""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from threading import Event

from orchestrator.errors import RepertoireError
from orchestrator.tracking.sync import sync
from orchestrator.tracking.sync_report import SyncReport
from orchestrator.tracking.target import Target

NICENESS = 15  # stages go first: what is sent late is sent all the same
AUTOGROUP = Path("/proc/self/autogroup")
# A quarter of a processor beside one busy session: at 15 it would be a thirtieth, and what is to be
# sent would wait for as long as anything else runs on the machine.
SESSION_NICENESS = 5
WAIT_SECONDS = 600.0  # another sender of a large sweep may hold the lock for minutes
REPORT_FIELDS = ("runs", "steps", "artifacts", "removed", "complete", "problem")


def main() -> None:
    """Send one folder, at a lower priority than the stages that are being computed."""
    stop = Event()
    # It ends between two trials, so that no run is left half sent.
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    give_way()
    request = json.load(sys.stdin)
    folder, running = Path(request.pop("folder")), request.pop("running")
    report = send(folder, Target(**request), running, stop)
    with suppress(BrokenPipeError):  # the sweep did not wait
        sys.stdout.write(json.dumps({name: getattr(report, name) for name in REPORT_FIELDS}))
        sys.stdout.flush()


def give_way() -> None:
    """Lower the priority of this process, and of its session if it is the session's first.

    Linux may divide the processor among sessions first (autogroups, sched(7)); niceness then counts
    within a session alone.
    """
    with suppress(OSError):
        os.nice(NICENESS)
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            AUTOGROUP.write_text(str(SESSION_NICENESS))


def send(folder: Path, target: Target, running: bool, stop: Event) -> SyncReport:
    """Send a folder; errors are in the report."""
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
        return SyncReport(uri=target.safe_uri, complete=False, problem=str(error))


if __name__ == "__main__":
    main()
