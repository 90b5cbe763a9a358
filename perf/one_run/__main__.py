"""One run against named rivals: a bare loop by hand, passes by hand, Avalanche.

Ours and the rival run in turn, the order reversed every other pair, on one thread. Printed are the
median and the range of the ratio of processor time (user and system) and of time on the wall, and
the median processor time of each.

A chain is five tasks, task-incremental, so that every cell of R is computed, with the store: an MLP
784-400-400-10 on split Fashion-MNIST (digits where it is absent), one epoch; the same with GEM and
a memory of 1,000 examples; a slim ResNet-18 on 1,500 made images of 32 x 32 x 3. Chains run in
processes of their own, the first run of `cold` and `resnet` each in another; imports come before
the clock, and so does the reading of data, on both sides. Beside Avalanche nothing is held out for
validation: both train on all training images, and score those of the test.

    python -m perf.one_run [--cases warm cold resnet ewc gem avalanche] [--pairs 5]
                           [--avalanche PYTHON]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import torch

from orchestrator.errors import RepertoireError
from perf.gpu.timing import Times, print_head, print_row, spread
from perf.one_run.avalanche_case import HINT
from perf.one_run.cases import CASES, Case, Setting

COLUMNS = ("case", "aim", "processor time", "wall", "ours", "rival", "met")


def print_case(case: Case, times: Times) -> None:
    """Print the row of a case."""
    figures = case.figures(times, "cpu")
    ours, rival = (
        statistics.median(each.cpu for each in times[name]) for name in ("ours", "rival")
    )
    print_row(
        case.title,
        f"{'at least' if case.is_speedup else 'at most'} {case.aim:g}",
        spread(figures),
        spread(case.figures(times, "wall")),
        f"{ours:.3f} s",
        f"{rival:.3f} s",
        "yes" if case.is_met(statistics.median(figures)) else "no",
    )


def read_options() -> argparse.Namespace:
    """Return the options of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m perf.one_run",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = list(dict.fromkeys(case.name for case in CASES))
    parser.add_argument("--cases", nargs="+", choices=names, default=names)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--avalanche", metavar="PYTHON", default="", help="that has Avalanche 0.6")
    return parser.parse_args()


def print_rivals(cases: list[Case]) -> None:
    """Print what each case is timed against."""
    for rival in dict.fromkeys(case.rival for case in cases):
        titles = [case.title for case in cases if case.rival == rival]
        print(f"- {'; '.join(titles)}. Against: {rival}")


def main() -> None:
    """Measure, and print the rivals and a table."""
    given = read_options()
    torch.set_num_threads(1)
    if "avalanche" in given.cases and not given.avalanche:
        print(HINT)
        given.cases = [name for name in given.cases if name != "avalanche"]
    cases = [case for case in CASES if case.name in given.cases]
    print_rivals(cases)
    print_head(f"One run, {given.pairs} pairs", COLUMNS)
    with tempfile.TemporaryDirectory() as folder:
        setting = Setting(given.pairs, Path(folder), given.avalanche)
        for case in cases:
            try:
                print_case(case, case.time(setting))
            except RepertoireError as error:  # no data: the other cases need none
                print_row(case.title, f"left out: {error}")


if __name__ == "__main__":
    main()
