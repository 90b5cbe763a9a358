"""Quadratic penalties: the penalised parameters, rows of values for them, the penalty.

Reference:
    Kirkpatrick et al. 2017, Overcoming catastrophic forgetting in neural networks, PNAS 114(13),
    eq. 3: the penalty of EWC, SI, MAS and RWalk, which differ in the importances.

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
from methods.base import Method, Outlook, Setting, TaskView, neutral
from methods.parts.former import copy_values
from methods.parts.stored_values import TYPES, StateDtype, read, store


@dataclass(frozen=True, kw_only=True)
class PenaltyConfig(base.Config):
    """Hyperparameters of every quadratic penalty.

    Attributes:
        penalise_head: whether the output layer is penalised too; None: only in the domain scenario,
            where all tasks share its outputs.
    """

    penalise_head: bool | None = None


@dataclass(frozen=True, kw_only=True)
class ImportanceConfig(PenaltyConfig):
    """Hyperparameters of a quadratic penalty with importances.

    Attributes:
        state_dtype: how importances, and anchors that are carried, are stored: float32, bfloat16,
            or int8 with a scale for each tensor; see `methods.parts.stored_values`.
    """

    state_dtype: StateDtype = neutral("float32")  # noqa: RUF009 - a field


class Penalty(Method):
    """A method that penalises the distance of parameters from their values after a task.

    Attributes:
        anchor: theta*, the penalised parameters as the last task left them: name -> tensor. Empty
            in the first task. Not part of the state (see `methods.parts.former`).
    """

    Config: ClassVar[type[base.Config]] = PenaltyConfig
    storage: ClassVar[Mapping[str, str]] = {"importance": "importance"}
    config: Any

    @classmethod
    def with_defaults(cls, config: Any, setting: Setting) -> Any:
        """Return the configuration with `penalise_head` set."""
        if config.penalise_head is not None:
            return config
        # Set in the configuration, so that keys and tables hold the value used.
        return replace(config, penalise_head=setting.scenario == "domain")

    def __init__(self, network: nn.Module, config: Any, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        if self.strength is not None:
            self.weight = getattr(config, self.strength)
        self.anchor: dict[str, Tensor] = {}

    def begin_task(self, task: TaskView) -> None:
        """Anchor the parameters, from the second task on."""
        # In the first task there is nothing to hold on to, and `anchor` stays empty: no penalty is
        # added.
        if task.index > 1:
            self.anchor = copy_values(self.anchored_parameters())

    def anchored_parameters(self) -> dict[str, Tensor]:
        """Return the penalised parameters: name within the network -> parameter."""
        return penalised_parameters(self.network, bool(self.config.penalise_head))


class ParameterRows(nn.Module):
    """Rows of values for named parameters, stored as one buffer [rows, *shape] per parameter.

    A buffer has the name of its parameter with "/" for ".", which buffer names must not contain.

    Args:
        parameters: name -> tensor, for the shapes.
        rows: how many there are, as a state that is loaded has.
        dtype: as which the values are stored; int8 has a scale for each tensor of each row.
    """

    def __init__(
        self, parameters: Mapping[str, Tensor], rows: int, dtype: StateDtype = "float32"
    ) -> None:
        super().__init__()
        self._names, self._dtype = tuple(parameters), dtype
        for name, value in parameters.items():
            zeros = value.detach().new_zeros((rows, *value.shape))
            self.register_buffer(buffer_name(name), zeros.to(TYPES.get(dtype, zeros.dtype)))
            if dtype == "int8":
                self.register_buffer(scale_name(name), zeros.new_ones(rows))

    @property
    def rows(self) -> int:
        """Number of rows; 0 without parameters."""
        return len(self.get_buffer(buffer_name(self._names[0]))) if self._names else 0

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        """Return one row: parameter name -> tensor of its shape, as real numbers."""
        return {name: self._read(name, row) for name in self._names}

    def _read(self, name: str, row: int) -> Tensor:
        stored = self.get_buffer(buffer_name(name))[row]
        if self._dtype == "int8":
            return read(stored, self.get_buffer(scale_name(name))[row])
        return read(stored)

    def append(self, values: Mapping[str, Tensor]) -> None:
        """Add a row at the end."""
        for name in self._names:
            # Detached: a row must not keep the graph of the task that measured it.
            stored, scale = store(values[name].detach(), self._dtype)
            self._append(buffer_name(name), stored)
            if scale is not None:
                self._append(scale_name(name), scale)

    def _append(self, buffer: str, value: Tensor) -> None:
        setattr(self, buffer, torch.cat((self.get_buffer(buffer), value.unsqueeze(0))))

    def replace(self, values: Mapping[str, Tensor]) -> None:
        """Drop all rows and add one."""
        self.clear()
        self.append(values)

    def clear(self) -> None:
        """Drop all rows."""
        for name, buffer in list(self.named_buffers()):
            # A slice alone would keep the memory of all rows.
            setattr(self, name, buffer[:0].clone())


def buffer_name(parameter: str) -> str:
    """Return the name of the buffer with a parameter's rows."""
    return parameter.replace(".", "/")


def scale_name(parameter: str) -> str:
    """Return the name of the buffer with the scales of a parameter's rows, one each."""
    return f"{buffer_name(parameter)}#scale"


def penalised_parameters(network: nn.Module, penalise_head: bool) -> dict[str, Tensor]:
    """Return the parameters for a penalty: name within the network -> parameter.

    Args:
        network: its frozen parameters are left out.
        penalise_head: whether to include the output layer.
    """
    # By identity: a tied parameter of the head is left out under any of its names.
    head = set() if penalise_head else head_parameters(network)
    return {n: p for n, p in network.named_parameters() if p.requires_grad and p not in head}


def head_parameters(network: nn.Module) -> set[Tensor]:
    """Return the parameters of a network's output layer.

    Raises:
        ValueError: the network has no module named head.
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

    Three operations per parameter tensor; a single flat vector would have to be built at every
    step, which costs more on a CPU than it saves.
    """
    terms = []
    for name, value in anchor.items():
        delta = (parameters[name] - value).flatten()
        weighted = delta if importance is None else importance[name].flatten() * delta
        terms.append(torch.dot(weighted, delta))
    return torch.stack(terms).sum()


@torch.no_grad()
def add_pull(
    parameters: Mapping[str, Tensor],
    anchor: Mapping[str, Tensor],
    importance: Mapping[str, Tensor],
    strength: float | Tensor,
) -> None:
    """Add the gradient of strength * `quadratic` to the gradients of parameters that have one.

    The gradient tensors themselves are replaced, not modified, so references to them stay valid.

    The strength is a number, or a tensor with one for each part of the parameters' first dimension,
    of siblings that are fused.
    """
    for name, p in parameters.items():
        if p.grad is not None:
            weights, value = importance[name], 2.0
            if isinstance(strength, Tensor):
                weights = weights * strength.view(-1, *[1] * (p.dim() - 1))
            else:
                value *= strength
            # d/dp of F (p - a)^2 is 2 F (p - a): `value` is the 2, times the strength unless it is
            # a tensor.
            p.grad = torch.addcmul(p.grad, weights, p - anchor[name], value=value)
