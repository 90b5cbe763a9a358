"""One experiment at MLflow: its runs; mlflow is imported when there is something to send."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from orchestrator.benchmarks.atomic_files import write_atomically
from orchestrator.errors import shell_word
from orchestrator.tracking.database import database_lock
from orchestrator.tracking.experiment_pages import configure_pages, set_views
from orchestrator.tracking.pages import NOTE
from orchestrator.tracking.sent import FORMER_PREFIX, HIDDEN, IDENTITY_TAG, RUNNING, SENT, Sent
from orchestrator.tracking.target import Target, TrackingError
from orchestrator.tracking.trial_run import MetricPoint

# MLflow's limits: entities in a call (all kinds, parameters), length of values and names, page.
MAX_TOGETHER, MAX_PARAMS, MAX_VALUE, MAX_KEY, PAGE = 1000, 100, 6000, 250, 1000


class Experiment:
    """One experiment at one address.

    Args:
        target: address and name.
        experiment_id: its id; empty: look it up, and create the experiment if it is missing.
        client: an `MlflowClient`; None creates one for the address.

    Raises:
        TrackingError: the database has its artifacts in another folder.
    """

    def __init__(self, target: Target, experiment_id: str = "", client: Any = None) -> None:
        from mlflow import MlflowClient

        self._client = client or MlflowClient(tracking_uri=target.uri)
        self.id = experiment_id or self._find_or_create(target)

    def runs(self, identity: str) -> Iterator[tuple[Mapping[str, str], Sent]]:
        """Yield the tags of each run with an identity, and the record of what was sent.

        Runs of earlier releases have other names for tags, which are replaced.
        """
        for run in self._search(f"tags.`{IDENTITY_TAG}` = '{identity}'"):
            yield run.data.tags, _sent_of_run(run)
        for run in list(self._search(f"tags.`{former_name(IDENTITY_TAG)}` = '{identity}'")):
            self._hide_tags(run)
            yield run.data.tags, _sent_of_run(run)

    def add_views(self, settings: Sequence[tuple[str, str]]) -> None:
        """Add a named list of runs for each (benchmark, scenario) that has none yet."""
        set_views(self._client, self.id, settings)

    def create(self, name: str, tags: Mapping[str, str]) -> Sent:
        """Create a run."""
        short = {tag: text[:MAX_VALUE] for tag, text in tags.items()}
        return _sent_of_run(self._client.create_run(self.id, tags=short, run_name=name[:MAX_VALUE]))

    def log(
        self,
        sent: Sent,
        metrics: Sequence[MetricPoint] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Log metrics, parameters and tags, and last the tag with what has been sent.

        MLflow's databases keep one of two equal points, so a call that was interrupted before the
        last tag can be repeated.
        """
        from mlflow.entities import Metric, Param, RunTag

        points = [Metric(*point) for point in metrics]
        pairs = [Param(_metric_key(name), text) for name, text in _shorten(params or {})]
        run_tags = [RunTag(*pair) for pair in _shorten({**(tags or {}), SENT: sent.tag()})]
        # The limit is on all kinds together, so the last call has room for the tags.
        while len(points) + len(pairs) + len(run_tags) > MAX_TOGETHER or len(pairs) > MAX_PARAMS:
            first_pairs = pairs[:MAX_PARAMS]
            room = MAX_TOGETHER - len(first_pairs)
            self._client.log_batch(sent.run_id, metrics=points[:room], params=first_pairs)
            points, pairs = points[room:], pairs[MAX_PARAMS:]
        self._client.log_batch(sent.run_id, metrics=points, params=pairs, tags=run_tags)

    def upload(self, sent: Sent, files: Mapping[str, bytes]) -> None:
        """Store files as artifacts of a run."""
        place = urlsplit(sent.files)
        if place.scheme == "file":  # as MLflow does, but without queries
            _write_all(Path(url2pathname(place.path)), files)
            return
        with TemporaryDirectory() as folder:
            _write_all(Path(folder), files)
            self._client.log_artifacts(sent.run_id, folder)

    def set_status(self, sent: Sent, status: str, seconds: float) -> None:
        """Reopen a run, or end it so that its duration is `seconds`."""
        if status == RUNNING:
            self._client.update_run(sent.run_id, status=status)
        else:
            # MLflow then shows how long the trial took to compute, not how long it took to send.
            self._client.set_terminated(sent.run_id, status, sent.start_ms + round(1000 * seconds))
        sent.status = status

    def delete(self, run_id: str) -> dict[str, str]:
        """Delete a run, which can be restored; return the note and tags that users gave it."""
        from mlflow.entities import LifecycleStage

        run = self._client.get_run(run_id)
        # A user may have deleted it at MLflow.
        if run.info.lifecycle_stage != LifecycleStage.DELETED:
            self._client.delete_run(run_id)
        return {
            name: text for name, text in run.data.tags.items() if name == NOTE or "." not in name
        }

    def restore(self, run_id: str) -> None:
        """Restore a run that was deleted."""
        self._client.restore_run(run_id)

    def _search(self, query: str) -> Iterator[Any]:
        token: str | None = None
        while token != "":
            page = self._client.search_runs([self.id], query, max_results=PAGE, page_token=token)
            yield from page
            token = page.token or ""

    def _hide_tags(self, run: Any) -> None:
        """Give the tags of a run of an earlier release their present names."""
        from mlflow.entities import RunTag

        former = {
            name: text for name, text in run.data.tags.items() if name.startswith(FORMER_PREFIX)
        }
        hidden = {
            f"{HIDDEN}{name.removeprefix(FORMER_PREFIX)}": text for name, text in former.items()
        }
        # What this release sent is newer.
        new = {name: text for name, text in hidden.items() if name not in run.data.tags}
        if sweep := new.pop(f"{HIDDEN}sweep", None):
            new["sweep"] = sweep
        tags = [RunTag(name, text) for name, text in new.items()]
        self._client.log_batch(run.info.run_id, tags=tags)
        for name in former:
            self._client.delete_tag(run.info.run_id, name)
        run.data.tags.update(new)

    def _find_or_create(self, target: Target) -> str:
        with database_lock(target):
            experiment = self._client.get_experiment_by_name(target.experiment)
            if experiment is None:
                experiment_id = self._client.create_experiment(
                    target.experiment, target.artifact_location
                )
                experiment = self._client.get_experiment(experiment_id)
        _refuse_moved_database(target, experiment.artifact_location)
        configure_pages(self._client, experiment)
        return str(experiment.experiment_id)


