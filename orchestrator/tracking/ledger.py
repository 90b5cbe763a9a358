"""What has been sent, kept beside the tables: a finished sweep is known to be sent without asking.

The ledger is a memory aid and not the truth: each run carries the same facts in a tag, so a lost or
damaged ledger costs one search at MLflow.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from orchestrator.stages.files import write_atomically
from orchestrator.tracking.target import Target, TrackingError

LEDGER = "tracking.json"
LOCK = ".tracking.lock"
RUNNING = "RUNNING"
# Tags: which sweep's folder a run belongs to, and what of it has been sent.
IDENTITY, SENT = "repertoire.identity", "repertoire.sent"


@dataclass(kw_only=True)
class Sent:
    """What MLflow has of one run.

    Attributes:
        run_id: MLflow's id.
        start_ms: when the run was created, milliseconds since the epoch.
        step: last step sent; -1 before the first.
        content: digest of everything behind the steps sent.
        labels: digest of name, parameters and tags sent.
        artifacts: digest of what the artifacts were made from.
        status: MLflow's word for it.
        files: URI of its artifacts, as MLflow gave it.
    """

    run_id: str
    start_ms: int
    step: int = -1
    content: str = ""
    labels: str = ""
    artifacts: str = ""
    status: str = RUNNING
    files: str = ""

    def tag(self) -> str:
        """Return what the run itself carries of this, as JSON."""
        carried = ("step", "content", "labels", "artifacts")
        return json.dumps({name: getattr(self, name) for name in carried})

    @staticmethod
    def from_tag(run_id: str, start_ms: int, status: str, files: str, tag: str) -> Sent:
        """Rebuild from what a run carries."""
        carried = json.loads(tag)
        return Sent(run_id=run_id, start_ms=start_ms, status=status, files=files, **carried)


@dataclass(kw_only=True)
class Ledger:
    """What MLflow has of one sweep's folder.

    Attributes:
        uri: address without credentials.
        identity: the tag by which the sweep's runs are found.
        tables: digest of the tables that were sent completely; empty while something is missing.
        sending: a call began and did not end, so the runs' own tags may know more than this.
        removed: runs deleted at MLflow because the tables no longer hold their trials.
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

    def is_for(self, target: Target) -> bool:
        """Whether this is about `target`, and `target` has not been deleted since."""
        there = target.database is None or target.database.is_file()
        return there and (self.uri, self.experiment) == (target.shown, target.experiment)

    def rename(self, former: str, key: str) -> None:
        """Know a run by its present key if it is known by its former one alone."""
        if key not in self.trials and former in self.trials:
            self.trials[key] = self.trials.pop(former)

    def save(self, folder: Path) -> None:
        """Write to `folder`, in one step."""
        write_atomically(folder / LEDGER, json.dumps(asdict(self), indent=1))


def load_ledger(folder: Path) -> Ledger | None:
    """Return the ledger in `folder`; None where there is none, or none that can be read."""
    try:
        plain = json.loads((folder / LEDGER).read_text())
        parent = plain.pop("parent")
        trials, removed = _runs(plain.pop("trials")), _runs(plain.pop("removed", {}))
        kept = Sent(**parent) if parent else None
        return Ledger(parent=kept, trials=trials, removed=removed, **plain)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _runs(plain: dict[str, dict[str, Any]]) -> dict[str, Sent]:
    return {trial: Sent(**sent) for trial, sent in plain.items()}


def run_ids(folder: Path) -> dict[str, str]:
    """Return MLflow's run id of each trial of the sweep in `folder`, as far as it has been sent."""
    ledger = load_ledger(folder)
    return {trial: sent.run_id for trial, sent in ledger.trials.items()} if ledger else {}


@contextmanager
def sending_lock(folder: Path, wait_seconds: float = 0.0) -> Iterator[None]:
    """Let one sender at a time work for `folder`: two at once would each create the runs.

    Args:
        folder: a sweep's folder.
        wait_seconds: how long to wait for another sender to finish.

    Raises:
        TrackingError: another process, or another thread of this one, is still sending.
    """
    try:
        with FileLock(folder / LOCK, timeout=wait_seconds, thread_local=False):
            yield
    except Timeout:
        raise TrackingError(
            f"{folder} is already being sent to MLflow; nothing to do here"
        ) from None
