"""Progressive neural networks: a new column for every task, fed by all columns before it.

Column k is a network of its own, with weights drawn afresh. Into each of its layers from the second
on, the output layer included, comes also what the layer below says in the older columns:

    h_i^k = f(W_i^k h_{i-1}^k + U_i relu(V_i [alpha_1 h_{i-1}^1, ..., alpha_{k-1} h_{i-1}^{k-1}]))

Older columns never change, so nothing is forgotten.

State:
    network: the column of the last task learned. columns.<j>: the columns before it, oldest first.
    laterals.<j>.<i>: what leads into column j+2, layer i+2: alpha [j+1], project V, expand U.
    All are added when a task begins and learn during that task alone.

Reference:
    Rusu et al. 2016, Progressive neural networks, arXiv:1606.04671, eq. 2 (adapters with alpha).

Deviations:
    One alpha for every older column and layer, drawn from [0, alpha): the paper speaks of "a
    learned scalar", small and random, that adjusts for the scales of the inputs. U and V have no
    bias, as in eq. 2. Every column has outputs for all classes and is asked for its own task's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods import base
from methods.base import Examples, Method, Outlook, Setting, TaskView
from methods.parts.initialisation import frozen, reinitialise
from methods.parts.layers import attached, linear, linear_chain, unfit
from methods.parts.ranges import require_count, require_positive

Hidden = list[Tensor]  # of one column: what goes into each layer from the second


class PNN(Method):
    """Grow a column per task, with laterals from the older ones."""

    @dataclass(frozen=True, kw_only=True)
    class Config(base.Config):
        """Hyperparameters of progressive networks.

        Attributes:
            alpha: largest scale that older columns' activations start with, above 0.
            projection: width of V; None: that of the column's own layer below, as in the paper.
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
        """Refuse other scenarios, and networks that are no chain of linear layers."""
        return super().objection(config, setting) or unfit(setting)

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self._names = linear_chain(network, outlook.input_shape)
        older = range(1, outlook.num_learned)
        self.columns = nn.ModuleList(frozen(network) for _ in older)
        self.laterals = nn.ModuleList(self.new_laterals(num_older) for num_older in older)

    def begin_task(self, task: TaskView) -> None:
        """Freeze the last column and open the next one."""
        if task.index > 1:
            self.columns.append(frozen(self.network))
            reinitialise(self.network, task.stream("initialisation"))
            laterals = self.new_laterals(len(self.columns)).to(task.examples.y.device)
            reinitialise(laterals, task.stream("laterals"))
            self.laterals.requires_grad_(False).append(laterals)
        self.columns.eval()

    def loss(self, batch: Examples) -> Tensor:
        """Return the mean cross-entropy of the newest column."""
        scores = self.scores(batch.x, len(self.columns) + 1)
        return F.cross_entropy(self.masked(scores, batch.y), batch.y)

    def predict(self, x: Tensor, task: int | None) -> Tensor:
        """Return the scores [B, C] of the task's own column."""
        if task is None:
            raise ValueError("progressive networks need to be told the task: use the task scenario")
        return self.scores(x, task)

    def scores(self, x: Tensor, column: int) -> Tensor:
        """Return the scores [B, C] of a column, 1..K, through those before it."""
        older: list[Hidden] = []
        with torch.no_grad():
            for other in range(1, column):
                # Nothing listens to the output layer of an older column.
                hidden, _ = self.run(other, x, older, into=len(self._names) - 2)
                older.append(hidden)
        return self.run(column, x, older, into=len(self._names) - 1)[1]

    def run(self, column: int, x: Tensor, older: list[Hidden], into: int) -> tuple[Hidden, Tensor]:
        """Return the hidden activations and the scores of one column, fed by the older ones.

        Args:
            column: which, 1..K.
            x: images.
            older: hidden activations of the columns before it.
            into: into how many layers, from the second on, laterals lead.
        """
        network = [*self.columns, self.network][column - 1]
        layers = linear(network, self._names)[1:]
        hidden: Hidden = []

        def joined(place: int) -> Callable[[nn.Module, Sequence[Tensor], Tensor], Tensor | None]:
            def hook(_layer: nn.Module, inputs: Sequence[Tensor], output: Tensor) -> Tensor | None:
                hidden.append(inputs[0])
                if not older or place >= into:
                    return None
                lateral = cast(nn.ModuleList, self.laterals[column - 2])[place]
                return output + cast(Tensor, lateral([h[place] for h in older]))

            return hook

        with attached(layer.register_forward_hook(joined(i)) for i, layer in enumerate(layers)):
            return hidden, network(x)

    def new_laterals(self, num_older: int) -> nn.ModuleList:
        """Return laterals into each layer of a column from the second, not yet initialised."""
        layers = linear(self.network, self._names)
        with torch.random.fork_rng(devices=[]):
            return nn.ModuleList(
                Lateral(num_older, layer, self.config.projection, self.config.alpha)
                for _, layer in pairwise(layers)
            )


class Lateral(nn.Module):
    """U relu(V [alpha_1 h_1, ..., alpha_K h_K]): what K older columns say to one layer."""

    def __init__(self, num_older: int, into: nn.Linear, width: int | None, alpha: float) -> None:
        super().__init__()
        below = into.in_features
        self._largest = alpha
        self.alpha = nn.Parameter(torch.empty(num_older))
        self.project = nn.Linear(num_older * below, width or below, bias=False)
        self.expand = nn.Linear(width or below, into.out_features, bias=False)

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        nn.init.uniform_(self.alpha, 0, self._largest)
        self.project.reset_parameters()
        self.expand.reset_parameters()

    def forward(self, older: list[Tensor]) -> Tensor:
        """Return what is added [B, out] to the layer, given each older column's [B, in]."""
        scaled = (torch.stack(older, dim=1) * self.alpha.unsqueeze(1)).flatten(1)
        return self.expand(self.project(scaled).relu())  # type: ignore[no-any-return]
