"""Compiled networks: what a stage pays for compiling, and what a further epoch gains by it."""

from __future__ import annotations

from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

from perf.gpu.cases import Case, mlp_case, resnet_case, run_states
from perf.gpu.timing import measure, print_head, print_row

EPOCHS = (1, 21)
REPEATS = 2


def stage_seconds(case: Case, epochs: int, compiled: bool, device: str) -> float:
    """Return the seconds of stage 0 and the first task."""
    chain = case.chain(epochs=epochs, compile=compiled)[:2]
    return measure(lambda: run_states(chain, device), device).wall


def measure_case(case: Case, device: str) -> tuple[float, float, float]:
    """Return what compiling adds to a stage, first and again, and a further epoch's ratio.

    Each stage compiles its network; after the first time, parts come from a cache of the compiler.
    A further epoch is the difference of a long stage and a short one, both after the first time.
    """
    short, long = EPOCHS
    stage_seconds(case, short, False, device)
    first = stage_seconds(case, short, True, device)
    stage_seconds(case, long, True, device)
    eager, eager_long, again, again_long = (
        min(stage_seconds(case, epochs, compiled, device) for _ in range(REPEATS))
        for compiled in (False, True)
        for epochs in EPOCHS
    )
    return first - eager, again - eager, (again_long - again) / (eager_long - eager)


def measure_cases(device: str, examples: int, pipe: Connection) -> None:
    """Send the title and the figures of each case."""
    with TemporaryDirectory() as folder:
        for make in (mlp_case, resnet_case):
            case = make(Path(folder), examples)
            pipe.send((case.title, *measure_case(case, device)))


def print_compiled(device: str, seconds: float, examples: int = 10_000) -> None:
    """Print the cost and the gain of compiling, from a process that is stopped in time."""
    columns = (
        "network",
        "added to the first stage",
        "added to each further stage",
        "a further epoch, compiled / eager",
    )
    print_head("Compiled against eager, float32", columns)
    context = get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=measure_cases, args=(device, examples, send))
    process.start()
    send.close()
    try:
        while receive.poll(seconds):
            title, first, again, epoch = receive.recv()
            print_row(title, f"{first:.2f} s", f"{again:.2f} s", f"{epoch:.2f}")
        print_row("the rest", f"not within {seconds:.0f} s", "", "")
    except EOFError:
        pass  # all cases were measured
    finally:
        process.terminate()
        process.join()
