"""The progress of a running sweep in a notebook: one output, which is replaced as it goes."""

from __future__ import annotations

import html
import importlib
import sys
import time
import uuid

from orchestrator.graph.progress import Progress
from orchestrator.results.addresses import show_addresses
from orchestrator.terminal.console import PlainConsole
from orchestrator.terminal.escaping import replace_controls
from orchestrator.terminal.progress_text import progress_line
from orchestrator.terminal.screen import Display

EVERY_SECONDS = 0.25


class NotebookDisplay(Display):
    """Shows `Progress` as a bar and a line under the cell that runs a sweep."""

    def __init__(self) -> None:
        # A notebook's output says that it is a terminal, on which Rich would draw its own bar.
        super().__init__(PlainConsole(force_terminal=False))
        self._lines: list[str] = []
        self._progress: Progress | None = None
        self._next = 0.0
        self._id: str | None = None

    def __exit__(self, *raised: object) -> None:
        self._progress = None
        self._draw()

    def say(self, text: str) -> None:
        """Add a line above the progress."""
        self._lines.append(show_addresses(text))
        self._draw()

    def show(self, progress: Progress) -> None:
        """Show the progress, at most four times a second."""
        self._progress = progress
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY_SECONDS
            self._draw()

    def _draw(self) -> None:
        lines = [*self._lines, *([progress_line(self._progress)] if self._progress else [])]
        if not lines and self._id is None:
            return
        text = replace_controls("\n".join(lines))
        bar = progress_bar(self._progress) if self._progress else ""
        shown = {"text/plain": text, "text/html": f"<pre>{html.escape(text)}</pre>{bar}"}
        display = importlib.import_module("IPython.display")
        if self._id is None:
            self._id = uuid.uuid4().hex
            display.display(shown, raw=True, display_id=self._id)
        else:
            display.update_display(shown, raw=True, display_id=self._id)


def progress_bar(progress: Progress) -> str:
    """Return progress as a bar of HTML."""
    total = progress.executed + progress.to_go
    return f'<progress value="{progress.executed}" max="{max(total, 1)}"></progress>'


def open_display() -> Display:
    """Return the display of a notebook in a notebook, else that of a terminal."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return NotebookDisplay() if hasattr(shell, "kernel") else Display()
