"""What was sent of a run, which is also kept in a tag of it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from orchestrator.hashing import parse_json

RUNNING = "RUNNING"
# MLflow's pages do not show tags that begin with "mlflow.". Earlier releases wrote FORMER_PREFIX.
HIDDEN, FORMER_PREFIX = "mlflow.repertoire.", "repertoire."
# Tags of a run: the identity of its sweep's folder, and what has been sent.
IDENTITY_TAG, SENT = f"{HIDDEN}identity", f"{HIDDEN}sent"


@dataclass(kw_only=True)
class Sent:
    """The parts of one run that were sent.

    Attributes:
        run_id: MLflow's id.
        start_ms: time of its creation, milliseconds since the epoch.
        step: last step sent; -1 before the first.
        content: digest of the values of the steps sent.
        labels: digest of the name, parameters and tags sent.
        artifacts: digest of the data of the artifacts sent.
        status: MLflow's status.
        files: MLflow's URI of its artifacts.
    """

    run_id: str
    start_ms: int
    step: int = -1
    content: str = ""
    labels: str = ""
    artifacts: str = ""
    status: str = RUNNING
    files: str = ""

    def tag(self) -> str:
        """Return the value of the run's tag, as JSON."""
        names = ("step", "content", "labels", "artifacts")
        return json.dumps({name: getattr(self, name) for name in names})

    @staticmethod
    def from_tag(run_id: str, start_ms: int, status: str, files: str, tag: str) -> Sent:
        """Return the record of what was sent of a run, read from its tag."""
        values = parse_json(tag)
        return Sent(run_id=run_id, start_ms=start_ms, status=status, files=files, **values)
