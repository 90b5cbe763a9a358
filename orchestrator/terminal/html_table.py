"""Tables of text cells as HTML, for notebooks. All text is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from orchestrator.terminal.comparison.block import Block
from orchestrator.terminal.escaping import replace_controls


def html_table(blocks: Sequence[Block], notes: Iterable[str] = ()) -> str:
    """Return blocks as one table, each below its title, and notes below the table."""
    width = max((len(block.headers) for block in blocks), default=1)
    sections = "".join(_section(block, width) for block in blocks)
    return f"<table>{sections}</table>{html_notes(notes)}"


def html_notes(notes: Iterable[str]) -> str:
    """Return lines of text in small print."""
    lines = "<br>".join(map(escape, notes))
    return f"<small>{lines}</small>" if lines else ""


def escape(text: object) -> str:
    """Return text that HTML shows as it is."""
    return html.escape(replace_controls(str(text)))


def _section(block: Block, width: int) -> str:
    wide = [f"<b>{escape(block.title)}</b>"] if block.title else []
    wide += [f'<b style="color:#D55E00">{escape(block.warning)}</b>'] if block.warning else []
    heads = _cells(block.headers, "th", width)
    rows = [f"<tr>{_cells(row, 'td', width)}</tr>" for row in block.rows]
    below = [f"<small>{escape(note)}</small>" for note in block.notes]
    parts = [
        *(_wide_row(text, width) for text in wide),
        *([f"<tr>{heads}</tr>"] if any(block.headers) else []),
        *rows,
        *(_wide_row(text, width) for text in below),
    ]
    return f"<tbody>{''.join(parts)}</tbody>"


def _wide_row(text: str, width: int) -> str:
    return f'<tr><td colspan="{width}" style="text-align:left">{text}</td></tr>'


def _cells(cells: Sequence[str], tag: str, width: int) -> str:
    """Return the cells of a row; the first is aligned left, and the row is as wide as others."""
    sides = ["left", *["right"] * (len(cells) - 1)]
    shown = [
        f'<{tag} style="text-align:{side}">{escape(cell)}</{tag}>'
        for side, cell in zip(sides, cells, strict=True)
    ]
    return "".join([*shown, *[f"<{tag}></{tag}>"] * (width - len(cells))])
