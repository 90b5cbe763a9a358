"""Hard attention to the task: each task learns gates that select its hidden units.

Task t has an embedding e_l^t for each hidden layer l, learned with the weights; the units of the
layer are multiplied by the gate a_l^t = sigmoid(s e_l^t). During a task the slope s rises from
1/s_max to s_max, so that gates pass gradients at first and are nearly binary in the end. A weight
receives only the share 1 - min(a_i, a_j) of each step, where a_i and a_j are the use of the two
units it connects by earlier tasks. sparsity * R is added to the loss, with R the share of unused
capacity that the task takes:

    R = sum_{l,i} a_{l,i}^t (1 - a_{l,i}^{<t}) / sum_{l,i} (1 - a_{l,i}^{<t})

State:
    attention.<layer>: [K, width], the embeddings of K learned tasks, added when a task ends. They
    gate the inputs of that layer.

Reference:
    Serra et al. 2018, Overcoming catastrophic forgetting with hard attention to the task, ICML,
    eq. 1-5; section 2.6 for the compensated gradient of the embeddings, clamped as in their code.

Deviations:
    Eq. 2 scales the optimiser's step instead of the gradient. With plain SGD the two are equal;
    Adam would undo the scaling of gradients, and weight decay would ignore it.
    s rises `cycles` times over a task's steps; the paper's rises once an epoch.
    Embeddings are drawn from N(0, spread^2). The paper's spread is 1; Adam moves them by its rate a
    step, so that in few steps only those near 0 change sign: with less spread more gates learn.
    A gate below 1.2e-7 is set to 0, its gradient kept. Near 1 it rounds to 1 anyway.
    A convolution has a gate per channel, as in their code. Batch normalisation, which they do not
    use, counts as part of the layer before it; its statistics are those of the first task.
    Outputs of other tasks are not updated. No clipping of the gradient's norm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from methods import base
from methods.base import Examples, Method, Outlook, Setting, TaskView
from methods.parts.anchoring import ParameterRows, buffer_name
from methods.parts.chain import chain_objection, find_chain, values_per_unit
from methods.parts.evaluation_mode import evaluation_mode
from methods.parts.gates import expand, gate, multiply_inputs, new_use, rising_slope
from methods.parts.layers import select_layers
from methods.parts.ranges import require_one, require_positive, require_strength

# As in the authors' code: beyond, gates are saturated and cosh overflows float32.
LARGEST_EMBEDDING = 6.0
LARGEST_EXPONENT = 50.0


class HAT(Method):
    """Gate hidden units by task and protect the units of earlier tasks."""

    @dataclass(frozen=True, kw_only=True)
    class Config(base.Config):
        """Hyperparameters of hard attention.

        Attributes:
            s_max: final slope of the gates, at least 1.
            sparsity: weight of the regulariser (the paper's c), at least 0.
            spread: standard deviation of the initial embeddings, above 0.
            cycles: number of rises of the slope during a task, at least 1.
        """

        s_max: float = 400.0
        sparsity: float = 4.0
        spread: float = 0.1
        cycles: int = 1

        def __post_init__(self) -> None:
            if not 1 <= self.s_max < float("inf"):
                raise ValueError(f"s_max must be at least 1 and finite, given {self.s_max}")
            require_strength("sparsity", self.sparsity)
            require_positive("spread", self.spread)
            require_one("cycles", self.cycles)

    scenarios: ClassVar[frozenset[str]] = frozenset({"task"})
    scores_unseen: ClassVar[bool] = False
    storage: ClassVar[dict[str, str]] = {"attention": "importance"}
    config: Config

    @classmethod
    def objection(cls, config: Any, setting: Setting) -> str | None:
        """Return the scenario's objection, or that the network is no chain of layers."""
        return super().objection(config, setting) or chain_objection(setting)

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        chain = find_chain(network, outlook.input_shape)
        self._names, self._norms = chain.names, chain.norms
        self._layers = select_layers(network, self._names)
        self._repeats = [values_per_unit(*pair[::-1]) for pair in pairwise(self._layers)]
        # `ParameterRows` takes shape and device from a tensor: a column of the weights has both.
        widths = {
            name: before.weight.flatten(1)[:, 0]
            for name, before in zip(self._names[1:], self._layers, strict=False)
        }
        self.attention = ParameterRows(widths, outlook.num_learned)
        self.learning = nn.ParameterList()
        self._used: list[Tensor] = []
        self._shares: dict[str, Tensor] = {}
        self._before: dict[str, Tensor] = {}
        self._steps = self._cycle = 0

    def begin_task(self, task: TaskView) -> None:
        """Initialise the task's embeddings and compute the use by earlier tasks."""
        generator, device = task.stream("attention"), task.examples.y.device
        self._used = [self.largest_use(name) for name in self._names[1:]]
        for used in self._used:
            # Drawn on the CPU: a GPU draws other numbers from the same seed.
            embedding = self.config.spread * torch.randn(used.shape, generator=generator)
            self.learning.append(nn.Parameter(embedding.to(device)))
        if self.attention.rows > 0:
            self._shares = self.shares(task)
        parameters = dict(self.network.named_parameters())
        self._before = {name: parameters[name].detach().clone() for name in self._shares}
        # Rounded up: only the last rise of the slope may be cut short.
        self._steps, self._cycle = 0, -(-task.num_steps // self.config.cycles)

    def loss(self, batch: Examples) -> Tensor:
        """Return the mean cross-entropy with gates, plus sparsity * R."""
        gates = [gate(self.slope() * e) for e in self.learning]
        with ExitStack() as modes:
            for norm in self._norms if self.attention.rows > 0 else ():
                modes.enter_context(evaluation_mode(self.network.get_submodule(norm)))
            # Gates are of the annealed slope; at the end of a cycle they are almost 0 or 1, as when
            # predicting.
            loss = self.task_loss(batch, self.forward_gated(batch.x, gates))
        return loss + self.config.sparsity * new_use(gates, self._used)

    @torch.no_grad()
    def after_backward(self) -> None:
        """Compensate the embeddings' gradients for the slope (section 2.6)."""
        slope = self.slope()
        for e in self.learning:
            # The derivative of sigmoid(s e) is s / (2 (cosh(s e) + 1)). It is replaced by s_max
            # times that of slope 1, which does not vanish where the gate is steep.
            steep = (slope * e).clamp(-LARGEST_EXPONENT, LARGEST_EXPONENT).cosh() + 1
            cast(Tensor, e.grad).mul_(self.config.s_max / slope * steep / (e.cosh() + 1))

    @torch.no_grad()
    def after_step(self, batch: Examples) -> None:
        """Reduce each weight's step to its share."""
        self._steps += 1
        for e in self.learning:
            e.clamp_(-LARGEST_EMBEDDING, LARGEST_EMBEDDING)
        parameters = dict(self.network.named_parameters())
        for name, before in self._before.items():
            # For shares of 0 and 1 lerp returns its arguments, bit for bit.
            before.lerp_(parameters[name], self._shares[name])
            parameters[name].copy_(before)

    def end_task(self, task: TaskView) -> None:
        """Store the task's embeddings."""
        self.attention.append(dict(zip(self._names[1:], self.learning, strict=True)))
        self.learning = nn.ParameterList()
        self._used, self._shares, self._before = [], {}, {}

    def predict(self, x: Tensor, task: int | None) -> Tensor:
        """Return scores [B, C] with the task's gates, or those that it is learning."""
        if task is None:
            raise ValueError("hard attention needs the task: use the task scenario")
        embeddings: Iterable[Tensor] = self.learning
        if task <= self.attention.rows:
            embeddings = map(self.attention[task - 1].__getitem__, self._names[1:])
        return self.forward_gated(x, [gate(self.config.s_max * e) for e in embeddings])

    def slope(self) -> float:
        """Return s: from 1/s_max at the first step of a cycle to s_max at its last."""
        return rising_slope(self._steps, self._cycle, self.config.s_max)

    def forward_gated(self, x: Tensor, gates: Sequence[Tensor]) -> Tensor:
        """Return scores [B, C] with hidden units multiplied by gates, one per layer above them."""
        with multiply_inputs(self._layers[1:], gates, self._repeats):
            return cast(Tensor, self.network(x))

    def largest_use(self, name: str) -> Tensor:
        """Return the largest use of each input of a layer by a learned task, in [0, 1]."""
        rows = self.attention.get_buffer(buffer_name(name))
        if len(rows) == 0:
            return rows.new_zeros(rows.shape[1])
        return gate(self.config.s_max * rows).amax(dim=0)

    def shares(self, task: TaskView) -> dict[str, Tensor]:
        """Return the share of a step that each parameter receives, 1 - min(a_i, a_j)."""
        head = self._layers[-1]
        # Outputs of other tasks count as used: their weights from used units stay.
        others = torch.ones(len(head.weight), device=head.weight.device)
        others[list(task.classes)] = 0
        above = [*self._used, others]
        # All tasks use the inputs: the unit above alone decides.
        first = torch.ones(self._layers[0].weight.shape[1], device=head.weight.device)
        below = [first, *map(expand, self._used, self._repeats)]
        shares: dict[str, Tensor] = {}
        for name, layer, a_i, a_j in zip(self._names, self._layers, above, below, strict=True):
            # Eq. 2: a weight is protected as far as both units that it connects are used.
            share = 1 - torch.minimum(a_i.unsqueeze(1), a_j)
            shares[f"{name}.weight"] = share.view(*share.shape, *[1] * (layer.weight.dim() - 2))
            shares[f"{name}.bias"] = 1 - a_i
        for norm, name in self._norms.items():
            shares[f"{norm}.weight"] = shares[f"{norm}.bias"] = shares[f"{name}.bias"]
        return {name: shares[name] for name, _ in self.network.named_parameters()}
