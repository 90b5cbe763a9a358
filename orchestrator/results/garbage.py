"""Which stages of a store nothing refers to: not the tables of a folder, not another's, no run."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from orchestrator.errors import OtherRelease, RepertoireError
from orchestrator.stages.files import Entry
from orchestrator.stages.lease import now
from orchestrator.stages.maintenance import (
    Inventory,
    Reference,
    delete_files,
    inventory,
    load_references,
)
from orchestrator.stages.store import StageStore

BATCH = 200
LEASED = "being computed now"
BUILT_UPON = "what such stages were built upon"
OTHER_RELEASE = "made by another release that this one cannot read"


@dataclass
class Garbage:
    """What may be deleted of a store, and why the rest is kept.

    Attributes:
        files: all of the store.
        unwanted: keys of the stages that may go.
        leftovers: files set aside as damaged or left half-written, that may go.
        kept: reason -> stages that are kept for it, each counted under its first reason.
        gone: references of sweeps whose tables were deleted.
    """

    files: Inventory
    unwanted: list[str] = field(default_factory=list)
    leftovers: list[Entry] = field(default_factory=list)
    kept: Counter[str] = field(default_factory=Counter)
    gone: list[Reference] = field(default_factory=list)


@dataclass(frozen=True)
class Rules:
    """What garbage collection goes by.

    Attributes:
        out: the results folder whose tables are kept.
        older_than: hours; what is younger is kept, as somebody may just have computed it.
        forget: folders whose references no longer count, as `describe` spells them.
    """

    out: Path
    older_than: float = 24.0
    forget: Collection[str] = ()


def garbage(store: StageStore, rules: Rules) -> Garbage:
    """Return what of a store may be deleted. Touches nothing but what is found damaged.

    Raises:
        RepertoireError: nothing refers to the store, or something does that cannot be read.
    """
    result = Garbage(inventory(store))
    wanted, result.gone = wanted_keys(store, rules)
    fresh, leased = now() - 3600 * rules.older_than, store.leases.keys()
    reasons = dict(wanted)
    for key in result.files.stages.keys() - wanted.keys():
        if key in leased:
            reasons[key] = LEASED
        elif result.files.modified(key) > fresh:
            reasons[key] = f"younger than {rules.older_than:g} h"
    unclaimed = result.files.stages.keys() - reasons.keys()
    for key in _ancestors(store, reasons.keys() - wanted.keys(), unclaimed):
        reasons[key] = BUILT_UPON
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
    """Return key -> who refers to it, and the references of sweeps that were deleted."""
    registered, damaged = load_references(store)
    if damaged:
        raise RepertoireError(
            f"store {store.uri}: {', '.join(damaged)} is damaged, so what it refers to is not "
            "known; nothing was deleted. Run that sweep again, or delete the file"
        )
    tables = [_from_tables(rules.out, path) for path in stage_tables(rules.out)]
    gone = [one for one in registered if one.is_gone or one.folder in rules.forget]
    counted = [*tables, *(one for one in registered if one not in gone)]
    if not counted:
        raise RepertoireError(
            f"{rules.out} holds no results, so every stage would go; name the folder whose sweeps "
            "to keep"
        )
    wanted: dict[str, str] = {}
    for one in counted:
        for key in one.keys | _stored_in(one):
            wanted.setdefault(key, one.describe())
    return wanted, gone


def stage_tables(out: Path) -> Iterator[Path]:
    """Yield the tables of stages of a results folder, those of former sweeps included."""
    for folder in sorted(path for path in out.glob("*/") if path.name != "stages"):
        yield from sorted(folder.rglob("stages.parquet"))


def collect(store: StageStore, rules: Rules, unneeded: Garbage) -> None:
    """Delete what may be deleted, and look again before each batch who refers to it by now."""
    for start in range(0, len(unneeded.unwanted), BATCH):
        wanted, _ = wanted_keys(store, rules)
        leased = store.leases.keys()
        for key in unneeded.unwanted[start : start + BATCH]:
            if key not in wanted and key not in leased:
                store.delete(key)
    delete_files(store, unneeded.leftovers)
    for one in unneeded.gone:
        if one.file is not None:
            store.files.delete(one.file)


def is_of_other_release(store: StageStore, key: str) -> bool:
    """Return whether another release made a stage that this one cannot read."""
    try:
        store.record(key)
    except OtherRelease:
        return True
    return False


def _from_tables(out: Path, table: Path) -> Reference:
    sweep = str(table.parent.relative_to(out))
    return Reference(None, platform.node(), str(out.resolve()), sweep, frozenset())


def _stored_in(reference: Reference) -> frozenset[str]:
    """Return the keys in the tables of a sweep, if they can be read here."""
    table = reference.path / "stages.parquet"
    if not (reference.is_here and table.is_file()):
        return frozenset()
    return frozenset(pq.read_table(table, columns=["key"])["key"].to_pylist())


def _ancestors(store: StageStore, kept: Iterable[str], unclaimed: Set[str]) -> set[str]:
    """Return those of `unclaimed` that kept stages were built upon."""
    ancestors = set[str]()
    for key in kept:
        parent = _parent(store, key)
        while parent is not None and parent in unclaimed and parent not in ancestors:
            ancestors.add(parent)
            parent = _parent(store, parent)
    return ancestors


def _parent(store: StageStore, key: str) -> str | None:
    try:
        record = store.record(key)
    except OtherRelease:
        return None
    return None if record is None else record.parent
