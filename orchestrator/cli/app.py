"""The command line. Heavy imports wait until a command needs them, so that help comes at once."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from orchestrator.cli.environment import (
    folder,
    print_anywhere,
    problem_of,
    serve,
    shorten_temporary_folder,
    store,
)
from orchestrator.errors import RepertoireError
from orchestrator.sweep.expression import FIGURES

app = typer.Typer(
    help="Schedule continual-learning experiments on Ray; compare what each method buys and costs.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
)  # fmt: skip
store_app = typer.Typer(
    help="Look after the stage store of a results folder.", no_args_is_help=True
)
app.add_typer(store_app, name="store")

SweepFile = Annotated[Path, typer.Argument(metavar="SWEEP", help="A sweep file (YAML).")]
Out = Annotated[
    Path, typer.Option("--out", metavar="DIR", parser=folder, help="The results folder.")
]
StoreUri = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URI",
        parser=store,
        help="Stage store; default DIR/stages. A path, s3://, gs://.",
    ),
]
Dir = Annotated[Path, typer.Argument(metavar="DIR", parser=folder, help="A results folder.")]


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


USUAL_FRONT = "acc,storage_bytes,compute_flops"


class Compare(TyperCommand):
    """Lets `--pareto` stand alone, for the usual metrics; a list of metrics may follow it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words of a command."""
        return super().parse_args(ctx, list(self._completed(args)))

    def _completed(self, args: Sequence[str]) -> Iterator[str]:
        for word, following in zip(args, [*args[1:], ""], strict=True):
            yield word
            metrics = {*FIGURES, *USUAL_FRONT.split(","), "seconds"}
            if word == "--pareto" and not metrics.intersection(following.split(",")):
                yield USUAL_FRONT


class Listed(StrEnum):
    """What can be listed."""

    methods = "methods"
    benchmarks = "benchmarks"
    networks = "networks"


@app.command("plan")
def plan_command(sweep: SweepFile, out: Out = Path("results"), store: StoreUri = None) -> None:
    """Say what a sweep asks for, what the store has, and what is left. Touches nothing."""
    from orchestrator.cli.run_sweep import plan_sweep
    from orchestrator.results.folder import open_store, results_folder
    from orchestrator.sweep.sweep import Sweep
    from orchestrator.terminal.describe import plan_table

    loaded = Sweep.load(sweep)
    where = open_store(out, store, read_only=True), results_folder(loaded, out)
    show(plan_table(*plan_sweep(loaded, *where)))
    for remark in loaded.remarks:
        show(remark)


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
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Put tables of another sweep of the same name aside and go on."
        ),
    ] = False,
) -> None:
    """Run a sweep: compute what the store lacks, write the tables, log to MLflow, compare."""
    from orchestrator.cli.run import run

    try:
        code = run(sweep, out, store, backend.value, address, replace)
    except KeyboardInterrupt:  # typer would only say "Aborted"
        kept = "what was computed is kept, the same command continues"
        typer.echo(f"repertoire: interrupted; {kept}", err=True)
        code = 1
    raise typer.Exit(code)


@app.command("compare", cls=Compare)
def compare_command(
    dirs: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR...", parser=folder, help="Results folders, or folders of single sweeps."
        ),
    ],
    by: Annotated[
        str, typer.Option("--by", help="A row for each: method, trial_id, or a config.* column.")
    ] = "method",
    format: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.table,
    against: Annotated[
        str | None,
        typer.Option(
            "--against", metavar="LABEL", help="The row to hold the others against; default: best."
        ),
    ] = None,
    pareto: Annotated[
        str | None,
        typer.Option(
            "--pareto",
            metavar="[METRICS]",
            help=f"Mark the Pareto front of {USUAL_FRONT}, or of others.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Side by side even if not comparable, and marked.")
    ] = False,
) -> None:
    """Compare methods: means with 95 % intervals, paired differences, ranks, Pareto front."""
    from orchestrator.results.comparison import comparison, with_front
    from orchestrator.results.contrasts import with_differences, with_ranks
    from orchestrator.results.results import load
    from orchestrator.terminal.rendering import render

    results = load(*dirs)
    table = comparison(results, by, together=len(dirs) > 1, force=force)
    table = with_ranks(with_differences(results, table, against))
    if pareto is not None:
        table = with_front(table, [name.strip() for name in pareto.split(",")])
    show(render(table, format.value))


@app.command("show")
def show_command(
    dir: Annotated[
        Path,
        typer.Argument(metavar="DIR", parser=folder, help="A results folder, or a sweep's."),
    ],
    trial: Annotated[
        str, typer.Argument(metavar="TRIAL", help="Its id, how that begins, or its label.")
    ],
    seed: Annotated[
        int | None, typer.Option("--seed", help="One seed; default: the mean of all.")
    ] = None,
    split: Annotated[
        str | None, typer.Option("--split", help="test or validation; default: test.")
    ] = None,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="The traceback of what failed.")
    ] = False,
) -> None:
    """Show a trial: R as a coloured grid, with ACC, BWT, FWT and forgetting."""
    from orchestrator.results.results import load
    from orchestrator.terminal.trial_page import trial_page

    show(trial_page(load(dir), trial, seed, split, traceback))


Tolerance = Annotated[
    float,
    typer.Option("--tolerance", min=0, help="Up to which relative difference stages are equal."),
]


@app.command("reproduce")
def reproduce_command(
    dir: Annotated[Path, typer.Argument(metavar="DIR", help="A results folder, or a sweep's.")],
    trial: Annotated[
        str, typer.Argument(metavar="TRIAL", help="Its id, how that begins, or its label.")
    ],
    seed: Annotated[int | None, typer.Option("--seed", help="One seed; default: all.")] = None,
    store: StoreUri = None,
    tolerance: Tolerance = 1e-5,
) -> None:
    """Compute a trial anew beside the stored one and say how far the two are the same."""
    from orchestrator.cli.reproduce import Check, reproduce
    from orchestrator.results.folder import open_store

    out = dir.parent if (dir / "sweep.yaml").is_file() else dir
    check = Check(open_store(out, store, read_only=True), tolerance, typer.echo)
    raise typer.Exit(reproduce(dir, trial, seed, check))


@app.command("list")
def list_command(what: Listed) -> None:
    """List the methods, benchmarks or networks a sweep can name."""
    from orchestrator.terminal.describe import TABLES

    show(TABLES[what.value]())


@app.command("ui")
def ui_command(
    dir: Dir = Path("results"),
    port: Annotated[int, typer.Option(help="On the loopback address.")] = 5000,
) -> None:
    """Open MLflow's own UI on the runs of a results folder."""
    from orchestrator.tracking import front_page, prepare_database
    from orchestrator.tracking import ui_command as command

    served = command(dir, port)
    prepare_database(dir)
    typer.echo(f"open {front_page(dir, port)}")
    raise typer.Exit(serve(served))


