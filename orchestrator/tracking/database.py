"""MLflow's database file, created completely or not at all, by one process at a time.

MLflow creates its schema by a chain of migrations; two processes that do so in one file at the same
time leave a file that cannot be opened.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from orchestrator.benchmarks.atomic_files import replace_when_complete
from orchestrator.stages.storage.mounts import network_file_system
from orchestrator.tracking.target import Target, TrackingError, sqlite_uri

LOCK_SECONDS = 120.0  # MLflow's migrations take seconds, many on a busy machine
ALLOWED_VARIABLE = "REPERTOIRE_SQLITE_ON_NETWORK"
SQLITE_HEADER = b"SQLite format 3\0"


@contextmanager
def database_lock(target: Target) -> Iterator[None]:
    """Lock a database file; a database server needs no lock."""
    database = target.database
    if database is None:
        yield
        return
    with FileLock(database.with_name(f".{database.name}.lock"), timeout=LOCK_SECONDS):
        yield


def create_database(target: Target) -> None:
    """Create the database file of an address if it is missing; only then import mlflow.

    Raises:
        TrackingError: it is a file on a network file system, or a file of another kind.
    """
    database = target.database
    if database is None:
        return
    require_local_disk(database)
    if database.exists():
        _require_sqlite(target, database)
        return
    with database_lock(target):
        if not database.exists():
            _create_whole(database)


def require_local_disk(database: Path) -> None:
    """Raise unless SQLite can rely on the locks of the file system of a database file.

    Raises:
        TrackingError: it is one of several hosts.
    """
    kind = network_file_system(database.parent)
    if kind is None or os.environ.get(ALLOWED_VARIABLE) == "1":
        return
    raise TrackingError(
        f"MLflow's database {database} is on a network file system ({kind}), where SQLite's locks "
        "may fail and damage it, so nothing is sent. The tables are complete. Name a server or a "
        "local file (MLFLOW_TRACKING_URI=http://HOST:PORT or sqlite:////local/mlflow.db), or send "
        "from another machine: repertoire pack, repertoire import and repertoire track there. "
        f"{ALLOWED_VARIABLE}=1 uses the file all the same"
    )


def _require_sqlite(target: Target, database: Path) -> None:
    """Raise at once for a file of another kind; MLflow would try again for minutes."""
    with database.open("rb") as file:
        header = file.read(len(SQLITE_HEADER))
    if header not in (b"", SQLITE_HEADER):  # SQLite takes an empty file for a new database
        what = "is not a database"
        raise TrackingError(f"{database} {what}{database_advice(target, what)}")


def _create_whole(database: Path) -> None:
    """Create a file with MLflow's tables under another name, then rename it."""
    from mlflow import MlflowClient

    with replace_when_complete(database) as partial:
        MlflowClient(tracking_uri=sqlite_uri(partial)).search_experiments()


def remove_stray_folder(target: Target) -> None:
    """Remove the empty folder that MLflow creates, since it does not unquote an address (a%20b)."""
    spelt = Path(target.uri.removeprefix("sqlite:///")).parent
    if target.database and spelt != target.database.parent:
        with suppress(OSError):
            spelt.rmdir()


def database_advice(target: Target, text: str) -> str:
    """Return a remedy for an error message about a database; "" for other messages."""
    if target.database is not None and "is full" in text:
        return "; make room on its disk"
    broken = ("_alembic_tmp", "no such table", "not a database", "malformed", "schema", "revision")
    if target.database is None or not any(word in text.lower() for word in broken):
        return ""
    name = target.database
    if "db upgrade" in text:  # of an older MLflow, and intact
        return f" (mlflow db upgrade '{target.uri}')"
    return (
        f"; the file cannot be used: move it away (mv '{name}' '{name}.broken'), and all is sent "
        "again"
    )
