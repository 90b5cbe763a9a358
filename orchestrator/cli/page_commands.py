"""Commands that show results in a browser: ui, dashboard, report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.environment import parse_folder
from orchestrator.cli.options import Dir, Dirs, show
from orchestrator.cli.server import run_server


def ui_command(
    dir: Dir = Path("results"),
    port: Annotated[int, typer.Option(help="On the loopback address.")] = 5000,
) -> None:
    """Open MLflow's own UI on the runs of a results folder."""
    from orchestrator.tracking import front_page, prepare_database
    from orchestrator.tracking import mlflow_command as command

    served = command(dir, port)
    prepare_database(dir)
    show(f"open {front_page(dir, port)}")
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
