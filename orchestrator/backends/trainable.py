"""A trial as Ray Tune sees it: a class whose step is one task. It never imports torch."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import ray
from ray import tune
from ray.exceptions import RayActorError

from orchestrator.backends.broker import NAME


class TrialSteps(tune.Trainable):
    """Asks the broker for the stages of one trial, task by task.

    Its configuration is {"steps": {"trial": trial_id, "num_tasks": T, "namespace": of the broker}}.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Find the broker."""
        steps = config["steps"]
        self._trial, self._num_tasks = steps["trial"], steps["num_tasks"]
        self._broker: Any = None
        with suppress(ValueError):  # there is none any more: the first step says so
            self._broker = ray.get_actor(NAME, namespace=steps["namespace"])
        self._status: dict[int, str] = {}

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Become another trial, so that Tune can reuse this process."""
        self.cleanup()
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Wait until one more task is learned on every seed that has not ended.

        A broker that is gone for good ends the trial as `lost`: trying again would not help.
        """
        after = self.training_iteration + 1
        self._status = self._advanced(after)
        if not self._status:
            return {"tasks": after, "done": True, "lost": True}
        going = [seed for seed, status in self._status.items() if status == "running"]
        return {"tasks": after, "done": not going or after >= self._num_tasks}

    def _advanced(self, after: int) -> dict[int, str]:
        """Return seed -> status once all have learned `after` tasks; nothing from a lost broker."""
        if self._broker is None:
            return {}
        try:
            return dict(ray.get(self._broker.advance.remote(self._trial, after)))
        except RayActorError:
            return {}

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        """Return what resuming needs: Tune keeps the iteration, and states are in the store."""
        return {"trial": self._trial}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Resume: the iteration is restored by Tune."""

    def cleanup(self) -> None:
        """Want no more of a trial that ends early."""
        if (
            any(status == "running" for status in self._status.values())
            and self.training_iteration < self._num_tasks
        ):
            ray.get(self._broker.stop.remote(self._trial))
