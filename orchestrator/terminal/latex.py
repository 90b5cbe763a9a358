"""A comparison as LaTeX, with booktabs."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from orchestrator.terminal.block import Block
from orchestrator.terminal.blocks import build_blocks
from orchestrator.terminal.notes import closing_notes
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

# Cells in mathematical mode: negative numbers and intervals.
MATHEMATICS = re.compile(r"-[\d.]+|\[.*\]|.* ± .*")


def latex(table: pd.DataFrame) -> str:
    """Return a comparison as LaTeX; notes are comments."""
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
