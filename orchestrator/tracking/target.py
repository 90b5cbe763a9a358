"""Where MLflow is: the sweep file's address, the environment's, or a database with the results."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from orchestrator.errors import RepertoireError, SweepError
from orchestrator.sweep.options import Mlflow
from orchestrator.sweep.yaml_file import read_yaml

EXPERIMENT = "repertoire"
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
SERVERS = ("http", "https", "databricks", "databricks-uc")
UI_PORT = 5000


class TrackingError(RepertoireError):
    """MLflow could not be told; says why, and how to send later what is missing."""


@dataclass(frozen=True)
class Target:
    """One experiment at one tracking address.

    Attributes:
        uri: tracking URI; a relative sqlite path has been made absolute.
        experiment: name of the MLflow experiment that holds the runs.
        artifact_location: file URI for the artifacts of a database; None: the server decides.
    """

    uri: str
    experiment: str = EXPERIMENT
    artifact_location: str | None = None

    @property
    def shown(self) -> str:
        """The address without a user name or password: for messages and for the ledger."""
        return self.hide(self.uri)

    def hide(self, text: str) -> str:
        """Return a text without the user name and password of the address."""
        user = urlsplit(self.uri).netloc.rpartition("@")[0]
        return text.replace(f"{user}@", "") if user else text

    @property
    def database(self) -> Path | None:
        """The file of a sqlite address; None for any other."""
        scheme, _, path = self.uri.partition(":///")
        return (
            Path(unquote(path.partition("?")[0])) if scheme.partition("+")[0] == "sqlite" else None
        )


def resolve_target(
    directory: Path, sweep_uri: str | None = None, experiment: str = EXPERIMENT
) -> Target:
    """Return where the runs of the sweeps in `directory` go.

    The sweep file's `sweep_uri` wins over MLFLOW_TRACKING_URI, which wins over
    `<directory>/mlflow.db` with its artifacts in `<directory>/mlartifacts`.

    Raises:
        TrackingError: the address is not one that MLflow still serves.
    """
    local = directory.resolve()
    uri = sweep_uri or os.environ.get("MLFLOW_TRACKING_URI") or sqlite_uri(local / "mlflow.db")
    kind = uri.partition(":")[0].partition("+")[0]
    if kind in SERVERS:
        return Target(uri, experiment)
    if kind not in DATABASES or (kind == "sqlite" and ":///" not in uri):
        raise TrackingError(_refusal(uri, sweep_uri, local))
    return Target(_absolute(uri), experiment, (local / "mlartifacts").as_uri())


def target_of(folder: Path) -> Target:
    """Return where the runs of the sweep in `folder` go, as the sweep file there says.

    Only the section `mlflow` is read: what else the file names need not be on this machine.

    Raises:
        TrackingError: the section, or the address in it, cannot be used.
    """
    path = folder / "sweep.yaml"
    section = (read_yaml(path) if path.is_file() else {}).get("mlflow") or {}
    try:
        mlflow = Mlflow(**section)
    except (TypeError, ValueError) as error:
        raise SweepError(str(path), [f"mlflow: {error}"]) from None
    return resolve_target(folder.resolve().parent, mlflow.uri, mlflow.experiment)


def sqlite_uri(path: Path) -> str:
    """Return the address of a database file, whatever its name holds."""
    return f"sqlite:///{path}".replace("%", "%25").replace("?", "%3F")


def ui_command(directory: Path, port: int = UI_PORT) -> list[str]:
    """Return the command that serves MLflow's own UI for `directory` on the loopback address.

    Raises:
        TrackingError: the runs are on a server, whose UI is already being served.
    """
    target = resolve_target(directory)
    if target.artifact_location is None:
        raise TrackingError(
            f"the runs are on a tracking server; open its own pages: {target.shown}"
        )
    database = [
        "--backend-store-uri",
        target.uri,
        "--default-artifact-root",
        target.artifact_location,
    ]
    served = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    return [sys.executable, "-m", "mlflow", "ui", *database, *served]


def _absolute(uri: str) -> str:
    """Pin a relative sqlite path to what it means now: the next command may start elsewhere."""
    scheme, _, path = uri.partition(":///")
    relative = scheme.partition("+")[0] == "sqlite" and path and not Path(path).is_absolute()
    return f"{scheme}:///{Path(path).resolve()}" if relative else uri


def _refusal(uri: str, sweep_uri: str | None, directory: Path) -> str:
    source = "the sweep file" if sweep_uri else "MLFLOW_TRACKING_URI"
    shown = Target(uri).shown
    return (
        f"{source} gives the MLflow address {shown!r}, which is neither a server nor a database; "
        f"valid: http://HOST:PORT, https://..., databricks, postgresql://..., mysql://..., "
        f"sqlite:///{directory / 'mlflow.db'} (MLflow no longer serves a folder such as ./mlruns)"
    )
