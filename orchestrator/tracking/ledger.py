"""The ledger: a file beside the tables that lists what was sent, to save queries to MLflow.

Each run has the same data in a tag. If the ledger is lost or damaged, it is rebuilt from the runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from orchestrator.benchmarks.atomic_files import write_atomically
from orchestrator.hashing import parse_json
from orchestrator.tracking.sent import Sent
from orchestrator.tracking.target import Target, TrackingError

LEDGER = "tracking.json"
LOCK = ".tracking.lock"


@dataclass(kw_only=True)
class Ledger:
    """The runs of one sweep's folder at MLflow.

    Attributes:
        uri: address without credentials.
        identity: the tag of the sweep's runs.
        tables: digest of the tables that were sent completely; empty while something is missing.
        sending: whether a call began and did not end, so that the runs may be ahead of the ledger.
        removed: runs deleted at MLflow, since the tables no longer have their trials.
    """

    uri: str
    experiment: str
    identity: str
    experiment_id: str = ""
    tables: str = ""
    sending: bool = False
    parent: Sent | None = None
    trials: dict[str, Sent] = field(default_factory=dict)
    removed: dict[str, Sent] = field(default_factory=dict)

    def is_current_for(self, target: Target) -> bool:
        """Return whether the ledger is of a target, and the target's database exists."""
        exists = target.database is None or target.database.is_file()
        return exists and (self.uri, self.experiment) == (target.safe_uri, target.experiment)

    def rename(self, former: str, key: str) -> None:
        """Give a run its present key if it has only the former one."""
        if key not in self.trials and former in self.trials:
            self.trials[key] = self.trials.pop(former)

    def save(self, folder: Path) -> None:
        """Write the ledger into a folder, atomically."""
        write_atomically(folder / LEDGER, json.dumps(asdict(self), indent=1))


def load_ledger(folder: Path) -> Ledger | None:
    """Return the ledger in a folder; None if it is missing or cannot be read."""
    try:
        plain = parse_json((folder / LEDGER).read_text())
        parent = plain.pop("parent")
        trials, removed = _runs(plain.pop("trials")), _runs(plain.pop("removed", {}))
        kept = Sent(**parent) if parent else None
        return Ledger(parent=kept, trials=trials, removed=removed, **plain)
    # Damaged, or of a release that writes other fields: it is rebuilt from the runs.
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _runs(plain: dict[str, dict[str, Any]]) -> dict[str, Sent]:
    return {trial: Sent(**sent) for trial, sent in plain.items()}


def run_ids(folder: Path) -> dict[str, str]:
    """Return key -> MLflow run id of the trials in a folder that have been sent."""
    ledger = load_ledger(folder)
    return {trial: sent.run_id for trial, sent in ledger.trials.items()} if ledger else {}


@contextmanager
def sending_lock(folder: Path, wait_seconds: float = 0.0) -> Iterator[None]:
    """Lock a folder for one sender, since two at the same time would each create the runs.

    Args:
        folder: a sweep's folder.
        wait_seconds: how long to wait for another sender to finish.

    Raises:
        TrackingError: another process or thread is still sending.
    """
    try:
        with FileLock(folder / LOCK, timeout=wait_seconds, thread_local=False):
            yield
    except Timeout:
        raise TrackingError(
            f"{folder} is already being sent to MLflow; nothing to do here"
        ) from None
