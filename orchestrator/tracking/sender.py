"""What is missing at MLflow, and the calls that send it.

An experiment holds a run per sweep and, nested in it, a run per trial: mean over the seeds, a step
per task learned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isfinite
from platform import node

import numpy as np

from orchestrator.hashing import digest, digest_bytes
from orchestrator.tracking.experiment import Experiment, Point
from orchestrator.tracking.files import SweepFiles
from orchestrator.tracking.ledger import IDENTITY, RUNNING, Ledger, Sent, load_ledger
from orchestrator.tracking.report import SyncReport
from orchestrator.tracking.target import Target
from orchestrator.tracking.view import Floats, TrialView, worst

STATUS = {
    "running": RUNNING,
    "failed": "FAILED",
    "diverged": "FAILED",
    "stopped": "KILLED",
    "complete": "FINISHED",
}
SWEEP, TRIAL, REPLACES = "repertoire.sweep", "repertoire.trial", "repertoire.replaces"
PARENT, RUN_NAME = "mlflow.parentRunId", "mlflow.runName"
# A picture of R takes longer than all else of a run; a sweep with more trials has tables only.
PICTURES = 50


class Sender:
    """One call's work: the experiment it talks to, the ledger it fills, the report it counts in.

    Args:
        target: where to send.
        files: what to send.
        known: a ledger to be believed; otherwise MLflow is asked what it has.
    """

    def __init__(self, target: Target, files: SweepFiles, known: Ledger | None) -> None:
        self._files = files
        self._experiment = Experiment(target, known.experiment_id if known else "")
        self._ledger = known or _ledger_of(self._experiment, target, files)
        self._report = SyncReport(uri=target.shown, ledger=self._ledger)
        self._pictures = False
        self._created = ""  # the run that was started last, with its tags

    def send(self, running: bool, keep_going: Callable[[], bool]) -> SyncReport:
        """Send the sweep's run, then each trial's, then the sweep's status.

        A call that fails leaves a ledger that is not believed: it may be ahead of MLflow.
        """
        self._ledger.sending, self._ledger.tables = True, ""
        self._ledger.save(self._files.folder)
        try:
            self._send_all(list(self._files.views(running)), running, keep_going)
            self._ledger.sending = False
        finally:
            self._ledger.save(self._files.folder)
        return self._report

    def _send_all(
        self, trials: Sequence[TrialView], running: bool, keep_going: Callable[[], bool]
    ) -> None:
        for trial in trials:
            self._ledger.rename(trial.former_key, trial.key)
        evaluated = sum(trial.split == "test" for trial in trials)
        self._pictures = evaluated <= PICTURES
        parent = self._send_parent(trials)
        for trial in trials:
            if not keep_going():
                self._report.complete = False
                return
            self._send_trial(trial, parent)
        if not running:  # tables written on the way may lack what comes later
            self._remove(self._ledger.trials.keys() - {trial.key for trial in trials})
        self._set_status(parent, RUNNING if running else STATUS[_outcome(trials)], 0.0)
        self._ledger.tables = "" if running else self._files.digest

    def _send_parent(self, trials: Sequence[TrialView]) -> Sent:
        methods = ", ".join(dict.fromkeys(trial.tags["method"] for trial in trials))
        tags = {"methods": methods, "trials": str(len(trials))}
        sent = self._ledger.parent = self._ledger.parent or self._create(self._files.sweep, tags)
        uploaded = self._upload(
            sent,
            digest_bytes(b"\0".join(self._files.documents.values())),
            lambda: self._files.documents,
        )
        self._log(sent, tags, {}, [], uploaded)
        return sent

    def _send_trial(self, trial: TrialView, parent: Sent) -> None:
        """Send what a run lacks: its artifacts, then all else in one call, then its status."""
        sent = self._ledger.trials.get(trial.key) or self._restore_run(trial)
        if sent is None and trial.status == "running" and trial.last_step < 0:
            return
        tags = {RUN_NAME: trial.name, PARENT: parent.run_id, **trial.tags}
        if sent is None or (sent.content and sent.content != trial.content(sent.step)):
            sent = self._ledger.trials[trial.key] = self._start(trial, tags, sent)
        points = self._due(sent, trial)
        uploaded = False
        if trial.status != "running" and trial.last_step >= 0:
            made_from = digest_bytes(trial.matrices.tobytes())
            uploaded = self._upload(sent, made_from, lambda: self._artifacts(trial))
        self._log(sent, tags, trial.config, _objective_points(sent, trial), uploaded, points)
        self._set_status(sent, STATUS[trial.status], trial.seconds(trial.last_step))

    def _restore_run(self, trial: TrialView) -> Sent | None:
        """Bring back the run of a trial that the sweep had dropped and has again."""
        sent = self._ledger.removed.pop(trial.key, None)
        if sent is not None:
            self._experiment.restore(sent.run_id)
            self._ledger.trials[trial.key] = sent
        return sent

    def _start(self, trial: TrialView, tags: Mapping[str, str], old: Sent | None) -> Sent:
        """Start a trial's run, in place of one whose numbers are no longer those of the tables."""
        kept = self._experiment.delete(old.run_id) | {REPLACES: old.run_id} if old else {}
        return self._create(trial.name, {**kept, **tags, TRIAL: trial.key})

    def _create(self, name: str, tags: Mapping[str, str]) -> Sent:
        self._report.runs += 1
        belongs = {SWEEP: self._files.sweep, IDENTITY: self._ledger.identity}
        sent = self._experiment.create(name, belongs | dict(tags))
        self._created = sent.run_id
        return sent

    def _due(self, sent: Sent, trial: TrialView) -> list[Point]:
        """Return the points of the steps to be sent; a step's time is the computing time up to it.

        So a step that is sent twice is the same point, and MLflow's relative time is computation.
        """
        points: list[Point] = []
        for step in range(sent.step + 1, trial.last_step + 1):
            at_ms = sent.start_ms + round(1000 * trial.seconds(step))
            points += [(name, value, at_ms, step) for name, value in trial.metrics(step).items()]
            self._report.steps += 1
        if sent.step < trial.last_step:
            sent.step, sent.content = trial.last_step, trial.content(trial.last_step)
        return points

    def _log(
        self,
        sent: Sent,
        tags: Mapping[str, str],
        params: Mapping[str, str],
        ranked: Sequence[Point],
        changed: bool,
        points: Sequence[Point] = (),
    ) -> None:
        """Log what is new of a run, if anything is, in one call."""
        labels = digest("tracked labels", [params, tags, ranked])
        if sent.labels != labels:
            sent.labels = labels
            new = {} if sent.run_id == self._created else tags
            self._experiment.log(sent, [*points, *ranked], params, new)
        elif points or changed:
            self._experiment.log(sent, points)

    def _upload(self, sent: Sent, made_from: str, files: Callable[[], Mapping[str, bytes]]) -> bool:
        if sent.artifacts == made_from:
            return False
        self._experiment.upload(sent, files())
        sent.artifacts = made_from
        self._report.artifacts += 1
        return True

    def _set_status(self, sent: Sent, status: str, seconds: float) -> None:
        if sent.status != status:
            self._experiment.set_status(sent, status, seconds)

    def _remove(self, keys: Iterable[str]) -> None:
        """Delete the runs of trials that the sweep no longer has; MLflow can restore them."""
        for key in sorted(keys):
            sent = self._ledger.removed[key] = self._ledger.trials.pop(key)
            self._experiment.delete(sent.run_id)
            self._report.removed += 1

    def _artifacts(self, trial: TrialView) -> dict[str, bytes]:
        """Return R on the split that counts: mean and seeds as a table, the mean as a picture."""
        last = trial.matrices[trial.reached > trial.last_step]
        mean = last.mean(axis=0)
        files = {"r_matrix.csv": _table(trial, mean)}
        if self._pictures and trial.split == "test":
            from orchestrator.tracking.heatmap import heatmap, png

            seeds = "1 seed" if len(last) == 1 else f"mean of {len(last)} seeds"
            title = f"{trial.name} ({trial.split}, {seeds})"
            files["r_matrix.png"] = png(heatmap(mean, title))
        return files


