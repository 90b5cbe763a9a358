"""Repertoire in your own `ray.tune.Tuner`: each step of a trial learns one task.

Begin with `trainable`; docs/tune.md has an example.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from orchestrator.backends.tune_trainable import StageTrainable
    from orchestrator.sweep.sweep import Sweep

__all__ = ["trainable"]


class HasSpec(Protocol):
    """A sweep made in Python, `orchestrator.Sweep`."""

    spec: Sweep


def trainable(
    sweep: str | Path | Sweep | HasSpec, *, store: str | Path | None = None
) -> type[StageTrainable]:
    """Return a `ray.tune.Trainable` whose trials are configurations of a sweep file.

    Args:
        sweep: the file, or an `orchestrator.Sweep`. The keys of Tune's `config` are paths in the
            file: `method.lam`, `training.lr`, `method.name` among the sweep's
            methods, `seed` (by default the sweep's first).
        store: path or URI of the stage store, which every node must reach; by default the one
            that `repertoire run` uses, `results/stages`.

    Raises:
        SweepError: the sweep file is wrong.
        RepertoireError: the sweep has no validation data, on which a trial reports.
    """
    from orchestrator.backends.tune_trainable import create_trainable  # imports ray

    spec: str | Path | Sweep = getattr(sweep, "spec", sweep)  # type: ignore[arg-type]
    return create_trainable(spec, store)
