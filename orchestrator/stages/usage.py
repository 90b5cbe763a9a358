"""Time, energy and memory that a stage uses: in its phases, and the peak of memory."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from orchestrator.columns import CATEGORIES as CATEGORIES
from orchestrator.stages.energy import EnergyMeter, find_counters
from orchestrator.stages.utilisation import UtilisationMeter

# What CUDA and cuDNN take for a process before its first tensor, and room for fragments.
CONTEXT_BYTES, HEADROOM = 600 * 2**20, 1.25


class Clock:
    """Wall, processor and accelerator seconds of named phases, utilisation, and energy."""

    def __init__(self, device: str = "cpu") -> None:
        self.seconds: dict[str, float] = {}
        self.cpu_seconds = 0.0
        self.gpu_seconds = 0.0
        self._cuda = device.startswith("cuda")
        self._meter = UtilisationMeter(device)
        self._energy = EnergyMeter(find_counters(device))
        self._shared_joules = 0.0

    @property
    def gpu_utilisation(self) -> float | None:
        """The mean share of the time in which the GPU was busy, 0 to 1; None if unknown."""
        return self._meter.mean()

    @property
    def joules(self) -> float | None:
        """The energy that the device took in all phases; None if it has no meter."""
        own = self._energy.joules
        return None if own is None else own + self._shared_joules

    def add_share(self, whole: Clock, parts: int) -> None:
        """Add an equal share of the seconds and the energy of another clock."""
        for name, seconds in whole.seconds.items():
            self.seconds[name] = self.seconds.get(name, 0.0) + seconds / parts
        self.cpu_seconds += whole.cpu_seconds / parts
        self.gpu_seconds += whole.gpu_seconds / parts
        self._shared_joules += (whole.joules or 0.0) / parts

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the block's seconds to phase `name`."""
        self._energy.start()
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            with self._meter.sample():
                yield
        finally:  # also for training that diverges
            if self._cuda:
                torch.cuda.synchronize()
            elapsed = time.perf_counter() - wall
            self.seconds[name] = self.seconds.get(name, 0.0) + elapsed
            self.cpu_seconds += time.process_time() - cpu
            self.gpu_seconds += elapsed if self._cuda else 0.0
            self._energy.stop()


def reset_peak_memory(device: str) -> None:
    """Start a new peak; where the system does not allow it, the peak is that of the process."""
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
    with suppress(OSError):
        # 5 resets VmHWM, the peak of the resident memory.
        Path("/proc/self/clear_refs").write_text("5")


def gpu_memory_share(peak_bytes: int, device: str) -> float:
    """Return the share of its GPU's memory that a stage needs; 0 on the CPU.

    Args:
        peak_bytes: the peak of the memory of its tensors.
        device: that it ran on.
    """
    if not device.startswith("cuda"):
        return 0.0
    total: int = torch.cuda.get_device_properties(device).total_memory
    return memory_share(peak_bytes, total)


def memory_share(peak_bytes: int, total_bytes: int) -> float:
    """Return the share of a GPU that tensors of a peak need with the context of their process."""
    return min((CONTEXT_BYTES + HEADROOM * peak_bytes) / total_bytes, 1.0)


def peak_memory_bytes(device: str) -> int:
    """Return the peak since the last reset: of the accelerator's memory, else of this process."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated()
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
