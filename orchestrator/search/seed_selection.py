"""Selection anew at each task, of one group on one seed: the continual hyperparameter framework.

At each task first maximal plasticity, over learning rates with the method's strength at 0, then
stability: strengths from the largest on, until the accuracy on the new task is within a margin of
the most plastic candidate's. All candidates of a task are siblings: stages of one parent. Only the
validation data of the present task are used.

Reference: De Lange et al., 2021, A Continual Learning Survey: Defying Forgetting in Classification
Tasks, section 4 and algorithm 1.
Deviations: strengths are those the sweep lists, rather than halved without end; the last is taken
if none is within the margin. A method without a strength, or with a fixed one, is chosen by
plasticity alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.graph.events import ChainAdvanced, ChainEnded, ChainId, ChainWanted, Event
from orchestrator.search.score import Scorer
from orchestrator.search.task_candidate import TaskCandidate
from orchestrator.sweep.group import Group
from orchestrator.sweep.spaces.domains import Point, grid_points
from orchestrator.sweep.trial import Trial


@dataclass
class SeedSelection:
    """One group on one seed, task by task.

    Attributes:
        margin: share of the most plastic candidate's accuracy that stability may cost.
        attempts: all candidates so far, by number.
        choices: the chosen point of each task so far.
        failed: no candidate of a task could be chosen.
    """

    group: Group
    seed: int
    margin: float
    scorer: Scorer
    attempts: list[TaskCandidate] = field(default_factory=list)
    choices: list[Point] = field(default_factory=list)
    failed: bool = False

    def __post_init__(self) -> None:
        first = self.group.first_trial((self.seed,))
        self.num_tasks = first.benchmark.num_tasks
        name = first.method.cls.strength
        self._strength = f"method.{name}" if f"method.{name}" in self.group.space else None

    @property
    def is_over(self) -> bool:
        """Whether every task has its choice, or one cannot have any."""
        return self.failed or len(self.choices) == self.num_tasks

    @property
    def plasticity_points(self) -> list[Point]:
        """The points that are tried for plasticity, with the strength at 0."""
        space = {k: v for k, v in self.group.space.items() if k != self._strength}
        zero = {self._strength: 0} if self._strength else {}
        return [{**point, **zero} for point in grid_points(space)]

    @property
    def strengths(self) -> tuple[Any, ...]:
        """The strengths in the order they are tried, from the largest on."""
        if self._strength is None:
            return ()
        return tuple(sorted(self.group.space[self._strength].args, reverse=True))

    def begin(self) -> list[Event]:
        """Request the candidates for plasticity of the present task."""
        points = self.plasticity_points
        return [event for point in points for event in self._try("plasticity", point)]

    def handle(self, number: int, news: ChainAdvanced | ChainEnded) -> list[Event]:
        """Return the requests that follow from news of an attempt."""
        attempt = self.attempts[number]
        if isinstance(news, ChainEnded) and not attempt.is_over:
            attempt.status, attempt.story = news.status, news.story
            if news.status == "complete":
                attempt.accuracy = self.scorer.accuracy(attempt.stages, attempt.task)
            return self._next()
        return []

    def _next(self) -> list[Event]:
        """Request more of the present task, or choose, once all its attempts so far are over."""
        attempts = [a for a in self.attempts if a.task == len(self.choices) + 1]
        if not all(attempt.is_over for attempt in attempts):
            return []
        plastic = [a for a in attempts if a.step == "plasticity" and a.accuracy is not None]
        # No candidate learned the task: nothing to hold the accuracy of stability against.
        if not plastic:
            self.failed = True
            return []
        # Of equals the first in the order of the grid.
        best = max(plastic, key=lambda a: a.accuracy or 0.0)
        if not self.strengths:
            return self._choose(best)
        stable = [a for a in attempts if a.step == "stability"]
        threshold = (1.0 - self.margin) * (best.accuracy or 0.0)
        # Strengths are tried from the largest on, so the first within the margin is the answer.
        if stable and (stable[-1].accuracy or 0.0) >= threshold:
            return self._choose(stable[-1])
        if len(stable) < len(self.strengths):
            # One at a time: a weaker one is needed only if this one costs too much.
            weaker = {**best.point, str(self._strength): self.strengths[len(stable)]}
            return self._try("stability", weaker)
        learned = [a for a in stable if a.accuracy is not None]
        return self._choose(learned[-1] if learned else best)

    def _choose(self, attempt: TaskCandidate) -> list[Event]:
        attempt.chosen = True
        self.choices.append(attempt.point)
        return [] if self.is_over else self.begin()

    def _try(self, step: str, point: Point) -> list[Event]:
        task, number = len(self.choices) + 1, len(self.attempts)
        rest = (point,) * (self.num_tasks - task + 1)  # a whole trial; its chain ends at the task
        trial = replace(
            self.group.build_trial(point, (self.seed,)),
            schedules={self.seed: (*self.choices, *rest)},
            selection={"task": task, "step": step, "before": list(self.choices)},
        )
        stages = trial.stages(self.seed)[: task + 1]
        self.attempts.append(TaskCandidate(task, step, point, trial, stages))
        records = (self.scorer.record(stage) for stage in stages)
        stored = frozenset(r.key for r in records if r is not None and r.status == "complete")
        wanted = tuple((stage.key, stage.parent) for stage in stages)
        return [ChainWanted(self.chain_id(number), wanted, stored=stored)]

    def chain_id(self, number: int) -> ChainId:
        """Return the name of an attempt's chain in the trial graph."""
        return (f"{self.group.name}#{number}", self.seed)

    def chosen_trial(self) -> Trial:
        """Return the trial of all choices: its configuration says how it was chosen."""
        space = {place: list(domain.args) for place, domain in self.group.space.items()}
        return replace(
            self.group.first_trial((self.seed,)),
            schedules={self.seed: tuple(self.choices)},
            selection={"per_task": space, "margin": self.margin},
        )
