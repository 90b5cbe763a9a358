"""The progress of a running sweep: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from rich import progress as bars
from rich.console import RenderableType
from rich.text import Text

from orchestrator.graph.progress import Progress
from orchestrator.terminal.console import PlainConsole
from orchestrator.terminal.progress_text import progress_line

Detail = Literal["quiet", "usual", "verbose"]
PLAIN_EVERY_SECONDS = 10.0  # a log of a night's run stays readable


class Display:
    """Shows `Progress`: live on a terminal, a line every ten seconds elsewhere.

    Args:
        console: where to.
        detail: "quiet" shows nothing; "verbose" prints a line whenever anything has changed.
    """

    def __init__(self, console: PlainConsole | None = None, detail: Detail = "usual") -> None:
        self._detail, self._last_line = detail, ""
        # With the present sys.stdout, since it may be redirected later.
        self.console = console or PlainConsole(file=sys.stdout)
        self._bars = Bars(
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TextColumn("stages"),
            console=self.console,
            refresh_per_second=4,
            transient=True,
            disable=detail == "quiet" or not self.console.is_terminal,
        )
        self._bar: bars.TaskID | None = None
        self._next_line = 0.0

    def __enter__(self) -> Display:
        self._bars.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._bars.stop()

    def say(self, text: str) -> None:
        """Print a line, above the live line if there is one."""
        if self._detail != "quiet":
            self.console.print_line(text)

    def show(self, progress: Progress) -> None:
        """Show the progress; elsewhere than on a terminal at most every ten seconds."""
        if self._detail == "quiet":
            return
        if self._detail == "verbose":
            self._print_change(progress)
        elif self.console.is_terminal:
            self._update(progress)
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + PLAIN_EVERY_SECONDS
            # Not by Rich, which would break the line at 80 characters.
            print(progress_line(progress), file=self.console.file, flush=True)

    def _print_change(self, progress: Progress) -> None:
        """Print the progress if it differs from that of the last line in more than its ETA."""
        line = progress_line(progress)
        if (counts := line.partition(" · ETA")[0]) != self._last_line:
            self._last_line = counts
            self.say(f"{datetime.now():%H:%M:%S} {line}")
        if self.console.is_terminal:
            self._update(progress)

    def _update(self, progress: Progress) -> None:
        done, total = progress.executed, progress.executed + progress.to_go
        if self._bar is None:
            self._bar = self._bars.add_task("", total=total, line="")
        line = progress_line(progress, self.console.width)
        self._bars.update(self._bar, completed=done, total=total, line=line)


class Bars(bars.Progress):
    """Rich's progress bars with a line of text below each."""

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yield each bar and its line, cut at the width of the terminal."""
        for task in self.tasks:
            yield self.make_tasks_table([task])
            yield Text(task.fields["line"], style="dim", no_wrap=True, overflow="ellipsis")
