"""A comparison in Python: a data frame that is shown as the table of `repertoire compare`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import pandas as pd

from orchestrator.cli.python.check_arguments import check_arguments
from orchestrator.errors import RepertoireError
from orchestrator.terminal.comparison.block import Block
from orchestrator.terminal.comparison.blocks import build_blocks
from orchestrator.terminal.comparison.notes import closing_notes
from orchestrator.terminal.comparison.rendering import FIRST_ROWS, render
from orchestrator.terminal.console import terminal_width
from orchestrator.terminal.html_table import html_table

NARROWEST, WIDEST = 20, 1000  # widths of a table, in characters


class Comparison(pd.DataFrame):
    """A row per configuration, with means and 95% intervals: see `results.comparison`.

    It is a data frame, and what is selected from it is a plain one. A notebook shows it as one
    table with units; `print` shows what `repertoire compare` does.
    """

    @check_arguments
    def render(self, format: str = "table", width: int = 100) -> str:
        """Return it as text: "table", "markdown", "latex" (booktabs), "csv" or "json".

        Args:
            format: csv and json have raw numbers, the others units.
            width: of the table, in characters, from 20 to 1,000.

        Raises:
            UnknownName: there is no such format.
            RepertoireError: there is no such width.
        """
        if not NARROWEST <= width <= WIDEST:
            raise RepertoireError(
                f"Comparison.render: width must be from {NARROWEST} to {WIDEST:,} characters, "
                f"given {width:,}"
            )
        return render(plain_frame(self), format, width)

    def __repr__(self) -> str:
        # That of a notebook is no terminal, though its server may have been started in one.
        in_terminal = sys.stdout.isatty() or "COLUMNS" in os.environ
        return self.render(width=terminal_width()) if in_terminal else self.render()

    def _repr_html_(self) -> str:
        return comparison_html(plain_frame(self))


def plain_frame(table: pd.DataFrame) -> pd.DataFrame:
    """Return a plain data frame of the same rows, with the notes of the comparison."""
    plain = pd.DataFrame(table)
    plain.attrs = dict(table.attrs)
    return plain


def as_comparison(table: pd.DataFrame) -> Comparison:
    """Return the frame of a comparison so that a notebook shows it as a table."""
    compared: Any = Comparison(table)
    compared.attrs = dict(table.attrs)
    return compared  # type: ignore[no-any-return]


def comparison_html(
    table: pd.DataFrame, more: str = "compare() has all rows", below: Sequence[Block] = ()
) -> str:
    """Return a comparison as one table of HTML, with its first rows if there are many.

    Args:
        table: the comparison.
        more: where the other rows are.
        below: further blocks of the table.
    """
    first = table.head(FIRST_ROWS)
    first.attrs = dict(table.attrs)
    others = len(table) - len(first)
    further = [f"{others} further rows: {more}"] if others else []
    return html_table([*build_blocks(first), *below], [*further, *closing_notes(first)])
