"""A candidate of a search: a point of a space, how far it came, and which of several wins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from orchestrator.graph.events import ChainId, ChainStopped, ChainWanted, Event
from orchestrator.search.ports import Values
from orchestrator.stages.stage import Stage
from orchestrator.sweep.objective import Objective
from orchestrator.sweep.spaces import Point
from orchestrator.sweep.trial import Trial

Status = Literal[
    "waiting", "running", "paused",
    "complete", "stopped", "diverged", "failed", "infeasible", "twin",
]  # fmt: skip
OVER = frozenset({"complete", "stopped", "diverged", "failed", "infeasible", "twin"})


@dataclass
class Candidate:
    """A point of a space on its way.

    Attributes:
        group: name of its search.
        number: in its search, from 0.
        point: where it was drawn; after an adoption, what it goes on with.
        trial: what it is, on the seeds of the search.
        goal: tasks after which it is ranked.
        chains: seed -> stages, after = 0..T.
        depth: tasks learned on every seed; -1 before stage 0.
        values: what it is ranked by, once complete; seen: the same at its present depth.
        story: why it ended before its goal.
        twin: the earlier candidate that is the same trial.
        life: counts its adoptions; each is another chain to the trial graph.
        chains: seed -> stages, after = 0..T.
        arrived: seed -> tasks learned, as far as was heard.
    """

    group: str
    number: int
    point: Point
    trial: Trial
    goal: int
    stratum: str = ""
    status: Status = "waiting"
    depth: int = -1
    values: Values | None = None
    seen: Values | None = None
    story: str = ""
    twin: int | None = None
    life: int = 0
    chains: dict[int, tuple[Stage, ...]] = field(default_factory=dict)
    arrived: dict[int, int] = field(default_factory=dict)
    _wanted: int = 0

    def __post_init__(self) -> None:
        self._lay_out()

    @property
    def over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in OVER

    @property
    def asked_for(self) -> int:
        """How many stages it asked for so far, were none shared."""
        return len(self.chains) * max(self._wanted, self.depth + 1)

    @property
    def left(self) -> int:
        """How many stages it has to go at most."""
        return 0 if self.over else len(self.chains) * (self.goal - self.depth)

    def chain_id(self, seed: int) -> ChainId:
        """Return the name of its chain on a seed in the trial graph."""
        return (f"{self.group}#{self.number}.{self.life}", seed)

    def want(self, up_to: int, stored: frozenset[str]) -> list[Event]:
        """Return the wish for the stages up to `up_to` tasks that were not wanted yet."""
        fresh, self._wanted = slice(self._wanted, up_to + 1), up_to + 1
        return [
            ChainWanted(
                self.chain_id(seed), tuple((stage.key, stage.parent) for stage in chain[fresh]),
                last=up_to == self.goal, stored=stored,
            )
            for seed, chain in self.chains.items()
        ]  # fmt: skip

    def stop(self) -> list[Event]:
        """Return that it wants nothing more, if it ever wanted anything."""
        return [ChainStopped(self.chain_id(seed)) for seed in self.chains if self._wanted]

    @property
    def reached(self) -> int:
        """How many tasks are learned on every seed, as far as was heard; -1 before stage 0."""
        return min(self.arrived.get(seed, -1) for seed in self.chains)

    def adopt(self, source: Candidate, point: Point) -> list[Event]:
        """Go on from where another stands, with hyperparameters of its own."""
        events, after = self.stop(), source.depth
        mine = [dict(values) for values in source.steps()[:after]]
        rest = [dict(point)] * (self.trial.benchmark.num_tasks - after)
        self.point, self.life, self.depth = dict(point), self.life + 1, after
        self._wanted, self.arrived = 0, {}
        self.trial = replace(self.trial, schedule=(*mine, *rest))
        self._lay_out()
        return events

    def steps(self) -> tuple[Mapping[str, Any], ...]:
        """Return the hyperparameters of each task."""
        return self.trial.schedule or (self.point,) * self.trial.benchmark.num_tasks

    def _lay_out(self) -> None:
        self.chains = {seed: self.trial.stages(seed) for seed in self.trial.seeds}


def winners(candidates: Iterable[Candidate], objective: Objective) -> list[Candidate]:
    """Return the winners, by number.

    Only candidates that learned all tasks on all seeds and have a value are ranked: accuracy falls
    as tasks are learned, so one that was stopped early would look better than it is. Of several
    metrics the Pareto front wins; of equals, with one metric, the first.
    """
    ranked = [c for c in candidates if c.status == "complete" and c.values is not None]
    strata = dict.fromkeys(c.stratum for c in ranked)
    found = [best([c for c in ranked if c.stratum == stratum], objective) for stratum in strata]
    return sorted((winner for won in found for winner in won), key=lambda c: c.number)


def best(ranked: list[Candidate], objective: Objective) -> list[Candidate]:
    """Return the best of candidates that may be compared."""
    values = [c.values for c in ranked]
    if len(objective.metrics) > 1:
        return [ranked[i] for i in objective.front(values)]
    return [max(ranked, key=lambda c: (objective.key(c.values or ()), -c.number))]
