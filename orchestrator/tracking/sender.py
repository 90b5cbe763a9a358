"""Sends the parts of a sweep that MLflow lacks.

An experiment has a run per sweep and, nested in it, a run per trial: means over the seeds, with a
step per task learned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from orchestrator.hashing import digest, digest_bytes
from orchestrator.tracking.experiment import Experiment
from orchestrator.tracking.files import SweepFiles
from orchestrator.tracking.ledger import Ledger, load_ledger
from orchestrator.tracking.sent import HIDDEN, IDENTITY_TAG, RUNNING, Sent
from orchestrator.tracking.statuses import STATUS, sweep_status
from orchestrator.tracking.sync_report import SyncReport
from orchestrator.tracking.target import Target
from orchestrator.tracking.trial_run import MetricPoint, TrialRun

SWEEP, TRIAL, REPLACES = "sweep", f"{HIDDEN}trial", f"{HIDDEN}replaces"
PARENT, RUN_NAME = "mlflow.parentRunId", "mlflow.runName"
# The picture of R takes most of the time of a run; a sweep with more trials sends none.
MAX_PICTURES = 50


class Sender:
    """Sends the files of one sweep once.

    Args:
        target: the experiment.
        files: the files of the sweep.
        known: the ledger; None: it is rebuilt from the runs at MLflow.
    """

    def __init__(self, target: Target, files: SweepFiles, ledger: Ledger | None) -> None:
        self._files = files
        self._experiment = Experiment(target, ledger.experiment_id if ledger else "")
        self._ledger = ledger or _rebuild_ledger(self._experiment, target, files)
        self._report = SyncReport(uri=target.safe_uri, ledger=self._ledger)
        self._pictures = False
        self._created = ""  # the run that was created last, with its tags

    def send(self, running: bool, keep_going: Callable[[], bool]) -> SyncReport:
        """Send the run of the sweep, then those of its trials, then the status of the sweep.

        If the call fails, the ledger is marked, since it may be ahead of MLflow.
        """
        self._ledger.sending, self._ledger.tables = True, ""
        self._ledger.save(self._files.folder)
        try:
            self._send_all(list(self._files.trial_runs(running)), running, keep_going)
            self._ledger.sending = False
        finally:
            self._ledger.save(self._files.folder)
        return self._report

    def _send_all(
        self, trials: Sequence[TrialRun], running: bool, keep_going: Callable[[], bool]
    ) -> None:
        for trial in trials:
            # Runs that release 0.1 sent go on as those of their trials.
            self._ledger.rename(trial.former_key, trial.key)
        num_evaluated = sum(trial.split == "test" for trial in trials)
        self._pictures = num_evaluated <= MAX_PICTURES
        parent = self._send_parent(trials)
        self._experiment.add_views(list_settings(trials))
        for trial in trials:
            if not keep_going():
                self._report.complete = False
                return
            self._send_trial(trial, parent)
        if not running:  # tables of a running sweep may lack trials
            self._remove(self._ledger.trials.keys() - {trial.key for trial in trials})
        self._set_status(parent, RUNNING if running else STATUS[sweep_status(trials)], 0.0)
        # Not while the sweep runs: its end must be sent even if no row changes any more.
        self._ledger.tables = "" if running else self._files.digest

    def _send_parent(self, trials: Sequence[TrialRun]) -> Sent:
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

    def _send_trial(self, trial: TrialRun, parent: Sent) -> None:
        """Send the missing parts of a run: artifacts, metrics and tags in one call, its status."""
        sent = self._ledger.trials.get(trial.key) or self._restore_run(trial)
        # A run without a step would be an empty line on MLflow's pages.
        if sent is None and trial.status == "running" and trial.last_step < 0:
            return
        tags = {RUN_NAME: trial.name, PARENT: parent.run_id, **trial.tags}
        if sent is None or (sent.content and sent.content != trial.content(sent.step)):
            sent = self._ledger.trials[trial.key] = self._start(trial, tags, sent)
        points = self._new_points(sent, trial)
        uploaded = False
        if trial.status != "running" and trial.last_step >= 0:
            digest_of_r = digest_bytes(trial.matrices.tobytes())
            uploaded = self._upload(sent, digest_of_r, lambda: self._artifacts(trial))
        objective = trial.objective_points(sent.start_ms)
        self._log(sent, tags, trial.config, objective, uploaded, points)
        self._set_status(sent, STATUS[trial.status], trial.seconds(trial.last_step))

    def _restore_run(self, trial: TrialRun) -> Sent | None:
        """Restore the run of a trial that was removed from the sweep and added again."""
        sent = self._ledger.removed.pop(trial.key, None)
        if sent is not None:
            self._experiment.restore(sent.run_id)
            self._ledger.trials[trial.key] = sent
        return sent

    def _start(self, trial: TrialRun, tags: Mapping[str, str], old: Sent | None) -> Sent:
        """Create the run of a trial; it replaces a run whose values are no longer in the tables."""
        kept = self._experiment.delete(old.run_id) | {REPLACES: old.run_id} if old else {}
        return self._create(trial.name, {**kept, **tags, TRIAL: trial.key})

    def _create(self, name: str, tags: Mapping[str, str]) -> Sent:
        self._report.runs += 1
        sweep = {SWEEP: self._files.sweep, IDENTITY_TAG: self._ledger.identity}
        sent = self._experiment.create(name, sweep | dict(tags))
        self._created = sent.run_id
        return sent

    def _new_points(self, sent: Sent, trial: TrialRun) -> list[MetricPoint]:
        """Return the points of the steps that were not sent, and count these steps as sent."""
        points = trial.points(sent.start_ms, sent.step + 1)
        self._report.steps += max(trial.last_step - sent.step, 0)
        if sent.step < trial.last_step:
            sent.step, sent.content = trial.last_step, trial.content(trial.last_step)
        return points

    def _log(
        self,
        sent: Sent,
        tags: Mapping[str, str],
        params: Mapping[str, str],
        objective: Sequence[MetricPoint],
        uploaded: bool,
        points: Sequence[MetricPoint] = (),
    ) -> None:
        """Log the new points, parameters and tags of a run, if there are any, in one call."""
        labels = digest("tracked labels", [params, tags, objective])
        if sent.labels != labels:
            sent.labels = labels
            # A run is created with its tags, which need not be logged again.
            new = {} if sent.run_id == self._created else tags
            self._experiment.log(sent, [*points, *objective], params, new)
        elif points or uploaded:
            self._experiment.log(sent, points)

    def _upload(self, sent: Sent, content: str, files: Callable[[], Mapping[str, bytes]]) -> bool:
        """Upload artifacts unless those of the same content digest were; return whether it did."""
        if sent.artifacts == content:
            return False
        self._experiment.upload(sent, files())
        sent.artifacts = content
        self._report.artifacts += 1
        return True

    def _set_status(self, sent: Sent, status: str, seconds: float) -> None:
        if sent.status != status:
            self._experiment.set_status(sent, status, seconds)

    def _remove(self, keys: Iterable[str]) -> None:
        """Delete the runs of trials that the sweep no longer has; MLflow keeps deleted runs."""
        for key in sorted(keys):
            sent = self._ledger.removed[key] = self._ledger.trials.pop(key)
            self._experiment.delete(sent.run_id)
            self._report.removed += 1

    def _artifacts(self, trial: TrialRun) -> dict[str, bytes]:
        """Return R on the split of the trial: mean and seeds as CSV, the mean as a picture."""
        last = trial.matrices[trial.reached > trial.last_step]
        mean = last.mean(axis=0)
        files = {"r_matrix.csv": trial.r_csv(mean)}
        if self._pictures and trial.split == "test":
            from orchestrator.tracking.heatmap import draw_heatmap, render_png

            seeds = "1 seed" if len(last) == 1 else f"mean of {len(last)} seeds"
            title = f"{trial.name} ({trial.split}, {seeds})"
            files["r_matrix.png"] = render_png(draw_heatmap(mean, title))
        return files


def list_settings(trials: Iterable[TrialRun]) -> list[tuple[str, str]]:
    """Return benchmark and scenario of the evaluated trials, each pair once."""
    evaluated = [trial.tags for trial in trials if trial.split == "test"]
    pairs = ((tags.get("benchmark", ""), tags.get("scenario", "")) for tags in evaluated)
    return list(dict.fromkeys(pairs))


def _rebuild_ledger(experiment: Experiment, target: Target, files: SweepFiles) -> Ledger:
    old = load_ledger(files.folder)
    identity = old.identity if old and old.is_current_for(target) else files.identity(target)
    ledger = Ledger(uri=target.safe_uri, experiment=target.experiment, identity=identity)
    ledger.experiment_id = experiment.id
    for tags, sent in experiment.runs(identity):
        if TRIAL in tags:
            ledger.trials[tags[TRIAL]] = sent
        else:
            ledger.parent = sent
    return ledger
