"""A store whose missing stages this process computes, each under its lease."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from orchestrator.errors import RepertoireError
from orchestrator.stages.outcomes import ParentLost, StageFailed
from orchestrator.stages.record import Record
from orchestrator.stages.stage import Stage
from orchestrator.stages.storage.lease import LEASE_SECONDS
from orchestrator.stages.storage.lease_holding import AnyLeases, hold_lease, open_leases
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.worker import StageOrder, compute_order


@dataclass(frozen=True)
class LeasedStore:
    """A store whose missing stages this process computes, each under its lease.

    Attributes:
        store: of the stages.
        owner: a name that no other process has.
        computed_for: (sweep, trial_id, seed) to note in the records.
        device: "cpu" or "cuda".
        lease_seconds: time after which the lease of a dead process expires.
    """

    store: StageStore
    owner: str
    computed_for: tuple[str, str, int]
    device: str = "cpu"
    lease_seconds: float = LEASE_SECONDS

    @cached_property
    def leases(self) -> AnyLeases:
        """The leases of the store."""
        return open_leases(self.store.files, self.store.folder)

    def obtain(self, chain: Sequence[Stage]) -> tuple[Record, bool]:
        """Return the record of the last stage of a chain, and whether it was computed here.

        If an earlier stage diverged, its record is returned.

        Args:
            chain: the stages from the first to the requested one; earlier stages that the store
                lacks are computed as well.

        Raises:
            RepertoireError: the stage failed; its story is in the store.
        """
        stage = chain[-1]
        computed: tuple[Record, bool] | None = None
        while computed is None:  # a stage whose parent was missing is tried again
            if (record := self._find(stage)) is not None:
                return record, False
            with hold_lease(
                self.leases,
                stage.key,
                self.owner,
                lambda: self._find(stage, fresh=True) is not None,
                self.lease_seconds,
            ):
                computed = self._compute(chain)
        return computed

    def _find(self, stage: Stage, fresh: bool = False) -> Record | None:
        return self.store.record(stage.key, stage.task_keys, fresh)

    def _compute(self, chain: Sequence[Stage]) -> tuple[Record, bool] | None:
        """Compute the last stage; None if its parent was missing and was obtained instead."""
        stage = chain[-1]
        record = self._find(stage)  # of the lease's former owner
        if record is not None:
            return record, False
        outcome = compute_order(StageOrder((stage,), self.computed_for), self.store, self.device)
        if isinstance(outcome, ParentLost):
            parent = next(i for i, other in enumerate(chain) if other.key == stage.parent)
            record, _ = self.obtain(chain[: parent + 1])
            return (record, False) if record.status == "diverged" else None
        if isinstance(outcome, StageFailed):
            self.store.put_failure(stage.key, outcome.story)
            raise RepertoireError(f"task {stage.after} failed: {outcome.story}")
        record = self._find(stage)
        return None if record is None else (record, True)
