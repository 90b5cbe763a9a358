"""A table of text cells, which all formats share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Block:
    """A table of text.

    Attributes:
        title: printed above the table.
        headers: of the columns; the first column is left-aligned, the others right-aligned.
        rows: cells in the order of `headers`.
        notes: printed below the table.
        warning: printed in every format; empty for none.
    """

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    warning: str = ""
