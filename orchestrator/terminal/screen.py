"""What a person sees of a running sweep: one calm line of progress, or plain lines when piped."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from orchestrator.graph.progress import Progress

PLAIN_EVERY_SECONDS = 10.0


class Display:
    """Shows `Progress`: live on a terminal, a line every ten seconds elsewhere."""

    def __init__(self) -> None:
        # The file is named: sys.stdout is sent elsewhere around Tune, and this must not go there.
        self.console = Console(file=sys.stdout)
        self._live = Live(console=self.console, refresh_per_second=4, transient=True)
        self._next_line = 0.0

    def __enter__(self) -> Display:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.console.is_terminal:
            self._live.stop()

    def say(self, text: str) -> None:
        """Print a line, above the live one if there is one."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def show(self, progress: Progress) -> None:
        """Take in where the sweep stands."""
        if self.console.is_terminal:
            self._live.update(picture(progress))
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + PLAIN_EVERY_SECONDS
            print(line(progress), file=self.console.file, flush=True)


def picture(progress: Progress) -> Group:
    """Return progress as a bar and a line of figures."""
    total = progress.executed + progress.to_go
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        ProgressBar(total=max(total, 1), completed=progress.executed, width=40),
        Text(f"{progress.executed}/{total} stages"),
    )
    return Group(bar, Text(line(progress), style="dim", no_wrap=True, overflow="ellipsis"))


def line(progress: Progress) -> str:
    """Return progress as a line."""
    eta = progress.eta_seconds()
    parts = [
        *(["searching"] if progress.phase == "search" else []),
        f"trials {progress.trials_done}/{progress.trials}",
        f"stages {progress.executed} done",
        f"{progress.shared} shared",
        f"{progress.running} running",
        f"{progress.to_go} to go",
    ]
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    parts.append("ETA " + (duration(eta) if eta is not None else "-"))
    return " · ".join(parts)


def duration(seconds: float) -> str:
    """Return seconds as a person writes them: 40 s, 3 min 20 s, 2 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
