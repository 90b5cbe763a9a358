"""Tags of an experiment that configure MLflow's pages: its kind, and named views of its runs.

MLflow's UI lists the views under "Views". Versions without this feature ignore the tags.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

# To be raised when the tags change; a view that a user deleted is not written again.
VERSION = "1"
PAGES = "repertoire.pages"
KIND, NOTE = "mlflow.experimentKind", "mlflow.note.content"
VIEW = "mlflow.sharedViewState."
DESCRIPTION = (
    "One run per sweep; nested in it one per trial, a mean over its seeds, with a step per task "
    "learned. Steps are tasks: `acc` at step 3 is the mean accuracy on tasks 1 to 3 after three "
    "tasks, `acc_by_task/1` the accuracy on the first task all along. R is among the artifacts. "
    "**Views** (top right) lists trials by accuracy with their costs, and candidates of searches."
)


@dataclass(frozen=True)
class RunView:
    """A list of runs.

    Attributes:
        name: shown in the list of views.
        filter: the runs, as an MLflow query.
        order: the metric that sorts them, largest first.
        metrics, tags: the columns.
    """

    name: str
    filter: str
    order: str
    metrics: tuple[str, ...]
    tags: tuple[str, ...]

    def state(self) -> str:
        """Return the state of MLflow's page of runs, as JSON."""
        columns = [("metrics", name) for name in self.metrics]
        columns += [("tags", name) for name in self.tags]
        return json.dumps(
            {
                "searchFilter": self.filter,
                "orderByKey": f"metrics.`{self.order}`",
                "orderByAsc": False,
                "selectedColumns": [f"{kind}.`{name}`" for kind, name in columns],
            }
        )


VIEWS: Mapping[str, RunView] = {
    "trials": RunView(
        "Trials by accuracy",
        "tags.phase = 'evaluation'",
        "acc",
        ("acc", "bwt", "forgetting", "storage_bytes", "train_flops"),
        ("scenario", "benchmark", "method"),
    ),
    "candidates": RunView(
        "Candidates of a search",
        "tags.phase = 'search'",
        "val_acc",
        ("objective", "val_acc", "val_bwt", "storage_bytes", "train_flops"),
        ("group", "candidate", "selected", "status"),
    ),
}


def page_tags(now_ms: int) -> dict[str, str]:
    """Return the tags of an experiment created at `now_ms`, milliseconds since the epoch."""
    views = {
        f"{VIEW}{key}": json.dumps(
            {
                "name": view.name,
                "createdAt": now_ms,
                "updatedAt": now_ms,
                "state": view.state(),
            }
        )
        for key, view in VIEWS.items()
    }
    return {PAGES: VERSION, KIND: "custom_model_development", NOTE: DESCRIPTION, **views}
