"""Stages of a store that no table, no registered sweep and no running process refers to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Set
from contextlib import suppress
from dataclasses import dataclass, field

from orchestrator.columns import HOUR_SECONDS
from orchestrator.errors import OtherRelease
from orchestrator.results.folder.wanted_keys import Rules, wanted_keys
from orchestrator.stages.storage.files import FileEntry
from orchestrator.stages.storage.lease import unix_time
from orchestrator.stages.storage.lease_holding import open_leases
from orchestrator.stages.storage.maintenance import (
    Inventory,
    delete_files,
    find_surplus,
    list_inventory,
)
from orchestrator.stages.storage.references import Reference
from orchestrator.stages.storage.store import StageStore

BATCH = 200  # a sweep that starts meanwhile loses no stage: the references are read again
LEASED = "being computed now"
ANCESTOR = "ancestors of such stages"
OTHER_RELEASE = "of another release that this one cannot read"


@dataclass
class Garbage:
    """The parts of a store that may be deleted, and the reasons to keep the others.

    Attributes:
        files: all files of the store.
        unwanted: keys of the stages to delete.
        leftovers: damaged and half-written files to delete.
        copies: packs of records to delete.
        kept: reason -> number of stages kept for it; a stage counts under its first reason.
        gone: references of sweeps whose tables were deleted.
        spared: keys of the stages that are kept though nothing refers to them.
    """

    files: Inventory
    unwanted: list[str] = field(default_factory=list)
    leftovers: list[FileEntry] = field(default_factory=list)
    copies: list[FileEntry] = field(default_factory=list)
    kept: Counter[str] = field(default_factory=Counter)
    gone: list[Reference] = field(default_factory=list)
    spared: frozenset[str] = frozenset()


def find_garbage(store: StageStore, rules: Rules) -> Garbage:
    """Return the parts of a store that may be deleted; only damaged stages are set aside.

    Raises:
        RepertoireError: nothing refers to the store, or a reference cannot be read.
    """
    result = Garbage(list_inventory(store))
    wanted, result.gone = wanted_keys(store, rules)
    fresh = unix_time() - HOUR_SECONDS * rules.older_than
    leased = open_leases(store.files, store.folder).keys()
    reasons = dict(wanted)
    for key in result.files.stages.keys() - wanted.keys():
        if key in leased:
            reasons[key] = LEASED
        elif result.files.modified_time(key) > fresh:
            reasons[key] = f"younger than {rules.older_than:g} h"
    unclaimed = result.files.stages.keys() - reasons.keys()
    # References list whole chains; only stages kept for other reasons have ancestors to keep.
    for key in _ancestors(store, reasons.keys() - wanted.keys(), unclaimed):
        reasons[key] = ANCESTOR
    for key in result.files.stages.keys() - reasons.keys():
        if is_of_other_release(store, key):
            reasons[key] = OTHER_RELEASE
    result.kept = Counter(reasons[key] for key in sorted(reasons.keys() & result.files.stages))
    result.spared = frozenset((reasons.keys() & result.files.stages.keys()) - wanted.keys())
    result.unwanted = sorted(result.files.stages.keys() - reasons.keys())
    kept = {key: result.files.stages[key] for key in result.files.stages.keys() & reasons.keys()}
    result.files.partial += find_surplus(store, {k: kept[k] for k in kept.keys() - leased})
    set_aside = (*result.files.damaged, *result.files.partial)
    # A young partial file may be a write that is going on.
    result.leftovers = [entry for entry in set_aside if entry.modified <= fresh]
    # Copies of records, of stages that are deleted too; the next command packs what it reads.
    result.copies = result.files.packs if result.unwanted else []
    return result


def delete_garbage(store: StageStore, rules: Rules, unneeded: Garbage) -> None:
    """Delete stages in batches, with the references read again before each batch."""
    delete_files(store, unneeded.copies)
    for start in range(0, len(unneeded.unwanted), BATCH):
        wanted, _ = wanted_keys(store, rules)
        leased = open_leases(store.files, store.folder).keys()
        for key in unneeded.unwanted[start : start + BATCH]:
            if key not in wanted and key not in leased:
                store.delete(key)
    delete_files(store, unneeded.leftovers)
    for reference in unneeded.gone:
        # As long as stages of it are spared, it tells a later collection of them.
        if reference.file is not None and reference.keys.isdisjoint(unneeded.spared):
            store.files.delete(reference.file)


def is_of_other_release(store: StageStore, key: str) -> bool:
    """Return whether a stage is of another release that this one cannot read."""
    with suppress(OtherRelease):
        store.record(key)
        return False
    return True


def _ancestors(store: StageStore, kept: Iterable[str], unclaimed: Set[str]) -> set[str]:
    """Return the stages among `unclaimed` that are ancestors of kept stages."""
    ancestors = set[str]()
    for key in kept:
        parent = _parent_key(store, key)
        while parent is not None and parent in unclaimed and parent not in ancestors:
            ancestors.add(parent)
            parent = _parent_key(store, parent)
    return ancestors


def _parent_key(store: StageStore, key: str) -> str | None:
    try:
        record = store.record(key)
    except OtherRelease:
        return None
    return None if record is None else record.parent
