"""Outcomes of stages: values that a worker returns and the trial graph handles.

The story of a stage that raised is one line with the error and its place, then the traceback.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from orchestrator.errors import RepertoireError
from orchestrator.stages.code.own_files import OURS, is_installed
from orchestrator.stages.code.source import strip_package
from orchestrator.stages.storage.uri import hide_secrets

Key = str

ROOT = Path(__file__).resolve().parents[2]  # the folder of Repertoire's packages


@dataclass(frozen=True)
class StageDone:
    """A stage's state and record are in the store.

    Attributes:
        work: the work done: "scored" if only scores on further tasks were missing, "none" if
            another driver had stored the stage meanwhile.
        gpu_share: the share of its GPU's memory that it needed; 0 if it ran on none.
        gpu_utilisation: the share of the time in which its GPU was busy, with all that ran on it;
            None if it was not measured.
    """

    key: Key
    work: Literal["computed", "scored", "none"] = field(default="computed", compare=False)
    gpu_share: float = field(default=0.0, compare=False)
    gpu_utilisation: float | None = field(default=None, compare=False)


@dataclass(frozen=True)
class StageDiverged:
    """A stage's record says that training diverged."""

    key: Key
    story: str


@dataclass(frozen=True)
class WorkerInfo:
    """The process that ran a stage.

    Attributes:
        node: name of its host.
        pid: its process id.
        device: "cpu" or the model of the GPU.
        log: the last lines that it wrote during the stage, if its output goes to a file.
    """

    node: str
    pid: int
    device: str
    log: str = ""


@dataclass(frozen=True)
class StageFailed:
    """A stage raised, or its process died too often.

    Attributes:
        worker: the process; None where it is not known.
        exhausted: the memory that was not enough, of the host or of the GPU; "" for other errors.
    """

    key: Key
    story: str
    worker: WorkerInfo | None = field(default=None, compare=False)
    exhausted: Literal["", "memory", "gpu"] = field(default="", compare=False)


@dataclass(frozen=True)
class ParentLost:
    """A stage could not start: its parent's state is no longer in the store."""

    key: Key


StageOutcome = StageDone | StageDiverged | StageFailed | ParentLost


def failure_story(error: BaseException) -> str:
    """Return an error in a line, with the file and line of the user's code, and its traceback."""
    message = " ".join(strip_package(str(error)).split()) or "no message"
    where = failure_place(error)
    first = f"{type(error).__name__}: {message}" + (f" ({where})" if where else "")
    text = "".join(traceback.format_exception(error))
    return hide_secrets(f"{first}\n\n{strip_package(text)}")


def failure_place(error: BaseException) -> str:
    """Return the file, line and function of the last frame that is the user's own code.

    Of an error that passed through none, the last frame of this package or of a built-in method; ""
    if it is an error of this package, whose message says what to do.
    """
    frames = traceback.extract_tb(error.__traceback__)
    users = [frame for frame in frames if not is_library(frame.filename)]
    ours = [frame for frame in frames if is_repertoire(frame.filename)]
    if not (users or ours) or (not users and isinstance(error, RepertoireError)):
        return ""
    frame = (users or ours)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}, in {frame.name}"


def is_library(filename: str) -> bool:
    """Return whether a file is Repertoire's, the standard library's or an installed package's."""
    return (
        is_repertoire(filename)
        or filename.startswith("<frozen")
        or is_installed(Path(filename).resolve())
    )


def is_repertoire(filename: str) -> bool:
    """Return whether a file belongs to Repertoire's packages."""
    return any(Path(filename).is_relative_to(ROOT / package) for package in OURS)
