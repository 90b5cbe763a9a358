"""Range checks of hyperparameters; the message has the name, the range and the given value.

Reference:
    None.

Deviations:
    None.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf


def require_strength(name: str, given: float) -> None:
    """Raise ValueError unless a number is at least 0 and finite."""
    if not 0 <= given < inf:
        raise ValueError(f"{name} must be at least 0 and finite, given {given}")


def require_positive(name: str, given: float) -> None:
    """Raise ValueError unless a number is above 0 and finite."""
    if not 0 < given < inf:
        raise ValueError(f"{name} must be above 0 and finite, given {given}")


def require_share(name: str, given: float) -> None:
    """Raise ValueError unless a number is in [0, 1]."""
    if not 0 <= given <= 1:
        raise ValueError(f"{name} must be in [0, 1], given {given}")


def require_count(name: str, given: int | None) -> None:
    """Raise ValueError unless a number is at least 1, or left out."""
    if given is not None and given < 1:
        raise ValueError(f"{name} must be at least 1 or left out, given {given}")


def require_one(name: str, given: int) -> None:
    """Raise ValueError unless a number is at least 1."""
    if given < 1:
        raise ValueError(f"{name} must be at least 1, given {given}")


def require_widths(name: str, given: Sequence[int]) -> None:
    """Raise ValueError unless there are widths of layers, all of them at least 1."""
    if any(width < 1 for width in given) or not given:
        raise ValueError(f"{name} must be widths of at least 1, given {given}")