def upload_file(target: Target, run_id: str, path: Path) -> None:
    """Store one file as an artifact of a run."""
    from mlflow import MlflowClient

    MlflowClient(tracking_uri=target.uri).log_artifact(run_id, str(path))


def _write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        write_atomically(folder / name, data)


def former_name(tag: str) -> str:
    """Return the name of a hidden tag in earlier releases."""
    return f"{FORMER_PREFIX}{tag.removeprefix(HIDDEN)}"


def _sent_of_run(run: Any) -> Sent:
    info, tag = run.info, run.data.tags.get(SENT, "{}")
    return Sent.from_tag(info.run_id, info.start_time, info.status, info.artifact_uri or "", tag)


def _metric_key(name: str) -> str:
    return re.sub(r"[^\w\-. /:]", "_", name)[:MAX_KEY]


def _shorten(texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((name, text[:MAX_VALUE]) for name, text in texts.items())


def _refuse_moved_database(target: Target, artifact_location: str) -> None:
    """Raise TrackingError if a local database names artifacts of another folder."""
    if target.database and artifact_location != target.artifact_location:
        raise TrackingError(
            f"{target.database} was moved: the artifacts of its experiment {target.experiment!r} "
            f"are said to be in {artifact_location}, and would be sent to "
            f"{target.artifact_location}. Move the folder back; or delete {target.database}, and "
            "send all runs anew from the tables: repertoire track "
            f"{shell_word(target.database.parent)}"
        )
