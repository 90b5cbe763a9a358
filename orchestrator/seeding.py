"""Randomness: each stream is derived from (seed, task, purpose); none is carried on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
    """Seed torch's global generator inside the block and put it back as it was after.

    For library code that draws from the global generator (initialisers, dropout).
    """
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)  # noqa: TID251 - the one place
        yield
