"""Selection anew at each task: the continual hyperparameter framework, on the stage graph.

At each task first maximal plasticity, over learning rates with the method's strength at 0, then
stability: strengths from the largest on, until the accuracy on the new task is within a margin of
the most plastic one. All that are tried are siblings: stages of one parent. Only the validation
data of the task at hand is looked at.

Reference: De Lange et al., 2021, A Continual Learning Survey: Defying Forgetting in Classification
Tasks, section 4 and algorithm 1.
Deviations: strengths are those the sweep lists, rather than halved without end; the last is taken
if none is within the margin. A method without a strength, or with a fixed one, is chosen by
plasticity alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from orchestrator.graph.events import ChainAdvanced, ChainEnded, ChainId, ChainWanted, Event
from orchestrator.search.score import Scorer, require_validation
from orchestrator.search.study import Winner, counted, describe
from orchestrator.stages.stage import Chain, Stage
from orchestrator.stages.worker import Order, joined
from orchestrator.sweep.group import Group
from orchestrator.sweep.search_options import Search
from orchestrator.sweep.spaces import Point, grid
from orchestrator.sweep.sweep import Sweep
from orchestrator.sweep.trial import Trial, chain_of


@dataclass
class Attempt:
    """What is tried at a task.

    Attributes:
        trial: with what was chosen before, and this from here on.
        accuracy: on the task, R[t, t]; None until it is known, or if there is none.
        status: "running" until it came to its end.
        story: why it failed or diverged.
        chosen: whether it is what the next task begins from.
    """

    task: int
    step: str
    point: Point
    trial: Trial
    stages: tuple[Stage, ...]
    accuracy: float | None = None
    status: Literal["running", "complete", "diverged", "failed", "stopped"] = "running"
    story: str = ""
    chosen: bool = False

    @property
    def over(self) -> bool:
        """Whether it came to its end."""
        return self.status != "running"


@dataclass
class SeedSelection:
    """One group on one seed, task by task."""

    group: Group
    seed: int
    margin: float
    scorer: Scorer
    attempts: list[Attempt] = field(default_factory=list)
    chosen: list[Point] = field(default_factory=list)
    lost: bool = False

    def __post_init__(self) -> None:
        first = self.group.first((self.seed,))
        self.num_tasks = first.benchmark.num_tasks
        name = first.method.cls.strength
        self._place = f"method.{name}" if f"method.{name}" in self.group.space else None

    @property
    def over(self) -> bool:
        """Whether the last task is behind it, or it cannot go on."""
        return self.lost or len(self.chosen) == self.num_tasks

    @property
    def plastic(self) -> list[Point]:
        """What is tried for plasticity."""
        space = {k: v for k, v in self.group.space.items() if k != self._place}
        zero = {self._place: 0} if self._place else {}
        return [{**point, **zero} for point in grid(space)]

    @property
    def strengths(self) -> tuple[Any, ...]:
        """The strengths, in the order they are tried: from the largest on."""
        if self._place is None:
            return ()
        return tuple(sorted(self.group.space[self._place].args, reverse=True))

    def begin(self) -> list[Event]:
        """Return the wish for the first task's candidates."""
        return [event for point in self.plastic for event in self._try("plasticity", point)]

    def on(self, number: int, news: ChainAdvanced | ChainEnded) -> list[Event]:
        """Take in how a attempt gets on."""
        attempt = self.attempts[number]
        if isinstance(news, ChainEnded) and not attempt.over:
            attempt.status, attempt.story = news.status, news.story
            if news.status == "complete":
                attempt.accuracy = self.scorer.accuracy(attempt.stages, attempt.task)
            return self._next()
        return []

    def _next(self) -> list[Event]:
        """Return what is wanted once all attempts of the present task that were tried are over."""
        task = len(self.chosen) + 1
        here = [s for s in self.attempts if s.task == task]
        if not all(attempt.over for attempt in here):
            return []
        plastic = [s for s in here if s.step == "plasticity" and s.accuracy is not None]
        if not plastic:
            self.lost = True
            return []
        best = max(plastic, key=lambda s: s.accuracy or 0.0)
        if not self.strengths:
            return self._choose(best)
        stable = [s for s in here if s.step == "stability"]
        enough = (1.0 - self.margin) * (best.accuracy or 0.0)
        if stable and (stable[-1].accuracy or 0.0) >= enough:
            return self._choose(stable[-1])
        if len(stable) < len(self.strengths):
            weaker = {**best.point, str(self._place): self.strengths[len(stable)]}
            return self._try("stability", weaker)
        learned = [s for s in stable if s.accuracy is not None]
        return self._choose(learned[-1] if learned else best)

    def _choose(self, attempt: Attempt) -> list[Event]:
        attempt.chosen = True
        self.chosen.append(attempt.point)
        return [] if self.over else self.begin()

    def _try(self, step: str, point: Point) -> list[Event]:
        """Return the wish for one more attempt."""
        task, number = len(self.chosen) + 1, len(self.attempts)
        rest = (point,) * (self.num_tasks - task + 1)
        trial = replace(
            self.group.trial(point, (self.seed,)), schedule=(*self.chosen, *rest), adaptive=True,
            selection={"task": task, "step": step, "before": list(self.chosen)},
        )  # fmt: skip
        stages = trial.stages(self.seed)[: task + 1]
        self.attempts.append(Attempt(task, step, point, trial, stages))
        known = {s.key for s in stages if (r := self.scorer.record(s)) and r.status == "complete"}
        wanted = tuple((stage.key, stage.parent) for stage in stages)
        return [ChainWanted(self.chain_id(number), wanted, stored=frozenset(known))]

    def chain_id(self, number: int) -> ChainId:
        """Return the name of a attempt's chain in the trial graph."""
        return (f"{self.group.name}#{number}", self.seed)

    def outcome(self) -> Trial:
        """Return the trial that was chosen: its configuration says how, its stages what."""
        space = {place: list(domain.args) for place, domain in self.group.space.items()}
        trial = replace(self.group.first((self.seed,)), schedule=tuple(self.chosen), adaptive=True)
        return replace(trial, selection={"per_task": space, "margin": self.margin})


