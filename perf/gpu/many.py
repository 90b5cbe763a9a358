"""Many trials: one after another, packed on one device, and in a fresh process each.

    python -m perf.gpu.many DEVICE SEED

computes one trial, as the fresh process of the rival.
"""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context

import torch

from perf.gpu.cases import digits_case, run_in_store
from perf.gpu.timing import print_head, print_row, spread

NUM_TASKS = 2  # of a trial; stage 0 comes before them
STAGES = NUM_TASKS + 1


def run_trial(device: str, seed: int) -> None:
    """Compute the first stages of a trial into a store of its own."""
    run_in_store(digits_case().chain(seed=seed)[:STAGES], device)


class Workers:
    """Processes that live on, each of which computes one trial at a time.

    Args:
        stack: ends them.
        count: how many.
        device: that they share.
    """

    def __init__(self, stack: ExitStack, count: int, device: str) -> None:
        context = get_context("spawn")
        self._device = device
        self._processes = [
            stack.enter_context(ProcessPoolExecutor(1, mp_context=context)) for _ in range(count)
        ]
        wait([each.submit(run_trial, device, 0) for each in self._processes])

    def seconds(self, trials: int, count: int, first_seed: int) -> float:
        """Return the seconds of some trials on `count` of the processes."""
        started = time.perf_counter()
        wait(
            [
                self._processes[i % count].submit(run_trial, self._device, first_seed + i)
                for i in range(trials)
            ]
        )
        return time.perf_counter() - started


def wait(futures: list[Future[None]]) -> None:
    """Wait for results; raise what any of them raised."""
    for future in futures:
        future.result()


def fresh_seconds(trials: int, at_once: int, device: str) -> float:
    """Return the seconds of some trials, each in a new process, `at_once` at a time."""
    started = time.perf_counter()
    for first in range(0, trials, at_once):
        seeds = range(first, min(first + at_once, trials))
        command = [sys.executable, "-m", "perf.gpu.many", device]
        processes = [subprocess.Popen([*command, str(seed)]) for seed in seeds]
        if any([process.wait() for process in processes]):  # wait for all of them
            raise RuntimeError("a trial in a fresh process failed")
    return time.perf_counter() - started


def print_many(device: str, trials: tuple[int, ...], packed: tuple[int, ...], rounds: int) -> None:
    """Print stages per second of each way; the rivals are one process, and fresh processes."""
    columns = ("trials", "processes", "stages/s", "time / one process", "time / fresh, same number")
    print_head(f"Many trials of {STAGES} stages of split digits on one {device}", columns)
    fresh = {at_once: fresh_seconds(at_once, at_once, device) / at_once for at_once in packed}
    with ExitStack() as stack:
        workers, seed = Workers(stack, max(packed), device), 1
        for number in trials:
            times: dict[int, list[float]] = {count: [] for count in (1, *packed)}
            for turn in range(rounds):
                for count in sorted(times, reverse=bool(turn % 2)):
                    times[count].append(workers.seconds(number, count, seed))
                    seed += number
            print_packed(number, times, fresh)
    for count, seconds in fresh.items():
        rate = STAGES / seconds
        print_row(count, f"{count}, a fresh one each", f"{rate:.1f}", "", "1 (the rival)")


def print_packed(trials: int, times: dict[int, list[float]], fresh: dict[int, float]) -> None:
    """Print the rows of a number of trials."""
    for count, seconds in times.items():
        rates = spread((trials * STAGES / each for each in seconds), 1)
        one = spread(a / b for a, b in zip(seconds, times[1], strict=True))
        rival = fresh.get(count)
        against = spread((s / trials / rival for s in seconds), 3) if rival else ""
        print_row(trials, count, rates, one, against)


def main() -> None:
    """Compute one trial."""
    device, seed = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(1)
    run_trial(device, seed)


if __name__ == "__main__":
    main()
