"""Ray Tune's schedulers, deciding about candidates that they take for Tune's trials.

Tune forgets what its schedulers know when its driver dies. Here they are told of candidates one
call at a time, in an order that the journal of the search keeps, and so they can be told again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import (
    AsyncHyperBandScheduler,
    HyperBandScheduler,
    MedianStoppingRule,
    PopulationBasedTraining,
    TrialScheduler,
)

from orchestrator.backends.tune_searchers import METRIC, seeded, tune_domain
from orchestrator.errors import RepertoireError
from orchestrator.hashing import plain
from orchestrator.search.ports import Adopted, Decision, Stopped
from orchestrator.stages.components import imported_class
from orchestrator.sweep.search_options import Search
from orchestrator.sweep.spaces import Domain, Point, at_step, steps
from orchestrator.sweep.strategies import SCHEDULERS, Asha, Foreign, HyperBand, Median, Pbt

TIME = "training_iteration"
DECISIONS: dict[str, Decision] = {
    TrialScheduler.CONTINUE: "continue", TrialScheduler.PAUSE: "pause",
    TrialScheduler.STOP: "stop", TrialScheduler.NOOP: "pause",
}  # fmt: skip


@dataclass(frozen=True)
class State:
    """What a scheduler takes for a checkpoint: where a candidate stands."""

    number: int


class Runner:
    """What a scheduler takes for a trial of Tune's: a candidate."""

    def __init__(self, number: int, point: Point) -> None:
        self.number, self.trial_id = number, str(number)
        self.status, self.config = Trial.PENDING, dict(point)
        self.evaluated_params: dict[str, Any] = {}
        self.last_result: dict[str, Any] = {}
        self.experiment_tag, self.is_saving = str(number), False
        self.temporary_state = SimpleNamespace(saving_to=None)
        manager = SimpleNamespace(
            checkpoint_config=SimpleNamespace(num_to_keep=None), _latest_checkpoint_result=None
        )
        self.run_metadata = SimpleNamespace(checkpoint_manager=manager)

    @property
    def checkpoint(self) -> State:
        """Where it stands."""
        return State(self.number)

    def is_finished(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in (Trial.TERMINATED, Trial.ERROR)

    def set_experiment_tag(self, tag: str) -> None:
        """Be called otherwise."""
        self.experiment_tag = tag

    def set_config(self, config: Mapping[str, Any]) -> None:
        """Go on with other hyperparameters."""
        self.config = dict(config)

    def adopted(self) -> State | None:
        """Return whose state it was given since this was last asked."""
        manager = self.run_metadata.checkpoint_manager
        given, manager._latest_checkpoint_result = manager._latest_checkpoint_result, None
        return None if given is None else given.checkpoint


class Controller:
    """What a scheduler takes for Tune's controller: the candidates, and what is done to them."""

    search_alg = None

    def __init__(self, scheduler: Any) -> None:
        self.scheduler = scheduler
        self.runners: dict[int, Runner] = {}
        self.stopped: list[int] = []

    def get_trials(self) -> list[Runner]:
        """Return all candidates."""
        return list(self.runners.values())

    def get_live_trials(self) -> list[Runner]:
        """Return the candidates that are not over."""
        return [runner for runner in self.runners.values() if not runner.is_finished()]

    def stop_trial(self, runner: Runner) -> None:
        """End a candidate that the scheduler was not asked about."""
        if runner.is_finished():
            return
        if runner.status == Trial.RUNNING:
            self.scheduler.on_trial_complete(self, runner, runner.last_result)
        else:
            self.scheduler.on_trial_remove(self, runner)
        runner.status = Trial.TERMINATED
        self.stopped.append(runner.number)

    def pause_trial(self, runner: Runner, should_checkpoint: bool = True) -> None:
        """Have a candidate wait."""
        runner.status = Trial.PAUSED

    def _schedule_trial_save(self, runner: Runner, result: Any = None) -> State:
        return runner.checkpoint


class TuneScheduler:
    """Asks one of Ray Tune's schedulers.

    Args:
        name: told to the reader.
        scheduler: knows the metric and its mode.
        space: what adopted hyperparameters are kept inside of.
        seed: of the global generators it may draw from, which are left as they were.
    """

    def __init__(self, name: str, scheduler: Any, space: Mapping[str, Domain], seed: int) -> None:
        self.name, self._scheduler, self._space, self._seed = name, scheduler, space, seed
        self._controller = Controller(scheduler)

    @staticmethod
    def of(search: Search, space: Mapping[str, Domain], goal: int, seed: int) -> TuneScheduler:
        """Return the scheduler a search asks for, for candidates that learn `goal` tasks."""
        options = search.scheduler
        logging.getLogger("ray.tune.schedulers").setLevel(logging.WARNING)  # each exchange, else
        name = getattr(options, "name", type(options).__name__.lower())
        with seeded(seed):
            scheduler = made(options, space, goal)
            told = scheduler.set_search_properties(METRIC, search.objective.modes[0])
        if told is False:
            raise RepertoireError(
                f"search.scheduler: {name} must not be given a metric or a mode of its own"
            )
        return TuneScheduler(name, scheduler, space, seed)

    def add(self, number: int, point: Point) -> None:
        """Tell the scheduler of a candidate."""
        runner = Runner(number, point)
        self._controller.runners[number] = runner
        self._call(0, self._scheduler.on_trial_add, runner)

    def result(self, number: int, after: int, value: float) -> Decision:
        """Ask the scheduler about a candidate."""
        runner = self._controller.runners[number]
        runner.status = Trial.RUNNING
        result = told(after, value)
        decision = DECISIONS[self._call(after, self._scheduler.on_trial_result, runner, result)]
        runner.last_result = result
        if decision == "pause":
            runner.status = Trial.PAUSED
        return decision

    def end(self, number: int, after: int, value: float | None) -> None:
        """Tell the scheduler that a candidate is over."""
        runner = self._controller.runners[number]
        if runner.is_finished():
            return
        if value is None:
            runner.status = Trial.RUNNING
            self._call(after, self._scheduler.on_trial_error, runner)
            runner.status = Trial.ERROR
            return
        runner.last_result = told(after, value)
        self._call(after, self._scheduler.on_trial_complete, runner, runner.last_result)
        runner.status = Trial.TERMINATED

    def effects(self) -> list[Stopped | Adopted]:
        """Return what the calls since the last time did to other candidates."""
        stopped = [Stopped(number) for number in self._controller.stopped]
        self._controller.stopped.clear()
        adopted = [
            Adopted(runner.number, state.number, self._inside(runner))
            for runner in self._controller.get_trials()
            if (state := runner.adopted()) is not None
        ]
        return [*stopped, *adopted]

    def chosen(self) -> int | None:
        """Return whom the scheduler would have run; when all are waiting, the first that waits.

        A population that waits for one that failed would wait for ever.
        """
        runner = self._call(0, self._scheduler.choose_trial_to_run)
        live = self._controller.get_live_trials()
        if runner is None and live and all(each.status == Trial.PAUSED for each in live):
            runner = live[0]
        if runner is None:
            return None
        runner.status = Trial.RUNNING
        return int(runner.number)

    def _call(self, after: int, ask: Any, *about: Any) -> Any:
        """Call the scheduler; what it draws depends on tasks learned, not on arrival order.

        Raises:
            RepertoireError: the scheduler raised, or needs more of Tune than the stand-ins offer.
        """
        try:
            with seeded(self._seed + after):
                return ask(self._controller, *about)
        except RepertoireError:
            raise
        except Exception as error:  # a class of anybody's
            raise RepertoireError(
                f"search.scheduler: {self.name} failed in {ask.__name__}(): "
                f"{type(error).__name__}: {error}; a scheduler sees candidates and their results "
                "here, without Tune's controller or resources; choose another, valid: "
                f"{', '.join(SCHEDULERS)}"
            ) from error

    def _inside(self, runner: Runner) -> Point:
        """Return a runner's hyperparameters, each put back inside its domain."""
        runner.config |= {
            place: inside(domain, runner.config[place]) for place, domain in self._space.items()
        }
        return {place: plain(runner.config[place]) for place in self._space}


def told(after: int, value: float) -> dict[str, Any]:
    """Return a result as Tune would have it; time is tasks learned, whatever it is called."""
    return {TIME: after, "tasks": after, "time_total_s": after, METRIC: value}


def inside(domain: Domain, value: Any) -> Any:
    """Return the nearest value of a domain."""
    if domain.finite:
        return value
    value = min(max(value, domain.args[0]), domain.args[1])
    if domain.kind == "quniform":
        low, _, step = domain.args
        return at_step(domain.args, min(round((value - low) / step), steps(domain.args)))
    return round(value) if domain.kind in ("randint", "lograndint") else value


def made(options: Any, space: Mapping[str, Domain], goal: int) -> Any:
    """Return the scheduler that options stand for."""
    if isinstance(options, Asha):
        return AsyncHyperBandScheduler(
            time_attr=TIME, max_t=goal, grace_period=min(options.grace_tasks, goal),
            reduction_factor=options.reduction_factor,
        )  # fmt: skip
    if isinstance(options, HyperBand):
        return HyperBandScheduler(TIME, max_t=goal, reduction_factor=options.reduction_factor)
    if isinstance(options, Median):
        return MedianStoppingRule(
            TIME, grace_period=options.grace_tasks, min_samples_required=options.min_trials
        )
    if isinstance(options, Pbt):
        mutations = {place: mutation(domain) for place, domain in space.items()}
        # In step, since who comes first must not decide; that also suits short sequences.
        return PopulationBasedTraining(
            TIME, perturbation_interval=options.every_tasks, hyperparam_mutations=mutations,
            quantile_fraction=options.quantile, resample_probability=options.resample,
            log_config=False, synch=True,
        )  # fmt: skip
    return foreign(options)


def mutation(domain: Domain) -> Any:
    """Return what a population draws a hyperparameter from; what it draws is then put inside."""
    if domain.finite:
        return list(domain.args)
    return tune.uniform(*domain.args[:2]) if domain.kind == "quniform" else tune_domain(domain)


def foreign(scheduler: Foreign) -> Any:
    """Return a scheduler by dotted name."""
    name, options = scheduler.name, scheduler.options
    cls = imported_class(f"scheduler {name!r}", name, source=scheduler.source)
    try:
        return cls(**options)
    except Exception as error:  # a class of anybody's
        raise RepertoireError(
            f"search.scheduler: {name} cannot be made with {dict(options)}: "
            f"{type(error).__name__}: {error}"
        ) from error
