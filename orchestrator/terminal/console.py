"""Rich's console for text of unknown origin."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.segment import Segment
from rich.text import Text

from orchestrator.results.addresses import show_addresses
from orchestrator.terminal.escaping import CONTROLS, replace_controls

NARROW, WIDE = 80, 200  # characters; longer lines are hard to read, shorter ones break tables


def terminal_width() -> int:
    """Return the characters of a line of the terminal, from 80 to 200; 80 where there is none."""
    return min(max(shutil.get_terminal_size().columns, NARROW), WIDE)


class PlainConsole(Console):
    """A console that prints text as it is, without markup or colours.

    Only Rich itself controls the terminal, and `[red]` or `:bomb:` in a text stay what they are. In
    a notebook too it prints plain text: Rich would show each piece as an output of its own.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, force_jupyter=False, **options)

    def print(self, *objects: Any, crop: bool = False, **options: Any) -> None:
        """Print objects; a word that is wider than the console, such as a path, is kept whole."""
        shown = (show_addresses(each) if isinstance(each, str) else each for each in objects)
        super().print(*shown, crop=crop, **options)

    def render(self, renderable: Any, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the segments of an object, without control characters in their text."""
        options = options or self.options
        # Not in the cell of a table, which is narrower.
        if isinstance(renderable, Text) and options.max_width == self.width:
            longest = max(map(cell_len, renderable.plain.split()), default=0)
            if longest > self.width and not renderable.no_wrap:
                options = options.update(width=longest)
        for segment in super().render(renderable, options):
            if segment.control or not CONTROLS.search(segment.text):
                yield segment
            else:
                yield segment._replace(text=replace_controls(segment.text))
