"""Names of metrics, costs and their parts in the tables, with label, unit, type and direction.

Tables, comparison, tracking, charts and the objective of a search read them here. A new metric is a
line of `METRIC_COLUMNS` and a function in `results/metrics.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

UNDEFINED = "–"  # a value that has no meaning, or was not measured
SCALES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}  # of the prefixes of units
HOUR_SECONDS = 3600.0


@dataclass(frozen=True)
class Column:
    """A metric, a cost, or another column that holds no text.

    Attributes:
        name: of the column.
        label: short, for the head of a table: "ACC".
        words: description, for an axis.
        unit: "B", "FLOP", "s", "J", "epochs of fine-tuning", or "" for a share or a count.
        kind: its type in the tables.
        small: whether smaller is better.
        shown: whether tables on the terminal and in the report have it.
        prefix: of the unit where all values have one, as on an axis: "G" of GFLOP.
        header: of such values in a table on the terminal; "" for the label.
        lowest: value of a metric, whose highest is 1: 0 of a share, -1 of a difference of shares.
        min_tasks: fewest tasks after which a metric is defined.
        narrow: whether a terminal of 80 characters has a metric.
    """

    name: str
    label: str
    words: str
    unit: str = ""
    kind: type = float
    small: bool = False
    shown: bool = True
    prefix: str = ""
    header: str = ""
    lowest: float = 0.0
    min_tasks: int = 1
    narrow: bool = False

    @property
    def scale(self) -> float:
        """How much of the unit the unit with its prefix is: 1e9 of GFLOP."""
        return SCALES[self.prefix]

    def title(self, name: str) -> str:
        """Return a name with the unit and its prefix: `compute (GFLOP)`."""
        return f"{name} ({self.prefix}{self.unit})" if self.unit else name


METRIC_COLUMNS = (
    Column("acc", "ACC", "ACC: accuracy over all tasks after the last (test)", narrow=True),
    Column(
        "average_incremental_accuracy",
        "AIA",
        "AIA: average incremental accuracy, ACC after each task, averaged (test)",
    ),
    Column("bwt", "BWT", "BWT: backward transfer (test)", lowest=-1, min_tasks=2, narrow=True),
    Column("fwt", "FWT", "FWT: forward transfer (test)", lowest=-1, min_tasks=2, narrow=True),
    Column(
        "forgetting",
        "forgetting",
        "forgetting: best accuracy lost since (test)",
        small=True,
        lowest=-1,
        min_tasks=2,
        narrow=True,
    ),
    Column(
        "learning_accuracy", "LA", "LA: accuracy on each task when just learned (test)", shown=False
    ),
)
METRICS = tuple(column.name for column in METRIC_COLUMNS)
SHOWN_METRICS = tuple(column.name for column in METRIC_COLUMNS if column.shown)
# Metrics on validation data. A search may not read forward transfer: see `results.metrics.fwt`.
SELECTABLE = tuple(name for name in METRICS if name != "fwt")
VALIDATED = tuple(f"val_{name}" for name in SELECTABLE)

# Parts of the state that lives until the next task.
CATEGORIES = (
    "model",
    "backbone",
    "anchor",
    "importance",
    "teacher",
    "buffer",
    "generator",
    "columns",
    "optimizer",
    "raw_data",
)
# How the story of a trial begins that neither ended nor was stopped by a scheduler.
UNFINISHED = "not finished"
# The code of a trial by part, as JSON; null in tables of earlier releases.
CODE = "code"
# The label that the sweep file gives the entry of a trial's method; null without one.
METHOD_LABEL = "method_label"
# The budgets of a trial's cell, and what was solved for to meet them, as JSON.
MEANS = ("means_storage_bytes", "means_compute", "means_dial")
# The FLOPs that the budget of computation allows: of the task in `stages`, of all in `trials`;
# null in tables of earlier releases.
MEANS_FLOPS = "means_flops"
INFEASIBLE = "infeasible"  # the status of a trial that no dial makes meet its means
PHASE_WORDS = {"train": "training", "consolidate": "consolidation", "eval": "evaluation"}
PHASES = tuple(PHASE_WORDS)
# Null in tables of releases that had no such networks.
LATE_STORAGE = ("storage_backbone_bytes", "storage_without_backbone_bytes")
STORAGE = (
    "storage_bytes",
    *(f"storage_{category}_bytes" for category in CATEGORIES if category != "backbone"),
)
FLOPS = tuple(f"{phase}_flops" for phase in PHASES)
PHASE_SECONDS = tuple(f"{phase}_seconds" for phase in PHASES)
SECONDS = (*PHASE_SECONDS, "cpu_seconds", "gpu_seconds")
# Of releases that count them: null for the stages of others, never 0.
INFERENCE = ("inference_flops", "inference_bytes")
LATE_COSTS = ("working_bytes", *INFERENCE, "energy_joules", "saved_flops")
PEAK_STORAGE = "peak_storage_bytes"  # of a trial; null in tables of earlier releases
# What a trial with means carries at most, however many tasks there are; null: no bound is known.
STORAGE_BOUND = "storage_bound_bytes"
SUMMED = (*FLOPS, *SECONDS, "samples")
# Costs that a rerun repeats exactly, so that a search may rank by them.
WORK = (*FLOPS, "samples")
REPEATABLE = (*STORAGE, *LATE_STORAGE, *WORK)

TRAINING = "training and consolidation"
COST_COLUMNS = (
    Column("storage_bytes", "storage", "storage carried between tasks", "B", int, True, prefix="k"),
    *(
        Column(f"storage_{part}_bytes", part.replace("_", " "), f"storage: {part}", "B", int, True)
        for part in CATEGORIES
    ),
    Column(
        "storage_without_backbone_bytes",
        "storage without backbone",
        "storage without a frozen, pretrained body",
        "B",
        int,
        small=True,
    ),
    Column(PEAK_STORAGE, "peak storage", "the most storage after any task", "B", int, small=True),
    Column(STORAGE_BOUND, "storage bound", "bound of storage in T", "B", int, small=True),
    Column(
        "compute_flops", "computation", TRAINING, "FLOP", small=True, prefix="G", header="compute"
    ),
    *(Column(f"{p}_flops", words, words, "FLOP", small=True) for p, words in PHASE_WORDS.items()),
    Column("seconds", "time", TRAINING, "s", small=True),
    *(Column(f"{p}_seconds", words, words, "s", small=True) for p, words in PHASE_WORDS.items()),
    Column("cpu_seconds", "processor time", "processor time", "s", small=True),
    Column("gpu_seconds", "GPU time", "GPU time", "s", small=True),
    Column("peak_memory_bytes", "peak memory", "peak memory", "B", int, small=True),
    Column("samples", "samples", "samples trained on", "", int, small=True),
    Column("working_bytes", "working memory", "held while learning a task", "B", int, small=True),
    Column("inference_flops", "prediction", "predicting one example", "FLOP", small=True),
    Column("inference_bytes", "read", "read to predict one example", "B", int, small=True),
    Column("saved_flops", "saved", "a frozen body, by features", "FLOP", prefix="G"),
    Column("energy_joules", "energy", "energy of the device", "J", small=True),
)
COLUMNS = {column.name: column for column in (*METRIC_COLUMNS, *COST_COLUMNS)}
# The other columns of the tables that hold no text: of axes a label with a unit, of all a type.
OTHER_COLUMNS = (
    Column("objective", "objective", "objective of the search"),
    Column("accuracy", "accuracy", "accuracy on a task"),
    Column("loss", "loss", "loss on a task", small=True),
    Column("gpu_utilisation", "GPU utilisation", "share of the time that the GPU computed"),
    Column("gpu_memory_share", "GPU memory", "share of the memory of the GPU", small=True),
    Column("means_storage_bytes", "storage", "budget of storage", "B", int, small=True),
    Column(
        "means_compute", "computation", "budget of computation", "epochs of fine-tuning", small=True
    ),
    Column(MEANS_FLOPS, "computation", "budget of computation", "FLOP", small=True),
    Column("seed", "seed", "seed", kind=int),
    Column("candidate", "candidate", "number of the candidate", kind=int),
    Column("tasks_done", "tasks learned", "tasks learned", kind=int),
    Column("num_tasks", "tasks", "tasks of the benchmark", kind=int),
    Column("after", "after", "tasks learned", kind=int),
    Column("task", "task", "task", kind=int),
    Column("n", "examples", "examples of the task", kind=int),
    Column("epochs", "epochs", "epochs", kind=int),
    Column("pid", "process", "number of the process", kind=int),
    Column("selected", "selected", "whether the search chose it", kind=bool),
    Column("cached", "cached", "whether the store had it", kind=bool),
)
OTHERS_BY_NAME = {column.name: column for column in OTHER_COLUMNS}


def find_column(name: str) -> Column | None:
    """Return a column; that of a metric on validation data is the metric's; None of text."""
    return COLUMNS.get(name.removeprefix("val_")) or OTHERS_BY_NAME.get(name)


def column_kind(name: str) -> type:
    """Return the type of a column of the tables: bool, int, float or str.

    FLOPs are float: those of a large network can exceed 64-bit integers, and below 2^53 all are
    exact.
    """
    column = find_column(name)
    return str if column is None else column.kind


def compute_flops(figures: Any) -> Any:
    """Return the FLOPs that methods are compared by, those of training and consolidation.

    Args:
        figures: column -> FLOPs, a mapping or a data frame.
    """
    return figures["train_flops"] + figures["consolidate_flops"]


def compute_seconds(figures: Any) -> Any:
    """Return the seconds of the FLOPs of `compute_flops`.

    Args:
        figures: column -> seconds, a mapping or a data frame.
    """
    return figures["train_seconds"] + figures["consolidate_seconds"]


def is_small_better(column: str) -> bool:
    """Return whether less of a column is better; of one that is not known, more is."""
    known = find_column(column)
    return known is not None and known.small


def explain_undefined_fwt(scenario: str, num_tasks: int, scores_unseen: bool = True) -> str | None:
    """Return the reason that forward transfer is undefined, or None where it is defined.

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
