"""Costs of a stage: bytes kept between tasks by category, FLOPs, seconds, peak memory.

What counts as a FLOP: `flops.py`.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor

from methods.base import Examples, Method
from orchestrator.columns import CATEGORIES as CATEGORIES
from orchestrator.errors import RepertoireError
from orchestrator.stages.flops import FlopCounter
from orchestrator.stages.learning import optimizer_state

P = ParamSpec("P")
T = TypeVar("T")


class FlopMeter:
    """Counts the FLOPs of repeated work: measures one piece of each kind, then multiplies.

    Counting costs more than a small operation itself. Pieces of one kind (same batch size, same
    `Method.step_kind`) do the same arithmetic, so one of each kind is counted.

    Args:
        known: kind -> FLOPs, of earlier work with the same network and method.

    Attributes:
        counting: returns a context for the work that is counted.
    """

    def __init__(self, known: dict[Hashable, int] | None = None) -> None:
        self.total = 0
        self._known = {} if known is None else known
        self.counting: Callable[[], AbstractContextManager[object]] = nullcontext

    def measure(self, kind: Hashable, work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """Call `work`, add its FLOPs to `total`, and return its result."""
        if kind not in self._known:
            with self.counting(), FlopCounter() as counter:
                result = work(*args, **named)
            self._known[kind] = counter.total
        else:
            result = work(*args, **named)
        self.total += self._known[kind]
        return result


class Clock:
    """Wall, processor and accelerator seconds of named phases."""

    def __init__(self, device: str = "cpu") -> None:
        self.seconds: dict[str, float] = {}
        self.cpu_seconds = 0.0
        self.gpu_seconds = 0.0
        self._cuda = device.startswith("cuda")

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the block's seconds to phase `name`."""
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:  # also for training that diverges
            if self._cuda:
                torch.cuda.synchronize()
            elapsed = time.perf_counter() - wall
            self.seconds[name] = self.seconds.get(name, 0.0) + elapsed
            self.cpu_seconds += time.process_time() - cpu
            self.gpu_seconds += elapsed if self._cuda else 0.0


def storage_bytes(state: Mapping[str, Tensor], categories: Mapping[str, str]) -> dict[str, int]:
    """Return the bytes of a state by category.

    Args:
        state: name -> tensor, all that is carried to the next task.
        categories: first part of a name -> category, for names that do not begin with `network`.

    Raises:
        RepertoireError: a part of the state has no category.
    """
    table = {"network": "model", optimizer_state.STATE: "optimizer", **categories}
    total: dict[str, int] = {}
    for name, tensor in state.items():
        first = name.split(".")[0]
        if first not in table:
            raise RepertoireError(
                f"the state holds {name!r} of no storage category; name {first!r} in the method's "
                f"`storage`, as one of: {', '.join(CATEGORIES)}"
            )
        category = table[first]
        total[category] = total.get(category, 0) + tensor.numel() * tensor.element_size()
    return total


def raw_data_bytes(method: Method, examples: Examples) -> int:
    """Return the bytes of training data that a method must keep: all it has seen, or none.

    Images count at their size, labels as the smallest integer type that can represent them.
    """
    if method.trains_on == "current":
        return 0
    label = 1 if method.outlook.num_classes <= 256 else 2
    return examples.x.numel() * examples.x.element_size() + label * len(examples)


def reset_peak_memory(device: str) -> None:
    """Start a new peak; where the system does not allow it, the peak is that of the process."""
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory_bytes(device: str) -> int:
    """Return the peak since the last reset: of the accelerator's memory, else of this process."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated()
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
