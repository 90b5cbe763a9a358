"""Independent networks: a fresh network for each task; nothing is forgotten and nothing is shared.

State:
    network: the network of the last task learned.
    columns: the finished networks of the tasks before it, never changed; task k's is columns.(k-1).

Reference:
    None; e.g. the "Independent" baseline of Lopez-Paz and Ranzato 2017, NeurIPS, section 4.
    Initialisation as in the network's own layers (`reset_parameters`).

Deviations:
    Each task has a network of full size; Lopez-Paz and Ranzato divide the width by the number of
    tasks.
"""

from __future__ import annotations

import copy
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from methods.base import Config, Method, Outlook, TaskView


class Independent(Method):
    """Train one network per task and predict with the task's own."""

    scenarios: ClassVar[frozenset[str]] = frozenset({"task"})
    scores_unseen: ClassVar[bool] = False
    storage: ClassVar[dict[str, str]] = {"columns": "columns"}

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self.columns = nn.ModuleList(frozen(network) for _ in range(outlook.num_learned - 1))

    def begin_task(self, task: TaskView) -> None:
        """Set the finished network aside and start from fresh weights."""
        if task.index > 1:
            self.columns.append(frozen(self.network))
            reinitialise(self.network, task.stream("initialisation"))

    def predict(self, x: Tensor, task: int | None) -> Tensor:
        """Return the scores [B, C] of the task's own network."""
        if task is None:
            raise ValueError("independent networks need to be told the task: use the task scenario")
        column = self.columns[task - 1] if task <= len(self.columns) else self.network
        return cast(Tensor, column(x))


def frozen(network: nn.Module) -> nn.Module:
    """Return a copy that does not learn."""
    return copy.deepcopy(network).requires_grad_(False)


def reinitialise(network: nn.Module, generator: torch.Generator) -> None:
    """Draw a network's weights anew, in place, and reset its running statistics.

    The layers' own initialisers draw from torch's global generator, which is put back as it was;
    they draw on the CPU, so that a GPU starts from the same weights. Of a network on a GPU nothing
    but its buffers is copied from there.

    Raises:
        TypeError: a module holds parameters and has no `reset_parameters`.
    """
    fresh = copy.deepcopy(network).to_empty(device="cpu")
    for name, buffer in fresh.named_buffers():
        buffer.copy_(network.get_buffer(name))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.set_state(generator.get_state())
        reset(fresh)
    network.load_state_dict(fresh.state_dict())


def reset(module: nn.Module) -> None:
    """Call `reset_parameters` on a module, or else on its children."""
    own = getattr(module, "reset_parameters", None)
    if own is not None:
        own()
        return
    if next(module.parameters(recurse=False), None) is not None:
        raise TypeError(
            f"{type(module).__name__} holds parameters and cannot be initialised anew; give it a "
            "method reset_parameters()"
        )
    for child in module.children():
        reset(child)
