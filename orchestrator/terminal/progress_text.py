"""Progress as text."""

from __future__ import annotations

from orchestrator.graph.progress import Progress
from orchestrator.results.units import duration_text

PHASE_TEXTS = {"search": "searching", "features": "features"}


def progress_line(progress: Progress, width: int | None = None) -> str:
    """Return progress as a line.

    Args:
        progress: how far a run is.
        width: columns of the terminal; what does not fit is left out, the least needed first.
    """
    eta, failed = progress.eta_seconds(), progress.raised
    parts = {
        "phase": PHASE_TEXTS.get(progress.phase, ""),
        "trials": f"trials {progress.trials_done}/{progress.trials}",
        "done": f"stages {progress.executed} done",
        "shared": f"{progress.shared} shared",
        "running": f"{progress.running} running",
        "to go": f"{progress.to_go} to go",
        "failed": f"{failed} failed" if failed else "",
        "diverged": f"{progress.failed - failed} diverged" if progress.failed > failed else "",
        "eta": "ETA " + (duration_text(eta) if eta is not None else "-"),
    }
    for name in ("", "shared", "running", "phase"):
        parts.pop(name, None)
        line = " · ".join(filter(None, parts.values()))
        if width is None or len(line) <= width:
            break
    return line
