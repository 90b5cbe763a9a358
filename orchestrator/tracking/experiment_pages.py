"""Writes the tags that configure MLflow's pages of an experiment; what users changed is kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from orchestrator.tracking.pages import (
    FORMER_PAGES,
    KIND,
    NOTE,
    PAGES_TAG,
    PAGES_VERSION,
    VIEW,
    list_key,
    list_tag,
    page_tags,
    setting_list,
)
from orchestrator.tracking.sent import HIDDEN

WRITTEN = f"{HIDDEN}views"  # keys of the lists that were added once, as JSON


def configure_pages(client: Any, experiment: Any) -> None:
    """Set the tags of an experiment's pages once in a version of them.

    Views that a user deleted stay deleted, also in experiments of earlier versions.
    """
    present = experiment.tags
    if present.get(PAGES_TAG) == PAGES_VERSION:
        return
    tags = page_tags(experiment.creation_time)
    kept = {NOTE, KIND} & present.keys()
    if {FORMER_PAGES, PAGES_TAG} & present.keys():
        kept |= {name for name in tags if name.startswith(VIEW)} - present.keys()
    if FORMER_PAGES in present:
        client.delete_experiment_tag(experiment.experiment_id, FORMER_PAGES)
    for name in tags.keys() - kept:
        client.set_experiment_tag(experiment.experiment_id, name, tags[name])


def set_views(client: Any, experiment_id: str, settings: Sequence[tuple[str, str]]) -> None:
    """Add a view for each (benchmark, scenario) that never had one in this experiment."""
    experiment = client.get_experiment(experiment_id)
    written = json.loads(experiment.tags.get(WRITTEN, "[]"))
    new = {list_key(*pair): pair for pair in settings if list_key(*pair) not in written}
    for key, pair in new.items():
        tag = list_tag(setting_list(*pair), experiment.creation_time)
        client.set_experiment_tag(experiment_id, f"{VIEW}{key}", tag)
    if new:
        client.set_experiment_tag(experiment_id, WRITTEN, json.dumps([*written, *new]))
