"""A comparison as LaTeX, with booktabs.

Not by pandas, whose tables have neither notes nor mathematics in some cells.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from orchestrator.terminal.comparison.block import Block
from orchestrator.terminal.comparison.blocks import build_blocks
from orchestrator.terminal.comparison.notes import closing_notes
from orchestrator.terminal.escaping import in_one_line
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
    closing = [_comment(note) for note in closing_notes(table)]
    return "\n".join([r"% needs \usepackage{booktabs}", *drawn, *closing]) + "\n"


def _tabular(block: Block) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        label, *figures = cells
        return " & ".join([_escape(label), *map(_figure, figures)]) + r" \\"

    columns = len(block.headers)
    # A comment would be lost on paper.
    warning = rf"\multicolumn{{{columns}}}{{l}}{{\textbf{{{_escape(block.warning)}}}}} \\"
    return [
        *map(_comment, (block.title, *block.notes)),
        rf"\begin{{tabular}}{{l{'r' * (columns - 1)}}}",
        *([warning] if block.warning else []),
        r"\toprule",
        line(block.headers),
        r"\midrule",
        *map(line, block.rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]


def _comment(text: str) -> str:
    return f"% {in_one_line(text)}"  # what comes after the end of a line would be code


def _figure(cell: str) -> str:
    if MATHEMATICS.fullmatch(cell):
        return f"${cell.replace('±', chr(92) + 'pm')}$"
    return _escape(cell)


def _escape(text: str) -> str:
    return "".join(LATEX_SPECIAL.get(c, c) for c in in_one_line(text))
