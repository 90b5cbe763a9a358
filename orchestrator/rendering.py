"""A comparison as text: for a terminal, Markdown, LaTeX, CSV and JSON.

Settings (sweep, benchmark, scenario, number of tasks) never share a table, except in CSV and JSON,
where every row names its own.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from math import floor, isnan, log10

import pandas as pd
from rich.box import SIMPLE
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from orchestrator.errors import UnknownName
from orchestrator.metrics import fwt_undefined_because
from orchestrator.results import SETTING

HEADERS = ("method", "ACC", "BWT", "FWT", "forgetting", "storage", "compute (GFLOP)", "n")
SHOWN_METRICS = ("acc", "bwt", "fwt", "forgetting")
UNDEFINED = "–"
LATEX_SPECIAL = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", UNDEFINED: "--", **{c: f"\\{c}" for c in "&%$#_{}"},
}  # fmt: skip


def render(table: pd.DataFrame, format: str = "table", width: int = 80) -> str:
    """Return a comparison as text: "table", "markdown", "latex" (booktabs), "csv" or "json".

    The first three use human units; csv and json hold raw numbers.

    Raises:
        UnknownName: no such format.
    """
    if format == "table":
        console = Console(file=io.StringIO(), width=width, color_system=None)
        with console.capture() as printed:
            console.print(as_table(table, width))
        return "\n".join(line.rstrip() for line in printed.get().splitlines()) + "\n"
    if format not in FORMATS:
        raise UnknownName("format", format, ("table", *FORMATS))
    return FORMATS[format](table)


def as_table(table: pd.DataFrame, width: int = 80) -> Group:
    """Return a comparison for a Rich console; intervals go under means if width is short."""
    wide = Console(width=10_000)
    fits = all(wide.measure(_grid(rows, " ")).maximum <= width for _, rows in _settings(table))
    parts: list[RenderableType] = []
    for title, rows in _settings(table):
        parts += [Text(title, style="bold"), _grid(rows, " " if fits else "\n")]
        parts += [Padding(Text(note, style="dim"), (0, 0, 1, 0)) for note in _fwt_note(rows)]
    return Group(*parts, *(Text(note, style="dim") for note in _notes(table)))


def _settings(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for (sweep, benchmark, scenario, num_tasks), rows in table.groupby(SETTING, sort=False):
        tasks = "1 task" if num_tasks == 1 else f"{num_tasks} tasks"
        yield f"{benchmark}, {scenario}-incremental, {tasks} (sweep {sweep})", rows


def _fwt_note(rows: pd.DataFrame) -> list[str]:
    if not rows["fwt_mean"].isna().any():
        return []
    scenario, num_tasks = rows.iloc[0][["scenario", "num_tasks"]]
    reasons = (
        fwt_undefined_because(scenario, num_tasks, scores_unseen) for scores_unseen in (True, False)
    )
    return [f"FWT is undefined ({UNDEFINED}): {next(reason for reason in reasons if reason)}"]


def _notes(table: pd.DataFrame) -> list[str]:
    notes = (
        ["± is the 95% Student-t interval of the mean over n seeds"]
        if (table["n"] > 1).any()
        else []
    )
    left_out = table.attrs.get("left_out", {})
    if left_out:
        notes.append(
            "left out, by (trial, seed): " + ", ".join(f"{n} {why}" for why, n in left_out.items())
        )
    return notes if len(table) else ["no complete trial of the evaluation phase", *notes]


def _grid(rows: pd.DataFrame, separator: str) -> Table:
    grid = Table(box=SIMPLE, pad_edge=False, collapse_padding=True)
    grid.add_column("method", overflow="fold")
    for header in HEADERS[1:]:
        grid.add_column(header.replace(" (", "\n("), justify="right", no_wrap=True)
    for cells in _cells(rows):
        grid.add_row(*(Text(cell.replace(" ± ", f"{separator}± ")) for cell in cells))
    return grid


def _cells(rows: pd.DataFrame) -> Iterator[list[str]]:
    """Return the cells of each row, in the order of HEADERS."""
    for row in rows.to_dict("records"):
        metrics = [_interval(row[f"{name}_mean"], row[f"{name}_ci95"]) for name in SHOWN_METRICS]
        compute = _significant(row["compute_flops_mean"] / 1e9)
        yield [row["label"], *metrics, _bytes(row["storage_bytes_mean"]), compute, str(row["n"])]


def _interval(mean: float, half_width: float) -> str:
    if isnan(mean):
        return UNDEFINED
    centre = f"{round(mean, 3) + 0.0:.3f}"  # + 0.0: never print -0.000
    return centre if isnan(half_width) else f"{centre} ± {half_width:.3f}"


def _bytes(size: float) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if size >= scale:
            return f"{_significant(size / scale)} {unit}"
    return f"{_significant(size / 1e3)} kB"


def _significant(value: float) -> str:
    """Return a non-negative number to three significant digits, without exponent."""
    if 0 < value < 0.001:
        return "<0.001"
    decimals = 2 - floor(log10(value)) if value else 0
    return f"{value:,.{max(decimals, 0)}f}"


def _markdown(table: pd.DataFrame) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"

    blocks = []
    for title, rows in _settings(table):
        rule = "|:--" + "|--:" * (len(HEADERS) - 1) + "|"
        blocks += [
            f"**{title}**",
            "\n".join([line(HEADERS), rule, *map(line, _cells(rows))]),
            *_fwt_note(rows),
        ]
    return "\n\n".join([*blocks, *_notes(table)]) + "\n"


def _latex(table: pd.DataFrame) -> str:
    def line(cells: Sequence[str]) -> str:
        return " & ".join(map(_escaped, cells)) + r" \\"

    lines = [r"% needs \usepackage{booktabs}"]
    for title, rows in _settings(table):
        lines += [f"% {note}" for note in (title, *_fwt_note(rows))]
        lines += [
            rf"\begin{{tabular}}{{l{'r' * (len(HEADERS) - 1)}}}",
            r"\toprule",
            line(HEADERS),
            r"\midrule",
        ]
        lines += [*map(line, _cells(rows)), r"\bottomrule", r"\end{tabular}"]
    return "\n".join([*lines, *(f"% {note}" for note in _notes(table))]) + "\n"


def _escaped(cell: str) -> str:
    if " ± " in cell or cell.startswith("-"):
        return f"${cell.replace('±', chr(92) + 'pm')}$"
    return "".join(LATEX_SPECIAL.get(c, c) for c in cell)


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, lineterminator="\n")


def _json(table: pd.DataFrame) -> str:
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return json.dumps(
        {"rows": rows, "left_out": table.attrs.get("left_out", {})}, indent=2, allow_nan=False
    )


FORMATS: dict[str, Callable[[pd.DataFrame], str]] = {
    "markdown": _markdown,
    "latex": _latex,
    "csv": _csv,
    "json": _json,
}
