"""Arguments and options that several commands share, and the functions that print."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli.environment import fetch_folder, parse_folder, parse_store
from orchestrator.cli.until import EndTime, parse_until, parse_wait
from orchestrator.results.addresses import show_addresses
from orchestrator.terminal.escaping import replace_controls

SweepFile = Annotated[Path, typer.Argument(metavar="SWEEP", help="A sweep file (YAML).")]
Out = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="DIR",
        parser=parse_folder,
        help="The results folder. A path, s3://, gs://.",
    ),
]
StoreUri = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URI",
        parser=parse_store,
        help="Stage store; default DIR/stages. A path, s3://, gs://.",
    ),
]
Dir = Annotated[
    Path,
    typer.Argument(
        metavar="DIR", parser=fetch_folder, help="A results folder. A path, s3://, gs://."
    ),
]
Dirs = Annotated[
    list[Path],
    typer.Argument(
        metavar="DIR",
        parser=fetch_folder,
        help="Results folders, or folders of single sweeps. Paths, s3://, gs://.",
    ),
]
Until = Annotated[
    EndTime | None,
    typer.Option(
        "--until",
        metavar="TIME",
        parser=parse_until,
        help="Start no stage that would not end by then: 18:30, a date and time, or 2h30m.",
    ),
]
Trackers = Annotated[
    list[str] | None,
    typer.Option(
        "--tracker",
        metavar="MODULE:CLASS",
        help="A tracker of your own beside MLflow's; its module lies beside the sweep.",
    ),
]
WaitForNodes = Annotated[
    float | None,
    typer.Option(
        "--wait-for-nodes",
        metavar="SPAN",
        parser=parse_wait,
        help="The cluster adds nodes on demand: submit all that is ready, wait up to SPAN (15m).",
    ),
]
# Sums of float32 in another order differ by less, accuracies with a flipped prediction by more.
TOLERANCE = 1e-5
Tolerance = Annotated[
    float,
    typer.Option("--tolerance", min=0, help="Largest relative difference that counts as equal."),
]


def job_address(environment: Mapping[str, str]) -> str | None:
    """Return the address of the cluster whose job this process is (`ray job submit`), or None.

    Outside a job, RAY_ADDRESS may be the address of a job server, to which Ray cannot connect.
    """
    # Set by Ray in the processes of a job.
    in_job = "RAY_JOB_CONFIG_JSON_ENV_VAR" in environment
    return environment.get("RAY_ADDRESS") or None if in_job else None


def show(content: Any) -> None:
    """Print text, or an object that Rich can render."""
    if isinstance(content, str):
        typer.echo(show_addresses(replace_controls(content)))
    else:
        from orchestrator.terminal.console import PlainConsole

        PlainConsole().print(content)


def show_error(message: object) -> None:
    """Print an error in the form of all errors of the command line."""
    typer.echo(show_addresses(replace_controls(f"repertoire: {message}")), err=True)
