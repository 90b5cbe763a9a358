"""Signals that end a command: stages that run finish, and otherwise it ends at once, in a line.

Batch systems send SIGTERM before they kill, a closed terminal sends SIGHUP.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command handles signals before it imports torch
    from orchestrator.graph.brake import Brake

Handler = Callable[[int, FrameType | None], None]
REASONS: dict[int, str] = {
    signal.SIGINT: "interrupted",
    signal.SIGTERM: "terminated",
    signal.SIGHUP: "hung up",
}


@contextmanager
def end_on_signal() -> Iterator[None]:
    """End the block at Ctrl-C, SIGTERM or SIGHUP, for the time in which no stage runs.

    Raises:
        KeyboardInterrupt: at a signal; its text is one of `REASONS`, or empty if it is that of
            `pull_on_signal`.
    """
    arrived: list[str] = []

    def on_signal(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            detach_terminal()
        arrived.append(REASONS[number])
        raise KeyboardInterrupt

    with handle_signals(on_signal):
        try:
            yield
        except KeyboardInterrupt as end:
            # Added here, since a library may raise one of its own instead, as Ray does.
            end.args = tuple(arrived[:1])
            raise


@contextmanager
def pull_on_signal(brake: Brake, say: Callable[[str], None]) -> Iterator[None]:
    """Pull the brake at the first Ctrl-C, SIGTERM or SIGHUP; end the block at the second.

    Raises:
        KeyboardInterrupt: at the second signal of any kind.
    """

    def on_signal(number: int, frame: FrameType | None) -> None:
        if brake.signalled:
            raise KeyboardInterrupt
        brake.signalled = True
        brake.pull(REASONS[number])
        if number == signal.SIGHUP:
            detach_terminal()
        again = "Ctrl-C again" if number == signal.SIGINT else "a second signal"
        say(f"finishing the stages that run; {again} stops at once")

    with handle_signals(on_signal):
        yield


@contextmanager
def handle_signals(on_signal: Handler) -> Iterator[None]:
    """Handle the signals of `REASONS` in the block, but those that are ignored."""
    # Python sets signal handlers in the main thread alone.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in REASONS}
    for number, handler in before.items():
        # `nohup` ignores SIGHUP so that the run survives the terminal.
        if handler is not signal.SIG_IGN:
            signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def detach_terminal() -> None:
    """Redirect output to the null device if it goes to the terminal, which is closed."""
    for descriptor in filter(os.isatty, (1, 2)):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, descriptor)
        os.close(null)
