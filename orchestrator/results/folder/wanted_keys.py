"""The stages that tables and registered sweeps refer to."""

from __future__ import annotations

import os
import platform
import shlex
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import RepertoireError, suggest
from orchestrator.results.tables.tables import read_table, stage_keys
from orchestrator.stages.storage.references import Reference, load_references
from orchestrator.stages.storage.store import StageStore


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


def wanted_keys(store: StageStore, rules: Rules) -> tuple[dict[str, str], list[Reference]]:
    """Return key -> description of its reference, and the references of deleted sweeps."""
    registered, damaged = load_references(store)
    if damaged:
        raise RepertoireError(
            f"store {store.address}: {', '.join(damaged)} is damaged, so the stages that it refers "
            "to are unknown; nothing was deleted. Run that sweep again, or delete the file"
        )
    require_known(rules.forget, {reference.folder for reference in registered}, store)
    tables = [_table_reference(rules.out, path) for path in stage_tables(rules.out)]
    gone = [reference for reference in registered if _is_obsolete(reference, rules)]
    counted = [*tables, *(ref for ref in registered if ref not in gone)]
    if not (counted or rules.forget):  # whoever names what to forget means those stages
        raise RepertoireError(
            f"{rules.out} holds no results, so every stage would be deleted; name the folder whose "
            f"sweeps to keep{_forget_hint(registered)}"
        )
    wanted: dict[str, str] = {}
    for reference in counted:
        for key in reference.keys | _table_keys(reference):
            wanted.setdefault(key, reference.describe())
    return wanted, gone


def _forget_hint(registered: Iterable[Reference]) -> str:
    """Return how to delete the stages of those that refer to a store; nothing if nobody does."""
    folders = sorted({reference.folder for reference in registered})
    options = " ".join(f"--forget {shlex.quote(folder)}" for folder in folders)
    return f", or delete the stages of what refers to the store: {options}" if folders else ""


def require_known(forget: Collection[str], folders: Collection[str], store: StageStore) -> None:
    """Raise RepertoireError if a folder to forget is none of those that refer to a store."""
    for folder in forget:
        if folder not in folders:
            raise RepertoireError(
                f"--forget {folder}: no sweep of this folder refers to store {store.address}; "
                "nothing was deleted. Folders, as they are to be spelled: "
                f"{suggest(folder, folders)}"
            )


def _is_obsolete(reference: Reference, rules: Rules) -> bool:
    if reference.folder in rules.forget:
        return True
    return reference.is_gone and not _is_renamed(reference)


def stage_tables(out: Path) -> Iterator[Path]:
    """Yield the paths of the stages tables of the user's folder, also those of former sweeps."""
    # The store may be in the results folder itself, and has no tables.
    for folder in sorted(path for path in out.glob("*/") if path.name != "stages"):
        yield from sorted(folder.rglob("stages.parquet"))


def _table_reference(out: Path, table: Path) -> Reference:
    sweep = str(table.parent.relative_to(out))
    return Reference(None, platform.node(), str(out.resolve()), sweep, frozenset())


def _is_renamed(reference: Reference) -> bool:
    """Return whether the tables of a sweep lie in another folder of its results folder."""
    # Not at any depth: a reference, which anybody may have written, may name any folder.
    return any(
        # Of a table of another user, nothing is known.
        not os.access(path, os.R_OK)
        or reference.sweep in read_table(path.parent, "stages", ["sweep"])["sweep"].to_pylist()
        for path in sorted(Path(reference.folder).glob("*/stages.parquet"))
    )


def _table_keys(reference: Reference) -> frozenset[str]:
    """Return the keys in the tables of a reference; none if they are registered and away."""
    if not reference.is_local or (reference.file is not None and reference.is_away):
        return frozenset()
    return stage_keys(reference.path)
