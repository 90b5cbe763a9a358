"""A ground of a storm: a lab, and what happens around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from perf.chaos.lab import Lab


@dataclass
class Ground:
    """A lab, and what happens around it.

    Attributes:
        lab: the lab. trouble: what was drawn, for the reader.
        relief: called when a command has ended, before the next; None: nothing to relieve.
        has_ray: whether the command starts a Ray of its own.
    """

    lab: Lab
    trouble: str
    relief: Callable[[], object] | None = None
    has_ray: bool = True
