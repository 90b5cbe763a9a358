"""The options of `repertoire plan` about durations, and of its simulation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.environment import fetch_folder
from orchestrator.errors import RepertoireError

if TYPE_CHECKING:
    from orchestrator.results.durations import Durations

Simulate = Annotated[
    str | None,
    typer.Option(
        "--simulate",
        metavar="nodes=N,gpus=N,cpus=N",
        help="Simulate the run on a cluster of such nodes.",
    ),
]
DurationsDir = Annotated[
    Path | None,
    typer.Option(
        "--durations",
        metavar="DIR",
        parser=fetch_folder,
        help="Results whose stages tell how long others take; default: those of --out. "
        "A simulation assumes durations without it.",
    ),
]
Failures = Annotated[
    str | None,
    typer.Option(
        "--failures", metavar="RATE", help="Nodes lost in the simulation: 1/h, 2/d; default: none."
    ),
]


def require_simulation(nodes: str | None, **options: object) -> None:
    """Refuse options of a simulation without one.

    Args:
        nodes: `--simulate`.
        options: name -> value; None where it is not given.

    Raises:
        RepertoireError: one is given without `--simulate`.
    """
    for name, value in options.items():
        if nodes is None and value is not None:
            example = "--simulate nodes=10,cpus=16"
            raise RepertoireError(f"--{name} needs --simulate, such as {example}")


def read_recorded(durations: Path | None, out: Path) -> Durations:
    """Return the durations recorded in `durations`; if None, those of the results folder, if any.

    Raises:
        RepertoireError: the folder that is given has none.
    """
    from orchestrator.results.durations import Durations, read_durations

    try:
        return read_durations(durations or out)
    except RepertoireError:
        if durations is not None:
            raise
        return Durations()
