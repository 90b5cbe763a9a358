"""The tensors of a checkpoint by name, with the versions of the modules they were saved from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor


class Tensors(dict[str, Tensor]):
    """Tensors by name. Modules that convert weights of earlier releases read their versions here.

    Attributes:
        _metadata: what torch keeps beside a state, {module: {"version": number}}; None where there
            is none, as in files of safetensors. The name is torch's, whose loading reads it.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__(tensors)
        self._metadata = _versions(tensors)

    @property
    def versions(self) -> dict[str, Any] | None:
        """The versions of the modules, or None."""
        return self._metadata

    def with_versions(self, versions: dict[str, Any] | None) -> Tensors:
        """Return the same tensors with other versions."""
        copy = Tensors(self)
        copy._metadata = versions
        return copy

    def strip_prefix(self, prefix: str) -> Tensors:
        """Return the tensors and versions below a prefix such as "body.", without it."""
        tensors = {n.removeprefix(prefix): t for n, t in self.items() if n.startswith(prefix)}
        if self._metadata is None:
            return Tensors(tensors)
        # Of modules, whose names have no dot at the end: that of "body." itself becomes "".
        dotted = ((f"{name}.", each) for name, each in self._metadata.items())
        versions = {n[len(prefix) : -1]: each for n, each in dotted if n.startswith(prefix)}
        return Tensors(tensors).with_versions(versions)


def _versions(tensors: object) -> dict[str, Any] | None:
    """Return the versions beside tensors, or None; a file may hold anything there."""
    given = getattr(tensors, "_metadata", None)
    is_valid = isinstance(given, Mapping) and all(isinstance(name, str) for name in given)
    return dict(given) if is_valid and given else None
