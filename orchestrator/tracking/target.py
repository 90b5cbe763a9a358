"""The address of MLflow: of the sweep file, the environment, or a database in the results."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from orchestrator.errors import RepertoireError, SweepError
from orchestrator.sweep.options import Mlflow
from orchestrator.sweep.reading.yaml_file import read_yaml

EXPERIMENT = "repertoire"
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
SERVERS = ("http", "https", "databricks", "databricks-uc")


class TrackingError(RepertoireError):
    """MLflow does not have everything; the message has the reason and the remedy."""


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
    def safe_uri(self) -> str:
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
    """Return the target of the sweeps in a results folder.

    The address is `sweep_uri` (of the sweep file), else MLFLOW_TRACKING_URI, else
    `<directory>/mlflow.db` with the artifacts in `<directory>/mlartifacts`.

    Raises:
        TrackingError: MLflow does not support the address.
    """
    local = directory.resolve()
    uri = sweep_uri or os.environ.get("MLFLOW_TRACKING_URI") or sqlite_uri(local / "mlflow.db")
    kind = uri.partition(":")[0].partition("+")[0]
    if kind in SERVERS:
        return Target(uri, experiment)
    if kind not in DATABASES or (kind == "sqlite" and ":///" not in uri):
        raise TrackingError(_invalid_address_message(uri, sweep_uri, local))
    return Target(_absolute_uri(uri), experiment, (local / "mlartifacts").as_uri())


def read_target(folder: Path) -> Target:
    """Return the target of the sweep in a folder.

    Only the section `mlflow` of its sweep file is decoded, since the rest may need code that this
    machine lacks.

    Raises:
        SweepError: the section is invalid.
        TrackingError: MLflow does not support the address.
    """
    path = folder / "sweep.yaml"
    section = (read_yaml(path) if path.is_file() else {}).get("mlflow") or {}
    try:
        mlflow = Mlflow(**section)
    except (TypeError, ValueError) as error:
        raise SweepError(str(path), [f"mlflow: {error}"]) from None
    return resolve_target(folder.resolve().parent, mlflow.uri, mlflow.experiment)


def sqlite_uri(path: Path) -> str:
    """Return the address of a database file; special characters of its path are quoted."""
    return f"sqlite:///{path}".replace("%", "%25").replace("?", "%3F")


def _absolute_uri(uri: str) -> str:
    scheme, _, path = uri.partition(":///")
    relative = scheme.partition("+")[0] == "sqlite" and path and not Path(path).is_absolute()
    # The process that sends, and MLflow's pages, may run in another folder.
    return f"{scheme}:///{Path(path).resolve()}" if relative else uri


def _invalid_address_message(uri: str, sweep_uri: str | None, directory: Path) -> str:
    source = "the sweep file" if sweep_uri else "MLFLOW_TRACKING_URI"
    shown = Target(uri).safe_uri
    return (
        f"{source} gives the MLflow address {shown!r}, which is neither a server nor a database; "
        f"valid: http://HOST:PORT, https://..., databricks, postgresql://..., mysql://..., "
        f"sqlite:///{directory / 'mlflow.db'} (MLflow no longer serves a folder such as ./mlruns)"
    )
