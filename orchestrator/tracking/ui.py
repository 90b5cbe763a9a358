"""MLflow's own pages on the runs of a results folder."""

from __future__ import annotations

import sys
from pathlib import Path

from orchestrator.errors import RepertoireError
from orchestrator.results.tables.tables import read_table
from orchestrator.tracking.ledger import load_ledger
from orchestrator.tracking.pages import list_key
from orchestrator.tracking.target import TrackingError, resolve_target

UI_PORT = 5000
ALLOWED_HOSTS = "127.0.0.1,127.0.0.1:*,localhost,localhost:*"


def mlflow_command(directory: Path, port: int = UI_PORT) -> list[str]:
    """Return the command that serves MLflow's UI for a results folder on the loopback address.

    Raises:
        TrackingError: the runs are on a server, which has its own UI.
    """
    target = resolve_target(directory)
    if target.artifact_location is None:
        raise TrackingError(
            f"the runs are on a tracking server; open its own pages: {target.safe_uri}"
        )
    database = [
        "--backend-store-uri",
        target.uri,
        "--default-artifact-root",
        target.artifact_location,
    ]
    options = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    # MLflow's default allows names of private networks as well.
    options += ["--allowed-hosts", ALLOWED_HOSTS]
    return [sys.executable, "-P", "-m", "mlflow", "ui", *database, *options]


def front_page(directory: Path, port: int) -> str:
    """Return the local address of the list of a results folder's trials, sorted by accuracy.

    Of several benchmarks or scenarios it is the list of the first.
    """
    home = f"http://127.0.0.1:{port}/"
    for folder in sorted(directory.glob("*")):
        ledger = load_ledger(folder)
        if ledger is not None and ledger.experiment_id:
            view = f"workflowType=machine_learning&viewStateShareKey={first_view(folder)}"
            return f"{home}#/experiments/{ledger.experiment_id}/runs?{view}"
    return home


def first_view(folder: Path) -> str:
    """Return the key of the list with the first evaluated trials of a sweep's folder."""
    try:
        columns = ["benchmark", "scenario", "phase"]
        trials = read_table(folder, "trials", columns).to_pandas()
    except RepertoireError:
        return "trials"
    evaluated = trials[trials["phase"] != "search"]
    return list_key(*evaluated[columns[:2]].iloc[0]) if len(evaluated) else "candidates"
