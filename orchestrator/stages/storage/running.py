"""The stages that are being computed: what, where and since when, as noted in their leases.

A lease ends with its stage, and expires if its owner dies, so these notes never outlive the work by
more than the time of a lease.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.hashing import parse_json
from orchestrator.stages.storage.claims import LASTING
from orchestrator.stages.storage.files import FileEntry, Files
from orchestrator.stages.storage.lease import LEASE_SECONDS, LEASES, unix_time


@dataclass(frozen=True, kw_only=True)
class StageNote:
    """What a lease says of the work of its owner.

    Attributes:
        computed_for: (sweep, trial_id, seed), the first that asked for the stage.
        after: number of tasks that are learned once it is done; None for features.
        node: name of the host.
        pid: process id of the worker.
        device: "cpu" or the model of the GPU.
        since: when the work began, in Unix seconds.
    """

    computed_for: tuple[str, str, int]
    after: int | None
    node: str
    pid: int
    device: str
    since: float


@dataclass(frozen=True)
class RunningStage:
    """A stage whose lease has not expired: its key, the owner of the lease, and the note."""

    key: str
    owner: str
    note: StageNote


def running_stages(files: Files) -> list[RunningStage]:
    """Return the stages that are being computed, longest first.

    Leases of releases without notes are left out.

    Args:
        files: of a store.
    """
    entries = (_read_entry(files, entry) for entry in files.entries(LEASES))
    return sorted(filter(None, entries), key=lambda stage: stage.note.since)


def _read_entry(files: Files, entry: FileEntry) -> RunningStage | None:
    try:
        plain = parse_json(files.read(entry.path) or b"null")
        # Claims of an object store have no such time: they count from when they were written.
        until = plain.get("until", entry.modified + LASTING * LEASE_SECONDS)
        sweep, trial, seed = plain["computed_for"]
        note = {name: plain[name] for name in ("after", "node", "pid", "device", "since")}
        stage = RunningStage(
            plain["key"], plain["owner"], StageNote(computed_for=(sweep, trial, seed), **note)
        )
    # No lease, one of an earlier release, or truncated by a crash.
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return stage if until > unix_time() else None
