"""What a sweep asks for, what the store has, and what is left. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from statistics import median

from orchestrator.errors import RepertoireError
from orchestrator.graph.events import ChainAdvanced, ChainEnded, ChainId, ChainWanted, Event
from orchestrator.hashing import canonical
from orchestrator.stages.record import Record
from orchestrator.stages.stage import Chain, Stage
from orchestrator.stages.store import StageStore
from orchestrator.stages.worker import Order, joined
from orchestrator.sweep.sweep import Sweep


@dataclass(frozen=True, eq=False)
class Plan:
    """A sweep laid out against a store.

    Attributes:
        sweep: what was asked for.
        chains: each (trial, seed), in the sweep's order.
        orders: key -> the stage and for whom it would be computed; every distinct stage.
        records: key -> record, of the stages that the store has.
        links: key -> parent key.
    """

    sweep: Sweep
    chains: tuple[Chain, ...]
    orders: dict[str, Order] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    links: dict[str, str | None] = field(default_factory=dict)

    @property
    def asked_for(self) -> int:
        """Stages of all chains, were none shared."""
        return sum(len(chain.keys) for chain in self.chains)

    @property
    def stored(self) -> frozenset[str]:
        """Stages whose state may be built upon."""
        return frozenset(key for key, record in self.records.items() if record.status == "complete")

    @cached_property
    def to_run(self) -> list[str]:
        """Distinct stages that the chains still to be computed lack, in order."""
        wanted = {key: None for chain in self.pending for key in chain.keys}
        return [key for key in wanted if key not in self.records]

    @cached_property
    def pending(self) -> list[Chain]:
        """Chains with something left to compute; a chain that diverged is over."""
        return [chain for chain in self.chains if not self._over(chain)]

    def _over(self, chain: Chain) -> bool:
        for key in chain.keys:
            record = self.records.get(key)
            if record is None or record.status == "diverged":
                return record is not None
        return True

    def steps(self, chain: Chain) -> tuple[tuple[str, str | None], ...]:
        """Return a chain's stages as the graph wants them: (key, parent)."""
        return tuple((key, self.links[key]) for key in chain.keys)

    def estimated_seconds(self) -> float | None:
        """Return processor seconds to go, at the median seconds of the stages that are known."""
        known = [seconds(record) for record in self.records.values() if record.after]
        return None if not known else median(known) * len([k for k in self.to_run if self.links[k]])


def chain_id(chain: Chain) -> ChainId:
    """Return the name of a chain in the graph."""
    return (chain.trial_id, chain.seed)


def seconds(record: Record) -> float:
    """Return the wall seconds a stage took."""
    costs = record.costs
    return costs.train_seconds + costs.consolidate_seconds + costs.eval_seconds


@dataclass(frozen=True)
class Wish:
    """A plan as one who wants stages: all of them, at once."""

    plan: Plan

    @property
    def orders(self) -> dict[str, Order]:
        """Key -> stage."""
        return self.plan.orders

    def begin(self) -> list[Event]:
        """Return what is wanted: all that pending chains have."""
        return [
            ChainWanted(chain_id(chain), self.plan.steps(chain), stored=self.plan.stored)
            for chain in self.plan.pending
        ]

    def on(self, news: ChainAdvanced | ChainEnded) -> list[Event]:
        """Return nothing: everything was wanted at once."""
        return []


def plan(
    sweep: Sweep,
    store: StageStore,
    more: Iterable[tuple[Chain, tuple[Stage, ...]]] = (),
) -> Plan:
    """Lay a sweep out against a store: its trials and `more`, such as the winners of its search."""
    laid_out: dict[ChainId, tuple[Chain, tuple[Stage, ...]]] = {}
    for chain, stages in [*sweep.chains(), *more]:
        # What was listed, and won as well, is one and the same: its seeds count once.
        known, _ = laid_out.setdefault(chain_id(chain), (chain, stages))
        require_same_trial(known, chain)
    made = Plan(sweep=sweep, chains=tuple(chain for chain, _ in laid_out.values()))
    for chain, stages in laid_out.values():
        for stage in stages:
            made.links[stage.key] = stage.parent
            made.orders[stage.key] = joined(
                made.orders.get(stage.key), (chain.sweep, chain.trial_id, chain.seed), stage
            )
    for key, order in made.orders.items():
        record = stored_record(store, order.stages)
        if record is not None:
            made.records[key] = record
    return made


def require_same_trial(chain: Chain, other: Chain) -> None:
    """Raise RepertoireError if two chains of one id are of different configurations."""
    if chain.config != other.config:
        raise RepertoireError(
            f"two trials share the id {chain.trial_id}: {canonical(chain.config)} and "
            f"{canonical(other.config)}; put them into two sweeps"
        )


def stored_record(store: StageStore, stages: Iterable[Stage]) -> Record | None:
    """Return a stage's record if it covers the tasks of all who want it."""
    record = None
    for stage in stages:
        record = store.record(stage.key, stage.task_keys)
        if record is None:
            return None
    return record
