"""What quadratic penalties keep: tensors shaped like parameters, and the penalty itself."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


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

    def clear(self) -> None:
        """Drop all rows."""
        for name in self._names:
            setattr(self, buffer_name(name), self.get_buffer(buffer_name(name))[:0].clone())
        self.rows = 0


def buffer_name(parameter: str) -> str:
    """Return the name under which a parameter's rows are kept."""
    return parameter.replace(".", "/")


def quadratic(
    parameters: Mapping[str, Tensor], anchor: Mapping[str, Tensor], importance: Mapping[str, Tensor]
) -> Tensor:
    """Return sum_j importance_j (parameter_j - anchor_j)^2 as a scalar.

    Three operations per parameter tensor; one flat vector instead would have to be gathered anew at
    every step, which costs a CPU more than it saves.
    """
    terms = []
    for name, weight in importance.items():
        delta = (parameters[name] - anchor[name]).flatten()
        terms.append(torch.dot(weight.flatten() * delta, delta))
    return torch.stack(terms).sum()
