"""Stages of a store that no table, no registered sweep and no running process refers to."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.errors import OtherRelease, RepertoireError
from orchestrator.results.tables import stage_keys
from orchestrator.stages.storage.files import Entry
from orchestrator.stages.storage.lease import Leases, unix_time
from orchestrator.stages.storage.maintenance import Inventory, delete_files, list_inventory
from orchestrator.stages.storage.references import Reference, load_references
from orchestrator.stages.storage.store import StageStore

BATCH = 200
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
        kept: reason -> number of stages kept for it; a stage counts under its first reason.
        gone: references of sweeps whose tables were deleted.
    """

    files: Inventory
    unwanted: list[str] = field(default_factory=list)
    leftovers: list[Entry] = field(default_factory=list)
    kept: Counter[str] = field(default_factory=Counter)
    gone: list[Reference] = field(default_factory=list)


@dataclass(frozen=True)
class Rules:
    """The rules of garbage collection.

    Attributes:
        out: the results folder whose tables are kept.
        older_than: hours; younger stages are kept, since a running sweep may need them.
        forget: folders whose references do not count, as `describe` spells them.
    """

    out: Path
    older_than: float = 24.0
    forget: Collection[str] = ()


def find_garbage(store: StageStore, rules: Rules) -> Garbage:
    """Return the parts of a store that may be deleted; only damaged stages are set aside.

    Raises:
        RepertoireError: nothing refers to the store, or a reference cannot be read.
    """
    result = Garbage(list_inventory(store))
    wanted, result.gone = wanted_keys(store, rules)
    fresh, leased = unix_time() - 3600 * rules.older_than, Leases(store.files, store.folder).keys()
    reasons = dict(wanted)
    for key in result.files.stages.keys() - wanted.keys():
        if key in leased:
            reasons[key] = LEASED
        elif result.files.modified(key) > fresh:
            reasons[key] = f"younger than {rules.older_than:g} h"
    unclaimed = result.files.stages.keys() - reasons.keys()
    for key in _ancestors(store, reasons.keys() - wanted.keys(), unclaimed):
        reasons[key] = ANCESTOR
    for key in sorted(result.files.stages):
        if key not in reasons and is_of_other_release(store, key):
            reasons[key] = OTHER_RELEASE
        if key in reasons:
            result.kept[reasons[key]] += 1
        else:
            result.unwanted.append(key)
    set_aside = (*result.files.damaged, *result.files.partial)
    result.leftovers = [entry for entry in set_aside if entry.modified <= fresh]
    return result


def wanted_keys(store: StageStore, rules: Rules) -> tuple[dict[str, str], list[Reference]]:
    """Return key -> description of its reference, and the references of deleted sweeps."""
    registered, damaged = load_references(store)
    if damaged:
        raise RepertoireError(
            f"store {store.uri}: {', '.join(damaged)} is damaged, so the stages that it refers to "
            "are unknown; nothing was deleted. Run that sweep again, or delete the file"
        )
    tables = [_table_reference(rules.out, path) for path in stage_tables(rules.out)]
    gone = [ref for ref in registered if ref.is_gone or ref.folder in rules.forget]
    counted = [*tables, *(ref for ref in registered if ref not in gone)]
    if not counted:
        raise RepertoireError(
            f"{rules.out} holds no results, so every stage would be deleted; name the folder whose "
            "sweeps to keep"
        )
    wanted: dict[str, str] = {}
    for reference in counted:
        for key in reference.keys | _table_keys(reference):
            wanted.setdefault(key, reference.describe())
    return wanted, gone


def stage_tables(out: Path) -> Iterator[Path]:
    """Yield the paths of the stages tables of a results folder, also those of former sweeps."""
    for folder in sorted(path for path in out.glob("*/") if path.name != "stages"):
        yield from sorted(folder.rglob("stages.parquet"))


def delete_garbage(store: StageStore, rules: Rules, unneeded: Garbage) -> None:
    """Delete stages in batches, with the references read again before each batch."""
    for start in range(0, len(unneeded.unwanted), BATCH):
        wanted, _ = wanted_keys(store, rules)
        leased = Leases(store.files, store.folder).keys()
        for key in unneeded.unwanted[start : start + BATCH]:
            if key not in wanted and key not in leased:
                store.delete(key)
    delete_files(store, unneeded.leftovers)
    for reference in unneeded.gone:
        if reference.file is not None:
            store.files.delete(reference.file)


def is_of_other_release(store: StageStore, key: str) -> bool:
    """Return whether a stage is of another release that this one cannot read."""
    try:
        store.record(key)
    except OtherRelease:
        return True
    return False


def _table_reference(out: Path, table: Path) -> Reference:
    sweep = str(table.parent.relative_to(out))
    return Reference(None, platform.node(), str(out.resolve()), sweep, frozenset())


def _table_keys(reference: Reference) -> frozenset[str]:
    """Return the keys in the tables of a reference; none if they are on another host."""
    return stage_keys(reference.path) if reference.is_local else frozenset()


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
