"""Tables of text cells as HTML, for notebooks. All text is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from orchestrator.terminal.comparison.block import Block
from orchestrator.terminal.escaping import replace_controls

# A long name breaks wherever it must, so that no figure does.
NAME = "text-align:left;overflow-wrap:anywhere;min-width:12em"
FIGURE = "text-align:right;white-space:nowrap"


def html_table(blocks: Sequence[Block], notes: Iterable[str] = ()) -> str:
    """Return blocks as one table, each below its title, and notes below the table."""
    width = max((len(block.headers) for block in blocks), default=1)
    sections = "".join(_section(block, width) for block in blocks)
    # A notebook gives a cell of output less room than a wide table takes.
    table = f'<div style="overflow-x:auto"><table>{sections}</table></div>'
    return f"{table}{html_notes(notes)}"


def html_notes(notes: Iterable[str]) -> str:
    """Return lines of text in small print."""
    lines = "<br>".join(map(escape, notes))
    return f"<small>{lines}</small>" if lines else ""


def escape(text: object) -> str:
    """Return text that HTML shows as it is."""
    return html.escape(replace_controls(str(text)))


def _section(block: Block, width: int) -> str:
    above = [f"<b>{escape(block.title)}</b>"] if block.title else []
    above += [f'<b style="color:#D55E00">{escape(block.warning)}</b>'] if block.warning else []
    heads = [escape(header) for header in block.headers]
    rows = [
        [mark_bold(escape(cell), block.is_best(i, j)) for j, cell in enumerate(row)]
        for i, row in enumerate(block.rows)
    ]
    parts = [
        *(_wide_row(text, width) for text in above),
        *([_row(heads, "th", width, block.left)] if any(heads) else []),
        *(_row(cells, "td", width, block.left) for cells in rows),
        *(_wide_row(f"<small>{escape(note)}</small>", width) for note in block.notes),
    ]
    return f"<tbody>{''.join(parts)}</tbody>"


def mark_bold(text: str, is_bold: bool) -> str:
    """Return HTML, in bold if asked for."""
    return f"<b>{text}</b>" if is_bold else text


def _wide_row(text: str, width: int) -> str:
    return f'<tr><td colspan="{width}" style="text-align:left">{text}</td></tr>'


def _row(cells: Sequence[str], tag: str, width: int, left: int) -> str:
    """Return a row as wide as others; so many of its first cells hold names, the others figures."""
    styles = [NAME if i < left else FIGURE for i in range(len(cells))]
    shown = [
        f'<{tag} style="{style}">{cell}</{tag}>' for style, cell in zip(styles, cells, strict=True)
    ]
    return f"<tr>{''.join(shown)}{f'<{tag}></{tag}>' * (width - len(cells))}</tr>"
