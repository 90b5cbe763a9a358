"""A comparison as tables for a Rich console, as wide as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pandas as pd
from rich.box import SIMPLE
from rich.cells import cell_len, set_cell_size
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from orchestrator.columns import METRIC_COLUMNS
from orchestrator.terminal.broken_text import break_name
from orchestrator.terminal.comparison.block import Block
from orchestrator.terminal.comparison.blocks import build_blocks
from orchestrator.terminal.comparison.notes import BEST_NOTE, closing_notes
from orchestrator.terminal.console import NARROW, PlainConsole

NAME, SHORTEST_NAME = 28, 12  # characters of a name before it is broken
# Labels of the metrics that a narrow terminal does without.
LEFT_OUT = tuple(column.label for column in METRIC_COLUMNS if column.shown and not column.narrow)


def rich_table(table: pd.DataFrame, width: int = NARROW) -> tuple[Group, int]:
    """Return a comparison for a Rich console, and the width of the console that it needs.

    Names are broken before numbers. If that is not enough, intervals are below means; then columns
    of `LEFT_OUT` are missing, unless they were asked for. What still does not fit is wider.
    """
    blocks = list(build_blocks(table))
    # No figure is bold here: plain text, which files and pipes get too, could not show it.
    notes = [note for note in closing_notes(table) if note != BEST_NOTE]
    separator = " " if needed_width(blocks, " ") <= width else "\n"
    if needed_width(blocks, separator) > width and "columns" not in table.attrs:
        blocks = [drop_columns(block, LEFT_OUT) for block in blocks]
        notes.append(f"{', '.join(LEFT_OUT)}: in a wider terminal, and in the other formats")
    drawn = [piece for block in blocks for piece in _draw(block, separator)]
    group = Group(*drawn, *(Text(note, style="dim") for note in notes))
    return group, max(width, needed_width(blocks, separator, SHORTEST_NAME))


def needed_width(blocks: Sequence[Block], separator: str, name: int = NAME) -> int:
    """Return the width at which no number is broken, and no name of up to `name` characters."""
    # So wide that nothing is broken while it is measured.
    wide = PlainConsole(width=10_000)
    grids = (_grid(widest_row(block, name), separator) for block in blocks)
    return max((wide.measure(grid).maximum for grid in grids), default=0)


def drop_columns(block: Block, headers: Sequence[str]) -> Block:
    """Return a block without some columns."""
    kept = [i for i, header in enumerate(block.headers) if header not in headers]
    rows = [[row[i] for i in kept] for row in block.rows]
    return replace(block, headers=[block.headers[i] for i in kept], rows=rows)


def widest_row(block: Block, name: int) -> Block:
    """Return a block with a row of the widest cell of each column, the first cut at a width."""
    columns = zip(*block.rows, strict=True)
    row = tuple(max(column, key=cell_len) for column in columns)
    row = (set_cell_size(row[0], min(cell_len(row[0]), name)), *row[1:]) if row else row
    return replace(block, rows=[row] if row else [])


def _draw(block: Block, separator: str) -> Iterator[RenderableType]:
    yield Text(block.title, style="bold")
    if block.warning:
        yield Text(block.warning, style="bold red")
    yield _grid(block, separator)
    for i, note in enumerate(block.notes, 1):
        # Only the last note has an empty line after it.
        yield Padding(Text(note, style="dim"), (0, 0, int(i == len(block.notes)), 0))


def _grid(block: Block, separator: str) -> Table:
    grid = Table(box=SIMPLE, pad_edge=False, collapse_padding=True)
    grid.add_column(block.headers[0])
    for header in block.headers[1:]:
        # Units on a line of their own, so that a column is as narrow as its cells.
        grid.add_column(header.replace(" (", "\n("), justify="right", no_wrap=True)
    for name, *cells in block.rows:
        numbers = (Text(cell.replace(" ± ", f"{separator}± ")) for cell in cells)
        grid.add_row(break_name(name), *numbers)
    return grid
