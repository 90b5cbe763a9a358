"""Rich's console for text of unknown origin."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.segment import Segment
from rich.text import Text

from orchestrator.results.addresses import show_addresses
from orchestrator.terminal.escaping import CONTROLS, replace_controls

WORD = re.compile(r"\S*(?:\n|[^\S\n]+|$)|\S+")
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

    def print_line(self, text: str) -> None:
        """Print a line; that of a terminal is broken between words, any other is left whole."""
        self.print(text, soft_wrap=not self.is_terminal, highlight=False)

    def render(self, renderable: Any, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the segments of an object, without control characters in their text."""
        options = options or self.options
        # Not in the cell of a table, which is narrower.
        is_line = isinstance(renderable, Text) and options.max_width == self.width
        if is_line and not (renderable.no_wrap or options.no_wrap):
            renderable = break_lines(renderable, self.width)
        for segment in super().render(renderable, options):
            if segment.control or not CONTROLS.search(segment.text):
                yield segment
            else:
                yield segment._replace(text=replace_controls(segment.text))


def break_lines(text: Text, width: int) -> Text:
    """Return text with line breaks between words; a word that is wider than a line stays whole."""
    starts, column = list[int](), 0
    for word in WORD.finditer(text.plain):
        if column and column + cell_len(word[0].rstrip()) > width:
            starts.append(word.start())
            column = 0
        column = 0 if word[0].endswith("\n") else column + cell_len(word[0])
    lines = text.divide(starts)
    for line in lines:
        line.rstrip()
    broken = Text("\n").join(lines)
    broken.no_wrap, broken.overflow = True, "ignore"
    return broken
