"""MLflow's database file: made whole or not at all, by one process at a time.

MLflow brings a new file to its schema by a chain of migrations; two processes that do so at once
leave a file that none of them can open.
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
    """Hold the lock beside a database file; a database server looks after itself."""
    database = target.database
    if database is None:
        yield
        return
    with FileLock(database.with_name(f".{database.name}.lock"), timeout=LOCK_SECONDS):
        yield


def prepare(target: Target) -> None:
    """Make the database file of an address unless it is there; mlflow is imported only to do so."""
    database = target.database
    if database is None or database.exists():
        return
    with database_lock(target):
        if not database.exists():
            _make(database)


def _make(database: Path) -> None:
    """Make a file with MLflow's tables under another name, then give it its own."""
    from mlflow import MlflowClient

    partial = database.with_name(f".{database.name}.{os.getpid()}.partial")
    try:
        MlflowClient(tracking_uri=sqlite_uri(partial)).search_experiments()
        os.replace(partial, database)
    finally:
        partial.unlink(missing_ok=True)


def remove_stray_folder(target: Target) -> None:
    """Remove the empty folder that MLflow makes of an address it should have unquoted (a%2520b)."""
    spelt = Path(target.uri.removeprefix("sqlite:///")).parent
    if target.database and spelt != target.database.parent:
        with suppress(OSError):
            spelt.rmdir()


def advice(target: Target, text: str) -> str:
    """Return what to do about a database that MLflow cannot use, given what was said; or ""."""
    if target.database is not None and "is full" in text:
        return "; make room on its disk"
    broken = ("_alembic_tmp", "no such table", "not a database", "malformed", "schema", "revision")
    if target.database is None or not any(word in text.lower() for word in broken):
        return ""
    name = target.database
    if "db upgrade" in text:  # made by an older MLflow, and nothing is wrong with it
        return f" (mlflow db upgrade '{target.uri}')"
    return (
        f"; the file cannot be used: move it away (mv '{name}' '{name}.broken'), all is sent anew"
    )
