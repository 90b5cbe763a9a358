"""The names of a cell's winners in lines that its width has room for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rich.cells import cell_len

from dashboards.charts.short_names import short_texts
from orchestrator.results.surface.surface import Surface
from orchestrator.results.surface.winners import WinningCell
from orchestrator.terminal.surface_tables import winner_text

EQUAL = " = "
NUMBER = len(" +99")  # of further winners, behind the last name


def winner_lines(
    surface: Surface, cells: Iterable[WinningCell], most: int
) -> dict[tuple[int, int], list[str]]:
    """Return the lines of each cell by its place: its best methods, or why there is none.

    Args:
        surface: with names as they are, not escaped.
        cells: of its winner map.
        most: letters of a line; longer names are shortened, alike in all cells.
    """
    short = short_texts(surface.methods, most - NUMBER)
    drawn = replace(surface, methods=tuple(short[name] for name in surface.methods))
    return {cell.place: pack(winner_text(drawn, cell).split(EQUAL), most) for cell in cells}


def pack(names: list[str], most: int) -> list[str]:
    """Return names in lines of at most `most` letters, with "=" between them."""
    first, *rest = names
    lines = [first]
    for name in rest:
        longer = f"{lines[-1]}{EQUAL}{name}"
        if cell_len(longer) + len(EQUAL.rstrip()) <= most:
            lines[-1] = longer
        else:
            lines[-1] += EQUAL.rstrip()
            lines.append(name)
    return lines
