"""Commands on the stage store of a results folder: verify, audit, gc."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import Dir, StoreUri, Tolerance

store_app = typer.Typer(
    help="Look after the stage store of a results folder.", no_args_is_help=True
)


@store_app.command("verify")
def verify_command(dir: Dir = Path("results"), store: StoreUri = None) -> None:
    """Read every stage; name and set aside what is damaged."""
    from orchestrator.cli.store import verify

    raise typer.Exit(verify(dir, store))


@store_app.command("audit")
def audit_command(
    dir: Dir = Path("results"),
    share: Annotated[
        str, typer.Option("--share", metavar="SHARE", help="Of the stages, such as 5% or 0.05.")
    ] = "5%",
    seed: Annotated[int, typer.Option("--seed", help="Another seed takes another sample.")] = 0,
    store: StoreUri = None,
    tolerance: Tolerance = 1e-5,
) -> None:
    """Compute a sample of stages anew, each from its stored parent, and compare."""
    from orchestrator.cli.reproduce import Check, audit, read_share
    from orchestrator.results.folder import open_store

    out = dir.parent if (dir / "sweep.yaml").is_file() else dir
    check = Check(open_store(out, store, read_only=True), tolerance, typer.echo)
    raise typer.Exit(audit(dir, read_share(share), seed, check))


@store_app.command("gc")
def gc_command(
    dir: Dir = Path("results"),
    store: StoreUri = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    older_than: Annotated[
        float,
        typer.Option("--older-than", metavar="HOURS", min=0, help="Keep what is younger."),
    ] = 24.0,
    forget: Annotated[
        list[str],
        typer.Option(
            "--forget", metavar="FOLDER", help="A results folder whose references no longer count."
        ),
    ] = [],  # noqa: B006
) -> None:
    """Delete old stages that no results folder refers to, and what was set aside as damaged."""
    from orchestrator.cli.store import collect_garbage
    from orchestrator.results.garbage import Rules

    raise typer.Exit(collect_garbage(dir, store, Rules(dir, older_than, forget), dry_run))
