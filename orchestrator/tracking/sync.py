"""Makes MLflow say what a sweep's tables say, sending only what is missing.

The tables are the record; MLflow may be lost and told again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.tracking.files import SweepFiles
from orchestrator.tracking.ledger import Ledger, held, load_ledger
from orchestrator.tracking.sender import Sender, SyncReport
from orchestrator.tracking.target import Target, TrackingError


def sync(
    folder: Path,
    target: Target,
    *,
    running: bool = False,
    recheck: bool = False,
    known: Ledger | None = None,
    keep_going: Callable[[], bool] = lambda: True,
) -> SyncReport:
    """Make `target` say what the tables in `folder` say.

    When these very tables have been sent, mlflow is not even imported. Otherwise the sweep's runs
    are looked up by tag, and each is sent the steps it lacks. A run whose numbers are no longer
    those of the tables (a seed was added, say) is deleted and sent anew.

    Args:
        folder: a sweep's folder, with its tables.
        target: see `resolve_target`.
        running: the sweep goes on; a trial that is not complete stays open.
        recheck: ask MLflow even if the ledger says that all has been sent.
        known: ledger of a report just received, believed without asking MLflow.
        keep_going: asked between trials; False ends the call early, with an incomplete report.

    Raises:
        TrackingError: MLflow cannot be reached or refuses; says what to do. Nothing is lost.
    """
    with held(folder):
        files = SweepFiles.read(folder)
        ledger = known or load_ledger(folder)
        if ledger and not recheck and ledger.is_for(target) and ledger.tables == files.digest:
            return SyncReport(uri=target.shown, ledger=ledger)
        with _explained(folder, target):
            return Sender(target, files, known).send(running, keep_going)


def attach(folder: Path, target: Target, path: Path) -> None:
    """Store a file (a report, say) with the sweep's own run, which must have been sent.

    Raises:
        TrackingError: the sweep has no run there, or MLflow cannot be reached.
    """
    ledger = load_ledger(folder)
    if ledger is None or ledger.parent is None or not ledger.is_for(target):
        raise TrackingError(
            f"{folder} has no run at {target.shown} yet; send it: repertoire track {folder.parent}"
        )
    with _explained(folder, target):
        from orchestrator.tracking.mlflow import upload_file

        upload_file(target, ledger.parent.run_id, path)


@contextmanager
def _explained(folder: Path, target: Target) -> Iterator[None]:
    """Turn whatever MLflow, its database or the network raise into one message."""
    from orchestrator.tracking.mlflow import quiet

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
    return target.hide(text.splitlines()[0])[:300].rstrip(".")
