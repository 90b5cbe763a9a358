"""What the columns of the tables are called on an axis, in which unit, and how values are said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor, isfinite, log10
from typing import Any

from orchestrator.columns import METRIC_COLUMNS
from orchestrator.terminal.units import UNDEFINED as UNDEFINED
from orchestrator.terminal.units import interval as interval
from orchestrator.terminal.units import thousandths

number = thousandths  # how a metric is said: 0.917
PREFIXES = ("", "k", "M", "G", "T", "P", "E")


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
        return {
            "title": {"text": self.title}, "type": "log",
            "tickformat": "~s", "ticksuffix": self.unit, "exponentformat": "SI",
        }  # fmt: skip

    def say(self, value: float) -> str:
        """Return a value with its unit: 117 kB, 3.5 GFLOP, 0.917."""
        return human(value, self.unit) if self.cost else number(value)


QUANTITIES: Mapping[str, Quantity] = {
    "acc": Quantity("ACC: accuracy over all tasks after the last (test)"),
    "bwt": Quantity("BWT: backward transfer (test)"),
    "fwt": Quantity("FWT: forward transfer (test)"),
    "forgetting": Quantity("forgetting: best accuracy lost since (test)"),
    "learning_accuracy": Quantity("LA: accuracy on each task when just learned (test)"),
    "storage_bytes": Quantity("storage carried between tasks", "B", cost=True),
    "compute_flops": Quantity("training and consolidation", "FLOP", cost=True),
    "train_flops": Quantity("training", "FLOP", cost=True),
    "consolidate_flops": Quantity("consolidation", "FLOP", cost=True),
    "eval_flops": Quantity("evaluation", "FLOP", cost=True),
    "seconds": Quantity("training and consolidation", "s", cost=True),
    "train_seconds": Quantity("training", "s", cost=True),
    "peak_memory_bytes": Quantity("peak memory", "B", cost=True),
}
SHORT = {column.name: column.label for column in METRIC_COLUMNS}


def quantity(column: str) -> Quantity:
    """Return what is known of a column, or its name as it is."""
    if column in QUANTITIES:
        return QUANTITIES[column]
    words = column.removeprefix("config.").removesuffix("_bytes").replace("_", " ")
    return Quantity(words, "B", cost=True) if column.endswith("_bytes") else Quantity(words)


def short(column: str) -> str:
    """Return the abbreviation of a metric, or its name: ACC, forgetting."""
    return SHORT.get(column, quantity(column).words)


def human(value: float, unit: str) -> str:
    """Return three significant digits with an SI prefix: 117 kB, 3.50 GFLOP, 0.25 s."""
    if not isfinite(value):
        return UNDEFINED
    thousands = min(max(floor(log10(abs(value)) / 3 + 1e-9), 0), len(PREFIXES) - 1) if value else 0
    scaled = value / 1000**thousands
    return f"{scaled:.{_decimals(scaled)}f} {PREFIXES[thousands]}{unit}"


def _decimals(value: float) -> int:
    """Return how many decimals give three significant digits; none for a whole number."""
    if value == round(value):
        return 0
    return min(max(2 - floor(log10(abs(value))), 0), 6)
