"""Independent networks: a fresh network for each task, without forgetting and without transfer.

State:
    network: the network of the last task learned.
    columns: the networks of earlier tasks, never changed; columns.(k-1) belongs to task k.

Reference:
    None; e.g. the "Independent" baseline of Lopez-Paz and Ranzato 2017, NeurIPS, section 4.
    Each network is initialised like the first one (`methods.parts.initialisation`).

Deviations:
    Each task has a network of full size; Lopez-Paz and Ranzato divide the width by the number of
    tasks.
"""

from __future__ import annotations

from typing import ClassVar, cast

from torch import Tensor, nn

from methods.base import Config, Method, Outlook, Setting, TaskView
from methods.parts.initialisation import draws_by_layer, frozen_copy, reinitialise


class Independent(Method):
    """Train one network per task and predict with that of the task."""

    version: ClassVar[int] = 2
    scenarios: ClassVar[frozenset[str]] = frozenset({"task"})
    scores_unseen: ClassVar[bool] = False
    storage: ClassVar[dict[str, str]] = {"columns": "columns"}

    @classmethod
    def version_in(cls, setting: Setting) -> int:
        """Return 1 where the network's constructor draws what version 1 drew."""
        return 1 if draws_by_layer(setting) else cls.version

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        # Their weights are loaded with the state; the copies give them the shapes.
        self.columns = nn.ModuleList(frozen_copy(network) for _ in range(outlook.num_learned - 1))

    def begin_task(self, task: TaskView) -> None:
        """Store the network of the last task and initialise a new one."""
        # Stage 0 has drawn the network of the first task.
        if task.index > 1:
            self.columns.append(frozen_copy(self.network))
            reinitialise(self.network, task.stream("initialisation"))

    def predict(self, x: Tensor, task: int | None) -> Tensor:
        """Return the scores [B, C] of the task's own network."""
        if task is None:
            raise ValueError("independent networks need the task: use the task scenario")
        column = self.columns[task - 1] if task <= len(self.columns) else self.network
        return cast(Tensor, column(x))
