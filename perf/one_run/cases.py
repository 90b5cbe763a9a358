"""The cases by name, each with a named rival and an aim for the ratio to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from perf.gpu.timing import Times, ratios
from perf.one_run.avalanche_case import time_avalanche
from perf.one_run.fisher import time_fisher
from perf.one_run.process import time_again, time_first

BARE = "bare loop by hand: fused Adam, tensors in memory, evaluation in batches of 1,024"
LOOP = "a backward pass for each example and label"
PASSES = "the passes alone, by hand: of the batch, and of each past task's stored examples"
SHIPPED = "Avalanche 0.6, naive fine-tuning, its data set and transforms as shipped"
TENSORS = "the same on normalised tensors in memory, with fused Adam"


@dataclass(frozen=True)
class Setting:
    """How cases are timed.

    Attributes:
        pairs: how many runs of each.
        folder: receives files.
        avalanche: a Python that has Avalanche; empty if there is none.
    """

    pairs: int
    folder: Path
    avalanche: str = ""


Timer = Callable[[Setting], Times]


@dataclass(frozen=True)
class Case:
    """What is timed beside a rival.

    Attributes:
        name: the choice of `--cases` that has it; several may share one.
        title: what is timed.
        rival: what it is timed against.
        aim: ours over the rival at most; or, of a speed-up, the rival over ours at least.
        time: returns the seconds of "ours" and "rival" in each pair.
        is_speedup: whether the figure is the rival over ours.
    """

    name: str
    title: str
    rival: str
    aim: float
    time: Timer
    is_speedup: bool = False

    def figures(self, times: Times, clock: str) -> list[float]:
        """Return the ratio of each pair by the clock "wall" or "cpu"."""
        pair = ("rival", "ours") if self.is_speedup else ("ours", "rival")
        return ratios(times, *pair, clock)

    def is_met(self, figure: float) -> bool:
        """Return whether a figure meets the aim."""
        return figure >= self.aim if self.is_speedup else figure <= self.aim


def first(chain: str) -> Timer:
    """Return the timer of a chain's first run in a process."""
    return lambda setting: time_first(chain, setting.pairs, setting.folder)


def again(chain: str) -> Timer:
    """Return the timer of a chain's later runs in a process."""
    return lambda setting: time_again(chain, setting.pairs, setting.folder)


def fisher(labels: int) -> Timer:
    """Return the timer of the Fisher information with a number of labels."""
    return lambda setting: time_fisher(labels, setting.pairs)


def avalanche(form: str) -> Timer:
    """Return the timer of the MLP's chain beside a form of Avalanche's data."""
    return lambda given: time_avalanche(form, given.avalanche, given.pairs, given.folder)


CASES = (
    Case("warm", "MLP, later runs of a process", BARE, 1.05, again("mlp")),
    Case("cold", "MLP, first run of a process", BARE, 1.10, first("mlp")),
    Case("resnet", "slim ResNet-18, later runs", BARE, 1.03, again("resnet")),
    Case("resnet", "slim ResNet-18, first run", BARE, 1.10, first("resnet")),
    Case("ewc", "exact Fisher, 2 labels", LOOP, 40, fisher(2), is_speedup=True),
    Case("ewc", "exact Fisher, 10 labels", LOOP, 80, fisher(10), is_speedup=True),
    Case("gem", "GEM, later runs", PASSES, 1.10, again("gem")),
    Case("avalanche", "MLP, as shipped", SHIPPED, 7, avalanche("shipped"), is_speedup=True),
    Case("avalanche", "MLP, on tensors", TENSORS, 2, avalanche("tensors"), is_speedup=True),
)
