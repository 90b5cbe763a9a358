"""Runs servers until they, or the command that started them, are ended."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from threading import Timer
from typing import Any

END_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
GRACE_SECONDS = 10.0  # to end by itself; then it is killed with what it started


def run_servers(commands: Sequence[Sequence[str]]) -> int:
    """Run servers until they or this process are ended; then end all processes they started.

    Returns:
        The largest of their exit codes; 0 after a signal.
    """
    stopped: list[int] = []
    servers: list[subprocess.Popen[bytes]] = []
    last = Timer(GRACE_SECONDS, _kill_groups, (servers, signal.SIGKILL))
    last.daemon = True

    def stop(number: int, frame: Any) -> None:
        stopped.append(number)
        # A second signal ends the wait, also one that comes while the first is handled.
        if len(stopped) > 1:
            _kill_groups(servers, signal.SIGKILL)
        else:
            _kill_groups(servers, signal.SIGTERM)
            last.start()

    # Before the servers start, so that none is left by a signal that comes in between.
    before = {number: signal.signal(number, stop) for number in END_SIGNALS}
    try:
        for command in commands:
            if not stopped:
                # In a group of its own, so that the workers it starts can be ended with it.
                servers.append(subprocess.Popen(list(command), start_new_session=True))
        if stopped:
            _kill_groups(servers, signal.SIGTERM)
        codes = [server.wait() for server in servers]
    finally:
        last.cancel()
        _kill_groups(servers, signal.SIGTERM)  # workers that they left
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0 if stopped else max(codes, default=0)


def _kill_groups(servers: Sequence[subprocess.Popen[bytes]], number: signal.Signals) -> None:
    for server in servers:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, number)
