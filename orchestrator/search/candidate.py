"""A candidate of a search: a point of a space, and its progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from orchestrator.graph.events import ChainId, ChainStopped, ChainWanted, Event
from orchestrator.search.ports import Values
from orchestrator.stages.stage import Stage
from orchestrator.sweep.spaces.domains import Point
from orchestrator.sweep.trial import Trial

Final = Literal["complete", "stopped", "diverged", "failed", "infeasible", "twin"]
CandidateStatus = Literal["waiting", "running", "paused"] | Final
OVER: frozenset[CandidateStatus] = frozenset(get_args(Final))


@dataclass
class Candidate:
    """A point of a space and its progress.

    Attributes:
        group: name of its group.
        number: in its search, from 0.
        point: the point that was drawn; after an adoption, the adopted hyperparameters.
        trial: its trial, on the seeds of the search.
        goal: tasks after which it is ranked.
        stratum: the benchmark, if it is searched; only candidates of one stratum are compared.
        depth: tasks learned on every seed; -1 before stage 0.
        values: what it is ranked by, once complete.
        latest_values: the same at its present depth.
        story: why it ended before its goal.
        twin: the earlier candidate that is the same trial.
        generation: number of its adoptions; each begins another chain of the trial graph.
        chains: seed -> stages, after = 0..T.
        depth_of_seed: seed -> tasks learned, according to the news so far.
    """

    group: str
    number: int
    point: Point
    trial: Trial
    goal: int
    stratum: str = ""
    status: CandidateStatus = "waiting"
    depth: int = -1
    values: Values | None = None
    latest_values: Values | None = None
    story: str = ""
    twin: int | None = None
    generation: int = 0
    chains: dict[int, tuple[Stage, ...]] = field(default_factory=dict)
    depth_of_seed: dict[int, int] = field(default_factory=dict)
    _num_requested: int = 0

    def __post_init__(self) -> None:
        self._build_chains()

    @property
    def is_over(self) -> bool:
        """Whether it ended."""
        return self.status in OVER

    @property
    def stages_requested(self) -> int:
        """The number of stages it requested so far, if none were shared."""
        return len(self.chains) * max(self._num_requested, self.depth + 1)

    @property
    def stages_left(self) -> int:
        """An upper bound of the stages it has to go."""
        return 0 if self.is_over else len(self.chains) * (self.goal - self.depth)

    def chain_id(self, seed: int) -> ChainId:
        """Return the name of its chain on a seed in the trial graph."""
        return (f"{self.group}#{self.number}.{self.generation}", seed)

    def request(self, up_to: int, stored: frozenset[str]) -> list[Event]:
        """Request the stages up to `up_to` tasks that were not requested yet."""
        fresh, self._num_requested = slice(self._num_requested, up_to + 1), up_to + 1
        return [
            ChainWanted(
                self.chain_id(seed),
                tuple((stage.key, stage.parent) for stage in chain[fresh]),
                last=up_to == self.goal,
                stored=stored,
            )
            for seed, chain in self.chains.items()
        ]

    def stop(self) -> list[Event]:
        """Withdraw its requests, if there are any."""
        return [ChainStopped(self.chain_id(seed)) for seed in self.chains if self._num_requested]

    @property
    def min_depth(self) -> int:
        """The tasks learned on every seed, according to the news so far; -1 before stage 0."""
        return min(self.depth_of_seed.get(seed, -1) for seed in self.chains)

    def adopt(self, source: Candidate, point: Point) -> list[Event]:
        """Continue from the stage of another candidate, with hyperparameters of its own."""
        events, after = self.stop(), source.depth
        # The tasks before were learned with the other candidate's values, and stay its stages.
        before = [dict(values) for values in source.steps()[:after]]
        # With those that no search changes, such as the steps that equal means allow.
        rest = [{**values, **point} for values in self.steps()[after:]]
        self.point, self.generation, self.depth = dict(point), self.generation + 1, after
        # The new chain is another one in the graph, of which nothing was requested yet.
        self._num_requested, self.depth_of_seed = 0, {}
        self.trial = replace(self.trial, schedule=(*before, *rest))
        self._build_chains()
        return events

    def steps(self) -> tuple[Mapping[str, Any], ...]:
        """Return the hyperparameters of each task."""
        schedule = self.trial.schedule or ({},) * self.trial.benchmark.num_tasks
        return tuple({**self.point, **values} for values in schedule)

    def _build_chains(self) -> None:
        self.chains = {seed: self.trial.stages(seed) for seed in self.trial.seeds}
