"""The command line. Heavy imports wait until a command needs them, so that help comes at once."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.compare_command import CompareCommand, compare_command
from orchestrator.cli.early_ray import start_early_ray
from orchestrator.cli.environment import replace_unprintable, shorten_ray_folder
from orchestrator.cli.init_command import init_command
from orchestrator.cli.options import (
    Dirs,
    Out,
    StoreUri,
    SweepFile,
    Trackers,
    Until,
    WaitForNodes,
    job_address,
    show,
    show_error,
)
from orchestrator.cli.os_errors import describe_os_error
from orchestrator.cli.pack_commands import import_command, pack_command
from orchestrator.cli.page_commands import dashboard_command, report_command, ui_command
from orchestrator.cli.plan_command import plan_command
from orchestrator.cli.results_commands import reproduce_command, show_command
from orchestrator.cli.store_commands import store_app
from orchestrator.cli.usage import UsageError, describe_usage_error
from orchestrator.errors import CONTINUES, KEPT, RepertoireError
from orchestrator.graph.signals import end_on_signal
from orchestrator.stages.collector import keep_imports

app = typer.Typer(
    help="Schedule continual-learning experiments on Ray; compare what each method buys and costs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class BackendName(StrEnum):
    """Where stages are computed."""

    inline = "inline"
    ray = "ray"


class ListKind(StrEnum):
    """The lists of names that sweeps can use."""

    methods = "methods"
    benchmarks = "benchmarks"
    networks = "networks"


def print_version(asked: bool) -> None:
    """Print the version and end, if it was asked for."""
    if asked:
        from importlib.metadata import version

        typer.echo(f"repertoire {version('repertoire-cl')}")
        raise typer.Exit


@app.callback()
def options_of_all_commands(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=print_version, help="Print the version and end."
        ),
    ] = False,
) -> None:
    """Schedule continual-learning experiments on Ray; compare what each method buys and costs."""


app.command("plan")(plan_command)


@app.command("run")
def run_command(  # noqa: PLR0913 - the options of a command
    sweep: SweepFile,
    out: Out = Path("results"),
    store: StoreUri = None,
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            help="A running Ray cluster; default: the Ray job's, else start Ray here.",
        ),
    ] = None,
    backend: Annotated[
        BackendName, typer.Option("--backend", help="inline: in this process, one stage at a time.")
    ] = BackendName.ray,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Set tables of another sweep of the same name aside."),
    ] = False,
    until: Until = None,
    wait_for_nodes: WaitForNodes = None,
    tracker: Trackers = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print what failed or is missing, alone.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Print a line at each change of the progress.")
    ] = False,
) -> None:
    """Run a sweep: compute the missing stages, write the tables, log to MLflow, compare."""
    if quiet and verbose:
        raise RepertoireError("run: --quiet and --verbose exclude each other; give one of them")
    if address is not None and backend is BackendName.inline:
        raise RepertoireError(
            "run: --address names a Ray cluster, and --backend inline computes in this process; "
            "give one of them"
        )
    at = address or job_address(os.environ)
    try:
        early = backend is BackendName.ray and at is None
        with end_on_signal(), start_early_ray(sweep, out, early) as local:
            with keep_imports():
                from orchestrator.backends.factory import ComputePlace
                from orchestrator.cli.run import RunOptions, run
                from orchestrator.terminal.screen import Detail

            place = ComputePlace(at, wait_for_nodes, local=local)
            detail: Detail = "quiet" if quiet else "verbose" if verbose else "usual"
            options = RunOptions(backend.value, place, replace, until, tuple(tracker or ()))
            code = run(sweep, out, store, options, detail)
    except KeyboardInterrupt as end:  # typer would only say "Aborted"
        idle = f"{end}; no stage was running, {CONTINUES}"  # see `end_on_signal`
        show_error(idle if str(end) else f"interrupted; {KEPT}")
        code = 1
    raise typer.Exit(code)


app.command("compare", cls=CompareCommand)(compare_command)
app.command("show")(show_command)
app.command("reproduce")(reproduce_command)


app.command("init")(init_command)


@app.command("schema")
def schema_command() -> None:
    """Print the JSON Schema of a sweep file, with which editors complete and check it."""
    from orchestrator.sweep.schema.sweep_schema import schema_text

    typer.echo(schema_text(), nl=False)


@app.command("list")
def list_command(what: ListKind) -> None:
    """List the methods, benchmarks or networks a sweep can name."""
    from orchestrator.terminal.describe import LISTS

    show(LISTS[what.value]())


app.command("ui")(ui_command)
app.command("dashboard")(dashboard_command)
app.command("report")(report_command)
app.command("pack")(pack_command)
app.command("import")(import_command)


@app.command("track")
def track_command(dirs: Dirs = [Path("results")]) -> None:  # noqa: B006
    """Send the parts of results folders that MLflow lacks."""
    from orchestrator.cli.run import track

    raise typer.Exit(track(*dirs))


app.add_typer(store_app, name="store")


def main() -> None:
    """Run the command line: 0 complete, 1 some trials failed or diverged, 2 the user's mistake."""
    replace_unprintable()
    shorten_ray_folder()
    try:
        # As a value, since typer would draw a box around a mistake in the command's words.
        sys.exit(app(standalone_mode=False) or 0)
    except UsageError as error:
        show_error(describe_usage_error(error))
        sys.exit(error.exit_code)
    except typer.Abort:
        show_error("aborted")
        sys.exit(1)
    except RepertoireError as error:
        show_error(error)
        sys.exit(error.exit_code)
    except OSError as error:
        if (problem := describe_os_error(error)) is None:
            raise
        show_error(problem)
        sys.exit(1)


if __name__ == "__main__":
    main()