def _objective_points(sent: Sent, trial: TrialView) -> list[Point]:
    """Return what a search ranked a trial by; it may be known long after the trial's last step."""
    if not isfinite(trial.objective) or trial.last_step < 0:
        return []
    at_ms = sent.start_ms + round(1000 * trial.seconds(trial.last_step))
    return [("objective", trial.objective, at_ms, trial.last_step)]


def _outcome(trials: Sequence[TrialView]) -> str:
    """Return how the sweep ended; that a scheduler stopped a search trial is no failure."""
    counted = (t.status for t in trials if (t.tags["phase"], t.status) != ("search", "stopped"))
    return worst(["complete", *counted])


def _ledger_of(experiment: Experiment, target: Target, files: SweepFiles) -> Ledger:
    """Ask MLflow which runs this folder already has there."""
    old = load_ledger(files.folder)
    identity = old.identity if old and old.is_for(target) else _identity(files, target)
    ledger = Ledger(uri=target.shown, experiment=target.experiment, identity=identity)
    ledger.experiment_id = experiment.id
    for tags, sent in experiment.runs(identity):
        if TRIAL in tags:
            ledger.trials[tags[TRIAL]] = sent
        else:
            ledger.parent = sent
    return ledger


def _identity(files: SweepFiles, target: Target) -> str:
    """Return the tag of a folder's runs: the sweep's name and, at a shared address, its place."""
    folder = files.folder.resolve()
    alone = target.database is not None and target.database.parent in folder.parents
    return digest("tracked sweep", [files.sweep] if alone else [files.sweep, node(), str(folder)])


def _table(trial: TrialView, mean: Floats) -> bytes:
    """Return R of the mean and of each seed as CSV: a row per (seed, after), a column per task."""
    columns = ",".join(f"task_{task}" for task in range(1, mean.shape[1] + 1))
    parts = [("mean", mean), *zip(map(str, trial.seeds), trial.matrices, strict=True)]
    lines = [
        ",".join([name, str(after), *("" if np.isnan(cell) else repr(float(cell)) for cell in row)])
        for name, r in parts
        for after, row in enumerate(r)
    ]
    return "\n".join([f"seed,after,{columns}", *lines, ""]).encode()
