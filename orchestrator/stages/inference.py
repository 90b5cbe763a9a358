"""What one prediction costs: its FLOPs, and the bytes of the state that it reads.

Methods differ: isolation selects a part of the network, a growing network has more of it for later
tasks, a memory of examples is not read. Both are counted on a forward pass of one example.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from methods.base import Method
from orchestrator.stages.features.feature_inputs import feature_sets
from orchestrator.stages.flops import FlopCounter
from orchestrator.stages.stage import Stage
from orchestrator.stages.without_compiler import without_compiler


@without_compiler
class ReadCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A context in which the parts of a state that operations read are noted.

    A view of a tensor reads nothing; an operation on the view reads the elements that it has.

    Args:
        state: name -> tensor.
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._sizes = {
            tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes()
            for tensor in state.values()
            if tensor.numel()
        }
        self._read: dict[int, dict[tuple[int, int], int]] = {}

    @property
    def total(self) -> int:
        """The bytes that were read, those of overlapping views at most once."""
        return sum(
            min(sum(parts.values()), self._sizes[memory]) for memory, parts in self._read.items()
        )

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run an operation and note what it reads."""
        if not func.is_view:
            self._note_all((*args, *(kwargs or {}).values()))
        return func(*args, **(kwargs or {}))

    def _note_all(self, values: Iterable[Any]) -> None:
        """Note the tensors among the arguments of an operation, and in lists of them."""
        for each in values:
            if isinstance(each, Tensor):
                self._note(each)
            elif isinstance(each, list | tuple):
                self._note_all(each)

    def _note(self, tensor: Tensor) -> None:
        memory = tensor.untyped_storage().data_ptr()
        if memory in self._sizes:
            place = (int(tensor.storage_offset()), tensor.numel())
            self._read.setdefault(memory, {})[place] = tensor.numel() * tensor.element_size()


@torch.no_grad()
def prediction_costs(
    predict: Callable[[], object], state: Mapping[str, Tensor]
) -> tuple[int, int] | tuple[None, None]:
    """Return the FLOPs of a prediction, and the bytes of a state that it reads; None if it fails.

    Args:
        predict: the prediction; a method is in evaluation mode.
        state: all that the method carries, as live tensors.
    """
    try:
        with ReadCounter(state) as reads, FlopCounter() as flops:
            predict()
    # A figure must not fail a stage; that a prediction fails shows in the scores.
    except Exception:
        return None, None
    return flops.total, reads.total


def inference_costs(
    stage: Stage, method: Method, device: str
) -> tuple[int, int] | tuple[None, None]:
    """Return FLOPs and bytes of predicting one example of the task just learned.

    Before the first task it is one of the first task's, and the bare network that predicts.
    """
    task = stage.benchmark.tasks()[max(stage.after - 1, 0)]
    method.eval()
    x = task.train.x[:1].to(device)
    task_id = task.index if stage.benchmark.scenario == "task" else None
    # A frozen body is read too, and is no part of the state.
    frozen = getattr(method.network, "frozen", None)
    body = {} if frozen is None else {f"body.{n}": t for n, t in frozen.module.state_dict().items()}
    state = {**method.state_dict(), **body}
    flops, read = prediction_costs(lambda: method.predict(x, task_id), state)
    if flops is None or read is None:
        return None, None
    # An image that is new has to pass through the body that its features are of.
    features = feature_sets(stage.benchmark)[:1]
    return (
        flops + sum(each.body_flops for each in features),
        read + sum(each.body_bytes for each in features),
    )
