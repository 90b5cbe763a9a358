"""A long computation in a copy of this process, beside what the process itself does."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

FEWEST = 20_000  # stages; a copy of the process pays from about a second of work


@contextmanager
def compute_in_copy(compute: Callable[[], float], stages: int) -> Iterator[Callable[[], float]]:
    """Start a computation in a copy of this process; yield a function that waits for its result.

    A copy has all that the process has in memory, and takes room only for what it changes. Without
    one, for few stages or where the system makes none, it is computed when it is asked for.

    Args:
        compute: changes nothing, and needs no thread.
        stages: that it goes over.
    """
    if stages < FEWEST or sys.platform != "linux":
        yield compute
        return
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    copy = context.Process(target=_send_result, args=(compute, sender), daemon=True)
    copy.start()
    sender.close()  # so that the end of the copy ends the wait
    try:
        yield lambda: _receive(receiver, compute)
    finally:
        copy.kill()
        copy.join()
        receiver.close()


def _send_result(compute: Callable[[], float], sender: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process itself ends the copy
    sender.send(compute())


def _receive(receiver: Connection, compute: Callable[[], float]) -> float:
    try:
        result: float = receiver.recv()
        return result
    except EOFError:  # the copy has ended without a result, for want of memory for example
        return compute()
