"""A ground of a storm: a lab, and what happens around it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from perf.chaos.lab import Lab

REFUSALS = ("not permitted", "permission denied", "must be superuser", "unknown filesystem type")


class FacilityMissing(Exception):
    """The machine has no such command of the system, or gives no right to use it."""


def use_facility(*words: str) -> None:
    """Run a command of the system that not every machine offers.

    Raises:
        FacilityMissing: it is not there, or refused to this user.
        CalledProcessError: it failed for another reason.
    """
    try:
        plain = os.environ | {"LC_ALL": "C"}
        subprocess.run(words, check=True, capture_output=True, text=True, env=plain)
    except FileNotFoundError as error:
        raise FacilityMissing(str(error)) from error
    except subprocess.CalledProcessError as error:
        if any(word in error.stderr.lower() for word in REFUSALS):
            raise FacilityMissing(error.stderr.strip()) from error
        raise


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
