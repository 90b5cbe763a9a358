"""What is missing at MLflow, and the calls that send it."""

from __future__ import annotations

class _Sender:
    """One call's work: the experiment it talks to, the ledger it fills, the report it counts in."""

    def __init__(self, target: Target, files: SweepFiles, known: Ledger | None) -> None:
        from orchestrator.tracking.mlflow import Experiment

        self._files = files
        self._experiment = Experiment(target, known.experiment_id if known else "")
        self._ledger = known or _found(self._experiment, target, files)
        self._report = SyncReport(uri=target.shown, ledger=self._ledger)

    def send(self, running: bool, keep_going: Callable[[], bool]) -> SyncReport:
        """Send the sweep's run, then each trial's, then the sweep's status."""
        self._ledger.tables = ""
        trials = list(self._files.trials(running))
        try:
            parent = self._parent(trials)
            for trial in trials:
                if not keep_going():
                    self._report.complete = False
                    return self._report
                self._send_trial(trial, parent)
            self._end(trials, parent, running)
            self._ledger.tables = "" if running else self._files.digest
        finally:
            self._ledger.save(self._files.folder)
        return self._report

    def _parent(self, trials: Sequence[TrialView]) -> Sent:
        sent = self._ledger.parent = self._ledger.parent or self._create(self._files.sweep, {})
        methods = ",".join(dict.fromkeys(trial.tags["method"] for trial in trials))
        self._label(sent, {}, {"methods": methods, "trials": str(len(trials))})
        return sent

    def _end(self, trials: Sequence[TrialView], parent: Sent, running: bool) -> None:
        """Give the sweep's run its files and its status; a search trial that was stopped is no failure."""
        documents = self._files.documents
        self._upload(parent, digest_bytes(b"\0".join(documents.values())), lambda: documents)
        over = worst(
            [
                "complete",
                *(t.status for t in trials if (t.tags["phase"], t.status) != ("search", "stopped")),
            ]
        )
        self._set_status(parent, RUNNING if running else STATUS[over], 0.0)

    def _send_trial(self, trial: TrialView, parent: Sent) -> None:
        sent = self._ledger.trials.get(trial.trial_id)
        if sent is None and trial.status == "running" and trial.last_step < 0:
            return
        if sent is None or (sent.content and sent.content != trial.content(sent.step)):
            sent = self._ledger.trials[trial.trial_id] = self._start(trial, parent, sent)
        self._label(sent, trial.config, {RUN_NAME: trial.name} | dict(trial.tags))
        for step in range(sent.step + 1, trial.last_step + 1):
            self._send_step(sent, trial, step)
        if trial.status != "running" and trial.last_step >= 0:
            self._upload(sent, digest_bytes(trial.test.tobytes()), lambda: _artifacts(trial))
        self._set_status(sent, STATUS[trial.status], trial.seconds(trial.last_step))

    def _start(self, trial: TrialView, parent: Sent, old: Sent | None) -> Sent:
        kept = self._experiment.delete(old.run_id) | {REPLACES: old.run_id} if old else {}
        return self._create(trial.name, kept | {PARENT: parent.run_id, TRIAL: trial.trial_id})

    def _create(self, name: str, tags: Mapping[str, str]) -> Sent:
        self._report.runs += 1
        belongs = {SWEEP: self._files.sweep, IDENTITY: self._ledger.identity}
        return self._experiment.create(name, belongs | dict(tags))

    def _label(self, sent: Sent, params: Mapping[str, str], tags: Mapping[str, str]) -> None:
        labels = digest("tracked labels", [params, tags])
        if labels != sent.labels:
            sent.labels = labels
            self._experiment.log(sent, params=params, tags=tags)

    def _send_step(self, sent: Sent, trial: TrialView, step: int) -> None:
        """Send one step; its time is the run's start plus the computing time so far.

        So the same step sent twice is the same point, and MLflow's relative time reads as computation.
        """
        sent.step, sent.content = step, trial.content(step)
        at_ms = sent.start_ms + round(1000 * trial.seconds(step))
        self._experiment.log(sent, metrics=trial.metrics(step), at_ms=at_ms)
        self._report.steps += 1

    def _upload(self, sent: Sent, made_from: str, files: Callable[[], Mapping[str, bytes]]) -> None:
        if sent.artifacts != made_from:
            self._experiment.upload(sent.run_id, files())
            sent.artifacts = made_from
            self._experiment.log(sent)
            self._report.artifacts += 1

    def _set_status(self, sent: Sent, status: str, seconds: float) -> None:
        if sent.status != status:
            self._experiment.set_status(sent, status, seconds)


def _found(experiment: Experiment, target: Target, files: SweepFiles) -> Ledger:
    """Ask MLflow which runs this folder already has there."""
    old = load_ledger(files.folder)
    identity = old.identity if old and old.is_for(target) else _identity(files, target)
    ledger = Ledger(
        uri=target.shown,
        experiment=target.experiment,
        identity=identity,
        experiment_id=experiment.id,
    )
    for tags, sent in experiment.runs(identity):
        if TRIAL in tags:
            ledger.trials[tags[TRIAL]] = sent
        else:
            ledger.parent = sent
    return ledger


def _identity(files: SweepFiles, target: Target) -> str:
    """Return the tag of this folder's runs: its sweep's name, and at a shared address also where it is."""
    folder = files.folder.resolve()
    own = target.database is not None and target.database.parent in folder.parents
    return digest("tracked sweep", [files.sweep] if own else [files.sweep, node(), str(folder)])


def _artifacts(trial: TrialView) -> dict[str, bytes]:
    """Return R on the test split: of each seed and their mean as a table, and the mean as a picture."""
    from orchestrator.tracking.heatmap import heatmap, png

    there = trial.test[trial.reached > trial.last_step]
    mean = there.mean(axis=0)
    columns = [f"task_{task + 1}" for task in range(mean.shape[1])]
    parts = {"mean": mean} | dict(zip(map(str, trial.seeds), trial.test, strict=True))
    table = pd.concat(
        {seed: pd.DataFrame(r, columns=columns) for seed, r in parts.items()},
        names=["seed", "after"],
    )
    title = f"{trial.name}: mean of {len(there)} seed{'s' if len(there) > 1 else ''}"
    return {"r_matrix.csv": table.to_csv().encode(), "r_matrix.png": png(heatmap(mean, title))}