@app.command("dashboard")
def dashboard_command(
    dirs: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR...", parser=folder, help="Results folders, or folders of single sweeps."
        ),
    ] = [Path("results")],  # noqa: B006
    port: Annotated[int, typer.Option(help="On the loopback address.")] = 8501,
) -> None:
    """Look at results in a browser: trade-off, leaderboard, R, forgetting, search, costs, live."""
    # A process of its own: dashboards stand above the command line, which never imports them.
    # -P: a folder named dashboards where the command is typed is not ours.
    command = [sys.executable, "-P", "-m", "dashboards.serve", *map(str, dirs)]
    raise typer.Exit(serve([*command, "--port", str(port)]))


@app.command("report")
def report_command(
    dir: Dir = Path("results"),
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Default: DIR/report.html.")
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(
            "--figures", metavar="DIR", parser=folder, help="Also draw each figure as SVG and PDF."
        ),
    ] = None,
) -> None:
    """Write what was found as one HTML page that needs no network; attach it to MLflow's run."""
    options = {"--out": out, "--figures": figures}
    given = [word for name, path in options.items() if path for word in (name, str(path))]
    # A process of its own, as for the dashboard.
    raise typer.Exit(serve([sys.executable, "-P", "-m", "dashboards.report", str(dir), *given]))


@app.command("track")
def track_command(dir: Dir = Path("results")) -> None:
    """Send to MLflow what a results folder holds and MLflow lacks."""
    from orchestrator.cli.run import track

    raise typer.Exit(track(dir))


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


def show(content: Any) -> None:
    """Print text as it is, or something Rich can draw."""
    if isinstance(content, str):
        typer.echo(content)
    else:
        from rich.console import Console

        Console().print(content)


def main() -> None:
    """Run the command line: 0 complete, 1 some trials failed or diverged, 2 the user's mistake."""
    print_anywhere()
    shorten_temporary_folder()
    try:
        app()
    except RepertoireError as error:
        typer.echo(f"repertoire: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        if (problem := problem_of(error)) is None:
            raise
        typer.echo(f"repertoire: {problem}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
