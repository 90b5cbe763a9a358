"""The state of an optimiser between tasks, for `keep_optimizer`: part of the state of a stage.

State, below the name of a parameter as in the method's own state:
    kept_optimizer.PARAMETER/ENTRY: tensors such as `exp_avg` of Adam or `momentum_buffer` of SGD.
    kept_optimizer.PARAMETER/ENTRY#: a number that the optimiser keeps as such, as a tensor [].
    kept_optimizer.kind: uint8, the name of the optimiser and the options that are on, as text.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from methods.base import Method
from orchestrator.errors import RepertoireError
from orchestrator.stages.costs import KEPT_OPTIMIZER

VERSION = 2  # raised by hand when a kept optimiser goes on in another way
STATE = KEPT_OPTIMIZER
KIND = f"{STATE}.kind"

NUMBERS = {bool: torch.bool, int: torch.int64, float: torch.float64}

OptimizerTensors = Mapping[str, Tensor]


def is_of_optimizer(name: str) -> bool:
    """Return whether a name of a stage's state is of its optimiser."""
    return name.startswith(f"{STATE}.")


class KeptOptimizer:
    """The state that an optimiser has of each parameter of a method.

    Args:
        method: has the names of the parameters.
        optimizer: of its parameters.
        kind: of the optimiser, see `TrainingOptions.optimizer_kind`; None if its state is not kept.
    """

    def __init__(self, method: Method, optimizer: Optimizer, kind: str | None) -> None:
        self._method, self._optimizer, self._kind = method, optimizer, kind

    def capture(self) -> dict[str, Tensor]:
        """Return the state; empty if it is not kept.

        Raises:
            RepertoireError: the optimiser keeps something that is neither a tensor nor a number.
        """
        if self._kind is None:
            return {}
        # A bytearray, since torch warns of a buffer that cannot be written to.
        state = {KIND: torch.frombuffer(bytearray(self._kind.encode()), dtype=torch.uint8)}
        for name, p in self._method.named_parameters():
            for entry, value in self._optimizer.state.get(p, {}).items():
                state |= self._to_tensor(f"{STATE}.{name}/{entry}", value)
        return state

    def _to_tensor(self, place: str, value: Any) -> dict[str, Tensor]:
        if isinstance(value, bool | int | float):
            return {f"{place}#": torch.tensor(value, dtype=NUMBERS[type(value)])}
        if value is None or isinstance(value, Tensor):
            return {} if value is None else {place: value}
        raise RepertoireError(
            f"keep_optimizer: {type(self._optimizer).__name__} keeps {place.partition('/')[2]!r}, "
            f"{type(value).__name__}, of a parameter; only tensors and numbers are carried"
        )

    def restore(self, parent: OptimizerTensors) -> None:
        """Set the optimiser to the state in the parent of a stage, if that is of the same kind.

        A parameter that is not as the parent has it starts without a state: a new one, one that
        grew, or one that the method drew anew for the task.
        """
        if KIND not in parent or bytes(parent[KIND].tolist()).decode() != self._kind:
            return
        # torch numbers parameters in the order of their groups; a stage's state has their names.
        content = self._optimizer.state_dict()
        names = {p: name for name, p in self._method.named_parameters()}
        params = [p for group in self._optimizer.param_groups for p in group["params"]]
        numbers = [number for group in content["param_groups"] for number in group["params"]]
        for number, p in zip(numbers, params, strict=True):
            entries = _entries(parent, f"{STATE}.{names[p]}/")
            if entries and _is_as_before(p, parent.get(names[p])):
                content["state"][number] = entries
        self._optimizer.load_state_dict(content)


def carried_entries(kept: OptimizerTensors, names: Container[str]) -> dict[str, Tensor]:
    """Return the entries for the parameters that are carried to the next task.

    Args:
        kept: the state of an optimiser.
        names: of the method's state after the task.
    """
    return {
        entry: value
        for entry, value in kept.items()
        if entry == KIND or entry.removeprefix(f"{STATE}.").rpartition("/")[0] in names
    }


def _is_as_before(p: Tensor, stored: Tensor | None) -> bool:
    """Return whether a parameter has the values that a state has of it."""
    return stored is not None and torch.equal(stored, p.detach().cpu())


def _entries(state: OptimizerTensors, prefix: str) -> dict[str, Any]:
    """Return a copy of the optimiser's state of one parameter."""
    entries: dict[str, Any] = {}
    for name, value in state.items():
        if name.startswith(prefix):
            entry = name.removeprefix(prefix)
            number = entry.endswith("#")
            # Steps change tensors in place, and the parent's state must stay as it is.
            entries[entry.removesuffix("#")] = value.item() if number else value.clone()
    return entries
