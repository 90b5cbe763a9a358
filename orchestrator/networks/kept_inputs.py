"""Normalised inputs of the splits that stages score, kept for the next stages of the process.

Each stage scores the same splits, and normalises them again. For a small network on images that is
a tenth of the time of scoring.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary


class Kept(NamedTuple):
    """A normalised input, with the versions that it and its source had when it was computed."""

    result: Tensor
    version: int
    source_version: int


class KeptInputs:
    """Normalised parts of tensors, for as long as the tensors live; bounded in bytes.

    What was changed in place since it was computed is computed again.

    Args:
        capacity: bytes of all that is kept.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._source: Tensor | None = None
        # Source -> place of a part -> what is kept.
        self._kept: MutableMapping[Tensor, dict[Hashable, Kept]] = WeakTensorKeyDictionary()
        self._bytes, self._sources = 0, 0  # bytes of what was kept of so many sources

    @contextmanager
    def keep_parts(self, x: Tensor) -> Iterator[None]:
        """Keep the normalised parts of x that are requested in this context, on the processor."""
        self._source = base_of(x) if x.device.type == "cpu" else None
        try:
            yield
        finally:
            self._source = None

    def get(self, x: Tensor, name: Hashable, normalise: Callable[[Tensor], Tensor]) -> Tensor:
        """Return an input normalised; kept if it is a part of the tensor of the context.

        Args:
            x: the input.
            name: identifies the normalisation.
            normalise: computes it.
        """
        source = self._source
        # A compiled network would be compiled anew for each source.
        if torch.compiler.is_compiling() or source is None or base_of(x) is not source:
            return normalise(x)
        parts = self._kept.get(source, {})
        place = (name, x.storage_offset(), x.shape, x.stride())
        entry = parts.get(place)
        if entry is None or entry[1:] != (entry.result._version, source._version):
            result = normalise(x)
            # Tensors of inference mode have no version, and do not tell of changes.
            if result.is_inference() or self.num_bytes + result.nbytes > self.capacity:
                return result
            self._bytes += result.nbytes - (entry.result.nbytes if entry else 0)
            entry = Kept(result, result._version, source._version)
            self._kept[source] = {**parts, place: entry}
            self._sources = len(self._kept)
        return entry.result

    @property
    def num_bytes(self) -> int:
        """The bytes of all that is kept."""
        # Counted anew where a source has died alone: each input that is not kept asks for it.
        if self._sources != len(self._kept):
            self._bytes, self._sources = self._count_bytes(), len(self._kept)
        return self._bytes

    def _count_bytes(self) -> int:
        return sum(each.result.nbytes for parts in self._kept.values() for each in parts.values())


def base_of(x: Tensor) -> Tensor:
    """Return the tensor that a tensor is a part of, or itself."""
    return x if x._base is None else x._base


KEPT_INPUTS = KeptInputs(64 * 2**20)
