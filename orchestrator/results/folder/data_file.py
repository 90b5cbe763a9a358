"""The file of a results folder that describes the user's own data and weights, and their place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from orchestrator.benchmarks.sources.own_data import OwnData
from orchestrator.hashing import parse_json
from orchestrator.networks.pretrained.pretrained import Pretrained
from orchestrator.results.folder.versions import write_if_changed
from orchestrator.sweep.sweep import Sweep

DATA = "data.json"


def write_data(sweep: Sweep, folder: Path) -> None:
    """Write what data a sweep is about, with the class of each label, and the digests of weights.

    Nothing is written of named data sets.

    The folder of the sweep is noted too, since paths in the sweep are relative to it.
    """
    described = [describe_data(own) for own in find_own_data(sweep).values()]
    weights = sorted(find_weights(sweep))
    path = folder / DATA
    if not (described or weights):
        path.unlink(missing_ok=True)
        return
    content: dict[str, Any] = {"folder": str(sweep.folder), "data": described}
    content |= {"weights": weights} if weights else {}
    text = json.dumps(content, indent=1, ensure_ascii=False)
    write_if_changed(path, text)


def find_weights(sweep: Sweep) -> set[str]:
    """Return the digests of the weights in the trials and groups of a sweep."""
    examples = (each for group in sweep.groups for each in group.parts[1].examples)
    networks = (*(trial.network for trial in sweep.trials), *examples)
    configs = (network.config for network in networks)
    return {each.weights.digest for each in configs if isinstance(each, Pretrained.Config)}


def find_own_data(sweep: Sweep) -> dict[str, OwnData]:
    """Return the user's own data in the trials and groups of a sweep, by digest."""
    return {own.digest: own for own in _list_own_data(sweep)}


def _list_own_data(sweep: Sweep) -> Iterator[OwnData]:
    examples = (each for group in sweep.groups for each in group.parts[0].examples)
    for benchmark in (*(trial.benchmark for trial in sweep.trials), *examples):
        yield from (data for data in benchmark.data_sets if isinstance(data, OwnData))


def describe_data(own: OwnData) -> dict[str, Any]:
    """Return the description of data in JSON types."""
    facts = own.facts
    return {
        "name": own.title,
        "source": own.source,
        "digest": own.digest,
        "input_shape": list(facts.input_shape),
        "classes": {str(number): label for number, label in enumerate(facts.classes)},
    }


def read_data_file(folder: Path) -> dict[str, Any]:
    """Return the content of the file; {} if there is none."""
    with suppress(OSError, ValueError):
        content = parse_json((folder / DATA).read_text(encoding="utf-8"))
        return content if isinstance(content, dict) else {}
    return {}


def has_same_data(sweep: Sweep, folder: Path) -> bool:
    """Return whether a folder describes the data of a sweep."""
    # By content: a file may have changed under its name.
    described = {each.get("digest") for each in read_data_file(folder).get("data", ())}
    return described == set(find_own_data(sweep))


def folder_of_sweep(folder: Path) -> Path | None:
    """Return the folder that paths in a results folder's sweep are relative to, if it is noted."""
    noted = read_data_file(folder).get("folder")
    return Path(noted) if isinstance(noted, str) else None
