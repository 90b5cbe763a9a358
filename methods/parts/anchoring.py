"""What quadratic penalties hold, keep and add: parameters, tensors of their shapes, the penalty.

Reference:
    Kirkpatrick et al. 2017, Overcoming catastrophic forgetting in neural networks, PNAS 114(13),
    eq. 3: the penalty that EWC, SI, MAS and RWalk share; they differ in the importances.

Deviations:
    None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from methods import base
from methods.base import Method, Setting


@dataclass(frozen=True, kw_only=True)
class PenaltyConfig(base.Config):
    """Hyperparameters of every quadratic penalty.

    Attributes:
        penalise_head: whether the output layer is held too; None: in the domain scenario, where all
            tasks share its outputs, and in no other.
    """

    penalise_head: bool | None = None


class Penalty(Method):
    """A method that holds parameters near where the last task left them."""

    Config: ClassVar[type[base.Config]] = PenaltyConfig
    storage: ClassVar[Mapping[str, str]] = {"anchor": "anchor", "importance": "importance"}
    config: Any

    @classmethod
    def with_defaults(cls, config: Any, setting: Setting) -> Any:
        """Return the configuration with the output layer held or not."""
        if config.penalise_head is not None:
            return config
        return replace(config, penalise_head=setting.scenario == "domain")

    def anchored_parameters(self) -> dict[str, Tensor]:
        """Return the parameters that are held: name within the network -> parameter."""
        return held_parameters(self.network, bool(self.config.penalise_head))


class ParameterRows(nn.Module):
    """Rows of values for named parameters, kept as one buffer [rows, *shape] per parameter.

    A buffer is named after its parameter, with "/" for ".", which buffers' names may not contain.
    """

    def __init__(self, parameters: Mapping[str, Tensor], rows: int) -> None:
        super().__init__()
        self._names = tuple(parameters)
        self.rows = rows
        for name, value in parameters.items():
            self.register_buffer(buffer_name(name), value.detach().new_zeros((rows, *value.shape)))

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        """Return one row: parameter's name -> tensor of its shape."""
        return {name: self.get_buffer(buffer_name(name))[row] for name in self._names}

    def append(self, values: Mapping[str, Tensor]) -> None:
        """Add a row at the end."""
        for name in self._names:
            rows = self.get_buffer(buffer_name(name))
            setattr(self, buffer_name(name), torch.cat((rows, values[name].detach().unsqueeze(0))))
        self.rows += 1

    def replace(self, values: Mapping[str, Tensor]) -> None:
        """Drop all rows and add one."""
        self.clear()
        self.append(values)

    def clear(self) -> None:
        """Drop all rows."""
        for name in self._names:
            setattr(self, buffer_name(name), self.get_buffer(buffer_name(name))[:0].clone())
        self.rows = 0


def buffer_name(parameter: str) -> str:
    """Return the name under which a parameter's rows are kept."""
    return parameter.replace(".", "/")


def held_parameters(network: nn.Module, penalise_head: bool) -> dict[str, Tensor]:
    """Return the parameters that a penalty holds: name within the network -> parameter.

    Args:
        network: its frozen parameters are left out.
        penalise_head: whether the output layer is held too.
    """
    head = set() if penalise_head else head_parameters(network)
    return {n: p for n, p in network.named_parameters() if p.requires_grad and p not in head}


def head_parameters(network: nn.Module) -> set[Tensor]:
    """Return the parameters of a network's output layer.

    Raises:
        ValueError: the network does not say which layer that is.
    """
    head = getattr(network, "head", None)
    if not isinstance(head, nn.Module):
        raise ValueError(
            f"{type(network).__name__} has no layer named head, so its output layer cannot be left "
            "out of the penalty: name that layer head, or set penalise_head: true"
        )
    return set(head.parameters())


def quadratic(
    parameters: Mapping[str, Tensor],
    anchor: Mapping[str, Tensor],
    importance: Mapping[str, Tensor] | None = None,
) -> Tensor:
    """Return sum_j importance_j (parameter_j - anchor_j)^2 as a scalar; no importances: all 1.

    Three operations per parameter tensor; one flat vector instead would have to be gathered anew at
    every step, which costs a CPU more than it saves.
    """
    terms = []
    for name, place in anchor.items():
        delta = (parameters[name] - place).flatten()
        weighted = delta if importance is None else importance[name].flatten() * delta
        terms.append(torch.dot(weighted, delta))
    return torch.stack(terms).sum()


@torch.no_grad()
def add_pull(
    parameters: Mapping[str, Tensor],
    anchor: Mapping[str, Tensor],
    importance: Mapping[str, Tensor],
    strength: float,
) -> None:
    """Add the gradient of strength * `quadratic` to the gradients of parameters that have one.

    The gradient without it is not written to: who noted it keeps it.
    """
    for name, p in parameters.items():
        if p.grad is not None:
            p.grad = torch.addcmul(p.grad, importance[name], p - anchor[name], value=2 * strength)
