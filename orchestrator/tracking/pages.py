"""Tags of an experiment that configure MLflow's pages: its kind, and named views of its runs.

MLflow's UI lists the views under "Views". Versions without this feature ignore the tags.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from orchestrator.columns import METRICS, VALIDATED
from orchestrator.tracking.sent import FORMER_PREFIX, HIDDEN

# To be raised when the tags change; a view that a user deleted is not written again.
PAGES_VERSION = "5"
PAGES_TAG, FORMER_PAGES = f"{HIDDEN}pages", f"{FORMER_PREFIX}pages"
LISTED_COSTS = ("storage_bytes", "train_flops", "consolidate_flops")
MAX_KEY = 200  # letters; MLflow takes 250 for the tag
KIND, NOTE = "mlflow.experimentKind", "mlflow.note.content"
VIEW = "mlflow.sharedViewState."
DESCRIPTION = (
    "One run per sweep; nested in it one per trial, a mean over its seeds, with a step per task "
    "learned. Steps are tasks: `acc` at step 3 is the mean accuracy on tasks 1 to 3 after three "
    "tasks, `acc_by_task/1` the accuracy on the first task all along. R is among the artifacts. "
    "**Views** (top right) has a list of trials by accuracy for each benchmark and scenario, and "
    "the candidates of searches. Trials of two such lists are not comparable; those of one may "
    "differ in the number of tasks, the data, the network and the training. "
    "`repertoire compare` puts those that are comparable into a table."
)


@dataclass(frozen=True)
class RunList:
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


LISTS: Mapping[str, RunList] = {
    "trials": RunList(
        "All trials, comparable or not",
        "tags.phase = 'evaluation'",
        "acc",
        (*METRICS, *LISTED_COSTS),
        ("scenario", "benchmark", "method"),
    ),
    "candidates": RunList(
        "Candidates of a search",
        "tags.phase = 'search'",
        "val_acc",
        ("objective", *VALIDATED, *LISTED_COSTS),
        ("group", "candidate", "selected", "status"),
    ),
}


def setting_list(benchmark: str, scenario: str) -> RunList:
    """Return the list of the evaluated trials of a benchmark in a scenario, best first.

    It can hold several tables of a comparison, which depend on all sweeps that are compared.
    """
    pair = f"tags.benchmark = {_quote(benchmark)} and tags.scenario = {_quote(scenario)}"
    trials = LISTS["trials"]
    name = f"{benchmark}, {scenario}-incremental"
    return replace(
        trials, name=name, filter=f"{trials.filter} and {pair}", tags=("sweep", "network", "method")
    )


def list_key(benchmark: str, scenario: str) -> str:
    """Return the key of the list of a benchmark in a scenario, which is in its address."""
    return re.sub(r"\W+", "-", f"{benchmark} {scenario}")[:MAX_KEY]


def page_tags(now_ms: int) -> dict[str, str]:
    """Return the tags of an experiment created at `now_ms`, milliseconds since the epoch."""
    lists = {f"{VIEW}{key}": list_tag(each, now_ms) for key, each in LISTS.items()}
    return {PAGES_TAG: PAGES_VERSION, KIND: "custom_model_development", NOTE: DESCRIPTION, **lists}


def list_tag(runs: RunList, now_ms: int) -> str:
    """Return the value of the tag that holds a list, a saved view in MLflow's words."""
    times = {"createdAt": now_ms, "updatedAt": now_ms}
    return json.dumps({"name": runs.name, **times, "state": runs.state()})


def _quote(text: str) -> str:
    return f'"{text}"' if "'" in text else f"'{text}'"
