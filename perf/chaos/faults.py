"""The faults of a storm: each is done to a running command, or to the files it has written."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil  # type: ignore[import-untyped]

from perf.chaos.lab import Lab, pick


@dataclass
class Storm:
    """A command that runs, and what faults need to know of it.

    Attributes:
        lab: the folder. command: the process. rng: draws what a fault is done to.
        beside: commands that a fault started, which end by themselves.
    """

    lab: Lab
    command: subprocess.Popen[bytes]
    rng: np.random.Generator
    beside: list[tuple[str, subprocess.Popen[bytes]]]


def send(*numbers: signal.Signals) -> Callable[[Storm], str]:
    """Return a fault that sends signals to the driver, one after the other."""

    def fault(storm: Storm) -> str:
        for number in numbers:
            with suppress(ProcessLookupError):
                os.kill(storm.command.pid, number)
                with suppress(subprocess.TimeoutExpired):
                    storm.command.wait(1.0)
        return f"driver {storm.command.pid}"

    return fault


def kill_worker(storm: Storm) -> str:
    """Kill a process of Ray that computes stages, as the system does when memory is out."""
    processes = descendants(storm.command.pid)
    workers = [p for p in processes if p.name().startswith("ray::") and "Agent" not in p.name()]
    if not workers:
        return "no worker yet"
    worker = pick(storm.rng, workers)
    name = worker.name()
    worker.kill()
    return f"{name} {worker.pid}"


def kill_head(storm: Storm) -> str:
    """Kill the processes of the Ray that the command started: raylet and control service."""
    servers = [p for p in descendants(storm.command.pid) if p.name() in ("raylet", "gcs_server")]
    for server in servers:
        with suppress(psutil.NoSuchProcess):
            server.kill()
    return ", ".join(p.name() for p in servers) if servers else "no Ray yet"


def start_again(storm: Storm) -> str:
    """Start the same command a second time."""
    storm.beside.append(("results", storm.lab.start()))
    return "the same command"


def start_neighbour(storm: Storm) -> str:
    """Start the sweep for another results folder on the same store."""
    lab = storm.lab
    neighbour = replace(lab, store=lab.store or str(lab.stages))
    storm.beside.append(("neighbour", neighbour.start("neighbour")))
    return "another results folder"


def truncate(file: Path, rng: np.random.Generator) -> None:
    """Cut a file at a random place."""
    os.truncate(file, int(rng.integers(max(1, file.stat().st_size))))


def flip(file: Path, rng: np.random.Generator) -> None:
    """Invert a random bit of a file."""
    data = bytearray(file.read_bytes())
    if data:
        data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
    file.write_bytes(bytes(data))


def replace_by_folder(file: Path, rng: np.random.Generator) -> None:
    """Put a folder in place of a file."""
    file.unlink()
    file.mkdir()


def remove(file: Path, rng: np.random.Generator) -> None:
    """Delete a file, so that a record has no state or a state no record."""
    file.unlink()


def make_unreadable(file: Path, rng: np.random.Generator) -> None:
    """Take away all permissions."""
    file.chmod(0)


def damage(how: Callable[[Path, np.random.Generator], None]) -> Callable[[Storm], str]:
    """Return a fault that damages a random file of a finished stage."""

    def fault(storm: Storm) -> str:
        files = sorted(stage_files(storm.lab.stages))
        if not files:
            return "no stage yet"
        file = pick(storm.rng, files)
        with suppress(FileNotFoundError, IsADirectoryError):
            how(file, storm.rng)
        return str(file.relative_to(storm.lab.stages))

    return fault


def stage_files(store: Path) -> Iterator[Path]:
    """Yield records and states of a store in a folder."""
    for pattern in ("??/*/record.json", "??/*/state*.safetensors"):
        yield from store.glob(pattern)


def descendants(pid: int) -> list[psutil.Process]:
    """Return the processes below one."""
    with suppress(psutil.NoSuchProcess):
        return list(psutil.Process(pid).children(recursive=True))
    return []


def end(command: subprocess.Popen[bytes]) -> None:
    """Kill a command and all it started."""
    for process in [*descendants(command.pid), command]:
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            process.kill()
    command.wait()


TERM, HUP, INT, KILL = signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL
FAULTS: dict[str, Callable[[Storm], str]] = {
    "worker killed": kill_worker,
    "head killed": kill_head,
    "driver killed": send(KILL),
    "driver terminated": send(TERM),
    "driver hung up": send(HUP),
    "interrupted once": send(INT),
    "interrupted twice": send(INT, INT),
    "the same sweep started twice": start_again,
    "two drivers on one store": start_neighbour,
    "stage file truncated": damage(truncate),
    "stage file flipped": damage(flip),
    "stage file replaced by a folder": damage(replace_by_folder),
    "stage file deleted": damage(remove),
    "stage file unreadable": damage(make_unreadable),
}
NEED_USER = {"stage file unreadable"}  # other than root, who reads every file
NEED_RAY = {"worker killed", "head killed"}
NEED_FOLDER = {name for name in FAULTS if name.startswith("stage file")}
