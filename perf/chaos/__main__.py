"""Storm a sweep for some minutes: `python -m perf.chaos [--minutes N] [--seed S] [--only GROUND]`.

Each round draws a ground, up to two faults and their moments, repeats the command until it exits
with 0, and compares its tables with those of an undisturbed run in one process.
"""

from __future__ import annotations

import argparse
import secrets
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from perf.chaos.faults import FAULTS, NEED_FOLDER, NEED_RAY, Storm, end
from perf.chaos.grounds import GROUNDS, Ground
from perf.chaos.lab import IDENTITY, Lab, count_differences, pick, read_figures

ATTEMPTS, LIMIT_SECONDS = 6, 240.0
LATEST_SECONDS = 25.0  # the moment of the last fault
WORDS = ("requested", "computed", "repeated", "lost", "wrong")


def main() -> None:
    """Storm, print a line per round, and the sum."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None, help="default: drawn, and printed")
    parser.add_argument("--only", choices=list(GROUNDS), help="one ground alone")
    parser.add_argument("--folder", type=Path, help="keep the files in this folder")
    given = parser.parse_args()
    seed = secrets.randbelow(10**6) if given.seed is None else given.seed
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        total = storm(given.folder or Path(name), seed, 60 * given.minutes, given.only)
    print("in all: " + ", ".join(f"{word} {total[word]}" for word in WORDS))
    raise SystemExit(int(total["lost"] or total["wrong"] or total["unfinished"]))


def storm(folder: Path, seed: int, seconds: float, only: str | None) -> Counter[str]:
    """Run rounds until the time is over; return the sum of their counts."""
    calm = Lab(folder / "calm", extra=["--backend", "inline"], environment={"STORM_SECONDS": "0"})
    if calm.start().wait() != 0:
        raise SystemExit(f"the undisturbed run failed: see {calm.folder}/log.txt")
    ends, number, total = time.monotonic() + seconds, 0, Counter[str]()
    while time.monotonic() < ends:
        rng = np.random.default_rng([seed, number])
        kind = only or pick(rng, list(GROUNDS))
        try:
            with GROUNDS[kind](folder / f"round{number}", rng) as ground:
                total += run_round(f"{number} {kind}", ground, rng, calm)
        except subprocess.CalledProcessError as error:
            print(f"{number} {kind}: not possible here ({error})", flush=True)
        number += 1
    return total


def run_round(title: str, ground: Ground, rng: np.random.Generator, calm: Lab) -> Counter[str]:
    """Run the command with faults and again until it is complete; print and return the counts."""
    start, told = time.monotonic(), [ground.trouble] if ground.trouble else []
    commands = draw_faults(ground, rng)
    codes = []
    for attempt in range(ATTEMPTS):
        codes.append(run_command(ground, rng, commands if attempt == 0 else [], told))
        if ground.relief is not None:
            ground.relief()
        if codes[-1] == 0:
            break
    counts = count(ground.lab, calm, codes[-1] == 0)
    figures = ", ".join(f"{word} {counts[word]}" for word in WORDS)
    print(
        f"{title}: {'; '.join(told) or 'no fault'}; exit codes {codes}, "
        f"{time.monotonic() - start:.0f} s: {figures}",
        flush=True,
    )
    return counts


def draw_faults(ground: Ground, rng: np.random.Generator) -> list[tuple[float, str]]:
    """Draw up to two faults that are possible on a ground, each with its moment in seconds."""
    possible = set(FAULTS)
    if not ground.has_ray:
        possible -= NEED_RAY
    if ground.lab.store is not None:
        possible -= NEED_FOLDER
    names = rng.permutation(sorted(possible))[: pick(rng, [1, 1, 2])]
    return sorted((rng.uniform(2.0, LATEST_SECONDS), str(name)) for name in names)


def run_command(
    ground: Ground, rng: np.random.Generator, faults: list[tuple[float, str]], told: list[str]
) -> int:
    """Run the command once, with faults at their moments; return its exit code."""
    storm = Storm(ground.lab, ground.lab.start(), rng, [])
    start = time.monotonic()
    for moment, name in faults:
        try:
            storm.command.wait(max(0.0, start + moment - time.monotonic()))
        except subprocess.TimeoutExpired:
            told.append(f"{name} after {moment:.1f} s ({FAULTS[name](storm)})")
    code = wait(storm.command, told)
    for out, command in storm.beside:
        told.append(f"beside: {out} ended with {wait(command, told)}")
    return code


def wait(command: subprocess.Popen[bytes], told: list[str]) -> int:
    """Return the exit code of a command; one that hangs is killed, and said."""
    try:
        return command.wait(LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        told.append(f"HUNG for {LIMIT_SECONDS:.0f} s")
        end(command)
        return -1


def count(lab: Lab, calm: Lab, complete: bool) -> Counter[str]:
    """Count stages: those of the undisturbed run, trainings that ended, and rows of the tables."""
    begun, ended = lab.trainings("begin"), lab.trainings("end")
    counts = Counter(
        requested=len(calm.trainings("end")),
        computed=ended.total(),
        repeated=ended.total() - len(ended),
        interrupted=begun.total() - ended.total(),
    )
    if not complete:
        return counts + Counter(unfinished=1, lost=1)
    for mine, theirs, by in zip(
        read_figures(calm),
        read_figures(lab),
        (IDENTITY, [*IDENTITY, "split", "after", "task"]),
        strict=True,
    ):
        lost, wrong = count_differences(mine, theirs, by)
        counts += Counter(lost=lost, wrong=wrong)
    return counts


if __name__ == "__main__":
    main()
