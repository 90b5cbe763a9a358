"""Makes MLflow say what a sweep's tables say, sending only what is missing.

The tables are the record; MLflow may be lost and told again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from orchestrator.tracking.database import advice, prepare, remove_stray_folder
from orchestrator.tracking.experiment import quiet, upload_file
from orchestrator.tracking.files import SweepFiles
from orchestrator.tracking.ledger import load_ledger, run_ids, sending_lock
from orchestrator.tracking.report import SyncReport
from orchestrator.tracking.sender import Sender
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
    """Make `target` say what the tables in `folder` say.

    When these very tables have been sent, mlflow is not even imported. Otherwise each run is sent
    the steps it lacks, as far as the ledger knows; where the ledger cannot be trusted, the sweep's
    runs are looked up by tag. A run whose numbers are no longer those of the tables (a seed was
    added, say) is deleted and sent anew; one whose trial the sweep no longer has is deleted.

    Args:
        folder: a sweep's folder, with its tables.
        target: see `resolve_target`.
        running: the sweep goes on; a trial that is not complete stays open.
        recheck: ask MLflow even if the ledger says that all has been sent.
        wait_seconds: how long to wait for another process that is sending this folder.
        keep_going: asked between trials; False ends the call early, with an incomplete report.

    Raises:
        TrackingError: MLflow cannot be reached or refuses; says what to do. Nothing is lost.
    """
    if report := up_to_date(folder, target, recheck):
        return report
    with _explained(folder, target), sending_lock(folder, wait_seconds):
        if report := up_to_date(folder, target, recheck):  # another process has sent it
            return report
        prepare(target)
        files = SweepFiles.read(folder)
        report = _send(target, files, recheck, running, keep_going)
        remove_stray_folder(target)
        if not running:
            files.write_run_ids(run_ids(folder))
        return report


def _send(
    target: Target, files: SweepFiles, recheck: bool, running: bool, keep_going: Callable[[], bool]
) -> SyncReport:
    from mlflow.exceptions import MlflowException

    ledger = load_ledger(files.folder)
    if ledger and ledger.is_for(target) and not (recheck or ledger.sending):
        with suppress(MlflowException):  # a person may have deleted runs; MLflow knows better
            return Sender(target, files, ledger).send(running, keep_going)
    return Sender(target, files, None).send(running, keep_going)


def up_to_date(folder: Path, target: Target, recheck: bool = False) -> SyncReport | None:
    """Return the report of a folder whose very tables have been sent, if the ledger may say so."""
    ledger = None if recheck else load_ledger(folder)
    if ledger is None or not ledger.tables or not ledger.is_for(target):
        return None
    sent = ledger.tables == SweepFiles.read(folder).digest
    return SyncReport(uri=target.shown, ledger=ledger) if sent else None


def prepare_database(directory: Path) -> None:
    """Make the database file of a results folder that has none, so that a server finds it whole.

    Raises:
        TrackingError: there is no such folder, or the file cannot be made.
    """
    target = resolve_target(directory)
    if not directory.is_dir():
        raise TrackingError(f"{directory} is no folder; run a sweep with --out {directory} first")
    if target.database and not target.database.exists():
        with _explained(directory, target):
            prepare(target)


def attach(folder: Path, target: Target, path: Path) -> None:
    """Store a file (a report, say) with the sweep's own run, which must have been sent.

    Raises:
        TrackingError: the sweep has no run there, or MLflow cannot be reached.
    """
    with _explained(folder, target), sending_lock(folder, WAIT_SECONDS):
        ledger = load_ledger(folder)
        if ledger is None or ledger.parent is None or not ledger.is_for(target):
            raise TrackingError(
                f"{folder} has no run at {target.shown} yet; "
                f"send it: repertoire track {folder.parent}"
            )
        upload_file(target, ledger.parent.run_id, path)


@contextmanager
def _explained(folder: Path, target: Target) -> Iterator[None]:
    """Turn whatever MLflow, its database or the network raise into one message."""
    try:
        with quiet():
            yield
    except TrackingError:
        raise
    except Exception as error:  # the tracker's edge
        reason = _reason(error, target)
        raise TrackingError(
            f"MLflow at {target.shown} was not told everything: {reason}. The tables in "
            f"{folder} have it all; send it later with: repertoire track {folder.parent}"
        ) from error


def _reason(error: BaseException, target: Target) -> str:
    """Return a line: what the network or the disk said if it was them, else what MLflow says."""
    root = error
    while cause := root.__cause__ or root.__context__:
        root = cause
    text = str(root if isinstance(root, OSError) else error).strip() or type(error).__name__
    line = target.hide(text.splitlines()[0])[:300].rstrip(".")
    return line + advice(target, line)
