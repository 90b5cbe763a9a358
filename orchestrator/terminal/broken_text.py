"""Text that is broken where a reader expects it: names after punctuation, numbers never."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

# A number is none where it is part of a word: `1e-05` of `lam=1e-05`, but not the 2 of `v0.2`.
NUMBER = r"(?<![\w.])[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.])"
# Where a name is broken: after these, but not between a sign and its number.
BREAK = r"(?:[\s_:./=,;()|&]|(?<=\w)-|-(?!\d))"
WORD = re.compile(r"\S+\s*")
PIECE = re.compile(rf"(?:{NUMBER}|[^\s_:./=,;()|&-]+|\S){BREAK}*")


@dataclass(frozen=True)
class BrokenText:
    """Text for a Rich console that is broken between words, and in a word between its pieces.

    A word is broken only where it is wider than the line, and so is a piece.

    Attributes:
        words: the pieces of each, with the spaces that follow it.
        style: of the text, as Rich names it.
    """

    words: Sequence[Sequence[str]]
    style: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the text with its line breaks."""
        lines = self.lines(options.max_width)
        yield Text("\n".join(lines), self.style, no_wrap=True, overflow="ignore")

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Return the widths of the widest piece and of the whole text."""
        widest = max((_width(piece) for word in self.words for piece in word), default=0)
        whole = _width("".join(map("".join, self.words)))
        return Measurement(widest, whole).with_maximum(options.max_width)

    def lines(self, width: int) -> list[str]:
        """Return the lines of the text at a width."""
        lines = [""]
        for word in self.words:
            # A word that does not fit begins a line, also if it is wider than that.
            if lines[-1] and _width(lines[-1] + "".join(word)) > width:
                lines.append("")
            for piece in _parts(word, width):
                if _width(lines[-1] + piece) > width:
                    lines.append("")
                lines[-1] += piece
        return [line.rstrip() for line in lines]


def break_name(text: str, style: str = "") -> BrokenText:
    """Return a name that is broken at spaces and after punctuation, and within no number."""
    return BrokenText([PIECE.findall(word) for word in WORD.findall(text)], style)


def _parts(word: Sequence[str], width: int) -> Iterator[str]:
    """Yield the pieces of a word, those that are wider than the line in parts."""
    for piece in word:
        yield from [piece] if _width(piece) <= width else chop_cells(piece, width)


def _width(text: str) -> int:
    return cell_len(text.rstrip())
