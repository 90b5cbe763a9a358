"""The stored stages of a plan: the few fields of their records that it keeps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Literal, NamedTuple, TypeVar

from orchestrator.stages.record import Record
from orchestrator.stages.storage.record_cache import Records
from orchestrator.stages.worker import StageOrder

RECORDS_AT_A_TIME = 4096  # bounds the memory of a plan: a record is some kilobytes
Item = TypeVar("Item")


class StoredStage(NamedTuple):
    """The few fields of a record that a plan keeps; records may be large.

    Attributes:
        status: "unscored" if scores on some of the requested tasks are missing.
        after: tasks learned.
        seconds: wall time of the stage.
    """

    status: Literal["complete", "unscored", "diverged"]
    after: int
    seconds: float


def wall_seconds(record: Record) -> float:
    """Return the wall seconds a stage took."""
    costs = record.costs
    return costs.train_seconds + costs.consolidate_seconds + costs.eval_seconds


def read_stored_stages(orders: Mapping[str, StageOrder], store: Records) -> dict[str, StoredStage]:
    """Return the stored stages of orders; reads a few records at a time."""
    stored: dict[str, StoredStage] = {}
    uncovered: list[tuple[str, frozenset[str]]] = []
    # In order, since stages whose keys begin alike are listed together in a bucket.
    for batch in split_into_lists(sorted(orders), RECORDS_AT_A_TIME):
        # Asked for without tasks, a record that lacks scores is found too.
        for (key, _), record in store.records((key, frozenset()) for key in batch).items():
            stored[key] = StoredStage(record.status, record.after, wall_seconds(record))
            if record.status == "complete":
                wanted = (frozenset(stage.task_keys) for stage in orders[key].stages)
                uncovered += [(key, tasks) for tasks in wanted if tasks - record.evaluation.keys()]
    for several in split_into_lists(uncovered, RECORDS_AT_A_TIME):
        covered = store.records(several)  # includes scores that were added later
        for key, _ in (each for each in several if each not in covered):
            stored[key] = stored[key]._replace(status="unscored")
    return stored


def split_into_lists(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Return items in lists of at most `size`."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
