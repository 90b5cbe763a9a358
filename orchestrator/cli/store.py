"""`repertoire store`: verify stages, delete those that no results folder refers to."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from orchestrator.errors import OtherRelease, RepertoireError
from orchestrator.results.folder import open_store
from orchestrator.results.garbage import Garbage, Rules, delete_garbage, find_garbage


def verify(out: Path, uri: str | None) -> int:
    """Read every stage of a store; return 1 if some were damaged and set aside."""
    store = open_store(out, uri, create=False)
    if uri is None and not (out / "stages").is_dir():
        raise RepertoireError(f"{out} has no stage store; give a results folder, or --store URI")
    keys, wrong, foreign = store.keys(), list[str](), list[str]()
    for key in keys:
        try:
            wrong += filter(None, [store.verify(key)])
        except OtherRelease as error:
            foreign.append(str(error))
    for story in [*wrong, *foreign]:
        print_plain(story)
    if foreign:
        print_plain(f"{len(foreign)} of {len(keys)} stages are of another release; not touched")
    if wrong:
        print_plain(
            f"{len(wrong)} of {len(keys)} stages were damaged and set aside; a run mends them"
        )
    else:
        whole = len(keys) - len(foreign)
        print_plain(f"all {whole} stages{' of this one' * bool(foreign)} are as they were written")
    return int(bool(wrong))


def collect_garbage(out: Path, uri: str | None, rules: Rules, dry_run: bool) -> int:
    """Delete stages that nothing refers to and say why others are kept; return 0."""
    store = open_store(out, uri, create=False, read_only=dry_run)
    result = find_garbage(store, rules)
    for reason, count in sorted(result.kept.items()):
        print_plain(f"kept: {count} stages, {reason}")
    for line in describe_other_files(result, rules):
        print_plain(line)
    size, verb = result.files.size(result.unwanted), "would delete" if dry_run else "deleted"
    if not dry_run:
        delete_garbage(store, rules, result)
    print_plain(f"{verb} {len(result.unwanted)} stages, {size / 1e6:.1f} MB")
    return 0


def describe_other_files(result: Garbage, rules: Rules) -> list[str]:
    """Return a line for each kind of file that is not a stage."""
    lines = [f"no longer counted: {one.describe()}" for one in result.gone]
    kept = len(result.files.damaged) + len(result.files.partial) - len(result.leftovers)
    if kept:
        young = f"younger than {rules.older_than:g} h"
        lines.append(f"kept: {kept} files set aside as damaged or half-written, {young}")
    return lines


def print_plain(text: str) -> None:
    """Print text as it is."""
    Console().print(text, markup=False, highlight=False, soft_wrap=True)
