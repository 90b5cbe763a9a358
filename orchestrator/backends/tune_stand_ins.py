"""Stand-ins for Tune's trials, checkpoints and controller, for Ray Tune's schedulers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from ray.tune.experiment import Trial

from orchestrator.sweep.spaces.domains import Point

WAITING = (Trial.PENDING, Trial.PAUSED)


@dataclass(frozen=True)
class ReachedStage:
    """Stands in for a checkpoint: the stage that a candidate has reached."""

    number: int


class Runner:
    """Stands in for a trial of Tune's: a candidate.

    Args:
        number: of the candidate.
        point: its hyperparameters.
        controller: notified when its status changes or it adopts a state.
    """

    def __init__(self, number: int, point: Point, controller: Controller) -> None:
        self.number, self.trial_id, self._controller = number, str(number), controller
        self.status, self.config = Trial.PENDING, dict(point)
        # From here on what Tune's schedulers, PBT above all, read or set of a trial.
        self.evaluated_params: dict[str, Any] = {}
        self.last_result: dict[str, Any] = {}
        self.experiment_tag, self.is_saving = str(number), False
        self.temporary_state = SimpleNamespace(saving_to=None)
        manager = CheckpointManager(number, controller.adopted)
        self.run_metadata = SimpleNamespace(checkpoint_manager=manager)

    @property
    def status(self) -> str:
        """Its status, one of Tune's."""
        return self._status

    @status.setter
    def status(self, status: str) -> None:
        self._status, waiting = status, self._controller.waiting
        (waiting.add if status in WAITING else waiting.discard)(self.number)

    @property
    def checkpoint(self) -> ReachedStage:
        """The stage that it has reached."""
        return ReachedStage(self.number)

    def is_finished(self) -> bool:
        """Return whether it is over."""
        return self.status in (Trial.TERMINATED, Trial.ERROR)

    def set_experiment_tag(self, tag: str) -> None:
        """Set the name that Tune would show."""
        self.experiment_tag = tag

    def set_config(self, config: Mapping[str, Any]) -> None:
        """Set other hyperparameters."""
        self.config = dict(config)


class CheckpointManager:
    """Stands in for the checkpoints of a trial: notes a state that a scheduler gives to it."""

    checkpoint_config = SimpleNamespace(num_to_keep=None)

    def __init__(self, number: int, adopted: dict[int, ReachedStage]) -> None:
        self._number, self._adopted = number, adopted

    def __setattr__(self, name: str, value: Any) -> None:
        # PBT gives a state by setting this attribute, without a call that could be noted.
        state = getattr(value, "checkpoint", None) if name == "_latest_checkpoint_result" else None
        if state is not None:
            self._adopted[self._number] = state
        super().__setattr__(name, value)


class Controller:
    """Stands in for Tune's controller: the candidates, and what a scheduler does to them.

    Attributes:
        scheduler: one of Tune's.
        runners: all candidates by number.
        waiting: the numbers of those that are pending or paused.
        adopted: number -> the state that a scheduler gave to a candidate since the last look.
        stopped: the numbers of those that a scheduler stopped since the last look.
    """

    search_alg = None

    def __init__(self, scheduler: Any) -> None:
        self.scheduler = scheduler
        self.runners: dict[int, Runner] = {}
        self.waiting: set[int] = set()
        self.adopted: dict[int, ReachedStage] = {}
        self.stopped: list[int] = []

    def add(self, number: int, point: Point) -> Runner:
        """Add a candidate."""
        self.runners[number] = Runner(number, point, self)
        return self.runners[number]

    def get_trials(self) -> list[Runner]:
        """Return all candidates."""
        return list(self.runners.values())

    def get_live_trials(self) -> list[Runner]:
        """Return the candidates that are not over."""
        return [runner for runner in self.runners.values() if not runner.is_finished()]

    def stop_trial(self, runner: Runner) -> None:
        """Stop a candidate other than the one that the scheduler decides about."""
        if runner.is_finished():
            return
        # As Tune's controller does: a trial that does not run has no result to be completed with.
        if runner.status == Trial.RUNNING:
            self.scheduler.on_trial_complete(self, runner, runner.last_result)
        else:
            self.scheduler.on_trial_remove(self, runner)
        runner.status = Trial.TERMINATED
        self.stopped.append(runner.number)

    def pause_trial(self, runner: Runner, should_checkpoint: bool = True) -> None:
        """Pause a candidate."""
        runner.status = Trial.PAUSED

    def _schedule_trial_save(self, runner: Runner, result: Any = None) -> ReachedStage:
        return runner.checkpoint
