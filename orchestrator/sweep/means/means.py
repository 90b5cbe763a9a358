"""The section `means` of a sweep file: the budgets of storage and computation, and their grid."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any, Literal

from orchestrator.errors import suggest
from orchestrator.stages.learning.training import Training
from orchestrator.sweep.means.anchors import anchors_to_add, wrong_anchors
from orchestrator.sweep.means.budget_text import epochs_number
from orchestrator.sweep.means.estimates import pass_flops
from orchestrator.sweep.options import Options
from orchestrator.sweep.reading.byte_sizes import parse_bytes
from orchestrator.sweep.reading.decoding import decode_fields
from orchestrator.sweep.reading.grids import MAX_CONFIGURATIONS, excess_text
from orchestrator.sweep.reading.mistakes import abbreviate
from orchestrator.sweep.trial import Trial

FREE_SCHEDULES = ("constant", "cosine", "onecycle")  # of no given length
LARGEST: Literal["largest"] = "largest"
AXES = ("storage", "compute")
MOST_EPOCHS = 1e9  # of fine-tuning: beyond all use, and its steps can be counted
# Published protocols by name; a section may name one and change its values.
PRESETS: dict[str, dict[str, Any]] = {
    # Zhou et al. 2023 (MEMO, arXiv:2205.13218) and 2024 (the survey, TPAMI): all methods get the
    # bytes of the dearest, and spend on examples what they do not spend on models.
    "memory-aligned": {"storage": LARGEST},
    # Prabhu et al. 2023 (BudgetCL, arXiv:2303.11165): equal FLOPs per task, storage free.
    "budgeted": {"compute": 1},
}


@dataclass(frozen=True)
class Means:
    """The budgets of a sweep; each pair of a storage and a computation is a cell of every method.

    Attributes:
        storage: bytes of everything carried from task to task, at its largest over the sequence;
            LARGEST: what the dearest method of the sweep carries as it is configured, anchors that
            are added apart; None: free.
        compute: FLOPs of training and consolidating each task, in multiples of fine-tuning it for
            one epoch; None: free.
        backbone: whether the bytes of a frozen, pretrained body count against the storage.
        anchors: the methods that the section adds to those of the sweep.
    """

    storage: tuple[int | Literal["largest"] | None, ...] = (None,)
    compute: tuple[float | None, ...] = (None,)
    backbone: Literal["counted", "apart"] = "counted"
    anchors: tuple[str, ...] = ()

    @property
    def cells(self) -> Iterator[tuple[int | Literal["largest"] | None, float | None]]:
        """The pairs of budgets."""
        return product(self.storage, self.compute)


@dataclass(frozen=True, kw_only=True)
class MeansSection(Options):
    """The section as it is written.

    Attributes:
        preset: a published protocol, whose values the others of the section replace.
        storage: bytes carried from task to task, such as `1 MB`, or "largest", what the dearest
            method carries; or a grid of them. A unit in small letters (`8 kb`) means bytes too, and
            `8 Kb`, which is bits, is refused. Left out: free.
        compute: FLOPs of a task, in multiples of fine-tuning it for one epoch; or a grid of them.
            Left out: free.
        backbone: whether the bytes of a frozen, pretrained body count against the storage.
        anchors: methods that a surface is read against, added with their defaults where the sweep
            does not name them: true (finetune, er, gdumb and joint, on features also ncm and knn,
            as far as they go with the other sections), or a list of them.
    """

    preset: str | None = None
    storage: Any = None
    compute: Any = None
    backbone: Literal["counted", "apart"] = "counted"
    anchors: bool | list[str] = False


def read_means(
    content: dict[str, Any], mistakes: list[str], trials: Sequence[Trial] = ()
) -> Means | None:
    """Return the means of a sweep file; None if it has none, or after noting the mistakes.

    Args:
        content: the whole file.
        mistakes: receives a line for each.
        trials: of the sweep, and the first of each of its groups, as far as they could be read.
    """
    given = content.get("means")
    if given is None:
        return None
    given = {"preset": given} if isinstance(given, str) else given
    if not isinstance(given, dict):
        valid = "the name of a preset, or keys and values"
        mistakes.append(f"means: must be {valid}, given {abbreviate(given)}")
        return None
    # The values of an axis are read one by one, so that each mistake among them is noted.
    others = {name: value for name, value in given.items() if name not in AXES}
    section = decode_fields(MeansSection, others, "means", mistakes)
    if section is None:
        return None
    if section.preset is not None and section.preset not in PRESETS:
        valid = suggest(section.preset, PRESETS)
        mistakes.append(f"means.preset: unknown preset {section.preset!r}; {valid}")
        return None
    values = PRESETS.get(section.preset or "", {}) | {
        name: given[name] for name in AXES if given.get(name) is not None
    }
    if not values:
        mistakes.append("means: needs storage, compute or both, or the name of a preset")
        return None
    if isinstance(section.anchors, list):
        mistakes.extend(wrong_anchors(section.anchors))
    storage = _read_axis(values.get("storage"), "storage", _parse_storage, mistakes)
    parse_compute = partial(_parse_compute, trials=trials)
    compute = _read_axis(values.get("compute"), "compute", parse_compute, mistakes)
    anchors = tuple(anchors_to_add(content))
    return Means(storage, compute, section.backbone, anchors) if storage and compute else None


def check_means(
    means: Means | None, trainings: Collection[Training], is_per_task: bool = False
) -> Iterator[str]:
    """Yield the conflicts with the means of a sweep: too many cells, a value to solve for given.

    Args:
        means: of the sweep, if it has any.
        trainings: of its trials, and the examples of its groups.
        is_per_task: whether its search selects at each task.
    """
    if means is not None and is_per_task:
        yield (
            "search.algorithm: must not be per_task beside means: what it selects at a task is a "
            "choice of one seed, and has no cell; use another algorithm, or leave means out"
        )
    if means is None:
        return
    count = len(trainings) * len(means.storage) * len(means.compute)
    if count > MAX_CONFIGURATIONS:
        yield excess_text("means: configurations, storage and compute have", count)
    if means.compute == (None,):
        return
    for training in trainings:
        name = training.schedule_name
        if name not in FREE_SCHEDULES or training.read_schedule().warmup:
            valid = f"one of {', '.join(FREE_SCHEDULES)}, without warmup"
            yield (
                f"training.schedule: must be {valid}, given {name}: with means.compute "
                "the number of steps is solved for, so that none can be given"
            )
        if training.early_stopping is not None:
            yield (
                "training.early_stopping: must be left out: with means.compute the number of steps "
                "is solved for"
            )


def _read_axis(
    given: Any, name: str, parse: Callable[[Any], Any], mistakes: list[str]
) -> tuple[Any, ...]:
    """Return the values of an axis, rising; () after noting the mistakes."""
    if given is None:
        return (None,)
    if isinstance(given, dict) and set(given) == {"grid"}:
        values = given["grid"]
    else:
        values = [] if isinstance(given, list | dict) else [given]
    where = f"means.{name}"
    if not isinstance(values, list) or not values:
        valid = "a value, or a grid of at least one, written {grid: [...]}"
        mistakes.append(f"{where}: must be {valid}, given {_show_axis(given)}")
        return ()
    axis: dict[Any, Any] = {}
    wrong = len(mistakes)
    for value in values:
        try:
            parsed = parse(value)
        except ValueError as error:
            mistakes.append(f"{where}: {error}")
            continue
        if axis.setdefault(parsed, value) is not value:
            mistakes.append(f"{where}: {abbreviate(value)} is given twice")
    if len(mistakes) > wrong:
        return ()
    return tuple(sorted(axis, key=lambda value: (isinstance(value, str), value)))


def _show_axis(given: Any) -> str:
    """Return the entry of an axis as it was given, with its keys if it has others than `grid`."""
    text = abbreviate(given)
    wrong = [str(key) for key in given if key != "grid"] if isinstance(given, dict) else []
    return f"{text}: unknown key {', '.join(map(repr, wrong))}" if wrong else text


def _parse_storage(value: Any) -> int | Literal["largest"]:
    return LARGEST if value == LARGEST else parse_bytes(value)


def _parse_compute(value: Any, trials: Sequence[Trial]) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 1 <= value <= MOST_EPOCHS:
        valid = (
            f"a number of at least 1, a pass of fine-tuning over the task, and at most "
            f"{MOST_EPOCHS:,.0f}"
        )
        below = describe_low_compute(value, trials) if number and 0 < value < 1 else ""
        raise ValueError(f"must be {valid}, given {abbreviate(value)}{below}")
    return float(value)


def describe_low_compute(epochs: float, trials: Sequence[Trial]) -> str:
    """Return the sum of a budget below a pass as text, for the first trial; "" if it has none."""
    if not trials:
        return ""
    try:
        whole = pass_flops(trials[0])
    except Exception:  # of the user's own code or data, which other messages are about
        return ""
    return (
        f": {epochs_number(epochs)} x {whole:,.0f} FLOP, a pass over task 1, = "
        f"{epochs * whole:,.0f} FLOP, which is {(1 - epochs) * whole:,.0f} FLOP below it"
    )
