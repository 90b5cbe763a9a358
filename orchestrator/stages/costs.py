"""Costs of a stage: bytes kept between tasks by category, FLOPs, seconds, peak memory.

What counts as a FLOP: `flops.py`; as working memory: `held_bytes.py`; as a prediction:
`inference.py`; as energy: `energy.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager, nullcontext
from copy import copy, deepcopy
from typing import ParamSpec, TypeVar

from torch import Tensor

from methods.base import Examples, Method
from orchestrator.columns import CATEGORIES as CATEGORIES
from orchestrator.errors import RepertoireError
from orchestrator.stages.flops import FlopCounter

KEPT_OPTIMIZER = "kept_optimizer"  # first part of the names of a kept optimiser's state

MOST_RUNS = 256  # of steps that cost alike, while a memory fills

P = ParamSpec("P")
T = TypeVar("T")
Runs = list[list[int]]  # in order: [batches that cost alike, FLOPs of each]


class FlopMeter:
    """Counts the FLOPs of repeated work: measures one piece of each kind, then multiplies.

    Counting costs more than a small operation itself. Pieces of one kind (same batch size, same
    `Method.step_kind`) do the same arithmetic, so one of each kind is counted.

    Args:
        known: kind -> FLOPs, of earlier work with the same network and method.
        siblings: how many stages a piece of work is for, which share its FLOPs equally.

    Attributes:
        total: the FLOPs so far.
        known: as given, with what was counted since.
        counting: returns a context for the work that is counted.
    """

    def __init__(self, known: dict[Hashable, int] | None = None, siblings: int = 1) -> None:
        self.total = 0
        self._siblings = siblings
        self.known = {} if known is None else known
        self.counting: Callable[[], AbstractContextManager[object]] = nullcontext
        self._batches: dict[tuple[str, int], tuple[int, int]] = {}
        self._runs: dict[tuple[str, int], Runs] = {}
        self._rises = True

    def note_batch(self, size: int, flops: int, phase: str = "") -> None:
        """Note the FLOPs of all steps on a batch of a size, in a phase as long as the training.

        Kept are those of the dearest but the first, which may set something up for all others.
        """
        place = phase, size
        count, dearest = self._batches.get(place, (0, 0))
        self._batches[place] = (count + 1, flops if count < 2 else max(dearest, flops))
        if self._rises:
            self._rises = extend_runs(self._runs.setdefault(place, []), flops)

    def copy(self) -> FlopMeter:
        """Return a meter that stands where this one does."""
        copied = copy(self)
        copied._batches, copied._runs = dict(self._batches), deepcopy(self._runs)
        return copied

    @property
    def batches(self) -> dict[int, tuple[int, int]]:
        """Size of a batch -> the number in a phase, and the FLOPs noted for each, in sum."""
        batches: dict[int, tuple[int, int]] = {}
        for (_, size), (count, flops) in self._batches.items():
            batches[size] = (count, flops + batches.get(size, (0, 0))[1])
        return batches

    @property
    def rising_steps(self) -> dict[int, Runs]:
        """Size of a batch -> (how many in a row cost alike, FLOPs of each), if that tells more.

        So where steps cost more and more while a memory fills. {} where `batches` says all: where
        the first batch alone costs less than others of its size, where one costs less than the one
        before, and where there are several phases.
        """
        runs = {size: runs for (_, size), runs in self._runs.items()}
        if len(runs) < len(self._runs) or not self._rises:
            return {}
        cheap = {size: sum(n for n, _ in each[:-1]) for size, each in runs.items()}
        first_alone = {size: number - (size == max(cheap)) for size, number in cheap.items()}
        return runs if max(first_alone.values(), default=0) > 0 else {}

    def measure(self, kind: Hashable, work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """Call `work`, add its FLOPs to `total`, and return its result."""
        if kind not in self.known:
            with self.counting(), FlopCounter() as counter:
                result = work(*args, **named)
            # The program computes all siblings, or slots, alike: one of them has an equal part.
            self.known[kind] = counter.total // self._siblings
        else:
            result = work(*args, **named)
        self.total += self.known[kind]
        return result


def extend_runs(runs: Runs, flops: int) -> bool:
    """Add a batch to runs; return whether they rise, and are few."""
    if runs and runs[-1][1] == flops:
        runs[-1][0] += 1
        return True
    runs.append([1, flops])
    return len(runs) == 1 or (runs[-2][1] < flops and len(runs) <= MOST_RUNS)


def storage_bytes(state: Mapping[str, Tensor], categories: Mapping[str, str]) -> dict[str, int]:
    """Return the bytes of a state by category.

    Args:
        state: name -> tensor, all that is carried to the next task.
        categories: first part of a name -> category, for names that do not begin with `network`.

    Raises:
        RepertoireError: a part of the state has no category.
    """
    table = {"network": "model", KEPT_OPTIMIZER: "optimizer", **categories}
    total: dict[str, int] = {}
    for name, tensor in state.items():
        first = name.split(".")[0]
        if first not in table:
            raise RepertoireError(
                f"the state holds {name!r} of no storage category; name {first!r} in the method's "
                f"`storage`, as one of: {', '.join(CATEGORIES)}"
            )
        category = table[first]
        total[category] = total.get(category, 0) + tensor.numel() * tensor.element_size()
    return total


def raw_data_bytes(method: Method, examples: Examples) -> int:
    """Return the bytes of training data that a method must keep: all it has seen, or none.

    Images count at their size, labels as the smallest integer type that can represent them.
    """
    if method.trains_on == "current":
        return 0
    # As a memory stores labels, so that keeping the data is not dearer than a memory of all of it.
    label = 1 if method.outlook.num_classes <= 256 else 2
    return examples.x.numel() * examples.x.element_size() + label * len(examples)
