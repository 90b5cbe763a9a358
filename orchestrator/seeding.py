"""Randomness: each stream is derived from (seed, task, purpose); none is carried on."""

from __future__ import annotations

import random  # noqa: TID251 - seeded for library code that draws from it
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from orchestrator.hashing import digest


def derive_seed(seed: int, *purpose: object) -> int:
    """Return a 63-bit seed for a purpose, e.g. `derive(seed, task_index, "data order")`."""
    return int(digest("seed", [seed, *purpose])[:16], 16) >> 1


def stream(seed: int, *purpose: object) -> torch.Generator:
    """Return a fresh CPU generator for a purpose."""
    return torch.Generator().manual_seed(derive_seed(seed, *purpose))


def stratified_order(y: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return a random order of the rows of `y` [N] in which classes are mixed evenly.

    Any contiguous part of the order holds each class in proportion to its size, to within about
    one example, so cutting the order anywhere is a stratified split.
    """
    shuffled = torch.randperm(len(y), generator=generator)
    by_class = shuffled[torch.argsort(y[shuffled], stable=True)]
    counts = torch.bincount(y)
    rank = torch.arange(len(y)) - (counts.cumsum(0) - counts)[y[by_class]]
    quantile = torch.empty(len(y), dtype=torch.float64)
    # The i-th of n examples of a class, from 0, stands at (i + 1/2) / n of the order.
    quantile[by_class] = (rank.double() + 0.5) / counts[y[by_class]]
    return shuffled[torch.argsort(quantile[shuffled], stable=True)]


def numpy_permutation(seed: int, count: int) -> list[int]:
    """Return `np.random.permutation(count)` after `np.random.seed(seed)`, for published orders.

    NumPy never changes the numbers of this generator.
    """
    drawn: list[int] = np.random.RandomState(seed).permutation(count).tolist()
    return drawn


@contextmanager
def seed_global_generators(seed: int) -> Iterator[None]:
    """Seed the global generators inside the block and restore them after it.

    For library code that draws from the generators of torch, numpy and the standard library, such
    as initialisers and dropout.
    """
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    states = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=devices):
            # `torch.manual_seed` also seeds accelerators that are absent, at half a millisecond.
            torch.default_generator.manual_seed(seed)
            if devices:
                torch.cuda.manual_seed(seed)
            # NumPy takes 32 bits.
            np.random.seed(seed % 2**32)  # noqa: TID251
            random.seed(seed)
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
