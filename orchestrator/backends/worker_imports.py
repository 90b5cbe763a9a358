"""What a worker of Ray imports before its first stage: what a stage runs."""

from __future__ import annotations

from orchestrator.stages.collector import keep_imports

with keep_imports():
    import orchestrator.stages.worker  # noqa: F401


def import_packages() -> None:
    """Import the packages that a stage runs, by having imported this module."""
