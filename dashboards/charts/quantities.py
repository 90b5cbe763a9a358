"""What the columns of the tables are called on an axis, in which unit, and how values are said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.columns import COLUMNS, METRICS
from orchestrator.terminal.units import UNDEFINED as UNDEFINED
from orchestrator.terminal.units import human as human
from orchestrator.terminal.units import interval as interval
from orchestrator.terminal.units import thousandths

number = thousandths  # how a metric is said: 0.917


@dataclass(frozen=True)
class Quantity:
    """One column: its name in words, its unit ("" for a share or a count), whether it is a cost.

    Costs span decades, so they stand on logarithmic axes with SI prefixes (1 kB = 1000 B).
    """

    words: str
    unit: str = ""
    cost: bool = False

    @property
    def title(self) -> str:
        """The name with its unit, for an axis."""
        return f"{self.words} ({self.unit})" if self.unit else self.words

    def axis(self) -> dict[str, Any]:
        """Return the layout of an axis that shows it."""
        if not self.cost:
            return {"title": {"text": self.title}}
        ticks = {"tickformat": "~s", "ticksuffix": self.unit, "exponentformat": "SI"}
        return {"title": {"text": self.title}, "type": "log", **ticks}

    def say(self, value: float) -> str:
        """Return a value with its unit: 117 kB, 3.5 GFLOP, 0.917."""
        return human(value, self.unit) if self.cost else number(value)


QUANTITIES = {
    name: Quantity(column.words, column.unit, cost=name not in METRICS)
    for name, column in COLUMNS.items()
}


def quantity(column: str) -> Quantity:
    """Return what is known of a column, or its name as it is."""
    if column in QUANTITIES:
        return QUANTITIES[column]
    words = column.removeprefix("config.").removesuffix("_bytes").replace("_", " ")
    return Quantity(words, "B", cost=True) if column.endswith("_bytes") else Quantity(words)


def short(column: str) -> str:
    """Return the abbreviation of a metric, or its name: ACC, forgetting."""
    return COLUMNS[column].label if column in METRICS else quantity(column).words
