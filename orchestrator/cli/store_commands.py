"""`repertoire store`: commands on the stage store of a results folder: verify, audit, gc."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import TOLERANCE, Dir, StoreUri, Tolerance, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.results.folder.garbage import Garbage
    from orchestrator.results.folder.wanted_keys import Rules

IN_THE_WAY = (
    "is a file or a link in place of a folder of stages; the next run that writes a stage there "
    "sets it aside"
)
UNUSED = "is not the state that its record names: a second writer left it; store gc deletes it"
store_app = typer.Typer(
    help="Look after the stage store of a results folder.", no_args_is_help=True
)


@store_app.command("verify")
def verify_command(dir: Dir = Path("results"), store: StoreUri = None) -> None:
    """Read every stage; name and set aside what is damaged."""
    raise typer.Exit(verify(dir, store))


@store_app.command("audit")
def audit_command(
    dir: Dir = Path("results"),
    share: Annotated[
        str, typer.Option("--share", metavar="SHARE", help="Of the stages, such as 5% or 0.05.")
    ] = "5%",
    seed: Annotated[int, typer.Option("--seed", help="Seed of the sample.")] = 0,
    store: StoreUri = None,
    tolerance: Tolerance = TOLERANCE,
) -> None:
    """Compute a sample of stages anew, each from its stored parent, and compare."""
    from orchestrator.cli.audit import audit, read_share
    from orchestrator.cli.reproduce import Check
    from orchestrator.results.folder.places import holding_folder, open_store

    check = Check(open_store(holding_folder(dir), store, read_only=True), tolerance, show)
    raise typer.Exit(audit(dir, read_share(share), seed, check))


@store_app.command("gc")
def gc_command(
    dir: Dir = Path("results"),
    store: StoreUri = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Delete nothing, only list.")] = False,
    older_than: Annotated[
        float,
        typer.Option("--older-than", metavar="HOURS", min=0, help="Keep younger stages."),
    ] = 24.0,
    forget: Annotated[
        list[str],
        typer.Option(
            "--forget", metavar="FOLDER", help="A results folder whose references no longer count."
        ),
    ] = [],  # noqa: B006
) -> None:
    """Delete old stages that no results folder refers to, and what was set aside as damaged."""
    from orchestrator.results.folder.wanted_keys import Rules

    raise typer.Exit(collect_garbage(dir, store, Rules(dir, older_than, forget), dry_run))


def verify(out: Path, uri: str | None) -> int:
    """Read every stage of a store; return 1 if some were damaged, or have no folder."""
    from orchestrator.errors import OtherRelease
    from orchestrator.results.folder.places import open_store
    from orchestrator.stages.storage.maintenance import find_surplus, list_inventory

    store = open_store(out, uri, create=False)
    require_store(out, uri)
    files, wrong, foreign = list_inventory(store), 0, list[str]()
    stages = files.stages
    for key, entries in sorted(stages.items()):
        before = len(store.damaged)
        try:
            store.verify(key, entries)
        # Neither damaged nor known to be whole: it is left to the release that wrote it.
        except OtherRelease as error:
            foreign.append(str(error))
        wrong += len(store.damaged) > before
    unread = [*foreign, *(f"{entry.path} {IN_THE_WAY}" for entry in files.obstacles)]
    unused = [f"{entry.path} {UNUSED}" for entry in find_surplus(store, stages)]
    stateless = describe_stateless(store.stateless, len(stages))
    for line in (*store.damaged, *unread, *stateless, *unused):
        show(line)
    if foreign:
        show(f"{len(foreign)} of {len(stages)} stages have files of another release; not touched")
    if wrong:
        show(
            f"{wrong} of {len(stages)} stages were damaged and set aside; "
            "the next run computes them again"
        )
    elif not files.obstacles:
        whole = f"all {len(stages) - len(foreign)} stages{' of this one' * bool(foreign)}"
        exist = ", as far as they exist" * bool(store.stateless)
        show(f"{whole} are as they were written{exist}")
    return int(wrong > 0 or bool(files.obstacles))


def require_store(out: Path, uri: str | None) -> None:
    """Raise RepertoireError if a results folder has no store of its own, and none is given."""
    from orchestrator.errors import RepertoireError
    from orchestrator.results.folder.places import has_store

    if uri is None and not has_store(out):
        raise RepertoireError(f"{out} has no stage store; give a results folder, or --store URI")


def describe_stateless(keys: Sequence[str], total: int) -> list[str]:
    """Return a line if there are stages with a record and no state, which may be as it should."""
    if not keys:
        return []
    line = (
        f"{len(keys)} of {total} stages have a record and no state, such as {keys[0]}: imported "
        "without, or the state was lost. Tables do not need it; a stage that continues from "
        "there is computed anew with those before"
    )
    return [line]


def collect_garbage(out: Path, uri: str | None, rules: Rules, dry_run: bool) -> int:
    """Delete stages that nothing refers to and say why others are kept; return 0."""
    from orchestrator.results.folder.garbage import delete_garbage, find_garbage
    from orchestrator.results.folder.places import open_store
    from orchestrator.results.units import bytes_text

    store = open_store(out, uri, create=False, read_only=dry_run)
    # The user should know that files elsewhere are deleted: other folders may use them.
    if uri is None and (out / "stages").is_symlink():
        show(f"the store: {out / 'stages'} is a link to {(out / 'stages').resolve()}")
    result = find_garbage(store, rules)
    for reason, count in sorted(result.kept.items()):
        show(f"kept: {count} stages, {reason}")
    for line in describe_other_files(result, rules):
        show(line)
    # Before the deletion, which leaves nothing to count.
    size, verb = result.files.size(result.unwanted), "would delete" if dry_run else "deleted"
    if not dry_run:
        delete_garbage(store, rules, result)
    show(f"{verb} {len(result.unwanted)} stages, {bytes_text(size)}")
    return 0


def describe_other_files(result: Garbage, rules: Rules) -> list[str]:
    """Return a line for each kind of file that is not a stage."""
    lines = [f"no longer counted: {one.describe()}" for one in result.gone]
    kept = len(result.files.damaged) + len(result.files.partial) - len(result.leftovers)
    if kept:
        young = f"younger than {rules.older_than:g} h"
        lines.append(f"kept: {kept} files set aside as damaged or half-written, {young}")
    return lines
