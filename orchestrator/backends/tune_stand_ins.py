"""What Ray Tune's schedulers take for Tune's trials, checkpoints and controller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from ray.tune.experiment import Trial

from orchestrator.sweep.spaces import Point


@dataclass(frozen=True)
class State:
    """Stands in for a checkpoint: the stage that a candidate has reached."""

    number: int


class Runner:
    """Stands in for a trial of Tune's: a candidate."""

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
        """The stage that it has reached."""
        return State(self.number)

    def is_finished(self) -> bool:
        """Return whether it is over."""
        return self.status in (Trial.TERMINATED, Trial.ERROR)

    def set_experiment_tag(self, tag: str) -> None:
        """Set the name that Tune would show."""
        self.experiment_tag = tag

    def set_config(self, config: Mapping[str, Any]) -> None:
        """Set other hyperparameters."""
        self.config = dict(config)

    def take_adopted_state(self) -> State | None:
        """Return the state that a scheduler assigned to it since the last call, if any."""
        manager = self.run_metadata.checkpoint_manager
        result, manager._latest_checkpoint_result = manager._latest_checkpoint_result, None
        return None if result is None else result.checkpoint


class Controller:
    """Stands in for Tune's controller: the candidates, and what a scheduler does to them."""

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
        """Stop a candidate other than the one that the scheduler decides about."""
        if runner.is_finished():
            return
        if runner.status == Trial.RUNNING:
            self.scheduler.on_trial_complete(self, runner, runner.last_result)
        else:
            self.scheduler.on_trial_remove(self, runner)
        runner.status = Trial.TERMINATED
        self.stopped.append(runner.number)

    def pause_trial(self, runner: Runner, should_checkpoint: bool = True) -> None:
        """Pause a candidate."""
        runner.status = Trial.PAUSED

    def _schedule_trial_save(self, runner: Runner, result: Any = None) -> State:
        return runner.checkpoint
