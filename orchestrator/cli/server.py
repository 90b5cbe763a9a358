"""Runs a server until it, or the command that started it, is ended."""

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


def run_server(command: Sequence[str]) -> int:
    """Run a server until it or this process is ended; then end all processes it started.

    Returns:
        Its exit code; 0 after a signal.
    """
    stopped: list[int] = []
    # In a group of its own, so that the workers it starts can be ended with it.
    server = subprocess.Popen(list(command), start_new_session=True)
    last = Timer(GRACE_SECONDS, _kill_group, (server, signal.SIGKILL))
    last.daemon = True

    def stop(number: int, frame: Any) -> None:
        # Whoever asks twice does not want to wait.
        _kill_group(server, signal.SIGKILL if stopped else signal.SIGTERM)
        if not stopped:
            last.start()
        stopped.append(number)

    before = {number: signal.signal(number, stop) for number in END_SIGNALS}
    try:
        code = server.wait()
    finally:
        last.cancel()
        _kill_group(server, signal.SIGTERM)  # workers that it left
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0 if stopped else code


def _kill_group(server: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(server.pid, number)
