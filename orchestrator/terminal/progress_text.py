"""Progress and durations as text."""

from __future__ import annotations

from orchestrator.graph.progress import Progress

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


def duration_text(seconds: float) -> str:
    """Return a duration as text: `40 s`, `3 min 20 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
