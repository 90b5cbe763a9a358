"""Keys of a section that stand at the top of a sweep file, a usual slip of a first one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from orchestrator.benchmarks.benchmark_options import BenchmarkOptions
from orchestrator.stages.learning.training import Training
from orchestrator.sweep.options import Mlflow, Resources, RunBudget
from orchestrator.sweep.search_section.read_search import SearchSection

SECTIONS: Mapping[str, type[Any]] = {
    "benchmark": BenchmarkOptions,
    "training": Training,
    "search": SearchSection,
    "resources": Resources,
    "budget": RunBudget,
    "mlflow": Mlflow,
}


def find_misplaced_keys(keys: Iterable[str], top: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each key that only sections have, and a line that says where it belongs.

    Args:
        keys: at the top of a file.
        top: those that may stand there.
    """
    for key in [key for key in keys if key not in top]:
        owners = [name for name, kind in SECTIONS.items() if key in names_of(kind)]
        if owners:
            yield key, f"{key}: is a key of {' and of '.join(owners)}; write it there"


def names_of(kind: type[Any]) -> set[str]:
    """Return the keys of a section."""
    return {field.name for field in fields(kind)}
