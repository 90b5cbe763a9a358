"""Compares a sweep with a store: which stages exist and which are left. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from statistics import median

from orchestrator.errors import RepertoireError
from orchestrator.graph.events import ChainId
from orchestrator.graph.stored_stages import StoredStage, read_stored_stages
from orchestrator.hashing import canonical_json
from orchestrator.stages.collector import pause_collector
from orchestrator.stages.stage import Chain, Stage
from orchestrator.stages.storage.record_cache import Records
from orchestrator.stages.worker import StageOrder, extend_order
from orchestrator.sweep.sweep import Sweep

ChainStages = tuple[Chain, tuple[Stage, ...]]


@dataclass(frozen=True, eq=False)
class Plan:
    """The stages of a sweep and their state in a store.

    Attributes:
        sweep: the sweep.
        chains: each (trial, seed), in the sweep's order.
        orders: key -> the stage and the chain that it is recorded for; every distinct stage.
        stored: key -> summary of the stored record.
        links: key -> parent key.
    """

    sweep: Sweep
    chains: tuple[Chain, ...]
    orders: dict[str, StageOrder] = field(default_factory=dict)
    stored: dict[str, StoredStage] = field(default_factory=dict)
    links: dict[str, str | None] = field(default_factory=dict)

    @property
    def stages_requested(self) -> int:
        """Stages of all chains, counting shared ones once for each chain."""
        return sum(len(chain.keys) for chain in self.chains)

    def is_stored(self, key: str) -> bool:
        """Whether the store has a stage with all requested scores."""
        return key in self.stored and self.stored[key].status == "complete"

    @cached_property
    def stages_to_run(self) -> list[str]:
        """Distinct stages that unfinished chains lack, in order."""
        # A dictionary as an ordered set: shared stages once, at their first place.
        wanted = {key: None for chain in self.unfinished_chains for key in chain.keys}
        return [key for key in wanted if not self._is_finished(key)]

    @cached_property
    def stages_to_score(self) -> list[str]:
        """Stages of `stages_to_run` that are stored and lack only scores on some tasks."""
        return [key for key in self.stages_to_run if key in self.stored]

    @cached_property
    def stages_to_compute(self) -> list[str]:
        """Stages of `stages_to_run` that the store does not have."""
        return [key for key in self.stages_to_run if key not in self.stored]

    @cached_property
    def unfinished_chains(self) -> list[Chain]:
        """Chains with stages left to run; a chain that diverged is finished."""
        return [chain for chain in self.chains if self._has_work(chain)]

    def _has_work(self, chain: Chain) -> bool:
        for key in chain.keys:
            if not self._is_finished(key):
                return True
            # The stages after it can never run, and are no work that is left.
            if self.stored[key].status == "diverged":
                return False
        return False

    def _is_finished(self, key: str) -> bool:
        return key in self.stored and self.stored[key].status != "unscored"

    def steps(self, chain: Chain) -> tuple[tuple[str, str | None], ...]:
        """Return a chain's stages as the graph takes them: (key, parent)."""
        return tuple((key, self.links[key]) for key in chain.keys)

    def estimated_seconds(self) -> float | None:
        """Return the estimated processor seconds left, from the median of the stored stages."""
        seconds = [stage.seconds for stage in self.stored.values() if stage.after]
        if not seconds:
            return None
        # Stage 0 trains nothing, so that neither its time nor its number counts.
        return median(seconds) * sum(self.links[key] is not None for key in self.stages_to_compute)


def chain_id(chain: Chain) -> ChainId:
    """Return the name of a chain in the graph."""
    return (chain.trial_id, chain.seed)


@pause_collector()
def plan(
    sweep: Sweep,
    store: Records,
    more: Iterable[tuple[Chain, tuple[Stage, ...]]] = (),
    before_reading: Callable[[tuple[Chain, ...]], None] = lambda chains: None,
) -> Plan:
    """Plan the trials of a sweep and `more` chains, such as the winners of its search.

    Args:
        sweep: the sweep.
        store: the records.
        more: chains with their stages.
        before_reading: called with all chains before the store is read.
    """
    laid_out: dict[ChainId, tuple[Chain, tuple[Stage, ...]]] = {}
    for chain, stages in order_by_method(sweep, [*sweep.chains(), *more]):
        # A listed trial that also won is one trial: its seeds count once.
        earlier, _ = laid_out.get(chain_id(chain), (chain, stages))
        require_same_trial(earlier, chain)
        laid_out[chain_id(chain)] = (chain, stages)
    result = Plan(sweep=sweep, chains=tuple(chain for chain, _ in laid_out.values()))
    for chain, stages in laid_out.values():
        for stage in stages:
            result.links[stage.key] = stage.parent
            result.orders[stage.key] = extend_order(
                result.orders.get(stage.key), (chain.sweep, chain.trial_id, chain.seed), stage
            )
    before_reading(result.chains)
    result.stored.update(read_stored_stages(result.orders, store))
    return result


def order_by_method(sweep: Sweep, chains: list[ChainStages]) -> list[ChainStages]:
    """Return the chains of a search within cells in the order of the sweep's methods.

    Else the cells that a method does not fit would come before the winners of all others.
    """
    if sweep.search is None:
        return chains
    names = ((cell.trial.method.name, cell.trial.label or None) for cell in sweep.cells)
    places = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return sorted(chains, key=lambda each: places.get((each[0].method, each[0].method_label), 0))


def require_same_trial(chain: Chain, other: Chain) -> None:
    """Raise RepertoireError if two chains of one id are of different configurations."""
    if chain.config != other.config:
        raise RepertoireError(
            f"two trials share the id {chain.trial_id}: {canonical_json(chain.config)} and "
            f"{canonical_json(other.config)}; put them into two sweeps"
        )
