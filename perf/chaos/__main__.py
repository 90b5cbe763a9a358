"""Storm a sweep for some minutes: `python -m perf.chaos [--minutes N] [--seed S] [--only GROUND]`.

Each round draws a ground, up to two faults and their moments, repeats the command until it exits
with 0, and compares its tables with those of an undisturbed run in one process.
"""

from __future__ import annotations

import argparse
import secrets
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from perf.chaos.ground import FacilityMissing
from perf.chaos.grounds import GROUNDS
from perf.chaos.lab import pick, run_calm
from perf.chaos.rounds import WORDS, plan_faults, run_round
from perf.chaos.sweeps import SEARCH, SWEEP


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
    # A process that sends to MLflow may outlive its command and write while the folder is deleted.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        total = storm(given.folder or Path(name), seed, 60 * given.minutes, given.only)
    print("in all: " + ", ".join(f"{word} {total[word]}" for word in WORDS))
    raise SystemExit(int(any(total[word] for word in ("lost", "wrong", "unfinished"))))


def storm(folder: Path, seed: int, seconds: float, only: str | None) -> Counter[str]:
    """Run rounds until the time is over; return the sum of their counts."""
    calm = {SWEEP: run_calm(folder / "calm"), SEARCH: run_calm(folder / "calm-search", SEARCH)}
    ends, number, total = time.monotonic() + seconds, 0, Counter[str]()
    while time.monotonic() < ends:
        rng = np.random.default_rng([seed, number])
        kind = only or pick(rng, list(GROUNDS))
        try:
            with GROUNDS[kind](folder / f"round{number}", rng) as ground:
                report = run_round(ground, plan_faults(ground, rng), rng, calm[ground.lab.sweep])
            total += report.counts
            print(f"{number} {kind}: {report}", flush=True)
        except FacilityMissing as error:
            print(f"{number} {kind}: not possible here ({error})", flush=True)
        number += 1
    return total


if __name__ == "__main__":
    main()
