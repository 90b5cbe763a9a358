"""Hard attention to the task: every task opens its own hidden units and closes the others.

Task t has an embedding e_l^t for each hidden layer l, learned with the weights; the units of the
layer are multiplied by the gate a_l^t = sigmoid(s e_l^t). While a task is learned the slope s rises
from 1/s_max to s_max, so that gates begin open to gradients and end nearly binary. A weight keeps
only the share 1 - min(a_i, a_j) of each step, where a_i and a_j say how much earlier tasks use the
units it joins. The loss gains sparsity * R, the share of unused capacity that the task takes:

    R = sum_{l,i} a_{l,i}^t (1 - a_{l,i}^{<t}) / sum_{l,i} (1 - a_{l,i}^{<t})

State:
    attention.<layer>: [K, width], the embeddings of K tasks learned, added when a task ends;
    the units they gate are the inputs of that layer.

Reference:
    Serra et al. 2018, Overcoming catastrophic forgetting with hard attention to the task, ICML,
    eq. 1-5; section 2.6 for the compensated gradient of the embeddings, clamped as in their code.

Deviations:
    The share of eq. 2 is taken of the optimiser's step instead of the gradient. With plain SGD that
    is the same; Adam would blow small gradients up again, and weight decay would ignore them.
    s rises `cycles` times over a task's steps; the paper's rises once an epoch.
    Embeddings are drawn from N(0, spread^2). The paper's spread is 1; Adam moves them by its rate a
    step, so that in few steps only those drawn near 0 change sides, and less spread learns more.
    A gate below 1.2e-7 counts as closed: 0, its gradient kept. Near 1 it rounds to 1 anyway.
    Outputs of other tasks do not move. No clipping of the gradient's norm.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods import base
from methods.base import Examples, Method, Outlook, Setting, TaskView
from methods.parts.anchoring import ParameterRows, buffer_name
from methods.parts.layers import attached, linear, linear_chain, unfit
from methods.parts.ranges import require_positive, require_strength

LARGEST_EMBEDDING = 6.0
LARGEST_EXPONENT = 50.0
CLOSED = torch.finfo(torch.float32).eps


class HAT(Method):
    """Gate hidden units per task, and protect those that earlier tasks use."""

    @dataclass(frozen=True, kw_only=True)
    class Config(base.Config):
        """Hyperparameters of hard attention.

        Attributes:
            s_max: slope of the gates once learned, at least 1.
            sparsity: strength of the regulariser (the paper's c), at least 0.
            spread: standard deviation that embeddings are drawn with, above 0.
            cycles: how often the slope rises during a task, at least 1.
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
            if self.cycles < 1:
                raise ValueError(f"cycles must be at least 1, given {self.cycles}")

    scenarios: ClassVar[frozenset[str]] = frozenset({"task"})
    scores_unseen: ClassVar[bool] = False
    storage: ClassVar[dict[str, str]] = {"attention": "importance"}
    config: Config

    @classmethod
    def objection(cls, config: Any, setting: Setting) -> str | None:
        """Refuse other scenarios, and networks that are no chain of linear layers."""
        return super().objection(config, setting) or unfit(setting)

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self._names = linear_chain(network, outlook.input_shape)
        self._layers = linear(network, self._names)
        widths = {n: layer.weight[0] for n, layer in zip(self._names, self._layers, strict=True)}
        del widths[self._names[0]]
        self.attention = ParameterRows(widths, outlook.num_learned)
        self.learning = nn.ParameterList()
        self._used: list[Tensor] = []
        self._shares: dict[str, Tensor] = {}
        self._before: dict[str, Tensor] = {}
        self._steps = self._cycle = 0

    def begin_task(self, task: TaskView) -> None:
        """Draw the task's embeddings, and see what earlier tasks use."""
        generator, device = task.stream("attention"), task.examples.y.device
        self._used = [self.used(name) for name in self._names[1:]]
        for used in self._used:
            drawn = self.config.spread * torch.randn(used.shape, generator=generator)
            self.learning.append(nn.Parameter(drawn.to(device)))
        if self.attention.rows > 0:
            self._shares = self.shares(task)
        parameters = dict(self.network.named_parameters())
        self._before = {name: parameters[name].detach().clone() for name in self._shares}
        self._steps, self._cycle = 0, -(-task.num_steps // self.config.cycles)

    def loss(self, batch: Examples) -> Tensor:
        """Return the mean cross-entropy through the gates, plus the price of unused capacity."""
        gates = [gate(self.slope() * e) for e in self.learning]
        logits = self.masked(self.gated(batch.x, gates), batch.y)
        loss = F.cross_entropy(logits, batch.y)
        return loss + self.config.sparsity * self.newly_used(gates)

    @torch.no_grad()
    def after_backward(self) -> None:
        """Give the embeddings the gradient they would have at a slope that lets them learn."""
        slope = self.slope()
        for e in self.learning:
            steep = (slope * e).clamp(-LARGEST_EXPONENT, LARGEST_EXPONENT).cosh() + 1
            cast(Tensor, e.grad).mul_(self.config.s_max / slope * steep / (e.cosh() + 1))

    @torch.no_grad()
    def after_step(self, batch: Examples) -> None:
        """Take back what each weight may not take of the step."""
        self._steps += 1
        for e in self.learning:
            e.clamp_(-LARGEST_EMBEDDING, LARGEST_EMBEDDING)
        parameters = dict(self.network.named_parameters())
        for name, before in self._before.items():
            # At the ends of [0, 1] lerp gives its arguments, bit for bit.
            before.lerp_(parameters[name], self._shares[name])
            parameters[name].copy_(before)

    def end_task(self, task: TaskView) -> None:
        """Keep the task's embeddings."""
        self.attention.append(dict(zip(self._names[1:], self.learning, strict=True)))
        self.learning = nn.ParameterList()
        self._used, self._shares, self._before = [], {}, {}

    def predict(self, x: Tensor, task: int | None) -> Tensor:
        """Return scores [B, C] through the task's gates."""
        if task is None:
            raise ValueError("hard attention needs to be told the task: use the task scenario")
        embeddings = self.attention[task - 1]
        gates = [gate(self.config.s_max * embeddings[name]) for name in self._names[1:]]
        return self.gated(x, gates)

    def slope(self) -> float:
        """Return s: from 1/s_max at the first step of a cycle to s_max at its last."""
        lowest, highest = 1 / self.config.s_max, self.config.s_max
        if self._cycle <= 1:
            return highest
        return lowest + (highest - lowest) * (self._steps % self._cycle) / (self._cycle - 1)

    def gated(self, x: Tensor, gates: Sequence[Tensor]) -> Tensor:
        """Return scores [B, C] with hidden units multiplied by gates, one per layer above them."""

        def opened(gate: Tensor) -> Callable[[nn.Module, tuple[Tensor]], Tensor]:
            return lambda _layer, inputs: inputs[0] * gate

        with attached(
            layer.register_forward_pre_hook(opened(gate))
            for layer, gate in zip(self._layers[1:], gates, strict=True)
        ):
            return cast(Tensor, self.network(x))

    def newly_used(self, gates: Sequence[Tensor]) -> Tensor:
        """Return R, the share of the unused capacity that gates take."""
        free = 1 - torch.cat(self._used)
        return torch.dot(torch.cat(list(gates)), free) / free.sum().clamp_min(1e-8)

    def used(self, name: str) -> Tensor:
        """Return how much each unit below a layer is used by any task learned: 0 to 1."""
        rows = self.attention.get_buffer(buffer_name(name))
        if len(rows) == 0:
            return rows.new_zeros(rows.shape[1])
        return gate(self.config.s_max * rows).amax(dim=0)

    def shares(self, task: TaskView) -> dict[str, Tensor]:
        """Return for each parameter the share of a step that it keeps, 1 - min(a_i, a_j)."""
        head = self._layers[-1]
        others = torch.ones(head.out_features, device=head.weight.device)
        others[list(task.classes)] = 0
        above = [*self._used, others]
        below = [torch.ones_like(self._layers[0].weight[0]), *self._used]
        shares: dict[str, Tensor] = {}
        for name, a_i, a_j in zip(self._names, above, below, strict=True):
            shares[f"{name}.weight"] = 1 - torch.minimum(a_i.unsqueeze(1), a_j)
            shares[f"{name}.bias"] = 1 - a_i
        return {name: shares[name] for name, _ in self.network.named_parameters()}


def gate(z: Tensor) -> Tensor:
    """Return sigmoid(z), but 0 where that is next to nothing; the gradient is the sigmoid's.

    Units closed by 1e-20 would fill the matrix products with denormal numbers, which take a CPU
    many times as long.
    """
    a = z.sigmoid()
    return a + (a.masked_fill(a < CLOSED, 0) - a).detach()
