"""The energy that a stage's device takes, from the counters of the machine.

A GPU's is NVML's count of the whole GPU since its driver was loaded (Volta and later; package
nvidia-ml-py); a processor's is RAPL's of all sockets, below /sys/class/powercap, which many systems
let root alone read. All that ran on the device meanwhile is counted. Without a counter there is no
figure.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

POWERCAP = Path("/sys/class/powercap")
# A socket of 400 W fills RAPL's counter in some 10 minutes: read it several times within that.
INTERVAL_SECONDS = 60.0
# A reading of a GPU takes 4 ms, as long as the evaluation of a small network.
GPU_PERIOD_SECONDS = 0.1


@dataclass
class Counter:
    """A counter of energy that only grows, but for starting again at 0 where it overflows.

    Attributes:
        read: returns its value in units; None if it cannot be read.
        joules: of a unit.
        limit: the value after which it starts again at 0; None: never.
    """

    read: Callable[[], int | None]
    joules: float
    limit: int | None = None

    def difference(self, before: int, after: int) -> float | None:
        """Return the joules between two readings; None if it fell and has no limit."""
        if after >= before:
            return (after - before) * self.joules
        return None if self.limit is None else (after + self.limit + 1 - before) * self.joules


def find_counters(device: str, powercap: Path = POWERCAP) -> list[Counter]:
    """Return the counters of a device that can be read; empty if none can."""
    counters = [gpu_counter(device)] if device.startswith("cuda") else socket_counters(powercap)
    return counters if all(counter.read() is not None for counter in counters) else []


def socket_counters(powercap: Path) -> list[Counter]:
    """Return a counter for each socket; their parts are counted with them, the platform is not."""
    zones = (zone for zone in sorted(powercap.glob("intel-rapl:*")) if zone.name.count(":") == 1)
    return [
        Counter(partial(_number, zone / "energy_uj"), 1e-6, _number(zone / RANGE))
        for zone in zones
        if _text(zone / "name").startswith("package")
    ]


RANGE = "max_energy_range_uj"


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""


def _number(file: Path) -> int | None:
    text = _text(file)
    return int(text) if text.isdecimal() else None


@cache
def gpu_counter(device: str) -> Counter:
    """Return the counter of a GPU, in millijoules, which is read ten times a second at most.

    All stages of a process share the readings, so that what a short one misses the next one has.
    """
    return Counter(PacedReading(partial(_read_gpu, device), GPU_PERIOD_SECONDS), 1e-3)


class PacedReading:
    """A reading that is made anew once it has an age.

    Args:
        read: makes a reading.
        seconds: the age.
        clock: returns the seconds now.
    """

    def __init__(
        self,
        read: Callable[[], int | None],
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._seconds, self._clock = read, seconds, clock
        self._value: int | None = None
        self._since = -math.inf

    def __call__(self) -> int | None:
        """Return the last reading, or a new one."""
        now = self._clock()
        if now - self._since >= self._seconds:
            self._value, self._since = self._read(), now
        return self._value


def _read_gpu(device: str) -> int | None:
    # A figure must not fail a stage, and NVML's errors are defined in a package that may be absent.
    with suppress(Exception):
        return int(_nvml().nvmlDeviceGetTotalEnergyConsumption(_gpu_handle(device)))
    return None


def _nvml() -> Any:
    return import_module("pynvml")


@cache
def _gpu_handle(device: str) -> Any:
    _nvml().nvmlInit()
    # NVML numbers GPUs otherwise than CUDA, which may be shown some of them only.
    return _nvml().nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")


class EnergyMeter:
    """Adds up the energy of a device between `start` and `stop`, any number of times.

    Args:
        counters: of the device.
        interval_seconds: the longest time between two readings of counters that overflow.
    """

    def __init__(
        self, counters: Sequence[Counter], interval_seconds: float = INTERVAL_SECONDS
    ) -> None:
        self._counters, self._interval = counters, interval_seconds
        self._total, self._last = 0.0, [0] * len(counters)
        self._known = bool(counters)
        self._lock, self._ended = threading.Lock(), threading.Event()

    @property
    def joules(self) -> float | None:
        """The energy; None if it is not known."""
        return self._total if self._known else None

    def start(self) -> None:
        """Begin to count."""
        if not self._known:
            return
        self._read()
        self._ended = threading.Event()
        if any(counter.limit is not None for counter in self._counters):
            threading.Thread(target=self._keep_reading, args=(self._ended,), daemon=True).start()

    def stop(self) -> None:
        """End counting, until the next start."""
        self._ended.set()
        self._add()

    def _keep_reading(self, ended: threading.Event) -> None:
        while not ended.wait(self._interval):
            self._add()

    def _read(self) -> None:
        values = [counter.read() for counter in self._counters]
        self._last = [value or 0 for value in values]
        self._known = None not in values

    def _add(self) -> None:
        """Add what was used since the last reading."""
        if not self._known:
            return
        with self._lock:
            before = self._last
            self._read()
            used = [
                counter.difference(*pair)
                for counter, *pair in zip(self._counters, before, self._last, strict=True)
            ]
            self._known = self._known and None not in used
            self._total += sum(value or 0.0 for value in used)
