"""Commands of tests that send nothing to MLflow, which would go on in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.tracking import run_ids


class NoTracker:
    """In place of the tracker of a run: it sends nothing, and knows what was sent."""

    def __init__(self, folder: Path, *_: object, **__: object) -> None:
        self._folder = folder

    def notify(self) -> None: ...

    def close(self, timeout_seconds: float = 0.0) -> None: ...

    def run_ids(self) -> dict[str, str]:
        return run_ids(self._folder)


@contextmanager
def untracked() -> Iterator[None]:
    """Have `repertoire run` send nothing to MLflow in a block; `track` still sends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("orchestrator.cli.run_folder.MLflowTracker", NoTracker)
        yield
