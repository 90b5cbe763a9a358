"""The trials of an evaluation, created and scheduled by Ray Tune.

`BasicVariantGenerator` creates a trial for each identity and `FIFOScheduler` starts them in order.
The trials are Tune's own objects without a process, since a trial's stages run as Ray tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from tempfile import TemporaryDirectory
from typing import Any

from ray import tune
from ray.tune.experiment import Experiment, Trial
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search.basic_variant import BasicVariantGenerator

# Tune copies the whole grid for each of its points.
TRIALS_PER_GRID = 100


class StageTrial(tune.Trainable):
    """The trainable of an evaluation's trials, for its name alone; it has no instances."""


class PendingTrials:
    """Replaces Tune's controller, which a scheduler asks for the trials.

    A trial is removed when it starts, since a first-in first-out scheduler searches all of them
    for a pending one.
    """

    search_alg = None

    def __init__(self) -> None:
        self.trials: dict[str, Any] = {}

    def get_trials(self) -> Iterable[Any]:
        """Return the trials that have not started."""
        return self.trials.values()


class TuneTrials:
    """Creates and schedules trials with Ray Tune's own objects.

    Args:
        trial_ids: identities, in the sweep's order.
    """

    def __init__(self, trial_ids: Sequence[str]) -> None:
        self._generator: Any = BasicVariantGenerator()
        self._scheduler: Any = FIFOScheduler()  # type: ignore[no-untyped-call]
        self._pending = PendingTrials()
        self._trials: dict[str, Any] = {}
        self._create(trial_ids)

    def _create(self, trial_ids: Sequence[str]) -> None:
        with TemporaryDirectory(prefix="repertoire-tune-") as folder:
            for first in range(0, len(trial_ids), TRIALS_PER_GRID):
                part = list(trial_ids[first : first + TRIALS_PER_GRID])
                grid: dict[str, Any] = {"trial": tune.grid_search(part)}
                self._generator.add_configurations(
                    Experiment("evaluation", StageTrial, config=grid, storage_path=folder)
                )
            while (trial := self._generator.next_trial()) is not None:
                self._trials[trial.config["trial"]] = trial
                self._pending.trials[trial.trial_id] = trial
                self._scheduler.on_trial_add(self._pending, trial)

    def next(self) -> str | None:
        """Return the trial that the scheduler would run next."""
        trial = self._scheduler.choose_trial_to_run(self._pending)
        if trial is None:
            return None
        trial.set_status(Trial.RUNNING)
        del self._pending.trials[trial.trial_id]
        return str(trial.config["trial"])

    def end(self, trial_id: str, complete: bool) -> None:
        """Report to the scheduler and the search algorithm how a trial ended."""
        trial = self._trials.pop(trial_id)
        trial.set_status(Trial.TERMINATED if complete else Trial.ERROR)
        if complete:
            self._scheduler.on_trial_complete(self._pending, trial, trial.last_result)
        else:
            self._scheduler.on_trial_error(self._pending, trial)
        self._generator.on_trial_complete(trial.trial_id, error=not complete)
