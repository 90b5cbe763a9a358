"""Continual backpropagation: hidden units that contribute little are replaced by new ones.

After each step, the utility of a unit i and its age, the number of steps since it was new, are

    u_i <- decay u_i + (1 - decay) |h_i| sum_k |w_ki|;      age_i <- age_i + 1

h_i is its output, w_ki its weight into unit k of the next layer. Of each hidden layer, on average a
share `replacement_rate` of the units older than `maturity` is replaced a step, those of the least
utility: the weights into them are drawn anew, those out of them are 0, and so are utility and age.

State:
    utility, age: float32 and int32 [H], of all hidden units, layer by layer.
    pending: float64 [L], the fraction of a unit that each hidden layer has still to replace.

Reference:
    Dohare et al. 2024, Loss of plasticity in deep continual learning, Nature 632, eq. 1 and
    algorithm 1.

Deviations:
    |h_i| is the mean over the batch. For a channel it is the mean over its positions too; where
    maps are flattened, the products of all its positions are added up.
    Biases are drawn with the weights; a unit's batch normalisation begins anew with it. What an
    optimiser remembers of the replaced weights stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from methods import base
from methods.base import Examples, Method, Outlook, Setting, TaskView
from methods.parts.chain import chain_objection, find_chain
from methods.parts.initialisation import fresh_state
from methods.parts.layers import Layer, attach_hooks, select_layers
from methods.parts.ranges import require_share, require_strength


class ContinualBackprop(Method):
    """Replace the least useful of the mature hidden units, a few at a time."""

    @dataclass(frozen=True, kw_only=True)
    class Config(base.Config):
        """Hyperparameters of continual backpropagation.

        Attributes:
            replacement_rate: share of a layer's mature units that is replaced a step, in [0, 1].
            maturity: number of steps for which a new unit is safe, at least 0.
            decay: of the running mean of contributions, in [0, 1].
        """

        replacement_rate: float = 1e-4
        maturity: int = 100
        decay: float = 0.99

        def __post_init__(self) -> None:
            require_share("replacement_rate", self.replacement_rate)
            require_strength("maturity", self.maturity)
            require_share("decay", self.decay)

    storage: ClassVar[dict[str, str]] = {
        "utility": "importance",
        "age": "importance",
        "pending": "importance",
    }
    utility: Tensor
    age: Tensor
    pending: Tensor
    config: Config

    @classmethod
    def objection(cls, config: Any, setting: Setting) -> str | None:
        """Return the scenario's objection, or that the network is no chain of layers."""
        return super().objection(config, setting) or chain_objection(setting)

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        chain = find_chain(network, outlook.input_shape)
        self._names, self._norms = chain.names, {b: n for n, b in chain.norms.items()}
        self._layers = select_layers(network, self._names)
        self._widths = [len(layer.weight) for layer in self._layers[:-1]]
        self.register_buffer("utility", torch.zeros(sum(self._widths)))
        self.register_buffer("age", torch.zeros(sum(self._widths), dtype=torch.int32))
        self.register_buffer("pending", torch.zeros(len(self._widths), dtype=torch.float64))
        self._activity: list[Tensor] = []
        self._generator = torch.Generator()
        # Copies on the CPU: to read a tensor at each step would wait for a GPU.
        self._ages, self._pending = self.age.clone(), [0.0] * len(self._widths)

    def begin_task(self, task: TaskView) -> None:
        """Prepare the random stream and the copies of ages."""
        self._generator = task.stream("replacement")
        self._ages, self._pending = self.age.cpu().clone(), self.pending.tolist()

    def loss(self, batch: Examples) -> Tensor:
        """Return the task's loss; note how active the hidden units are."""
        # At 0 nothing is noted: the bits of `finetune`, at its cost.
        if self.config.replacement_rate == 0:
            return self.task_loss(batch)
        self._activity = []
        hooks = (x.register_forward_pre_hook(self.note_activity) for x in self._layers[1:])
        with attach_hooks(hooks):
            return self.task_loss(batch)

    @torch.no_grad()
    def note_activity(self, layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        """Note the mean |h| of each input of a layer, or channel."""
        h = inputs[0].detach().float().abs()
        self._activity.append(h.mean(dim=0) if h.ndim == 2 else h.mean(dim=(0, 2, 3)))

    @torch.no_grad()
    def after_step(self, batch: Examples) -> None:
        """Update utilities and ages, and replace units that are due."""
        if self.config.replacement_rate == 0:
            return
        contribution = torch.cat(
            [
                contributions(layer, activity, width)
                for layer, activity, width in zip(
                    self._layers[1:], self._activity, self._widths, strict=True
                )
            ]
        )
        # u <- decay u + (1 - decay) |h| sum |w|: eq. 1.
        self.utility.lerp_(contribution, 1 - self.config.decay)
        self.age.add_(1)
        self._ages.add_(1)
        for place, units in enumerate(self.spans()):
            # A new unit has had no time to become useful, and would be replaced at once.
            mature = self._ages[units] > self.config.maturity
            self._pending[place] += self.config.replacement_rate * int(mature.sum())
            count = int(self._pending[place])
            if count:
                # The fraction of a unit that is left counts for the next step.
                self._pending[place] -= count
                self.replace(place, units, select_least_useful(self.utility[units], mature, count))
            self.pending[place].fill_(self._pending[place])

    def spans(self) -> Iterator[slice]:
        """Yield the places of each hidden layer's units in `utility` and `age`."""
        ends = torch.tensor([0, *self._widths]).cumsum(0).tolist()
        return (slice(start, end) for start, end in pairwise(ends))

    def replace(self, place: int, units: slice, rows: Tensor) -> None:
        """Make some units of a hidden layer new."""
        # Drawn as the network was, so that a new unit begins as a unit of an untrained network.
        fresh = fresh_state(self.network, self._generator)
        own = (self._names[place], self._norms.get(self._names[place]))
        for name, values in self.network.state_dict().items():
            # A count of batches has no rows.
            if name.rpartition(".")[0] in own and values.ndim:
                values[rows] = fresh[name][rows.cpu()].to(values.device)
        outgoing = self._layers[place + 1].weight
        factor = outgoing.shape[1] // self._widths[place]
        # A new unit changes no output at first.
        outgoing[:, inputs_of(rows, factor)] = 0
        self.utility[units][rows] = 0
        self.age[units][rows] = 0
        self._ages[units][rows.cpu()] = 0


def contributions(layer: Layer, activity: Tensor, num_units: int) -> Tensor:
    """Return |h_i| sum_k |w_ki| [num_units] of the units whose outputs a layer takes."""
    weights = layer.weight.abs().sum(dim=(0, *range(2, layer.weight.ndim)))
    return (activity * weights).view(num_units, -1).sum(dim=1)


def inputs_of(rows: Tensor, factor: int) -> Tensor:
    """Return the inputs of a layer that come from some units, of `factor` values each."""
    return (rows.unsqueeze(1) * factor + torch.arange(factor, device=rows.device)).flatten()


def select_least_useful(utility: Tensor, mature: Tensor, count: int) -> Tensor:
    """Return the `count` mature units of the least utility."""
    young = ~mature.to(utility.device)
    return utility.masked_fill(young, float("inf")).sort(stable=True).indices[:count]
