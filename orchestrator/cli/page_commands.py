"""Commands that show results in a browser: ui, dashboard, report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.environment import parse_file, parse_local_folder
from orchestrator.cli.options import Dirs, show
from orchestrator.cli.server import run_servers
from orchestrator.results.addresses import address_of


def ui_command(
    dirs: Dirs = [Path("results")],  # noqa: B006
    port: Annotated[
        int, typer.Option(help="On the loopback address; further databases have the next ones.")
    ] = 5000,
) -> None:
    """Open MLflow's own UI on the runs of results folders, one for each database."""
    from orchestrator.cli.run import fill_database
    from orchestrator.results.folder.places import holding_folder
    from orchestrator.tracking import front_page, prepare_database
    from orchestrator.tracking import mlflow_command as command

    # Sweeps of one results folder have one database.
    folders = {holding_folder(folder).resolve(): holding_folder(folder) for folder in dirs}
    commands = [command(folder, port + i) for i, folder in enumerate(folders.values())]
    for folder in folders.values():
        _require_sweep(folder)
    for i, folder in enumerate(folders.values()):
        prepare_database(folder)
        if address_of(folder):  # what other machines have sent is in databases of theirs
            fill_database(folder)
        of_folder = f"  ({folder})" if len(folders) > 1 else ""
        show(f"open {front_page(folder, port + i)}{of_folder}")
    raise typer.Exit(run_servers(commands))


def _require_sweep(folder: Path) -> None:
    """Raise RepertoireError if a folder has no database and no sweep, be it without tables."""
    from orchestrator.results.tables.sweep_folders import sweep_folders

    begun = (folder / "mlflow.db").exists() or any(folder.glob("*/sweep.yaml"))
    if folder.is_dir() and not begun:
        sweep_folders(folder)


def dashboard_command(
    dirs: Dirs = [Path("results")],  # noqa: B006
    port: Annotated[int, typer.Option(help="On the loopback address.")] = 8501,
) -> None:
    """Look at results in a browser: trade-off, leaderboard, R, forgetting, search, costs, live."""
    # A process of its own, which a signal ends with all that Streamlit starts.
    # -P: a folder named dashboards in the current folder must not shadow the package.
    command = [sys.executable, "-P", "-m", "dashboards.serve", *map(str, dirs)]
    raise typer.Exit(run_servers([[*command, "--port", str(port)]]))


def report_command(
    dirs: Dirs = [Path("results")],  # noqa: B006
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            parser=parse_file,
            help="Default: report.html in the first DIR.",
        ),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(
            "--figures",
            metavar="DIR",
            parser=parse_local_folder,
            help="Also draw each figure as SVG and PDF.",
        ),
    ] = None,
) -> None:
    """Write the results as one HTML page that needs no network; attach it to MLflow's run."""
    options = {"--out": out, "--figures": figures}
    given = [word for name, path in options.items() if path for word in (name, str(path))]
    # A process of its own, as for the dashboard.
    command = [sys.executable, "-P", "-m", "dashboards.report", *map(str, dirs), *given]
    code = run_servers([command])
    if not (code or out) and address_of(dirs[0]):
        from orchestrator.results.bucket.fetch import publish_page

        publish_page(dirs[0] / "report.html")
    raise typer.Exit(code)
