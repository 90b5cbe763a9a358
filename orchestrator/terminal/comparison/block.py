"""A table of text cells, which all formats share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Block:
    """A table of text.

    Attributes:
        title: printed above the table.
        headers: of the columns.
        rows: cells in the order of `headers`.
        notes: printed below the table.
        warning: printed in every format; empty for none.
        best: for each row the headers of the cells that are the best of the table.
        left: how many of the first columns are left-aligned; the others are right-aligned.
    """

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    warning: str = ""
    best: Sequence[frozenset[str]] = ()
    left: int = 1

    def is_best(self, row: int, column: int) -> bool:
        """Return whether a cell is the best of its column, or ties with that."""
        return bool(self.best) and self.headers[column] in self.best[row]
