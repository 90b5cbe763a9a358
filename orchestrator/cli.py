"""The command line. Heavy imports wait until a command needs them, so that help comes at once."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.errors import RepertoireError

app = typer.Typer(
    help="Schedule continual-learning experiments on Ray; compare what each method buys and costs.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
)  # fmt: skip
store_app = typer.Typer(
    help="Look after the stage store of a results folder.", no_args_is_help=True
)
app.add_typer(store_app, name="store")

SweepFile = Annotated[Path, typer.Argument(metavar="SWEEP", help="A sweep file (YAML).")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="The results folder.")]
StoreUri = Annotated[
    str | None,
    typer.Option(
        "--store", metavar="URI", help="Stage store; default DIR/stages. A path, s3://, gs://."
    ),
]
Dir = Annotated[Path, typer.Argument(metavar="DIR", help="A results folder.")]


class BackendName(StrEnum):
    """Where stages are computed."""

    inline = "inline"
    ray = "ray"


class Format(StrEnum):
    """How a comparison is written."""

    table = "table"
    markdown = "markdown"
    latex = "latex"
    csv = "csv"
    json = "json"


class Listed(StrEnum):
    """What can be listed."""

    methods = "methods"
    benchmarks = "benchmarks"
    networks = "networks"


@app.command("plan")
def plan_command(sweep: SweepFile, out: Out = Path("results"), store: StoreUri = None) -> None:
    """Say what a sweep asks for, what the store has, and what is left. Touches nothing."""
    from orchestrator.describe import plan_table
    from orchestrator.plan import plan
    from orchestrator.run import open_store
    from orchestrator.sweep import Sweep

    loaded = Sweep.load(sweep)
    show(plan_table(plan(loaded, open_store(out, store, read_only=True))))


@app.command("run")
def run_command(
    sweep: SweepFile,
    out: Out = Path("results"),
    store: StoreUri = None,
    address: Annotated[
        str | None,
        typer.Option("--address", help="A running Ray cluster; default: start Ray here."),
    ] = None,
    backend: Annotated[
        BackendName, typer.Option("--backend", help="inline: in this process, one stage at a time.")
    ] = BackendName.ray,
) -> None:
    """Run a sweep: compute what the store lacks, write the tables, log to MLflow, compare."""
    from orchestrator.session import run_sweep

    try:
        code = run_sweep(sweep, out, store, backend.value, address)
    except KeyboardInterrupt:  # typer would only say "Aborted"
        kept = "what was computed is kept, the same command continues"
        typer.echo(f"repertoire: interrupted; {kept}", err=True)
        code = 1
    raise typer.Exit(code)


@app.command("compare")
def compare_command(
    dirs: Annotated[
        list[Path],
        typer.Argument(metavar="DIR...", help="Results folders, or folders of single sweeps."),
    ],
    by: Annotated[
        str, typer.Option("--by", help="A row for each: method, trial_id, or a config.* column.")
    ] = "method",
    format: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.table,
) -> None:
    """Compare methods: mean and 95 % interval of accuracy, transfer, storage and compute."""
    from orchestrator.compare import comparison, render
    from orchestrator.results import load

    show(render(comparison(load(*dirs), by), format.value))


@app.command("list")
def list_command(what: Listed) -> None:
    """List the methods, benchmarks or networks a sweep can name."""
    from orchestrator.describe import TABLES

    show(TABLES[what.value]())


@app.command("ui")
def ui_command(
    dir: Dir = Path("results"),
    port: Annotated[int, typer.Option(help="On the loopback address.")] = 5000,
) -> None:
    """Open MLflow's own UI on the runs of a results folder."""
    import subprocess

    from orchestrator.tracking.mlflow import ui_command as command

    raise typer.Exit(subprocess.call(command(dir, port)))


@app.command("track")
def track_command(dir: Dir = Path("results")) -> None:
    """Send to MLflow what a results folder holds and MLflow lacks."""
    from orchestrator.session import track

    raise typer.Exit(track(dir))


@store_app.command("verify")
def verify_command(dir: Dir = Path("results"), store: StoreUri = None) -> None:
    """Read every stage; name and set aside what is damaged."""
    from orchestrator.keeping import verify

    raise typer.Exit(verify(dir, store))


@store_app.command("gc")
def gc_command(
    dir: Dir = Path("results"),
    store: StoreUri = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Delete stages that no sweep of the folder refers to, and what was set aside as damaged."""
    from orchestrator.keeping import collect_garbage

    raise typer.Exit(collect_garbage(dir, store, dry_run))


def show(content: Any) -> None:
    """Print text as it is, or something Rich can draw."""
    if isinstance(content, str):
        typer.echo(content)
    else:
        from rich.console import Console

        Console().print(content)


def main() -> None:
    """Run the command line: 0 complete, 1 some trials failed or diverged, 2 the user's mistake."""
    try:
        app()
    except RepertoireError as error:
        typer.echo(f"repertoire: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
