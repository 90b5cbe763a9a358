"""MLflow's own pages on the runs of a results folder."""

from __future__ import annotations

import sys
from pathlib import Path

from orchestrator.tracking.ledger import load_ledger
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
    served = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    # MLflow's default allows names of private networks as well.
    served += ["--allowed-hosts", ALLOWED_HOSTS]
    return [sys.executable, "-P", "-m", "mlflow", "ui", *database, *served]


def front_page(directory: Path, port: int) -> str:
    """Return the local address of the page with a results folder's trials, sorted by accuracy."""
    home = f"http://127.0.0.1:{port}/"
    ledgers = filter(None, map(load_ledger, sorted(directory.glob("*"))))
    ids = [ledger.experiment_id for ledger in ledgers if ledger.experiment_id]
    if not ids:
        return home
    view = "workflowType=machine_learning&viewStateShareKey=trials"
    return f"{home}#/experiments/{ids[0]}/runs?{view}"
