"""The state of an optimiser between tasks, for `keep_optimizer`: part of the state of a stage.

State, below the name of a parameter as in the method's own state:
    kept_optimizer.PARAMETER/ENTRY: tensors such as `exp_avg` of Adam or `momentum_buffer` of SGD.
    kept_optimizer.PARAMETER/ENTRY#: a number that the optimiser keeps as such, as a tensor [].
    kept_optimizer.kind: uint8, the name of the optimiser and the options that are on, as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from methods.base import Method
from orchestrator.errors import RepertoireError

STATE = "kept_optimizer"
KIND = f"{STATE}.kind"

State = Mapping[str, Tensor]


def is_of_optimizer(name: str) -> bool:
    """Return whether a name of a stage's state is of its optimiser."""
    return name.startswith(f"{STATE}.")


def capture_optimizer(method: Method, optimizer: Optimizer, kind: str) -> dict[str, Tensor]:
    """Return the state that an optimiser of some kind keeps of each parameter of a method.

    Raises:
        RepertoireError: the optimiser keeps something that is neither a tensor nor a number.
    """
    state = {KIND: torch.frombuffer(bytearray(kind.encode()), dtype=torch.uint8)}
    for name, p in method.named_parameters():
        for entry, value in optimizer.state.get(p, {}).items():
            place = f"{STATE}.{name}/{entry}"
            if isinstance(value, Tensor):
                state[place] = value
            elif isinstance(value, bool | int | float):
                state[f"{place}#"] = torch.tensor(value, dtype=_dtype(value))
            elif value is not None:
                raise RepertoireError(
                    f"keep_optimizer: {type(optimizer).__name__} keeps {entry!r}, "
                    f"{type(value).__name__}, of a parameter; only tensors and numbers are carried"
                )
    return state


def restore_optimizer(method: Method, optimizer: Optimizer, kind: str, parent: State) -> None:
    """Set an optimiser to the state in the parent of a stage, if that is of the same kind.

    A parameter that the parent lacks, or has in another shape, starts without a state.
    """
    if KIND not in parent or bytes(parent[KIND].tolist()).decode() != kind:
        return
    content = optimizer.state_dict()
    names = {p: name for name, p in method.named_parameters()}
    params = [p for group in optimizer.param_groups for p in group["params"]]
    numbers = [number for group in content["param_groups"] for number in group["params"]]
    for number, p in zip(numbers, params, strict=True):
        name = names[p]
        if name in parent and parent[name].shape == p.shape:
            content["state"][number] = _entries(parent, f"{STATE}.{name}/")
    content["state"] = {number: entries for number, entries in content["state"].items() if entries}
    optimizer.load_state_dict(content)


def _entries(state: State, prefix: str) -> dict[str, Any]:
    """Return a copy of what the optimiser kept of one parameter."""
    entries: dict[str, Any] = {}
    for name, value in state.items():
        if name.startswith(prefix):
            entry = name.removeprefix(prefix)
            number = entry.endswith("#")
            entries[entry.removesuffix("#")] = value.item() if number else value.clone()
    return entries


def _dtype(value: float) -> torch.dtype:
    kinds = {bool: torch.bool, int: torch.int64, float: torch.float64}
    return kinds[type(value)]
