"""Clocks that wait for the device, pieces of work timed in turn, and rows of a table."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import torch


class Seconds(NamedTuple):
    """Wall seconds of a piece of work, and processor seconds of this process."""

    wall: float
    cpu: float


Times = dict[str, list[Seconds]]


def synchronise(device: str) -> None:
    """Wait until the device has nothing left to do."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def measure(work: Callable[[], object], device: str) -> Seconds:
    """Return the seconds of a piece of work, from an idle device to an idle device."""
    synchronise(device)
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    synchronise(device)
    return Seconds(time.perf_counter() - wall, time.process_time() - cpu)


def alternate(works: Mapping[str, Callable[[], object]], rounds: int, device: str) -> Times:
    """Return the seconds of each piece of work, in turn; the order is reversed every other round.

    Each is done once before, which is not counted.
    """
    for work in works.values():
        measure(work, device)
    times: Times = {name: [] for name in works}
    for number in range(rounds):
        for name in list(works)[:: -1 if number % 2 else 1]:
            times[name].append(measure(works[name], device))
    return times


def wall(times: Times, name: str) -> float:
    """Return the median wall seconds of a piece of work."""
    return statistics.median(each.wall for each in times[name])


def ratios(times: Times, name: str, rival: str, clock: str = "wall") -> list[float]:
    """Return the ratio of a piece of work to its rival in each round."""
    pairs = zip(times[name], times[rival], strict=True)
    return [getattr(ours, clock) / getattr(theirs, clock) for ours, theirs in pairs]


def spread(values: Iterable[float], digits: int = 2) -> str:
    """Return the median of values and their range: "1.05 (1.02 to 1.10)"."""
    ordered = sorted(values)
    middle, low, high = statistics.median(ordered), ordered[0], ordered[-1]
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def milliseconds(seconds: float) -> str:
    """Return seconds as text in milliseconds."""
    return f"{1000 * seconds:.1f} ms"


def print_row(*cells: object) -> None:
    """Print a row of a table."""
    print("|", " | ".join(map(str, cells)), "|", flush=True)


def print_head(title: str, columns: Sequence[str]) -> None:
    """Print the title and the head of a table."""
    print(f"\n### {title}\n")
    print_row(*columns)
    print("|" + "---|" * len(columns), flush=True)
