"""Repertoire: runs continual-learning experiments and compares what each method buys and costs.

    import orchestrator as rp

    sweep = rp.Sweep.from_file("sweeps/quickstart.yaml")
    results = sweep.run("results")
    results.compare()

The names of `__all__` are for users; everything else may change. docs/python.md has examples.
May import `cli` and what is below it, each name when it is asked for, so that the command line
starts at once. Begin with `cli/python/sweep.py`, or with `cli/run.py` for the command line.
"""

# Longer than those of other packages: `help(orchestrator)` is where a user in Python begins.

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.cli.python.comparison import Comparison
    from orchestrator.cli.python.results import Results, load
    from orchestrator.cli.python.sweep import Sweep
    from orchestrator.cli.python.sweep_plan import SweepPlan
    from orchestrator.errors import RepertoireError, SweepError

__all__ = [
    "Comparison",
    "RepertoireError",
    "Results",
    "Sweep",
    "SweepError",
    "SweepPlan",
    "load",
]

PLACES = {
    "Comparison": "orchestrator.cli.python.comparison",
    "RepertoireError": "orchestrator.errors",
    "Results": "orchestrator.cli.python.results",
    "Sweep": "orchestrator.cli.python.sweep",
    "SweepError": "orchestrator.errors",
    "SweepPlan": "orchestrator.cli.python.sweep_plan",
    "load": "orchestrator.cli.python.results",
}


def __getattr__(name: str) -> Any:
    if name not in PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = getattr(import_module(PLACES[name]), name)
    return globals()[name]


def __dir__() -> list[str]:
    special = (name for name in globals() if name.startswith("__"))
    return sorted({*special, *__all__})
