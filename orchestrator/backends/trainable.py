"""A trial as Ray Tune sees it: a class whose step is one task. It never imports torch."""

from __future__ import annotations

from typing import Any

import ray
from ray import tune

from orchestrator.backends.broker import NAME


class TrialSteps(tune.Trainable):
    """Asks the broker for the stages of one trial, task by task.

    Its configuration is {"steps": {"trial": trial_id, "num_tasks": T, "namespace": of the broker}}.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Find the broker."""
        steps = config["steps"]
        self._trial, self._num_tasks = steps["trial"], steps["num_tasks"]
        self._broker: Any = ray.get_actor(NAME, namespace=steps["namespace"])
        self._status: dict[int, str] = {}

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Become another trial, so that Tune can reuse this process."""
        self.cleanup()
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Wait until one more task is learned on every seed that has not ended."""
        after = self.training_iteration + 1
        self._status = ray.get(self._broker.advance.remote(self._trial, after))
        going = [seed for seed, status in self._status.items() if status == "running"]
        return {"tasks": after, "done": not going or after >= self._num_tasks}

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
