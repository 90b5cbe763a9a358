"""Compiled networks: what a stage pays for compiling, and what a further epoch gains by it."""

from __future__ import annotations

from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

from perf.gpu.cases import Chain, mlp_case, resnet_case, run_states
from perf.gpu.timing import measure, print_head, print_row

EPOCHS = (1, 6)


def first_task(chain: Chain) -> Chain:
    """Return stage 0 and the first task."""
    return chain[:2]


def epoch_seconds(case, device: str, compiled: bool) -> tuple[float, float]:
    """Return the seconds of a stage of one epoch, and of each further epoch."""
    short, long = (
        measure(
            lambda e=epochs: run_states(first_task(case.chain(epochs=e, compile=compiled)), device),
            device,
        ).wall
        for epochs in EPOCHS
    )
    return short, (long - short) / (EPOCHS[1] - EPOCHS[0])


def measure_cases(device: str, examples: int, pipe: Connection) -> None:
    """Send the title and the seconds of each case, eager and compiled."""
    with TemporaryDirectory() as folder:
        for make in (mlp_case, resnet_case):
            case = make(Path(folder), examples)
            epoch_seconds(case, device, False)
            pipe.send((case.title, *(epoch_seconds(case, device, c) for c in (False, True))))


def print_compiled(device: str, seconds: float, examples: int = 10_000) -> None:
    """Print the cost and the gain of compiling, from a process that is stopped in time."""
    columns = ("network", "added to a stage of one epoch", "a further epoch, compiled / eager")
    print_head("Compiled against eager, float32", columns)
    context = get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=measure_cases, args=(device, examples, send))
    process.start()
    send.close()
    try:
        while receive.poll(seconds):
            title, (eager, epoch), (compiled, compiled_epoch) = receive.recv()
            print_row(title, f"{compiled - eager:.2f} s", f"{compiled_epoch / epoch:.2f}")
        print_row("the rest", f"not within {seconds:.0f} s", "")
    except EOFError:
        pass  # all cases were measured
    finally:
        process.terminate()
        process.join()
