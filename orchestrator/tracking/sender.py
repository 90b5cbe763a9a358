"""What is missing at MLflow, and the calls that send it.

An experiment holds a run per sweep and, nested in it, a run per trial: mean over the seeds, a step
per task learned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from platform import node
from typing import TYPE_CHECKING

import pandas as pd

from orchestrator.hashing import digest, digest_bytes
from orchestrator.tracking.files import SweepFiles
from orchestrator.tracking.ledger import IDENTITY, RUNNING, Ledger, Sent, load_ledger
from orchestrator.tracking.target import Target
from orchestrator.tracking.view import TrialView, worst

if TYPE_CHECKING:
    from orchestrator.tracking.mlflow import Experiment, Point

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

    def __str__(self) -> str:
        """Say it in a line."""
        sent = (
            f"{self.runs} runs started, {self.steps} steps and {self.artifacts} sets of files sent"
        )
        return f"{self.uri}: {sent if self.runs or self.steps or self.artifacts else 'up to date'}"


class Sender:
    """One call's work: the experiment it talks to, the ledger it fills, the report it counts in.

    Args:
        target: where to send.
        files: what to send.
        known: a ledger to be believed; otherwise MLflow is asked what it has.
    """

    def __init__(self, target: Target, files: SweepFiles, known: Ledger | None) -> None:
        from orchestrator.tracking.mlflow import Experiment

        self._files = files
        self._experiment = Experiment(target, known.experiment_id if known else "")
        self._ledger = known or _found(self._experiment, target, files)
        self._report = SyncReport(uri=target.shown, ledger=self._ledger)

    def send(self, running: bool, keep_going: Callable[[], bool]) -> SyncReport:
        """Send the sweep's run, then each trial's, then the sweep's status."""
        self._ledger.tables = ""
        trials = list(self._files.views(running))
        for trial in trials:
            self._ledger.rename(trial.former_key, trial.key)
        try:
            parent = self._send_parent(trials)
            for trial in trials:
                if not keep_going():
                    self._report.complete = False
                    return self._report
                self._send_trial(trial, parent)
            self._set_status(parent, RUNNING if running else STATUS[_outcome(trials)], 0.0)
            self._ledger.tables = "" if running else self._files.digest
        finally:
            self._ledger.save(self._files.folder)
        return self._report

    def _send_parent(self, trials: Sequence[TrialView]) -> Sent:
        sent = self._ledger.parent = self._ledger.parent or self._create(self._files.sweep, {})
        methods = ", ".join(dict.fromkeys(trial.tags["method"] for trial in trials))
        self._label(sent, {}, {"methods": methods, "trials": str(len(trials))})
        documents = self._files.documents
        self._upload(sent, digest_bytes(b"\0".join(documents.values())), lambda: documents)
        return sent

    def _send_trial(self, trial: TrialView, parent: Sent) -> None:
        sent = self._ledger.trials.get(trial.key)
        if sent is None and trial.status == "running" and trial.last_step < 0:
            return
        if sent is None or (sent.content and sent.content != trial.content(sent.step)):
            sent = self._ledger.trials[trial.key] = self._start(trial, parent, sent)
        ranked = _ranked(sent, trial)
        self._label(sent, trial.config, {RUN_NAME: trial.name, **trial.tags}, ranked)
        if sent.step < trial.last_step:
            self._send_steps(sent, trial)
        if trial.status != "running" and trial.last_step >= 0:
            self._upload(sent, digest_bytes(trial.matrices.tobytes()), lambda: _artifacts(trial))
        self._set_status(sent, STATUS[trial.status], trial.seconds(trial.last_step))

    def _start(self, trial: TrialView, parent: Sent, old: Sent | None) -> Sent:
        """Start a trial's run, in place of one whose numbers are no longer those of the tables."""
        kept = self._experiment.delete(old.run_id) | {REPLACES: old.run_id} if old else {}
        return self._create(trial.name, kept | {PARENT: parent.run_id, TRIAL: trial.key})

    def _create(self, name: str, tags: Mapping[str, str]) -> Sent:
        self._report.runs += 1
        belongs = {SWEEP: self._files.sweep, IDENTITY: self._ledger.identity}
        return self._experiment.create(name, belongs | dict(tags))

    def _label(
        self,
        sent: Sent,
        params: Mapping[str, str],
        tags: Mapping[str, str],
        points: Sequence[Point] = (),
    ) -> None:
        labels = digest("tracked labels", [params, tags, points])
        if sent.labels != labels:
            sent.labels = labels
            self._experiment.log(sent, points, params, tags)

    def _send_steps(self, sent: Sent, trial: TrialView) -> None:
        """Send all steps that are due in one call; a step's time is the computing time up to it.

        So a step that is sent twice is the same point, and MLflow's relative time is computation.
        """
        points: list[Point] = []
        for step in range(sent.step + 1, trial.last_step + 1):
            at_ms = sent.start_ms + round(1000 * trial.seconds(step))
            points += [(name, value, at_ms, step) for name, value in trial.metrics(step).items()]
            self._report.steps += 1
        sent.step, sent.content = trial.last_step, trial.content(trial.last_step)
        self._experiment.log(sent, points)

    def _upload(self, sent: Sent, made_from: str, files: Callable[[], Mapping[str, bytes]]) -> None:
        if sent.artifacts != made_from:
            self._experiment.upload(sent.run_id, files())
            sent.artifacts = made_from
            self._experiment.log(sent)
            self._report.artifacts += 1

    def _set_status(self, sent: Sent, status: str, seconds: float) -> None:
        if sent.status != status:
            self._experiment.set_status(sent, status, seconds)


def _ranked(sent: Sent, trial: TrialView) -> list[Point]:
    """Return what a search ranked a trial by; it may be known long after the trial's last step."""
    if not isfinite(trial.objective) or trial.last_step < 0:
        return []
    at_ms = sent.start_ms + round(1000 * trial.seconds(trial.last_step))
    return [("objective", trial.objective, at_ms, trial.last_step)]


def _outcome(trials: Sequence[TrialView]) -> str:
    """Return how the sweep ended; that a scheduler stopped a search trial is no failure."""
    told = (t.status for t in trials if (t.tags["phase"], t.status) != ("search", "stopped"))
    return worst(["complete", *told])


def _found(experiment: Experiment, target: Target, files: SweepFiles) -> Ledger:
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


def _artifacts(trial: TrialView) -> dict[str, bytes]:
    """Return R on the split that counts: mean and seeds as a table, the mean as a picture."""
    from orchestrator.tracking.heatmap import heatmap, png

    there = trial.matrices[trial.reached > trial.last_step]
    mean = there.mean(axis=0)
    parts = {"mean": mean} | dict(zip(map(str, trial.seeds), trial.matrices, strict=True))
    columns = [f"task_{task}" for task in range(1, mean.shape[1] + 1)]
    table = pd.concat(
        {part: pd.DataFrame(r, columns=columns) for part, r in parts.items()},
        names=["seed", "after"],
    )
    seeds = "1 seed" if len(there) == 1 else f"mean of {len(there)} seeds"
    picture = png(heatmap(mean, f"{trial.name} ({trial.split}, {seeds})"))
    return {"r_matrix.csv": table.to_csv().encode(), "r_matrix.png": picture}
