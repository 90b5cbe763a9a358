"""Makes MLflow say what a sweep's tables say, sending only what is missing.

One experiment holds a run per sweep and, nested in it, a run per trial: mean over the seeds, a step per
task learned. The tables are the record; MLflow may be lost and told again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from platform import node
from typing import TYPE_CHECKING

import pandas as pd

from orchestrator.hashing import digest, digest_bytes
from orchestrator.tracking.ledger import IDENTITY, RUNNING, Ledger, Sent, held, load_ledger
from orchestrator.tracking.target import Target, TrackingError
from orchestrator.tracking.view import SweepFiles, TrialView, worst

if TYPE_CHECKING:
    from orchestrator.tracking.mlflow import Experiment

STATUS = {
    "running": RUNNING,
    "failed": "FAILED",
    "diverged": "FAILED",
    "stopped": "KILLED",
    "complete": "FINISHED",
}
SWEEP, TRIAL, REPLACES = "repertoire.sweep", "repertoire.trial", "repertoire.replaces"
PARENT, RUN_NAME = "mlflow.parentRunId", "mlflow.runName"


@dataclass(kw_only=True)
class SyncReport:
    """What one or several calls of `sync` sent.

    Attributes:
        uri: address without credentials.
        runs: runs started.
        steps: steps sent, over all runs.
        artifacts: runs whose artifacts were sent.
        complete: MLflow says all that the tables say.
        problem: why not, and what to do; empty when complete.
        ledger: what MLflow has now.
    """

    uri: str
    runs: int = 0
    steps: int = 0
    artifacts: int = 0
    complete: bool = True
    problem: str = ""
    ledger: Ledger | None = field(default=None, repr=False, compare=False)


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

    When these very tables have been sent, mlflow is not even imported. Otherwise the sweep's runs are
    looked up by tag, and each is sent the steps it lacks. A run whose numbers are no longer those of
    the tables (a seed was added, say) is deleted and sent anew.

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
            return _Sender(target, files, known).send(running, keep_going)


def attach(folder: Path, target: Target, path: Path) -> None:
    """Store a file (a report, say) with the sweep's own run, which must have been sent.

    Raises:
        TrackingError: the sweep has no run there, or MLflow cannot be reached.
    """
    ledger = load_ledger(folder)
    if ledger is None or ledger.parent is None or not ledger.is_for(target):
        raise TrackingError(
            f"{folder} has no run at {target.shown} yet; send it: repertoire track {folder}"
        )
    with _explained(folder, target):
        from orchestrator.tracking.mlflow import upload_file

        upload_file(target, ledger.parent.run_id, path)


@contextmanager
def _explained(folder: Path, target: Target) -> Iterator[None]:
    """Turn whatever MLflow, its database or the network raise into one message with the next command."""
    from orchestrator.tracking.mlflow import quiet

    try:
        with quiet():
            yield
    except TrackingError:
        raise
    except Exception as error:
        reason = (
            str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
        )
        raise TrackingError(
            f"MLflow at {target.shown} was not told everything: {reason}. "
            f"The tables in {folder} have it all; when MLflow answers again: repertoire track {folder}"
        ) from error
