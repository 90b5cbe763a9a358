"""Commands that carry results to another machine: pack and import."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.environment import parse_file
from orchestrator.cli.options import Dir, Out, StoreUri, show
from orchestrator.errors import RepertoireError, shell_word

if TYPE_CHECKING:
    from orchestrator.results.pack.read import Import

Pack = Annotated[Path, typer.Argument(metavar="FILE", help="A pack.")]


def pack_command(
    dir: Dir = Path("results"),
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", parser=parse_file, help="Default: DIR.pack.zip, here."
        ),
    ] = None,
    store: StoreUri = None,
) -> None:
    """Write tables, sweeps, records and report of a results folder into one file."""
    from orchestrator.results.folder.places import has_store, holding_folder, open_store
    from orchestrator.results.pack.contents import RECORDS
    from orchestrator.results.pack.write import write_pack
    from orchestrator.results.units import bytes_text

    home = holding_folder(dir)
    there = store is not None or has_store(home)
    stages = open_store(home, store, create=False, read_only=True) if there else None
    # Resolved, since `.` has no name.
    file = out or Path(f"{dir.resolve().name}.pack.zip")
    members = write_pack(dir, file, stages)
    sweeps = sorted({member.sweep for member in members if member.sweep})
    show(f"{file}: {', '.join(sweeps)}; {len(members)} files, {bytes_text(file.stat().st_size)}")
    if not any(member.path.endswith(RECORDS) for member in members):
        place = store or home / "stages"
        show(f"without records of stages: {place} has none; name their store with --store")
    show(f"there: repertoire import {shell_word(file.name)} --out DIR")


def import_command(
    file: Pack,
    out: Out = Path("results"),
    records: Annotated[
        bool,
        typer.Option(
            "--records", help="Put the records of stages into the store; the sender is trusted."
        ),
    ] = False,
    store: StoreUri = None,
    max_gb: Annotated[float, typer.Option("--max-gb", min=0, help="Largest unpacked size.")] = 4.0,
) -> None:
    """Take in a pack: show, compare, report, dashboard and track then work on it."""
    from orchestrator.results.bucket.fetch import fetch_results
    from orchestrator.results.bucket.home import publish_sweeps
    from orchestrator.results.folder.places import open_store
    from orchestrator.results.pack.read import read_pack
    from orchestrator.results.separate_places import (
        require_results_folder,
        require_stage_store,
    )

    if store is not None and not records:
        raise RepertoireError("--store needs --records, which puts records into that store")
    if not isfinite(max_gb):
        raise RepertoireError(f"--max-gb: must be a finite number, given {max_gb}")
    require_results_folder(out)
    if store is not None:
        require_stage_store(out, store)
    fetch_results(out)
    result = read_pack(
        file, out, lambda: open_store(out, store) if records else None, int(max_gb * 1e9)
    )
    unpublished = publish_sweeps([out / name for name in result.sweeps], show)
    for line in (*_describe_import(result, out), *unpublished):
        show(line)
    commands = [f"repertoire {name} {shell_word(out)}" for name in ("compare", "report", "track")]
    show(f"Next: {' | '.join(commands)}")


def _describe_import(result: Import, out: Path) -> Iterator[str]:
    for name in result.sweeps:
        yield f"{out / name}: taken in"
    for name in result.present:
        yield f"{out / name}: already there, with the same tables"
    if result.records:
        yield f"{result.records} files of stages were written into the store"
    if result.code:
        names = ", ".join(result.code)
        yield f"code of the sender, which only `reproduce` and `audit` run: {names}"
    for name, uri in result.trackers:
        yield f"{name} names an MLflow address, which `track` uses: {uri!r}"
    if result.pages:
        yours = f"repertoire report {shell_word(out)}"
        yield f"left in the pack: {', '.join(result.pages)}; yours: {yours}"
