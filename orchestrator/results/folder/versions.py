"""The versions of the packages that compute a sweep, or that computed its stages."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from orchestrator.benchmarks.atomic_files import write_atomically

PACKAGES = ("repertoire-cl", "ray", "torch", "torchvision", "mlflow", "numpy", "pandas", "pyarrow")


def write_if_changed(path: Path, text: str) -> None:
    """Write a text file unless it has this text already."""
    if not (path.is_file() and path.read_bytes() == text.encode()):
        write_atomically(path, text)


@cache  # each version is read from a file, and they cannot change while a process runs
def package_versions() -> dict[str, str]:
    """Return the versions of Python and of PACKAGES by name."""
    numbers = {"python": platform.python_version()}
    for name in PACKAGES:
        numbers[name] = importlib.metadata.version(name)
    return numbers


def versions_of(environments: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return the versions by name in the environments of records; several are in one text."""
    numbers: dict[str, set[str]] = {}
    for environment in environments:
        for name in {"python", *PACKAGES} & environment.keys():
            numbers.setdefault(name, set()).add(str(environment[name]))
    return {name: " and ".join(sorted(values)) for name, values in sorted(numbers.items())}
