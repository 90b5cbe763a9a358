"""A comparison as text: for a terminal, as Markdown, LaTeX, CSV and JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pandas as pd

from orchestrator.errors import UnknownName
from orchestrator.results.arrangement import frame_to_print
from orchestrator.terminal.comparison.block import Block
from orchestrator.terminal.comparison.blocks import build_blocks
from orchestrator.terminal.comparison.latex import latex
from orchestrator.terminal.comparison.notes import closing_notes
from orchestrator.terminal.comparison.rich_tables import rich_table
from orchestrator.terminal.console import NARROW, PlainConsole
from orchestrator.terminal.escaping import escape_markdown

FIRST_ROWS = 40  # as many as fit a tall terminal


def render(table: pd.DataFrame, format: str = "table", width: int = NARROW) -> str:
    """Return a comparison as text: "table", "markdown", "latex" (booktabs), "csv" or "json".

    The first three have units with prefixes; "csv" and "json" have raw numbers.

    Raises:
        UnknownName: there is no such format.
    """
    if format == "table":
        drawn, width = rich_table(table, width)
        console = PlainConsole(file=io.StringIO(), width=width, color_system=None)
        with console.capture() as printed:
            console.print(drawn)
        return "\n".join(line.rstrip() for line in printed.get().splitlines()) + "\n"
    if format not in FORMATS:
        raise UnknownName("format", format, ("table", *FORMATS))
    return FORMATS[format](table)


def render_first(
    table: pd.DataFrame, more: str, limit: int = FIRST_ROWS, width: int = NARROW
) -> str:
    """Return the first rows of a comparison as a table, and the number of the other rows.

    Args:
        table: the comparison.
        more: the command that prints all rows.
        limit: largest number of rows.
        width: characters of a line.
    """
    others = len(table) - limit
    further = f"{others} further rows: {more}\n" if others > 0 else ""
    return render(table.head(limit), width=width) + further


def _markdown(table: pd.DataFrame) -> str:
    notes = map(escape_markdown, closing_notes(table))
    parts = [part for block in build_blocks(table) for part in _markdown_parts(block)]
    return "\n\n".join([*parts, *notes]) + "\n"


def _markdown_parts(block: Block) -> list[str]:
    rule = "|:--" + "|--:" * (len(block.headers) - 1) + "|"
    rows = [_markdown_row(block, i) for i in range(len(block.rows))]
    grid = "\n".join([f"| {' | '.join(block.headers)} |", rule, *rows])
    warning = [f"**{escape_markdown(block.warning)}**"] if block.warning else []
    notes = map(escape_markdown, block.notes)
    return [f"**{escape_markdown(block.title)}**", *warning, grid, *notes]


def _markdown_row(block: Block, number: int) -> str:
    label, *figures = block.rows[number]
    bold = [f"**{f}**" if block.is_best(number, i) else f for i, f in enumerate(figures, 1)]
    return f"| {' | '.join([escape_markdown(label), *bold])} |"


def _csv(table: pd.DataFrame) -> str:
    return frame_to_print(table).to_csv(index=False, lineterminator="\n")


NOTES: dict[str, object] = {"left_out": {}, "apart": [], "varied": [], "chosen": {}, "pooled": []}


def _json(table: pd.DataFrame) -> str:
    # JSON has no NaN; in a column of floats None would be NaN again.
    printed = frame_to_print(table)
    rows = printed.astype(object).where(printed.notna(), None).to_dict("records")
    notes = {name: table.attrs.get(name, empty) for name, empty in NOTES.items()}
    return json.dumps({"rows": rows, **notes}, indent=2, allow_nan=False)


FORMATS: dict[str, Callable[[pd.DataFrame], str]] = {
    "markdown": _markdown,
    "latex": latex,
    "csv": _csv,
    "json": _json,
}
