"""Names and units of the columns of the tables for axes, and their values as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.columns import COLUMNS, METRICS
from orchestrator.results.units import amount_text, decimal_text


@dataclass(frozen=True)
class Quantity:
    """A column: its name in words, its unit ("" for a share or a count), whether it is a cost.

    Costs span decades, so their axes are logarithmic.
    """

    words: str
    unit: str = ""
    cost: bool = False

    @property
    def title(self) -> str:
        """The name with its unit."""
        return f"{self.words} ({self.unit})" if self.unit else self.words

    def axis(self) -> dict[str, Any]:
        """Return the layout of its axis."""
        if not self.cost:
            return {"title": {"text": self.title}}
        return {"title": {"text": self.title}, "type": "log"}

    def value_text(self, value: float) -> str:
        """Return a value as text with its unit: `117 kB`, `3.5 GFLOP`, `0.917`."""
        return amount_text(value, self.unit) if self.cost else decimal_text(value)


QUANTITIES = {
    name: Quantity(column.words, column.unit, cost=name not in METRICS)
    for name, column in COLUMNS.items()
}


def find_quantity(column: str) -> Quantity:
    """Return the quantity of a column; an unknown column gets a quantity with its name."""
    if column in QUANTITIES:
        return QUANTITIES[column]
    words = column.removeprefix("config.").removesuffix("_bytes").replace("_", " ")
    return Quantity(words, "B", cost=True) if column.endswith("_bytes") else Quantity(words)


def short_label(column: str) -> str:
    """Return the label of a metric (`ACC`, `forgetting`), or the name of another column."""
    return COLUMNS[column].label if column in METRICS else find_quantity(column).words
