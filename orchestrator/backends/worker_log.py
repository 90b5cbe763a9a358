"""Where a stage runs on a node, and the end of its worker's log, also after the worker died.

A worker notes its stage in a file beside Ray's logs of its node, so that a task on that node can
read it once the worker is gone. Nothing of this goes through the store.
"""

from __future__ import annotations

import json
import os
import platform
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from orchestrator.benchmarks.atomic_files import write_atomically
from orchestrator.stages.outcomes import WorkerInfo
from orchestrator.stages.storage.uri import hide_secrets

FOLDER = "repertoire"
MAX_LINES, MAX_BYTES = 20, 4000  # a story is read on a terminal; the whole log has the rest
CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
RAYS_OWN = (":job_id:", ":task_name:", ":actor_name:")


class StartNote(NamedTuple):
    """The note of a stage: when it began, in nanoseconds since 1970, and where it runs."""

    started: int
    worker: WorkerInfo


def note_start(logs: Path, key: str, device: str, worker_id: str) -> None:
    """Note that this process begins a stage.

    Args:
        logs: the folder of Ray's logs on this node.
        key: of the stage.
        device: that it runs on.
        worker_id: of this process, which the names of its logs contain.
    """
    files = [path for path in logs.glob(f"worker-{worker_id}-*") if path.is_file()]
    content = {
        "started": time.time_ns(),
        "node": platform.node(),
        "pid": os.getpid(),
        "device": device,
        "logs": [[str(path), path.stat().st_size] for path in sorted(files)],
    }
    write_atomically(logs / FOLDER / f"{key}.json", json.dumps(content))


def note_end(logs: Path, key: str) -> None:
    """Note that a stage has ended on this node."""
    (logs / FOLDER / f"{key}.json").unlink(missing_ok=True)


def read_note(logs: Path, key: str) -> StartNote | None:
    """Return the note of a stage that has not ended on this node, with the log; or None."""
    # Absent, or damaged as the node died.
    with suppress(OSError, ValueError, KeyError, TypeError):
        content = json.loads((logs / FOLDER / f"{key}.json").read_text(encoding="utf-8"))
        log = last_lines((Path(path), int(start)) for path, start in content["logs"])
        node, pid, device = str(content["node"]), int(content["pid"]), str(content["device"])
        return StartNote(int(content["started"]), WorkerInfo(node, pid, device, log))
    return None


def last_lines(files: Iterable[tuple[Path, int]]) -> str:
    """Return the last lines of log files, each from the byte where a stage began."""
    text = "".join(_read_end(path, start) for path, start in files)
    lines = [CONTROLS.sub("", line) for line in text.splitlines()]
    shown = [line for line in lines if line.strip() and not line.startswith(RAYS_OWN)]
    return hide_secrets("\n".join(shown[-MAX_LINES:]))[-MAX_BYTES:]


def _read_end(path: Path, start: int) -> str:
    with suppress(OSError), path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        # Shorter than at the start of the stage: Ray has begun the log anew.
        file.seek(max(start if start <= size else 0, size - MAX_BYTES))
        return file.read(MAX_BYTES).decode("utf-8", "replace") + "\n"
    return ""
