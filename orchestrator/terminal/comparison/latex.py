"""A comparison as LaTeX, with booktabs.

pandas writes LaTeX too, but no notes, and mathematics in all cells of a table or in none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from orchestrator.results.units import UNDEFINED
from orchestrator.terminal.comparison.block import Block
from orchestrator.terminal.comparison.blocks import build_blocks
from orchestrator.terminal.comparison.notes import closing_notes, value_notes
from orchestrator.terminal.escaping import join_lines

SIGNS = (
    ("αβγδεζηθικλμ", "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu"),
    ("νξπρστυφχψω", "nu xi pi rho sigma tau upsilon phi chi psi omega"),
    ("ΓΔΘΛΞΠΣΥΦΨΩ", "Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"),
    ("±≤≥≠≈∞→←", "pm leq geq neq approx infty to leftarrow"),
)
MATHEMATICAL = {
    sign: rf"\{command}"
    for signs, commands in SIGNS
    for sign, command in zip(signs, commands.split(), strict=True)
} | {"−": "-"}
LATEX_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",  # by itself it is a command of some languages, and always a closing mark
    "`": r"\textasciigrave{}",  # with others it is a quotation mark, an exclamation or a question
    UNDEFINED: "--",
    **{sign: f"${command}$" for sign, command in MATHEMATICAL.items()},
    **{c: f"\\{c}" for c in "&%$#_{}"},
}

LONG_NAME = 40  # characters; longer names are broken, since the table would be wider than its page
NAME_WIDTH = r"p{0.3\linewidth}"
BREAK = re.compile(r"\\_|[:=./]|[a-z0-9](?=[A-Z])")
NAME_LINE = 22  # characters in a line of such a name
LONG_WORD = re.compile(rf"\S{{{NAME_LINE},}}")

# Of Latin letters and the marks of text, pdfLaTeX has all; of others few.
FOREIGN = re.compile(r"[^\x00-\u017f‐-‧€™]")
BY_OTHERS = "% needs LuaLaTeX or XeLaTeX, and a font with the letters of the names"

PAGE = 65  # characters of a row that fit across a page in the default size
TO_FIT = r"\resizebox{\linewidth}{!}{%"

# Cells in mathematical mode: negative numbers and intervals.
MATHEMATICS = re.compile(r"-[\d.]+|\[.*\]|.* ± .*")


def latex(table: pd.DataFrame) -> str:
    """Return blocks as LaTeX: a `table` with caption and label for each; notes are comments."""
    notes, blocks = value_notes(table), list(build_blocks(table))
    names = label_names([block.title for block in blocks])
    # Only a table of values has intervals and bold figures.
    drawn = [
        line
        for block, name in zip(blocks, names, strict=True)
        for line in _float(block, name, notes if block.best else [])
    ]
    closing = [_comment(note) for note in closing_notes(table)]
    packages = "booktabs,graphicx" if any(map(_is_wide, blocks)) else "booktabs"
    others = [BY_OTHERS] if any(map(FOREIGN.search, drawn)) else []
    return "\n".join([rf"% needs \usepackage{{{packages}}}", *others, *drawn, *closing]) + "\n"


def label_names(titles: Sequence[str]) -> list[str]:
    """Return a name for each title that can be part of a label; equal names are numbered."""
    names: list[str] = []
    for title in titles:
        name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
        again = sum(each == name or each.startswith(f"{name}--") for each in names)
        names.append(f"{name}--{again + 1}" if again else name)
    return names


def _is_wide(block: Block) -> bool:
    """Return whether a table would leave its page, so that it has to be made smaller."""
    rows = [block.headers, *block.rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(block.headers))]
    names = NAME_LINE if widths[0] > LONG_NAME else widths[0]
    # The space between two columns is about that of two characters.
    return names + sum(widths[1:]) + 2 * len(widths) > PAGE


def _float(block: Block, name: str, notes: Sequence[str]) -> list[str]:
    caption = ". ".join([block.title, *(f"{note[:1].upper()}{note[1:]}" for note in notes)])
    return [
        *map(_comment, (block.title, *block.notes)),
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{LONG_WORD.sub(_break, _escape(caption))}.}}",
        rf"\label{{tab:{name}}}",
        *([TO_FIT, *_tabular(block), "}"] if _is_wide(block) else _tabular(block)),
        r"\end{table}",
    ]


def _tabular(block: Block) -> list[str]:
    columns = len(block.headers)
    long = any(len(row[0]) > LONG_NAME for row in block.rows)
    # A comment would be lost on paper.
    warning = rf"\multicolumn{{{columns}}}{{l}}{{\textbf{{{_escape(block.warning)}}}}} \\"
    return [
        rf"\begin{{tabular}}{{{NAME_WIDTH if long else 'l'}{'r' * (columns - 1)}}}",
        *([warning] if block.warning else []),
        r"\toprule",
        _line(block.headers, [False] * columns),
        r"\midrule",
        *(
            _line(row, [block.is_best(i, column) for column in range(columns)], long)
            for i, row in enumerate(block.rows)
        ),
        r"\bottomrule",
        r"\end{tabular}",
    ]


def _line(cells: Sequence[str], bold: Sequence[bool], long: bool = False) -> str:
    figures = map(_figure, cells[1:], bold[1:])
    return " & ".join([_name(cells[0], long), *figures]) + r" \\"


def _name(name: str, long: bool) -> str:
    """Return a name; a long one may be broken at spaces, marks and the capitals of `SeveralWords`.

    The end of a line before it, and a rule, would take a first `*` or `[` for an option of theirs.
    """
    escaped = _escape(name)
    if not long:
        return "{}" + escaped if escaped.lstrip().startswith(("*", "[")) else escaped
    return r"\raggedright " + LONG_WORD.sub(_break, escaped)


def _break(word: re.Match[str]) -> str:
    return BREAK.sub(r"\g<0>\\allowbreak{}", word[0])


def _comment(text: str) -> str:
    return f"% {join_lines(text)}"  # what comes after the end of a line would be code


def _figure(cell: str, bold: bool) -> str:
    if MATHEMATICS.fullmatch(cell):
        formula = cell.replace("±", r"\pm")
        return rf"$\mathbf{{{formula}}}$" if bold else f"${formula}$"
    return rf"\textbf{{{_escape(cell)}}}" if bold else _escape(cell)


def _escape(text: str) -> str:
    return "".join(LATEX_SPECIAL.get(c, c) for c in join_lines(text))
