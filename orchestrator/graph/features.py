"""The features that a sweep learns on: those in the store, and the client of the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.benchmarks.sources.feature_set import FeatureSet
from orchestrator.graph.events import ChainAdvanced, ChainEnded, ChainWanted, Event
from orchestrator.stages.code.components import Component
from orchestrator.stages.features.feature_inputs import (
    feature_sets,
    reason_for_images,
    use_features,
)
from orchestrator.stages.features.feature_task import (
    SHARD,
    FeatureTask,
    count_images,
    join_task,
    shard_tasks,
)
from orchestrator.stages.learning.training import Training
from orchestrator.stages.outcomes import Key
from orchestrator.stages.storage.record_cache import Records
from orchestrator.stages.worker import StageOrder
from orchestrator.sweep.combinations import example_combinations
from orchestrator.sweep.sweep import Sweep

JOIN = -1  # the number of the chain that joins shards


def sweep_features(sweep: Sweep) -> list[FeatureSet]:
    """Return the features that the trials of a sweep learn on, each once.

    Those of a space that searches networks are the ones at its representative points; a trial that
    needs others computes them itself.
    """
    benchmarks = (use_features(*each)[0] for each in _parts(sweep))
    by_digest = {each.digest: each for b in benchmarks for each in feature_sets(b)}
    return list(by_digest.values())


def bodies_in_steps(sweep: Sweep) -> dict[tuple[str, str], str]:
    """Return (data, body) -> why the frozen body runs in every step; {} where features stand."""
    reasons: dict[tuple[str, str], str] = {}
    for benchmark, network, training in _parts(sweep):
        if reason := reason_for_images(benchmark, network, training):
            reasons[benchmark.title, network.config.backbone.title] = reason
    return reasons


def _parts(sweep: Sweep) -> list[tuple[Benchmark, Component, Training]]:
    parts = [(trial.benchmark, trial.network, trial.training) for trial in sweep.trials]
    for group in sweep.groups:
        parts += [each[:3] for each in example_combinations(group.parts)]
    return parts


@dataclass(frozen=True)
class FeatureState:
    """Features of a sweep in a store.

    Attributes:
        is_stored: whether the store has them as a whole.
        images: how many there are.
        images_left: how many of them belong to shards that are to compute.
    """

    features: FeatureSet
    is_stored: bool
    images: int
    images_left: int

    @property
    def num_bytes(self) -> int:
        """The bytes of the features, as they are stored."""
        return 4 * self.images * self.features.num_features


def feature_states(sweep: Sweep, records: Records) -> list[FeatureState]:
    """Return, for the features of a sweep, the part that a store has."""
    return [_state(features, records) for features in sweep_features(sweep)]


def _state(features: FeatureSet, records: Records) -> FeatureState:
    is_stored, images = bool(stored_keys([features.digest], records)), count_images(features)
    stored = set() if is_stored else stored_keys([t.key for t in shard_tasks(features)], records)
    # At least 1: with all shards stored their join is left to do.
    left = 0 if is_stored else max(images - SHARD * len(stored), 1)
    return FeatureState(features, is_stored, images, left)


def stored_keys(keys: Sequence[str], records: Records) -> set[str]:
    """Return the keys that have records."""
    return {key for key, _ in records.records((key, frozenset()) for key in keys)}


class FeatureClient:
    """Requests the shards of features, and their join once all shards are done.

    Args:
        sweep: its name is noted in the records.
        wanted: the features that the store lacks.
        stored: keys of the shards that it has.
    """

    def __init__(self, sweep: str, wanted: Sequence[FeatureSet], stored: set[str]) -> None:
        self._stored, self._orders = frozenset(stored), dict[Key, StageOrder]()
        self._joins = {features.digest: join_task(features) for features in wanted}
        self._shards = {features.digest: shard_tasks(features) for features in wanted}
        self._left = {name: len(tasks) for name, tasks in self._shards.items()}
        for task in self.tasks():
            # A task is ordered as a stage is, and has what the order of one needs.
            self._orders[task.key] = StageOrder((cast(Any, task),), (sweep, task.features.name, 0))

    def tasks(self) -> Iterator[FeatureTask]:
        """Yield all tasks."""
        for name, shards in self._shards.items():
            yield from (*shards, self._joins[name])

    @property
    def orders(self) -> Mapping[Key, StageOrder]:
        """Key -> order, of all tasks."""
        return self._orders

    def begin(self) -> list[Event]:
        """Return the events that request all shards."""
        return [
            # Shards need nothing from each other: each is a chain of its own, and they run side by
            # side.
            ChainWanted((name, number), ((task.key, None),), stored=self._stored)
            for name, tasks in self._shards.items()
            for number, task in enumerate(tasks)
        ]

    def handle(self, news: ChainAdvanced | ChainEnded) -> list[Event]:
        """Return the event that requests a join, after the last of its shards."""
        if not isinstance(news, ChainEnded) or news.status != "complete" or news.chain[1] == JOIN:
            return []
        name = news.chain[0]
        # A stored shard ends its chain at once, so that it is counted here as the others are.
        self._left[name] -= 1
        if self._left[name]:
            return []
        return [ChainWanted((name, JOIN), ((self._joins[name].key, None),))]
