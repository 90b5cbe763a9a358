"""Commands that read results: compare, show, reproduce, ui, dashboard, report."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from orchestrator.cli.environment import parse_folder, run_server
from orchestrator.cli.options import Dir, Dirs, StoreUri, Tolerance, show
from orchestrator.sweep.objective.expression import FIGURES


class Format(StrEnum):
    """How a comparison is written."""

    table = "table"
    markdown = "markdown"
    latex = "latex"
    csv = "csv"
    json = "json"


USUAL_FRONT = "acc,storage_bytes,compute_flops"


class CompareCommand(TyperCommand):
    """A command whose `--pareto` takes an optional list of metrics."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments, with the metrics of `--pareto` added if they are missing."""
        return super().parse_args(ctx, list(self._complete_pareto(args)))

    def _complete_pareto(self, args: Sequence[str]) -> Iterator[str]:
        for word, following in zip(args, [*args[1:], ""], strict=True):
            yield word
            metrics = {*FIGURES, *USUAL_FRONT.split(","), "seconds"}
            if word == "--pareto" and not metrics.intersection(following.split(",")):
                yield USUAL_FRONT


def compare_command(
    dirs: Dirs,
    by: Annotated[
        str, typer.Option("--by", help="A row for each: method, trial_id, or a config.* column.")
    ] = "method",
    format: Annotated[Format, typer.Option("--format", help="Output format.")] = Format.table,
    against: Annotated[
        str | None,
        typer.Option(
            "--against", metavar="LABEL", help="The row to compare others with; default: best."
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
        bool, typer.Option("--force", help="One table, with a warning if not comparable.")
    ] = False,
) -> None:
    """Compare methods: means with 95 % intervals, paired differences, ranks, Pareto front."""
    from orchestrator.results.comparison import comparison
    from orchestrator.results.contrasts import with_differences
    from orchestrator.results.front import with_front
    from orchestrator.results.load import load
    from orchestrator.results.ranking import with_ranks
    from orchestrator.terminal.rendering import render

    results = load(*dirs)
    table = comparison(results, by, together=len(dirs) > 1, force=force)
    table = with_ranks(with_differences(results, table, against))
    if pareto is not None:
        table = with_front(table, [name.strip() for name in pareto.split(",")])
    show(render(table, format.value))


def show_command(
    dir: Annotated[
        Path,
        typer.Argument(metavar="DIR", parser=parse_folder, help="A results folder, or a sweep's."),
    ],
    trial: Annotated[
        str, typer.Argument(metavar="TRIAL", help="Its id, the beginning of its id, or its label.")
    ],
    seed: Annotated[
        int | None, typer.Option("--seed", help="One seed; default: the mean of all.")
    ] = None,
    split: Annotated[
        str | None, typer.Option("--split", help="test or validation; default: test.")
    ] = None,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Show the traceback of failed seeds.")
    ] = False,
) -> None:
    """Show a trial: R as a coloured grid, with ACC, BWT, FWT and forgetting."""
    from orchestrator.results.load import load
    from orchestrator.terminal.trial_page import trial_page

    show(trial_page(load(dir), trial, seed, split, traceback))


def reproduce_command(
    dir: Annotated[Path, typer.Argument(metavar="DIR", help="A results folder, or a sweep's.")],
    trial: Annotated[
        str, typer.Argument(metavar="TRIAL", help="Its id, the beginning of its id, or its label.")
    ],
    seed: Annotated[int | None, typer.Option("--seed", help="One seed; default: all.")] = None,
    store: StoreUri = None,
    tolerance: Tolerance = 1e-5,
) -> None:
    """Compute a trial again and compare it with the stored one, stage by stage."""
    from orchestrator.cli.reproduce import Check, reproduce
    from orchestrator.results.folder.places import open_store

    out = dir.parent if (dir / "sweep.yaml").is_file() else dir
    check = Check(open_store(out, store, read_only=True), tolerance, typer.echo)
    raise typer.Exit(reproduce(dir, trial, seed, check))


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
    raise typer.Exit(run_server(served))


def dashboard_command(
    dirs: Dirs = [Path("results")],  # noqa: B006
    port: Annotated[int, typer.Option(help="On the loopback address.")] = 8501,
) -> None:
    """Look at results in a browser: trade-off, leaderboard, R, forgetting, search, costs, live."""
    # A process of its own, since the command line, a lower layer, does not import dashboards.
    # -P: a folder named dashboards in the current folder must not shadow the package.
    command = [sys.executable, "-P", "-m", "dashboards.serve", *map(str, dirs)]
    raise typer.Exit(run_server([*command, "--port", str(port)]))


def report_command(
    dir: Dir = Path("results"),
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Default: DIR/report.html.")
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(
            "--figures",
            metavar="DIR",
            parser=parse_folder,
            help="Also draw each figure as SVG and PDF.",
        ),
    ] = None,
) -> None:
    """Write the results as one HTML page that needs no network; attach it to MLflow's run."""
    options = {"--out": out, "--figures": figures}
    given = [word for name, path in options.items() if path for word in (name, str(path))]
    # A process of its own, as for the dashboard.
    raise typer.Exit(
        run_server([sys.executable, "-P", "-m", "dashboards.report", str(dir), *given])
    )
