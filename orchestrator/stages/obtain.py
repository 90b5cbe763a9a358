"""Obtaining a stage: from the store, or computed here under a lease that no other process holds.

For processes that share nothing but the store. Two that want the same stage compute it once: one
takes the lease and works, the other waits and reads. The lease of a process that died ends.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from orchestrator.errors import RepertoireError
from orchestrator.stages.outcomes import ParentLost, StageFailed
from orchestrator.stages.record import Record
from orchestrator.stages.stage import Stage
from orchestrator.stages.store import StageStore
from orchestrator.stages.worker import Order, compute

LEASE_SECONDS = 30.0
FIRST_WAIT, LONGEST_WAIT = 0.05, 1.0


class Leases(Protocol):
    """Who works at what."""

    def take(self, key: str, owner: str, seconds: float) -> bool:
        """Take or renew a lease; return False while another owner holds it."""

    def release(self, key: str, owner: str) -> None:
        """End a lease before its time, if this owner holds it."""


@dataclass(frozen=True)
class Claimant:
    """A process that obtains stages, under a name that no other has.

    Attributes:
        store: of the stages.
        leases: of the store.
        owner: the name.
        computed_for: (sweep, trial_id, seed) to note in the records.
        device: "cpu" or "cuda".
        lease_seconds: how long the lease of a process that died keeps others waiting.
    """

    store: StageStore
    leases: Leases
    owner: str
    computed_for: tuple[str, str, int]
    device: str = "cpu"
    lease_seconds: float = LEASE_SECONDS

    def obtain(self, chain: Sequence[Stage]) -> tuple[Record, bool]:
        """Return the record of the last stage of a chain, and whether it was computed here.

        If a stage before it diverged, that one's record is returned.

        Args:
            chain: the stages from the first to the one that is wanted; those before it are computed
                as well where the store lacks them.

        Raises:
            RepertoireError: it failed; the story of it is in the store.
        """
        stage, wait = chain[-1], FIRST_WAIT
        while True:
            record = self.store.record(stage.key, stage.task_keys)
            if record is not None:
                return record, False
            if self.leases.take(stage.key, self.owner, self.lease_seconds):
                with self._renewed(stage.key):
                    computed = self._compute(chain)
                if computed is not None:
                    return computed
                continue
            time.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    def _compute(self, chain: Sequence[Stage]) -> tuple[Record, bool] | None:
        """Compute the last stage; None if its parent was missing and has now been obtained."""
        stage = chain[-1]
        record = self.store.record(stage.key, stage.task_keys)  # by the holder before this one
        if record is not None:
            return record, False
        outcome = compute(Order((stage,), self.computed_for), self.store, self.device)
        if isinstance(outcome, ParentLost):
            parent = next(i for i, other in enumerate(chain) if other.key == stage.parent)
            record, _ = self.obtain(chain[: parent + 1])
            return (record, False) if record.status == "diverged" else None
        if isinstance(outcome, StageFailed):
            self.store.put_failure(stage.key, outcome.story)
            raise RepertoireError(f"task {stage.after} failed: {outcome.story}")
        record = self.store.record(stage.key, stage.task_keys)
        return None if record is None else (record, True)

    @contextmanager
    def _renewed(self, key: str) -> Iterator[None]:
        """Renew a lease until the block ends, then release it."""
        over = threading.Event()

        def renew() -> None:
            while not over.wait(self.lease_seconds / 3):
                self.leases.take(key, self.owner, self.lease_seconds)

        thread = threading.Thread(target=renew, name=f"lease {key[:8]}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self.leases.release(key, self.owner)
