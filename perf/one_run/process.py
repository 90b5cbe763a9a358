"""A process that times a chain or its rival: its first run, or later ones in turn.

Imports, the keys and the data of the chain, and the tensors of the rival come before the clock.

    python -m perf.one_run.process FOLDER CHAIN first (ours | rival)
    python -m perf.one_run.process FOLDER CHAIN again PAIRS
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import torch

from perf.gpu.cases import Chain, compute_chain
from perf.gpu.timing import Seconds, Times, alternate, measure
from perf.one_run.chains import build_chain, build_rival

WAYS = ("ours", "rival")


def time_again(name: str, pairs: int, folder: Path) -> Times:
    """Return the seconds of a chain and of its rival in a new process, after one run of each."""
    times = read_last_line([*own_command(folder, name), "again", str(pairs)])
    return {way: [Seconds(*each) for each in seconds] for way, seconds in times.items()}


def time_first(name: str, pairs: int, folder: Path) -> Times:
    """Return the seconds of first runs, each in a new process, in turn."""
    return time_commands({way: [*own_command(folder, name), "first", way] for way in WAYS}, pairs)


def own_command(folder: Path, name: str) -> list[str]:
    """Return the command of this module for a chain, without what to time."""
    return [sys.executable, "-m", "perf.one_run.process", str(folder), name]


def time_commands(commands: Mapping[str, Sequence[str]], pairs: int) -> Times:
    """Return the seconds that commands print, run in turn, the order reversed every other pair."""
    times: Times = {way: [] for way in commands}
    for number in range(pairs):
        for way in list(commands)[:: (-1) ** number]:
            times[way].append(Seconds(*read_last_line(commands[way])))
    return times


def read_last_line(command: Sequence[str]) -> Any:
    """Run a command; return the last line that it prints, as JSON.

    Raises:
        subprocess.CalledProcessError: the command failed.
    """
    printed = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    return json.loads(printed.splitlines()[-1])


def build_work(way: str, chain: Chain, folder: str) -> Callable[[], object]:
    """Return a run of a chain, into a new store in a folder; or of its rival."""
    if way == "ours":  # stores are deleted with the folder, after the clock
        return lambda: compute_chain(chain, "cpu", mkdtemp(dir=folder))
    import_module("torch._dynamo")  # by any optimiser's first step, save in stages: seconds
    return build_rival(chain).run


def main(folder: str, name: str, run: str, which: str) -> None:
    """Print the seconds of a first run, or those of each way."""
    torch.set_num_threads(1)
    chain = build_chain(name, Path(folder))
    with TemporaryDirectory() as stores:
        if run == "first":
            # Read before the clock, as the tensors of the rival are.
            for task in chain[-1].benchmark.tasks():
                _ = (task.train, task.validation, task.test)
            print(json.dumps(measure(build_work(which, chain, stores), "cpu")))
        else:
            works = {way: build_work(way, chain, stores) for way in WAYS}
            print(json.dumps(alternate(works, int(which), "cpu")))


if __name__ == "__main__":
    main(*sys.argv[1:])
