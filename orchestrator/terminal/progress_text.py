"""Progress as text."""

from __future__ import annotations

from orchestrator.graph.progress import Progress
from orchestrator.results.units import duration_text

PHASE_TEXTS = {"search": "searching", "features": "features"}


def progress_line(progress: Progress) -> str:
    """Return progress as a line."""
    eta = progress.eta_seconds()
    parts = [
        *([PHASE_TEXTS[progress.phase]] if progress.phase in PHASE_TEXTS else []),
        f"trials {progress.trials_done}/{progress.trials}",
        f"stages {progress.executed} done",
        f"{progress.shared} shared",
        f"{progress.running} running",
        f"{progress.to_go} to go",
    ]
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    parts.append("ETA " + (duration_text(eta) if eta is not None else "-"))
    return " · ".join(parts)
