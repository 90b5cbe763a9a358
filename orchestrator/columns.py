"""Names of metrics, costs and their parts in the tables, with label and direction, in one place.

Tables, comparison, tracking, charts and the objective of a search read them here. A new metric is a
line of `METRIC_COLUMNS` and a function of the same name in `results/metrics.py`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A metric of R: its column, what it is called in figures, and whether small is better."""

    name: str
    label: str
    small: bool = False


METRIC_COLUMNS = (
    Metric("acc", "ACC"),
    Metric("bwt", "BWT"),
    Metric("fwt", "FWT"),
    Metric("forgetting", "forgetting", small=True),
    Metric("learning_accuracy", "LA"),
)
METRICS = tuple(column.name for column in METRIC_COLUMNS)
# Metrics on validation data. A search may not read forward transfer: see `results.metrics.fwt`.
SELECTABLE = tuple(name for name in METRICS if name != "fwt")
VALIDATED = tuple(f"val_{name}" for name in SELECTABLE)

# What the state that lives until the next task is made of.
CATEGORIES = (
    "model", "anchor", "importance", "teacher", "buffer", "generator", "columns", "optimizer",
    "raw_data",
)  # fmt: skip
PHASES = ("train", "consolidate", "eval")
STORAGE = ("storage_bytes", *(f"storage_{category}_bytes" for category in CATEGORIES))
FLOPS = tuple(f"{phase}_flops" for phase in PHASES)
PHASE_SECONDS = tuple(f"{phase}_seconds" for phase in PHASES)
SECONDS = (*PHASE_SECONDS, "cpu_seconds", "gpu_seconds")
SUMMED = (*FLOPS, *SECONDS, "samples")
# Costs that a rerun repeats exactly, so that a search may rank by them.
REPEATABLE = (*STORAGE, *FLOPS, "samples")

SMALL_METRICS = tuple(column.name for column in METRIC_COLUMNS if column.small)
SMALL_ENDINGS = ("_bytes", "_flops", "seconds", "samples", *SMALL_METRICS)


def is_small_better(column: str) -> bool:
    """Return whether less of a column is better: costs, forgetting."""
    return column.endswith(SMALL_ENDINGS)


def fwt_undefined_because(scenario: str, num_tasks: int, scores_unseen: bool = True) -> str | None:
    """Return why forward transfer is undefined, or None where it is defined.

    Args:
        scenario: "task", "domain" or "class".
        num_tasks: T.
        scores_unseen: whether the method can score a task it has not learned.

    Reference: Lopez-Paz and Ranzato, 2017, eq. 4, whose R[i-1, i] is meant by "score".
    Deviations: the paper assumes a score exists; here its absence is stated.
    """
    if num_tasks < 2:
        return "there is no transfer between tasks when there is only one"
    if scenario == "class":
        return (
            "a class-incremental head cannot predict classes it has not met, "
            "so FWT would be -mean R[0, i] whatever the method"
        )
    if not scores_unseen:
        return "the method cannot score a task before learning it"
    return None
