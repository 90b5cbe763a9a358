"""What a sweep asks for, what the store has, and what is left. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from statistics import median
from typing import Literal, NamedTuple, TypeVar

from orchestrator.errors import RepertoireError
from orchestrator.graph.events import ChainId
from orchestrator.hashing import canonical
from orchestrator.stages.known_records import Records
from orchestrator.stages.record import Record
from orchestrator.stages.stage import Chain, Stage
from orchestrator.stages.worker import Order, extend_order
from orchestrator.sweep.sweep import Sweep

RECORDS_AT_A_TIME = 512
Item = TypeVar("Item")


class StoredStage(NamedTuple):
    """What a plan keeps of a record, which itself may be large.

    Attributes:
        status: "unscored" if it is complete but for scores on some of the tasks asked for.
        after: tasks learned.
        seconds: of wall time that it took.
    """

    status: Literal["complete", "unscored", "diverged"]
    after: int
    seconds: float


@dataclass(frozen=True, eq=False)
class Plan:
    """A sweep laid out against a store.

    Attributes:
        sweep: what was asked for.
        chains: each (trial, seed), in the sweep's order.
        orders: key -> the stage and for whom it would be computed; every distinct stage.
        stored: key -> what the store has of it.
        links: key -> parent key.
    """

    sweep: Sweep
    chains: tuple[Chain, ...]
    orders: dict[str, Order] = field(default_factory=dict)
    stored: dict[str, StoredStage] = field(default_factory=dict)
    links: dict[str, str | None] = field(default_factory=dict)

    @property
    def asked_for(self) -> int:
        """Stages of all chains, were none shared."""
        return sum(len(chain.keys) for chain in self.chains)

    def has(self, key: str) -> bool:
        """Whether the store has a stage with all scores asked for, ready to be built upon."""
        return key in self.stored and self.stored[key].status == "complete"

    @cached_property
    def to_run(self) -> list[str]:
        """Distinct stages that the chains still to be finished lack, in order."""
        wanted = {key: None for chain in self.pending for key in chain.keys}
        return [key for key in wanted if not self._over(key)]

    @cached_property
    def to_score(self) -> list[str]:
        """Those of `to_run` that are stored and only lack scores on some tasks."""
        return [key for key in self.to_run if key in self.stored]

    @cached_property
    def to_compute(self) -> list[str]:
        """Those of `to_run` that the store does not have."""
        return [key for key in self.to_run if key not in self.stored]

    @cached_property
    def pending(self) -> list[Chain]:
        """Chains with something left to do; a chain that diverged is over."""
        return [chain for chain in self.chains if self._unfinished(chain)]

    def _unfinished(self, chain: Chain) -> bool:
        for key in chain.keys:
            if not self._over(key):
                return True
            if self.stored[key].status == "diverged":
                return False
        return False

    def _over(self, key: str) -> bool:
        return key in self.stored and self.stored[key].status != "unscored"

    def steps(self, chain: Chain) -> tuple[tuple[str, str | None], ...]:
        """Return a chain's stages as the graph wants them: (key, parent)."""
        return tuple((key, self.links[key]) for key in chain.keys)

    def estimated_seconds(self) -> float | None:
        """Return processor seconds to go, at the median seconds of the stages that are known."""
        known = [stage.seconds for stage in self.stored.values() if stage.after]
        if not known:
            return None
        return median(known) * sum(self.links[key] is not None for key in self.to_compute)


def chain_id(chain: Chain) -> ChainId:
    """Return the name of a chain in the graph."""
    return (chain.trial_id, chain.seed)


def seconds(record: Record) -> float:
    """Return the wall seconds a stage took."""
    costs = record.costs
    return costs.train_seconds + costs.consolidate_seconds + costs.eval_seconds


def plan(
    sweep: Sweep,
    store: Records,
    more: Iterable[tuple[Chain, tuple[Stage, ...]]] = (),
) -> Plan:
    """Lay a sweep out against a store: its trials and `more`, such as the winners of its search."""
    laid_out: dict[ChainId, tuple[Chain, tuple[Stage, ...]]] = {}
    for chain, stages in [*sweep.chains(), *more]:
        # A trial that is listed and won as well is one and the same: its seeds count once.
        known, _ = laid_out.get(chain_id(chain), (chain, stages))
        require_same_trial(known, chain)
        laid_out[chain_id(chain)] = (chain, stages)
    result = Plan(sweep=sweep, chains=tuple(chain for chain, _ in laid_out.values()))
    for chain, stages in laid_out.values():
        for stage in stages:
            result.links[stage.key] = stage.parent
            result.orders[stage.key] = extend_order(
                result.orders.get(stage.key), (chain.sweep, chain.trial_id, chain.seed), stage
            )
    result.stored.update(stored_stages(result.orders, store))
    return result


def require_same_trial(chain: Chain, other: Chain) -> None:
    """Raise RepertoireError if two chains of one id are of different configurations."""
    if chain.config != other.config:
        raise RepertoireError(
            f"two trials share the id {chain.trial_id}: {canonical(chain.config)} and "
            f"{canonical(other.config)}; put them into two sweeps"
        )


def stored_stages(orders: Mapping[str, Order], store: Records) -> dict[str, StoredStage]:
    """Return what a store has of the stages of orders, read a few records at a time."""
    stored: dict[str, StoredStage] = {}
    uncovered: list[tuple[str, frozenset[str]]] = []
    for batch in batches(orders, RECORDS_AT_A_TIME):
        for (key, _), record in store.records((key, frozenset()) for key in batch).items():
            stored[key] = StoredStage(record.status, record.after, seconds(record))
            if record.status == "complete":
                wanted = (frozenset(stage.task_keys) for stage in orders[key].stages)
                uncovered += [(key, tasks) for tasks in wanted if tasks - record.evaluation.keys()]
    for several in batches(uncovered, RECORDS_AT_A_TIME):
        covered = store.records(several)  # by scores that were added later
        for key, _ in (each for each in several if each not in covered):
            stored[key] = stored[key]._replace(status="unscored")
    return stored


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Return items in lists of at most `size`."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
