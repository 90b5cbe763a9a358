"""One round of a storm: a command with faults, again until it is complete, and the counts."""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from perf.chaos.faults import FAULTS, NEED_FOLDER, NEED_RAY, NEED_USER, Storm, end
from perf.chaos.ground import Ground
from perf.chaos.lab import CELL, IDENTITY, Lab, count_differences, pick, read_figures

ATTEMPTS, LIMIT_SECONDS = 6, 240.0
START_SECONDS, TRAINING_SECONDS = 6.0, 8.0  # the latest fault after the start, after a training
WORDS = ("requested", "computed", "repeated", "lost", "wrong")


@dataclass(frozen=True, order=True)
class Planned:
    """A fault and its moment.

    Attributes:
        training: whether the seconds count from the first training, else from the start.
        seconds: until the fault. name: of `FAULTS`.
    """

    training: bool
    seconds: float
    name: str


@dataclass
class Report:
    """What happened in a round.

    Attributes:
        counts: of stages, by `WORDS` and "unfinished".
        events: a line for each fault. codes: exit codes of the commands. seconds: in all.
    """

    counts: Counter[str]
    events: list[str] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    seconds: float = 0.0

    def __str__(self) -> str:
        figures = ", ".join(f"{word} {self.counts[word]}" for word in WORDS)
        events = "; ".join(self.events) or "no fault"
        return f"{events}; exit codes {self.codes}, {self.seconds:.0f} s: {figures}"


def plan_faults(ground: Ground, rng: np.random.Generator) -> list[Planned]:
    """Draw one or two faults that are possible on a ground, each with its moment."""
    possible = set(FAULTS)
    if not ground.has_ray:
        possible -= NEED_RAY
    if ground.lab.store is not None:
        possible -= NEED_FOLDER
    if os.geteuid() == 0 and not ground.lab.before:
        possible -= NEED_USER
    names = rng.permutation(sorted(possible))[: pick(rng, [1, 1, 2])]
    return sorted(plan_fault(str(name), rng) for name in names)


def plan_fault(name: str, rng: np.random.Generator) -> Planned:
    """Draw the moment of a fault: while Ray starts, or once a stage has begun."""
    needs_stage = name in NEED_RAY | NEED_FOLDER
    if needs_stage or rng.random() < 0.7:
        return Planned(True, float(rng.uniform(0.0, TRAINING_SECONDS)), name)
    return Planned(False, float(rng.uniform(0.5, START_SECONDS)), name)


def run_round(
    ground: Ground, faults: Sequence[Planned], rng: np.random.Generator, calm: Lab
) -> Report:
    """Run the command with faults, then without any until it exits with 0; count the stages."""
    start, report = time.monotonic(), Report(Counter())
    if ground.trouble:
        report.events.append(ground.trouble)
    for attempt in range(ATTEMPTS):
        code = run_command(ground, rng, [] if attempt else faults, report.events)
        report.codes.append(code)
        if ground.relief is not None:
            ground.relief()
        if code == 0:
            break
    report.counts = count_stages(ground.lab, calm, report.codes[-1] == 0)
    report.seconds = time.monotonic() - start
    return report


def run_command(
    ground: Ground, rng: np.random.Generator, faults: Sequence[Planned], events: list[str]
) -> int:
    """Run the command once, with faults at their moments; return its exit code."""
    begun = ground.lab.trainings("begin").total()
    storm = Storm(ground.lab, ground.lab.start(), rng, [])
    for fault in faults:
        start = time.monotonic()
        if fault.training:
            await_training(storm, begun)
            start = time.monotonic()
        with suppress(subprocess.TimeoutExpired):
            storm.command.wait(max(0.0, start + fault.seconds - time.monotonic()))
        if storm.command.poll() is None:
            moment = (
                f"{fault.seconds:.1f} s after the {'first stage' if fault.training else 'start'}"
            )
            events.append(f"{fault.name} {moment} ({FAULTS[fault.name](storm)})")
    code = await_end(storm.command, events)
    for out, command in storm.beside:
        events.append(f"beside: {out} ended with {await_end(command, events)}")
    return code


def await_training(storm: Storm, begun: int) -> None:
    """Wait until a training has begun, or the command has ended."""
    ends = time.monotonic() + LIMIT_SECONDS
    while storm.command.poll() is None and time.monotonic() < ends:
        if storm.lab.trainings("begin").total() > begun:
            return
        time.sleep(0.1)


def await_end(command: subprocess.Popen[bytes], events: list[str]) -> int:
    """Return the exit code of a command; one that hangs is killed, and listed as such."""
    try:
        return command.wait(LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        events.append(f"HUNG for {LIMIT_SECONDS:.0f} s")
        end(command)
        return -1


def count_stages(lab: Lab, calm: Lab, complete: bool) -> Counter[str]:
    """Count stages: those of the undisturbed run, trainings that ended, and rows of the tables."""
    ended = lab.trainings("end")
    counts = Counter(
        requested=len(calm.trainings("end")),
        computed=ended.total(),
        repeated=ended.total() - len(ended),
    )
    if not complete:
        return counts + Counter(unfinished=1, lost=1)
    for own, theirs, by in zip(
        read_figures(calm), read_figures(lab), (IDENTITY, CELL), strict=True
    ):
        lost, wrong = count_differences(own, theirs, by)
        counts += Counter(lost=lost, wrong=wrong)
    return counts
