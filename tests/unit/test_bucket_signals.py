"""Commands whose results are in a bucket are signalled and killed; the last ends as if alone.

Real processes, each with a folder of local copies of its own, as machines have them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from bucket_lab import objects

from orchestrator.errors import CONTINUES
from orchestrator.results.addresses import COPIES_VARIABLE
from perf.chaos.lab import PROGRAM

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
UNTRACKED = """\
import orchestrator.cli.run_folder as run, untracked
run.MLflowTracker = untracked.NoTracker
"""
SWEEP = """\
name: ok
benchmark: {name: split_digits, scenario: class, num_tasks: 2, samples_per_task: 32}
network: {name: mlp, hidden: [8]}
training: {epochs: 1, batch_size: 16}
methods: ["slow:Slow"]
seeds: [0, 1, 2]
"""
SLOW = """\
import os, time
from methods.finetune import Finetune
class Slow(Finetune):
    def begin_task(self, task):
        super().begin_task(task)
        with open(os.environ["BEGUN"], "a") as file:
            file.write("x")
        time.sleep(float(os.environ["PAUSE"]))
"""
TRAININGS = 3 * 2
# Of clocks, memory and processes.
MEASURED = ("seconds", "peak_memory_bytes", "working_bytes", "pid")
TABLES = ("accuracy.parquet", "stages.parquet", "trials.parquet")


class Machines:
    """Machines without local copies; on each, one command runs the sweep of this folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.numbers = folder, count()
        self.started: list[subprocess.Popen[str]] = []
        (folder / "sweep.yaml").write_text(SWEEP)
        (folder / "slow.py").write_text(SLOW)

    def start(self, out: str, begun: str, pause: float = 0.0) -> subprocess.Popen[str]:
        words = ["run", "sweep.yaml", "--backend", "inline", "--out", out]
        variables = {
            "PYTHONPATH": os.pathsep.join(map(str, (self.folder, ROOT, ROOT / "tests"))),
            "BEGUN": begun,
            "PAUSE": str(pause),
            COPIES_VARIABLE: str(self.folder / f"machine{next(self.numbers)}"),
        }
        command = subprocess.Popen(
            [sys.executable, "-c", UNTRACKED + PROGRAM, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env=os.environ | variables,
        )
        self.started.append(command)
        return command


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    made = Machines(tmp_path)
    yield made
    for command in made.started:
        with command:
            command.kill()


def signal_in_training(command: subprocess.Popen[str], begun: Path, *numbers: int) -> str:
    """Send signals to a command once it has begun a further training; return what it printed."""
    before = begun.stat().st_size
    while begun.stat().st_size == before and command.poll() is None:
        time.sleep(0.02)
    for number in numbers:
        command.send_signal(number)
        time.sleep(0.2)
    return command.communicate(timeout=100)[0]


def differing_columns(one: Path, other: bytes, folder: Path) -> set[str]:
    """Return the columns of two tables with other values, save those that are measured."""
    (folder / "other.parquet").write_bytes(other)
    tables = [pq.read_table(path) for path in (one, folder / "other.parquet")]
    unequal = {name for name in tables[0].column_names if tables[0][name] != tables[1][name]}
    return {name for name in unequal if not name.endswith(MEASURED)}


@pytest.mark.timeout(300)
def test_a_sweep_in_a_bucket_that_was_signalled_and_killed_ends_as_one_that_was_not(
    machines: Machines, tmp_path: Path, bucket: Callable[[str], str]
) -> None:
    there, begun = bucket("signalled"), tmp_path / "begun"
    begun.touch()
    calm = machines.start("calm", "calm-begun")
    for number, reason in ((signal.SIGTERM, "terminated"), (signal.SIGINT, "interrupted")):
        command = machines.start(there, str(begun), pause=1.0)
        output = " ".join(signal_in_training(command, begun, number).split())
        assert command.returncode == 1, output
        # The stage that was running is finished, and what is left can be read anywhere.
        assert reason in output
        assert CONTINUES in output
        assert "ok/trials.parquet" in objects(there)
    finished = begun.stat().st_size
    assert finished == 2
    for numbers, code in (((signal.SIGINT, signal.SIGINT), 1), ((signal.SIGKILL,), -9)):
        command = machines.start(there, str(begun), pause=20.0)
        output = signal_in_training(command, begun, *numbers)
        assert command.returncode == code, output
    last = machines.start(there, str(begun))
    output = last.communicate(timeout=100)[0]
    assert last.returncode == 0, output
    # The two that were cut off in their training are repeated, and no other.
    assert begun.stat().st_size == TRAININGS + 2
    assert calm.communicate(timeout=100)[0].count("9 stages computed") == 1
    stored = objects(there)
    for name in TABLES:
        one = tmp_path / "calm" / "ok" / name
        assert differing_columns(one, stored[f"ok/{name}"], tmp_path) == set()
