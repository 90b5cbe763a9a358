"""Progressive neural networks: a new column per task, with connections from all older columns.

Column k is a separate network with new initial weights. Each of its layers from the second on, the
output layer included, also receives the activations of the layer below in the older columns:

    h_i^k = f(W_i^k h_{i-1}^k + U_i relu(V_i [alpha_1 h_{i-1}^1, ..., alpha_{k-1} h_{i-1}^{k-1}]))

Older columns never change, so nothing is forgotten.

State:
    network: the column of the last task learned. columns.<j>: the columns before it, oldest first.
    laterals.<j>.<i>: the connections into column j+2, layer i+2: alpha [j+1], project V, expand U.
    All are added when a task begins and are trained during that task alone.

Reference:
    Rusu et al. 2016, Progressive neural networks, arXiv:1606.04671, eq. 2 (adapters with alpha).

Deviations:
    One alpha for every older column and layer, drawn from [0, alpha): the paper has "a learned
    scalar", small and random, that adjusts for the scales of the inputs. U and V have no bias, as
    in eq. 2. Every column has outputs for all classes and is used for those of its task.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from methods import base
from methods.base import Examples, Method, Outlook, Setting, TaskView
from methods.parts.chain import chain_objection, find_chain
from methods.parts.initialisation import frozen_copy, reinitialise
from methods.parts.laterals import Hidden, create_laterals, run_column
from methods.parts.layers import select_layers
from methods.parts.ranges import require_count, require_positive


class PNN(Method):
    """Add a column per task, with lateral connections from the older columns."""

    @dataclass(frozen=True, kw_only=True)
    class Config(base.Config):
        """Hyperparameters of progressive networks.

        Attributes:
            alpha: largest initial scale of the older columns' activations, above 0.
            projection: width of V; None: that of the layer below, as in the paper.
        """

        alpha: float = 0.1
        projection: int | None = None

        def __post_init__(self) -> None:
            require_positive("alpha", self.alpha)
            require_count("projection", self.projection)

    scenarios: ClassVar[frozenset[str]] = frozenset({"task"})
    scores_unseen: ClassVar[bool] = False
    inert_on_first_task: ClassVar[frozenset[str]] = frozenset({"alpha", "projection"})
    storage: ClassVar[dict[str, str]] = {"columns": "columns", "laterals": "columns"}
    config: Config

    @classmethod
    def objection(cls, config: Any, setting: Setting) -> str | None:
        """Return the scenario's objection, or that the network is no chain of layers."""
        return super().objection(config, setting) or chain_objection(setting)

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self._names = find_chain(network, outlook.input_shape).names
        older = range(1, outlook.num_learned)
        self.columns = nn.ModuleList(frozen_copy(network) for _ in older)
        self.laterals = nn.ModuleList(self.new_laterals(num_older) for num_older in older)

    def begin_task(self, task: TaskView) -> None:
        """Freeze the last column and add the next one."""
        # Stage 0 has drawn the column of the first task.
        if task.index > 1:
            self.columns.append(frozen_copy(self.network))
            reinitialise(self.network, task.stream("initialisation"))
            laterals = self.new_laterals(len(self.columns)).to(task.examples.y.device)
            reinitialise(laterals, task.stream("laterals"))
            self.laterals.requires_grad_(False).append(laterals)
        # The learner puts the whole method into training mode, frozen columns included.
        self.columns.eval()

    def loss(self, batch: Examples) -> Tensor:
        """Return the mean cross-entropy of the newest column."""
        return self.task_loss(batch, self.scores(batch.x, len(self.columns) + 1))

    def predict(self, x: Tensor, task: int | None) -> Tensor:
        """Return the scores [B, C] of the task's column."""
        if task is None:
            raise ValueError("progressive networks need the task: use the task scenario")
        return self.scores(x, task)

    def scores(self, x: Tensor, column: int) -> Tensor:
        """Return the scores [B, C] of a column, 1..K, with the older columns as inputs."""
        older: list[Hidden] = []
        with torch.no_grad():
            for other in range(1, column):
                # No lateral starts at the output layer of an older column.
                hidden, _ = self.run(other, x, older, into=len(self._names) - 2)
                older.append(hidden)
        return self.run(column, x, older, into=len(self._names) - 1)[1]

    def run(self, column: int, x: Tensor, older: list[Hidden], into: int) -> tuple[Hidden, Tensor]:
        """Return the hidden activations and the scores of one column.

        Args:
            column: its number, 1..K.
            x: images.
            older: hidden activations of the older columns.
            into: number of layers, from the second on, that receive laterals.
        """
        network = [*self.columns, self.network][column - 1]
        laterals = [*cast(nn.ModuleList, self.laterals[column - 2])] if older else []
        return run_column(network, self._names, x, older, laterals[:into])

    def new_laterals(self, num_older: int) -> nn.ModuleList:
        """Return uninitialised laterals into each layer of a column from the second on."""
        layers = select_layers(self.network, self._names)
        return create_laterals(layers, num_older, self.config.projection, self.config.alpha)
