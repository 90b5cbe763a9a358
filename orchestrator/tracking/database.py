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

from orchestrator.tracking.target import Target, sqlite_uri

LOCK_SECONDS = 120.0


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
    """Create the database file of an address if it is missing; only then import mlflow."""
    database = target.database
    if database is None or database.exists():
        return
    with database_lock(target):
        if not database.exists():
            _create_whole(database)


def _create_whole(database: Path) -> None:
    """Create a file with MLflow's tables under another name, then rename it."""
    from mlflow import MlflowClient

    partial = database.with_name(f".{database.name}.{os.getpid()}.partial")
    try:
        MlflowClient(tracking_uri=sqlite_uri(partial)).search_experiments()
        os.replace(partial, database)
    finally:
        partial.unlink(missing_ok=True)


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
