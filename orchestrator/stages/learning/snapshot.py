"""A copy of all that a method is at some step, to go back to.

A state holds what is carried to the next task. During a task there is more: path integrals, the
counters and generators of memories. All of it is copied: parameters, buffers and plain attributes.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

# What every module has: its parameters, buffers and modules are copied here, its hooks are kept.
OF_MODULES = frozenset(vars(nn.Module())) - {"training"} | {"_compiled_call_impl"}


@dataclass(frozen=True)
class Snapshot:
    """A copy of a method.

    Attributes:
        values: each tensor of the method, with a copy of its values.
        members: of each module its parameters, buffers and modules by name.
        attributes: of each module copies of its other attributes.
    """

    values: list[tuple[Tensor, Tensor]]
    members: list[tuple[nn.Module, list[dict[str, Any]]]]
    attributes: list[tuple[nn.Module, Mapping[str, Any]]]

    @staticmethod
    def take(method: nn.Module, shared: Iterable[Tensor] = ()) -> Snapshot:
        """Return a copy of a method; tensors of `shared` are not copied."""
        modules = list(method.modules())
        tensors = [*method.parameters(), *method.buffers()]
        # One memo for all, so that what two attributes share, their copies share.
        memo: dict[int, Any] = {id(each): each for each in (*modules, *tensors, *shared)}
        return Snapshot(
            [(tensor, tensor.detach().clone()) for tensor in tensors],
            [(module, [dict(table) for table in tables(module)]) for module in modules],
            [(module, copy.deepcopy(own_attributes(module), memo)) for module in modules],
        )

    @torch.no_grad()
    def restore(self) -> None:
        """Set the method to the copy; may be called once."""
        for tensor, values in self.values:
            # Parameters stay the objects that the optimiser refers to.
            tensor.data = values
        for module, copies in self.members:
            for table, content in zip(tables(module), copies, strict=True):
                table.clear()
                table.update(content)
        for module, attributes in self.attributes:
            for name in own_attributes(module).keys() - attributes.keys():
                del module.__dict__[name]
            module.__dict__.update(attributes)


def tables(module: nn.Module) -> tuple[dict[str, Any], ...]:
    """Return the tables of a module's own parameters, buffers and modules."""
    return module._parameters, module._buffers, module._modules


def own_attributes(module: nn.Module) -> dict[str, Any]:
    """Return the attributes of a module that are neither parameters, buffers nor modules."""
    return {name: value for name, value in vars(module).items() if name not in OF_MODULES}
