"""Synchronises MLflow with the tables of a sweep: sends the missing parts.

The tables are the record; a lost MLflow database can be filled again from them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from orchestrator.errors import shell_word
from orchestrator.tracking.database import create_database, remove_stray_folder
from orchestrator.tracking.experiment import upload_file
from orchestrator.tracking.files import SweepFiles
from orchestrator.tracking.ledger import load_ledger, run_ids, sending_lock
from orchestrator.tracking.mlflow_calls import translate_errors
from orchestrator.tracking.sender import Sender
from orchestrator.tracking.sync_report import SyncReport
from orchestrator.tracking.target import Target, TrackingError, resolve_target

WAIT_SECONDS = 60.0


def sync(
    folder: Path,
    target: Target,
    *,
    running: bool = False,
    recheck: bool = False,
    wait_seconds: float = 0.0,
    keep_going: Callable[[], bool] = lambda: True,
) -> SyncReport:
    """Send the tables of a folder to a target, as far as it lacks them.

    If the ledger has the digest of the tables, mlflow is not imported. Otherwise each run receives
    the steps that it lacks according to the ledger, or to its tag if the ledger is marked. A run
    whose values are no longer in the tables (a seed was added, say) is deleted and sent again; a
    run whose trial the sweep no longer has is deleted.

    Args:
        folder: a sweep's folder, with its tables.
        target: see `resolve_target`.
        running: whether the sweep is running; the runs of incomplete trials stay open.
        recheck: ask MLflow even if the ledger has the digest of the tables.
        wait_seconds: how long to wait for another process that is sending this folder.
        keep_going: called between trials; False ends the call early, with an incomplete report.

    Raises:
        TrackingError: MLflow cannot be reached or refuses a call; says what to do.
    """
    if report := report_if_sent(folder, target, recheck):
        if not running:
            # A process may have ended between sending and this. A folder that cannot be written
            # has the run ids in its ledger all the same.
            with suppress(OSError):
                _write_run_ids(folder)
        return report
    with translate_errors(folder, target), sending_lock(folder, wait_seconds):
        report = report_if_sent(folder, target, recheck)  # by another process meanwhile
        if report is None:
            create_database(target)
            report = _send(target, SweepFiles.read(folder), recheck, running, keep_going)
            remove_stray_folder(target)
        if not running:
            _write_run_ids(folder)
        return report


def _send(
    target: Target, files: SweepFiles, recheck: bool, running: bool, keep_going: Callable[[], bool]
) -> SyncReport:
    from mlflow.exceptions import MlflowException

    ledger = load_ledger(files.folder)
    if ledger and ledger.is_current_for(target) and not (recheck or ledger.sending):
        with suppress(MlflowException):  # runs may have been deleted: rebuild the ledger
            return Sender(target, files, ledger).send(running, keep_going)
    return Sender(target, files, None).send(running, keep_going)


def report_if_sent(folder: Path, target: Target, recheck: bool = False) -> SyncReport | None:
    """Return the report of a folder whose tables have been sent, else None."""
    ledger = None if recheck else load_ledger(folder)
    if ledger is None or not ledger.tables or not ledger.is_current_for(target):
        return None
    sent = ledger.tables == SweepFiles.read(folder).digest
    return SyncReport(uri=target.safe_uri, ledger=ledger) if sent else None


def prepare_database(directory: Path) -> None:
    """Create the database file of a results folder if it is missing, before a server opens it.

    Raises:
        TrackingError: there is no such folder, or the file cannot be created.
    """
    target = resolve_target(directory)
    if not directory.is_dir():
        raise TrackingError(
            f"{directory} is no folder; run a sweep with --out {shell_word(directory)} first"
        )
    if target.database and not target.database.exists():
        with translate_errors(directory, target):
            create_database(target)


def attach_file(folder: Path, target: Target, path: Path) -> None:
    """Store a file, such as a report, as an artifact of the sweep's run.

    Raises:
        TrackingError: the sweep has no run at the target, or MLflow cannot be reached.
    """
    with translate_errors(folder, target), sending_lock(folder, WAIT_SECONDS):
        ledger = load_ledger(folder)
        if ledger is None or ledger.parent is None or not ledger.is_current_for(target):
            raise TrackingError(
                f"{folder} has no run at {target.safe_uri} yet; "
                f"send it: repertoire track {shell_word(folder.parent)}"
            )
        upload_file(target, ledger.parent.run_id, path)


def _write_run_ids(folder: Path) -> None:
    SweepFiles.read(folder).write_run_ids(run_ids(folder))