@dataclass
class PerTaskStudy:
    """The selections of all groups of a sweep on all seeds, as a client of the trial graph."""

    sweep: Sweep
    search: Search
    selections: list[SeedSelection]
    orders: dict[str, Order] = field(default_factory=dict)
    fresh: set[str] = field(default_factory=set)

    @staticmethod
    def of(sweep: Sweep, search: Search, scorer: Scorer) -> PerTaskStudy:
        """Return the selections of a sweep."""
        require_validation(sweep)
        margin = search.algorithm.margin
        selections = [
            SeedSelection(group, seed, margin, scorer)
            for group in sweep.groups
            for seed in sweep.seeds
        ]
        return PerTaskStudy(sweep, search, selections)

    def begin(self) -> list[Event]:
        """Return what is wanted first."""
        return [
            e for selection in self.selections for e in self._noted(selection, selection.begin())
        ]

    def on(self, news: ChainAdvanced | ChainEnded) -> list[Event]:
        """Return what is wanted because of a piece of news."""
        group, _, number = news.chain[0].rpartition("#")
        mine = (c for c in self.selections if (c.group.name, c.seed) == (group, news.chain[1]))
        selection = next(mine)
        return self._noted(selection, selection.on(int(number), news))

    def _noted(self, selection: SeedSelection, events: Iterable[Event]) -> list[Event]:
        """Note the stages that events ask for, so that they can be ordered when they are due."""
        events = list(events)
        for event in events:
            if isinstance(event, ChainWanted):
                attempt = selection.attempts[int(event.chain[0].rpartition("#")[2])]
                whom = (self.sweep.name, attempt.trial.trial_id, selection.seed)
                for stage in attempt.stages:
                    self.orders[stage.key] = joined(self.orders.get(stage.key), whom, stage)
                self.fresh |= {key for key, _ in event.stages} - event.stored
        return events

    @property
    def notes(self) -> list[str]:
        """What a reader should know of how the groups are searched: nothing."""
        return []

    @property
    def complete(self) -> bool:
        """Whether every selection came to its end."""
        return all(selection.over for selection in self.selections)

    def winners(self) -> list[Winner]:
        """Return what was chosen, a trial for each group and seed."""
        return [
            Winner(selection.outcome(), {"group": selection.group.name})
            for selection in self.selections
            if len(selection.chosen) == selection.num_tasks
        ]

    def lost(self) -> list[str]:
        """Return why nothing was chosen, a line for each group and seed where that is so."""
        return [
            f"nothing was chosen for {c.group.name} on seed {c.seed} at task {len(c.chosen) + 1}: "
            f"{counted(s.status for s in c.attempts if s.task > len(c.chosen))}"
            for c in self.selections
            if c.lost
        ]

    def chains(self, finished: bool) -> list[tuple[Chain, tuple[Stage, ...]]]:
        """Return each candidate as results see it; its depth is its task's, so no metric is."""
        return [
            chain_of(
                self.sweep.name,
                attempt.trial,
                selection.seed,
                phase="search",
                steps=attempt.stages,
                selected=attempt.chosen,
                decision=outcome_of(attempt),
                group=selection.group.name,
                candidate=number,
                objective=attempt.accuracy,
            )
            for selection in self.selections
            for number, attempt in enumerate(selection.attempts)
        ]

    def tally(self) -> Mapping[str, int]:
        """Return where it stands; `to_go` is what there may be at most."""
        tried = [attempt for selection in self.selections for attempt in selection.attempts]
        asked_for = sum(attempt.task + 1 for attempt in tried)
        return {
            "trials": len(self.selections), "trials_done": sum(c.over for c in self.selections),
            "asked_for": asked_for, "shared": max(0, asked_for - len(self.fresh)),
            "to_go": sum(
                (c.num_tasks - len(c.chosen)) * (len(c.plastic) + len(c.strengths))
                for c in self.selections if not c.lost
            ),
        }  # fmt: skip

    def describe(self, finished: bool) -> dict[str, Any]:
        """Return what was searched, how, and what was chosen, JSON types."""
        groups: dict[str, Any] = {}
        for selection in self.selections:
            group = groups.setdefault(
                selection.group.name, {"space": selection.group.describe(), "winner": []}
            )
            if finished and not selection.lost:
                group["winner"] = [selection.outcome().trial_id]
                group.setdefault("winners", []).append(
                    {
                        "trial_id": selection.outcome().trial_id,
                        "seed": selection.seed,
                        "hyperparameters": [dict(point) for point in selection.chosen],
                    }
                )
        return describe(self.search) | {"groups": groups}


def outcome_of(attempt: Attempt) -> str:
    """Return a candidate's outcome for a reader; none if it failed, since its error says it."""
    if attempt.status == "failed":
        return ""
    reached = "no accuracy" if attempt.accuracy is None else f"accuracy {attempt.accuracy:.4f}"
    chosen = "; chosen" if attempt.chosen else ""
    return f"tried for {attempt.step} at task {attempt.task}: {reached} on it{chosen}"
