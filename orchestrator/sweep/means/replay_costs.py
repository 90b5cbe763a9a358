"""What the steps of a task cost for the stored examples in them, by what was shown before.

A memory holds what was shown: on the first task less than a step draws, and on later tasks too,
where the steps on the tasks before were few. Its method says how many examples the steps on a batch
then replay (`Config.num_replayed`), each at the FLOPs of the network for one example.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from methods.base import Exposure, Replayed
from orchestrator.stages.build_stages import benchmark_setting
from orchestrator.stages.learning.task_price import TaskPrice
from orchestrator.stages.stage import Stage
from orchestrator.sweep.means.network_flops import example_flops

# (examples shown of each task so far, examples of the next batch) -> what its steps replay
CountReplayed = Callable[[Sequence[int], int], Replayed | None]
# The same -> FLOPs of what they replay
ReplayFlops = Callable[[Sequence[int], int], int | None]

ALL = 10**12  # examples shown of a task, however many there are
MOST_STEPS = 2**16  # that are priced one by one; further ones as if the memory were full


@dataclass(frozen=True)
class ReplayCosts:
    """FLOPs of what the steps of a task replay.

    Attributes:
        levels: by examples of a batch, once the memory fills no further.
        savings: by how much each of the first steps takes less, up to the last that does.
    """

    levels: Mapping[int, int]
    savings: tuple[int, ...]


def replay_costs(
    flops: ReplayFlops, before: Sequence[int], sizes: Sequence[int], filled: Mapping[int, int]
) -> ReplayCosts | None:
    """Return what the steps of a task replay; None if nothing says it.

    Args:
        flops: of the method.
        before: examples shown of each task before.
        sizes: of the batches of an epoch.
        filled: by examples of a batch, those of the task that are shown before the last such batch.
    """
    full = {size: flops((*before, shown), size) for size, shown in filled.items()}
    levels = {size: number for size, number in full.items() if number is not None}
    if len(levels) < len(full) or not sizes:
        return None
    shown, savings = 0, list[int]()
    for size in islice(cycle(sizes), MOST_STEPS):
        saving = levels[size] - (flops((*before, shown), size) or 0)
        # The first batch is a full one, whose steps draw no less than those on a short one.
        if not saving and size == sizes[0]:
            break
        savings.append(saving)
        shown += size
    while savings and not savings[-1]:
        savings.pop()
    return ReplayCosts(levels, tuple(savings))


def shown_before_last(price: TaskPrice) -> dict[int, int]:
    """Return, by examples of a batch, those that were shown before the last such batch."""
    earlier = (price.num_epochs - 1) * len(price.sizes)
    return {size: price.examples(earlier + n) for n, size in enumerate(price.sizes)}


def replay_rule(stages: Sequence[Stage]) -> CountReplayed:
    """Return the rule of a chain's method for what the steps on the next batch replay."""
    stage = stages[-1]
    setting, config = benchmark_setting(stage.benchmark, stage.network), stage.method.config
    # Counted once: the rule is asked for each step of each budget.
    sizes = tuple(task.num_train for task in stage.benchmark.tasks())

    def replay(shown: Sequence[int], size: int) -> Replayed | None:
        exposure = Exposure((*shown,), sizes[: len(shown)])
        replayed: Replayed | None = config.num_replayed(setting, exposure, size)
        return replayed

    return replay


def replay_flops(stages: Sequence[Stage]) -> ReplayFlops:
    """Return the rule of a chain's method for the FLOPs of what the steps on a batch replay."""
    replay = replay_rule(stages)

    def flops(shown: Sequence[int], size: int) -> int | None:
        replayed = replay(shown, size)
        if replayed is None or not any(replayed):
            return None if replayed is None else 0
        example = example_flops(stages[len(shown)])
        return replayed.learned * example.learned + replayed.evaluated * example.evaluated

    return flops
