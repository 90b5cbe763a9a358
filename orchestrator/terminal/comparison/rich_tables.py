"""A comparison as tables for a Rich console, as wide as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pandas as pd
from rich.box import SIMPLE
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from orchestrator.columns import COLUMNS
from orchestrator.terminal.comparison.block import Block
from orchestrator.terminal.comparison.blocks import build_blocks
from orchestrator.terminal.comparison.notes import closing_notes
from orchestrator.terminal.console import PlainConsole

# What a narrow terminal does without; ACC and forgetting say most of it.
LEFT_OUT = (COLUMNS["average_incremental_accuracy"].label,)


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
    # So wide that nothing is broken while it is measured.
    wide = PlainConsole(width=10_000)
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
        # An empty line after the last note alone.
        yield Padding(Text(note, style="dim"), (0, 0, int(i == len(block.notes)), 0))


def _grid(block: Block, separator: str) -> Table:
    grid = Table(box=SIMPLE, pad_edge=False, collapse_padding=True)
    grid.add_column(block.headers[0], overflow="fold")
    for header in block.headers[1:]:
        # Units on a line of their own, so that a column is as narrow as its cells.
        grid.add_column(header.replace(" (", "\n("), justify="right", no_wrap=True)
    for cells in block.rows:
        grid.add_row(*(Text(cell.replace(" ± ", f"{separator}± ")) for cell in cells))
    return grid
