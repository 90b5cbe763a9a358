"""The stages that chains still want, to find those that none of them can reach any more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from orchestrator.graph.events import ChainId
from orchestrator.stages.outcomes import Key


class WantedStages:
    """The stages of chains that have not ended.

    Args:
        chains: chain -> the distinct keys of its stages.
    """

    def __init__(self, chains: Mapping[ChainId, Collection[Key]] | None = None) -> None:
        self._chains = dict(chains or {})
        self._num_chains = Counter(key for keys in self._chains.values() for key in keys)

    def remove(self, chain: ChainId) -> set[Key]:
        """Remove a chain that ended; return the stages that no other chain wants."""
        keys = self._chains.pop(chain, ())
        self._num_chains.subtract(keys)
        return {key for key in keys if not self._num_chains[key]}
