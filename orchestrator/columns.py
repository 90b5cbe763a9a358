"""The columns of the tables: name, type, unit, direction and label of each, in one place.

Tables, comparison, tracking, charts and the objective of a search read them here. A new metric is a
line of `METRIC_COLUMNS` and a function of the same name in `metrics.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "real", "integer", "truth"]
Better = Literal["larger", "smaller"]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: in the table.
        kind: of its values. FLOPs are reals: a large network's can exceed 64-bit integers, and
            below 2^53 all are exact.
        unit: "B", "FLOP", "s", or none.
        label: what it is called in figures and tables.
        better: which direction is better, for metrics and costs.
        words: the label in full, where it is an abbreviation.
    """

    name: str
    kind: Kind = "real"
    unit: str = ""
    label: str = ""
    better: Better | None = None
    words: str = ""

    @property
    def cost(self) -> bool:
        """Whether it is something spent."""
        return self.unit != ""


METRIC_COLUMNS = (
    Column("acc", label="ACC", better="larger", words="average accuracy (ACC)"),
    Column("bwt", label="BWT", better="larger", words="backward transfer (BWT)"),
    Column("fwt", label="FWT", better="larger", words="forward transfer (FWT)"),
    Column("forgetting", label="forgetting", better="smaller", words="forgetting"),
    Column("learning_accuracy", label="LA", better="larger", words="learning accuracy (LA)"),
)
METRICS = tuple(column.name for column in METRIC_COLUMNS)
# Metrics on validation data. A search may not read forward transfer: see `metrics.fwt`.
SELECTABLE = tuple(name for name in METRICS if name != "fwt")
VALIDATED = tuple(f"val_{name}" for name in SELECTABLE)

# What the state that lives until the next task is made of.
CATEGORIES = (
    "model", "anchor", "importance", "teacher", "buffer", "generator", "columns", "optimizer",
    "raw_data",
)  # fmt: skip
PHASES = ("train", "consolidate", "eval")
