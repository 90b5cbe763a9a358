"""The report beside the runs: an artifact of each sweep's own run in MLflow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from dashboards.data.folders import SweepFolder
from orchestrator.errors import RepertoireError
from orchestrator.sweep.yaml_file import read_yaml
from orchestrator.tracking.sync import attach
from orchestrator.tracking.target import EXPERIMENT, Target, resolve_target


def publish(folders: Sequence[SweepFolder], report: Path) -> Iterator[str]:
    """Store the report with the run of each sweep; yield a line on each, whatever came of it."""
    for folder in folders:
        try:
            target = _target(folder.path)
            attach(folder.path, target, report)
        except RepertoireError as error:
            yield f"{folder.name}: not in MLflow: {' '.join(str(error).split())}"
        else:
            yield f"{folder.name}: in MLflow ({target.shown}) as {report.name}"


def _target(folder: Path) -> Target:
    """Return where the sweep's runs are, as its sweep file says."""
    section = read_yaml(folder / "sweep.yaml").get("mlflow") or {}
    uri, experiment = section.get("uri"), section.get("experiment", EXPERIMENT)
    return resolve_target(folder.resolve().parent, uri, experiment)
