"""A comparison as text: for a terminal, as Markdown, LaTeX, CSV and JSON."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pandas as pd
from rich.box import SIMPLE
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from orchestrator.columns import COLUMNS
from orchestrator.errors import UnknownName
from orchestrator.terminal.blocks import Block, build_blocks, closing_notes
from orchestrator.terminal.units import UNDEFINED

LATEX_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    UNDEFINED: "--",
    "Δ": r"$\Delta$",
    **{c: f"\\{c}" for c in "&%$#_{}"},
}
FIRST_ROWS = 40
# What a narrow terminal does without; ACC and forgetting say most of it.
LEFT_OUT = (COLUMNS["average_incremental_accuracy"].label,)
# Cells in mathematical mode: negative numbers and intervals.
MATHEMATICS = re.compile(r"-[\d.]+|\[.*\]|.* ± .*")


def render(table: pd.DataFrame, format: str = "table", width: int = 80) -> str:
    """Return a comparison as text: "table", "markdown", "latex" (booktabs), "csv" or "json".

    The first three have units with prefixes; "csv" and "json" have raw numbers.

    Raises:
        UnknownName: there is no such format.
    """
    if format == "table":
        console = Console(file=io.StringIO(), width=width, color_system=None)
        with console.capture() as printed:
            console.print(rich_table(table, width))
        return "\n".join(line.rstrip() for line in printed.get().splitlines()) + "\n"
    if format not in FORMATS:
        raise UnknownName("format", format, ("table", *FORMATS))
    return FORMATS[format](table)


def render_first(table: pd.DataFrame, more: str, limit: int = FIRST_ROWS) -> str:
    """Return the first rows of a comparison as a table, and the number of the other rows.

    Args:
        table: the comparison.
        more: the command that prints all rows.
        limit: largest number of rows.
    """
    others = len(table) - limit
    further = f"{others} further rows: {more}\n" if others > 0 else ""
    return render(table.head(limit)) + further


def rich_table(table: pd.DataFrame, width: int = 80) -> Group:
    """Return a comparison for a Rich console.

    If it is too wide, intervals are below means; if it still is, columns of `LEFT_OUT` are missing.
    """
    blocks, notes = list(build_blocks(table)), closing_notes(table)
    separator = " " if fits(blocks, " ", width) else "\n"
    if not fits(blocks, separator, width):
        blocks = [leave_out(block, LEFT_OUT) for block in blocks]
        notes.append(f"{', '.join(LEFT_OUT)}: in a wider terminal, and in the other formats")
    drawn = [piece for block in blocks for piece in _draw(block, separator)]
    return Group(*drawn, *(Text(note, style="dim") for note in notes))


def fits(blocks: Sequence[Block], separator: str, width: int) -> bool:
    """Return whether no cell of any block has to be broken."""
    wide = Console(width=10_000)
    widths = (wide.measure(_grid(widest_row(block), separator)).maximum for block in blocks)
    return all(needed <= width for needed in widths)


def leave_out(block: Block, headers: Sequence[str]) -> Block:
    """Return a block without some columns."""
    kept = [i for i, header in enumerate(block.headers) if header not in headers]
    rows = [[row[i] for i in kept] for row in block.rows]
    return replace(block, headers=[block.headers[i] for i in kept], rows=rows)


def widest_row(block: Block) -> Block:
    """Return a block with a single row, the widest cell of each column."""
    columns = zip(*block.rows, strict=True)
    row = tuple(max(column, key=cell_len) for column in columns)
    return replace(block, rows=[row] if row else [])


def _draw(block: Block, separator: str) -> Iterator[RenderableType]:
    yield Text(block.title, style="bold")
    if block.warning:
        yield Text(block.warning, style="bold red")
    yield _grid(block, separator)
    for i, note in enumerate(block.notes, 1):
        yield Padding(Text(note, style="dim"), (0, 0, int(i == len(block.notes)), 0))


def _grid(block: Block, separator: str) -> Table:
    grid = Table(box=SIMPLE, pad_edge=False, collapse_padding=True)
    grid.add_column(block.headers[0], overflow="fold")
    for header in block.headers[1:]:
        grid.add_column(header.replace(" (", "\n("), justify="right", no_wrap=True)
    for cells in block.rows:
        grid.add_row(*(Text(cell.replace(" ± ", f"{separator}± ")) for cell in cells))
    return grid


def _markdown(table: pd.DataFrame) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(re.sub(r"([|*])", r"\\\1", cell) for cell in cells) + " |"

    parts = []
    for block in build_blocks(table):
        rule = "|:--" + "|--:" * (len(block.headers) - 1) + "|"
        grid = "\n".join([line(block.headers), rule, *map(line, block.rows)])
        warning = [f"**{block.warning}**"] if block.warning else []
        parts += [f"**{block.title}**", *warning, grid, *block.notes]
    notes = (note.replace("*", r"\*") for note in closing_notes(table))
    return "\n\n".join([*parts, *notes]) + "\n"


def _latex(table: pd.DataFrame) -> str:
    drawn = [line for block in build_blocks(table) for line in _tabular(block)]
    closing = [f"% {note}" for note in closing_notes(table)]
    return "\n".join([r"% needs \usepackage{booktabs}", *drawn, *closing]) + "\n"


def _tabular(block: Block) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return " & ".join(map(_escape, cells)) + r" \\"

    columns = len(block.headers)
    # A comment would be lost on paper.
    warning = rf"\multicolumn{{{columns}}}{{l}}{{\textbf{{{_escape(block.warning)}}}}} \\"
    return [
        *(f"% {note}" for note in (block.title, *block.notes)),
        rf"\begin{{tabular}}{{l{'r' * (columns - 1)}}}",
        *([warning] if block.warning else []),
        r"\toprule",
        line(block.headers),
        r"\midrule",
        *map(line, block.rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]


def _escape(cell: str) -> str:
    if MATHEMATICS.fullmatch(cell):
        return f"${cell.replace('±', chr(92) + 'pm')}$"
    return "".join(LATEX_SPECIAL.get(c, c) for c in cell)


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, lineterminator="\n")


NOTES: dict[str, object] = {"left_out": {}, "apart": [], "varied": [], "chosen": {}, "pooled": []}


def _json(table: pd.DataFrame) -> str:
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    notes = {name: table.attrs.get(name, empty) for name, empty in NOTES.items()}
    return json.dumps({"rows": rows, **notes}, indent=2, allow_nan=False)


FORMATS: dict[str, Callable[[pd.DataFrame], str]] = {
    "markdown": _markdown,
    "latex": _latex,
    "csv": _csv,
    "json": _json,
}
