"""The options of `repertoire plan --simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.environment import parse_folder
from orchestrator.errors import RepertoireError

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
        parser=parse_folder,
        help="Results whose stages tell how long those of the simulation take.",
    ),
]
Failures = Annotated[
    str | None,
    typer.Option(
        "--failures", metavar="RATE", help="Nodes lost in the simulation: 1/h, 2/d; default: none."
    ),
]


def require_simulation(durations: Path | None, failures: str | None) -> None:
    """Raise unless the options of a simulation are given together with it.

    Raises:
        RepertoireError: one is given without `--simulate`.
    """
    for name, value in (("--durations", durations), ("--failures", failures)):
        if value is not None:
            raise RepertoireError(f"{name} needs --simulate, such as --simulate nodes=10,cpus=16")
