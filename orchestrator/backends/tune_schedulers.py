"""Ray Tune's schedulers, deciding about candidates that stand in for Tune's trials.

Tune forgets the state of its schedulers when its driver dies. Here a scheduler is called in an
order that the journal of the search keeps, so the calls can be repeated.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from orchestrator.backends.tune_objects import TIME, clip, create_tune_scheduler
from orchestrator.backends.tune_searchers import METRIC, seed_generators
from orchestrator.backends.tune_stand_ins import Controller, Runner
from orchestrator.errors import RepertoireError
from orchestrator.hashing import to_json
from orchestrator.search.ports import Adopted, Decision, Stopped
from orchestrator.sweep.search_section.schedulers import SCHEDULERS
from orchestrator.sweep.search_section.search import Search
from orchestrator.sweep.spaces.domains import Domain, Point

DECISIONS: dict[str, Decision] = {
    TrialScheduler.CONTINUE: "continue",
    TrialScheduler.PAUSE: "pause",
    TrialScheduler.STOP: "stop",
    TrialScheduler.NOOP: "pause",
}


class TuneScheduler:
    """Decides by one of Ray Tune's schedulers.

    Args:
        name: shown to the reader.
        scheduler: a scheduler that knows the metric and its mode.
        space: the domains that adopted hyperparameters are clipped to.
        seed: of Python's and NumPy's global generators, which a scheduler may draw from; they are
            put back after each call.
    """

    def __init__(self, name: str, scheduler: Any, space: Mapping[str, Domain], seed: int) -> None:
        self.name, self._scheduler, self._space, self._seed = name, scheduler, space, seed
        self._controller = Controller(scheduler)

    @staticmethod
    def create(search: Search, space: Mapping[str, Domain], goal: int, seed: int) -> TuneScheduler:
        """Return the scheduler of a search, for candidates that learn `goal` tasks.

        Raises:
            RepertoireError: a class of the user's own cannot be used.
        """
        options = search.scheduler
        logging.getLogger("ray.tune.schedulers").setLevel(logging.WARNING)  # each exchange, else
        name = getattr(options, "name", type(options).__name__.lower())
        with seed_generators(seed):
            scheduler = create_tune_scheduler(options, space, goal)
            accepted = scheduler.set_search_properties(METRIC, search.objective.modes[0])
        if accepted is False:
            raise RepertoireError(
                f"search.scheduler: {name} must not be given a metric or a mode of its own"
            )
        return TuneScheduler(name, scheduler, space, seed)

    def add(self, number: int, point: Point) -> None:
        """Add a candidate."""
        runner = self._controller.add(number, point)
        self._call(0, self._scheduler.on_trial_add, runner)

    def result(self, number: int, after: int, value: float) -> Decision:
        """Return the decision about a candidate that learned `after` tasks."""
        runner = self._controller.runners[number]
        runner.status = Trial.RUNNING
        result = tune_result(after, value)
        decision = DECISIONS[self._call(after, self._scheduler.on_trial_result, runner, result)]
        # After the decision, as in Tune's own loop.
        runner.last_result = result
        if decision == "pause":
            runner.status = Trial.PAUSED
        return decision

    def end(self, number: int, after: int, value: float | None) -> None:
        """Report that a candidate is over; without a value it failed."""
        runner = self._controller.runners[number]
        if runner.is_finished():
            return
        if value is None:
            runner.status = Trial.RUNNING
            self._call(after, self._scheduler.on_trial_error, runner)
            runner.status = Trial.ERROR
            return
        runner.last_result = tune_result(after, value)
        self._call(after, self._scheduler.on_trial_complete, runner, runner.last_result)
        runner.status = Trial.TERMINATED

    def effects(self) -> list[Stopped | Adopted]:
        """Return the effects on other candidates of the calls since the last time."""
        stopped = [Stopped(number) for number in self._controller.stopped]
        self._controller.stopped.clear()
        adopted = [
            Adopted(number, state.number, self._clip(self._controller.runners[number]))
            for number, state in sorted(self._controller.adopted.items())
        ]
        self._controller.adopted.clear()
        return [*stopped, *adopted]

    def choose(self) -> int | None:
        """Return the candidate that the scheduler would run; if all are paused, the first.

        A population that waits for a candidate that failed would wait for ever.
        """
        if not self._controller.waiting:
            return None
        runner = self._call(0, self._scheduler.choose_trial_to_run)
        if runner is None:
            live = self._controller.get_live_trials()
            runner = live[0] if all(each.status == Trial.PAUSED for each in live) else None
        if runner is None:
            return None
        runner.status = Trial.RUNNING
        return int(runner.number)

    def _call(self, after: int, method: Any, *args: Any) -> Any:
        """Call the scheduler; its draws depend on the tasks learned, not on the order of arrival.

        Raises:
            RepertoireError: the scheduler raised, or needs more of Tune than the stand-ins offer.
        """
        try:
            with seed_generators(self._seed + after):
                return method(self._controller, *args)
        except RepertoireError:
            raise
        except Exception as error:  # code of a user or of Tune
            raise RepertoireError(
                f"search.scheduler: {self.name} failed in {method.__name__}(): "
                f"{type(error).__name__}: {error}; a scheduler sees candidates and their results "
                "here, without Tune's controller or resources; choose another, valid: "
                f"{', '.join(SCHEDULERS)}"
            ) from error

    def _clip(self, runner: Runner) -> Point:
        """Clip a runner's hyperparameters to their domains, and return them."""
        runner.config |= {
            place: clip(domain, runner.config[place]) for place, domain in self._space.items()
        }
        return {place: to_json(runner.config[place]) for place in self._space}


def tune_result(after: int, value: float) -> dict[str, Any]:
    """Return a result in Tune's form; time is the number of tasks learned, by every name."""
    return {TIME: after, "tasks": after, "time_total_s": after, METRIC: value}
