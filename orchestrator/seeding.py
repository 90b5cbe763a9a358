"""Randomness: each stream is derived from (seed, task, purpose); none is carried on."""

from __future__ import annotations

import random  # noqa: TID251 - seeded for library code that draws from it
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from orchestrator.hashing import digest


def derive(seed: int, *purpose: object) -> int:
    """Return a 63-bit seed for a purpose, e.g. `derive(seed, task_index, "data order")`."""
    return int(digest("seed", [seed, *purpose])[:16], 16) >> 1


def stream(seed: int, *purpose: object) -> torch.Generator:
    """Return a fresh CPU generator for a purpose."""
    return torch.Generator().manual_seed(derive(seed, *purpose))


@contextmanager
def ambient(seed: int) -> Iterator[None]:
    """Seed the global generators inside the block and put them back as they were after.

    For library code that draws from them (initialisers, dropout). They are those of torch, numpy
    and the standard library.
    """
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    states = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)  # noqa: TID251 - the one place
            np.random.seed(seed % 2**32)  # noqa: TID251
            random.seed(seed)
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
