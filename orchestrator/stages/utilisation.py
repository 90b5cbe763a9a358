"""How busy a stage's GPU is, sampled beside the stage through NVML.

Needs the package nvidia-ml-py (`pip install 'repertoire-cl[gpu]'`) and a driver that reports it,
which it does not for a part of a GPU (MIG). Without either, nothing is measured.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import torch

# NVML's own period is between 1/6 s and 1 s, depending on the model.
INTERVAL_SECONDS = 1 / 6
Reading = Callable[[str], float | None]


def read_utilisation(device: str) -> float | None:
    """Return the share of the last period in which a GPU ran a kernel; None if it is not known."""
    # A figure must not fail a stage, and NVML's errors are defined in a package that may be absent.
    with suppress(Exception):
        return torch.cuda.utilization(device) / 100
    return None


class UtilisationMeter:
    """Samples the utilisation of a GPU while a block runs, in a thread of its own.

    Args:
        device: "cpu", where nothing is sampled, or a GPU. All that runs on it counts.
        read: returns the utilisation of a device, 0 to 1, or None.
        interval_seconds: the time between samples.
    """

    def __init__(
        self,
        device: str,
        read: Reading = read_utilisation,
        interval_seconds: float = INTERVAL_SECONDS,
    ) -> None:
        self._device, self._read, self._interval = device, read, interval_seconds
        self._samples: list[float] = []
        self._answers = device.startswith("cuda")

    @contextmanager
    def sample(self) -> Iterator[None]:
        """Sample while the block runs."""
        if not self._answers:
            yield
            return
        ended = threading.Event()
        threading.Thread(target=self._sample_until, args=(ended,), daemon=True).start()
        try:
            yield
        finally:
            # The thread is not waited for: a sample takes long, and a GPU that fails gives none.
            ended.set()

    def mean(self) -> float | None:
        """Return the mean of the samples, 0 to 1; None without any."""
        samples = list(self._samples)
        return sum(samples) / len(samples) if samples else None

    def _sample_until(self, ended: threading.Event) -> None:
        while not ended.wait(self._interval):
            share = self._read(self._device)
            if share is None:
                self._answers = False
            if share is None or ended.is_set():
                return
            self._samples.append(min(max(share, 0.0), 1.0))
