"""The sweep of a storm, the commands that run it, and the counts afterwards.

Its methods are of the sweep's own module, which notes each training that begins and ends in a file.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from pyarrow import fs

from perf.chaos.sweeps import NOTED, SWEEP

ROOT = Path(__file__).parents[2]
# A process in the background ignores Ctrl-C, and its children inherit that.
PROGRAM = """\
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from orchestrator.cli.app import main
sys.argv[0] = "repertoire"
main()
"""
# What a run may differ in: times, places and the order of events.
IDENTITY = ["trial_id", "seed"]
CELL = [*IDENTITY, "split", "after", "task"]
FIGURES = ["status", "acc", "bwt", "forgetting", "val_acc", "storage_bytes", "train_flops"]
STAGE_SECONDS = 0.4

T = TypeVar("T")


def pick(rng: np.random.Generator, items: Sequence[T]) -> T:
    """Return one of several."""
    return items[int(rng.integers(len(items)))]


@dataclass
class Lab:
    """A folder with the sweep, and its results after any number of commands.

    Attributes:
        folder: of the sweep. store: address of the store; None: in the results folder.
        environment: further variables of its commands. extra: further words of the command.
        sweep: the text of its sweep. before: words before the command.
        results: address of results in a bucket, with `{out}` for their name; None: in the folder.
        tables: the same past a server that misbehaves, to read the tables.
    """

    folder: Path
    store: str | None = None
    environment: dict[str, str] = field(default_factory=dict)
    extra: list[str] = field(default_factory=list)
    sweep: str = SWEEP
    before: list[str] = field(default_factory=list)
    results: str | None = None
    tables: str | None = None

    def __post_init__(self) -> None:
        if self.folder.exists():
            return  # the lab of another store, whose commands may be reading the files
        self.folder.mkdir(parents=True)
        (self.folder / "sweep.yaml").write_text(self.sweep, encoding="utf-8")
        (self.folder / "noted.py").write_text(NOTED, encoding="utf-8")
        self.notes.touch()

    @property
    def notes(self) -> Path:
        """The file of trainings."""
        return self.folder / "notes.txt"

    @property
    def stages(self) -> Path:
        """The folder of the store, if it is one of the results folder."""
        return self.folder / "results" / "stages"

    @property
    def copies(self) -> Path:
        """The folder of local copies of results in a bucket."""
        return self.folder / "copies"

    @property
    def variables(self) -> dict[str, str]:
        """The variables of the command and of the processes that compute stages."""
        return {
            "PYTHONPATH": f"{self.folder}{os.pathsep}{ROOT}",
            "STORM_NOTES": str(self.notes),
            "STORM_SECONDS": str(STAGE_SECONDS),
            "OMP_NUM_THREADS": "1",
            "REPERTOIRE_RESULTS_CACHE": str(self.copies),
        }

    def start(self, out: str = "results") -> subprocess.Popen[bytes]:
        """Start the command in a process group of its own; its output goes to a file."""
        place = self.results.format(out=out) if self.results else str(self.folder / out)
        words = ["run", str(self.folder / "sweep.yaml"), "--out", place]
        words += ["--store", self.store] if self.store else []
        with (self.folder / "log.txt").open("ab") as log:
            return subprocess.Popen(
                [*self.before, sys.executable, "-c", PROGRAM, *words, *self.extra],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=os.environ | self.variables | self.environment,
                start_new_session=True,
            )

    def read_table(self, name: str, out: str = "results") -> pd.DataFrame:
        """Return a table of the sweep."""
        file = f"storm/{name}.parquet"
        if self.tables is None:
            return pd.read_parquet(self.folder / out / file)
        filesystem, root = fs.FileSystem.from_uri(self.tables.format(out=out))
        return pd.read_parquet(f"{root}/{file}", filesystem=filesystem)

    def trainings(self, event: str) -> Counter[str]:
        """Return how often each training began or ended."""
        lines = self.notes.read_text(encoding="utf-8").split("\n")
        return Counter(line.partition(" ")[2] for line in lines if line.startswith(event))


def run_calm(folder: Path, sweep: str = SWEEP) -> Lab:
    """Run a sweep undisturbed, in one process; return its lab."""
    variables = {"STORM_SECONDS": "0", "MLFLOW_TRACKING_URI": ""}
    calm = Lab(folder, environment=variables, extra=["--backend", "inline"], sweep=sweep)
    if calm.start().wait() != 0:
        raise SystemExit(f"the undisturbed run failed: see {folder}/log.txt")
    return calm


def read_figures(lab: Lab, out: str = "results") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the trials and every cell of R, without times and places."""
    trials = lab.read_table("trials", out)[[*IDENTITY, *FIGURES]]
    cells = lab.read_table("accuracy", out).drop(columns="sweep")
    return (
        trials.sort_values(IDENTITY).reset_index(drop=True),
        cells.sort_values(CELL).reset_index(drop=True),
    )


def count_differences(calm: pd.DataFrame, stormy: pd.DataFrame, by: list[str]) -> tuple[int, int]:
    """Return how many rows of the calm table are missing, and how many have other values."""
    both = calm.merge(stormy, on=by, how="left", suffixes=("", "_stormy"), indicator=True)
    shared = both["_merge"] == "both"
    values = [name for name in calm.columns if name not in by]
    unequal = pd.Series(False, index=both.index)
    for name in values:
        one, other = both[name], both[f"{name}_stormy"]
        unequal |= ~((one == other) | (one.isna() & other.isna()))
    return int((~shared).sum()), int((unequal & shared).sum())
