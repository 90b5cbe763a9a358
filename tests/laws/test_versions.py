"""The versions of a sweep: of the packages that computed it, or of those that the store names."""

from __future__ import annotations

import importlib.metadata
import json

import torch

from orchestrator.results.folder.versions import versions_of


def test_several_versions_are_in_one_text_and_places_are_left_out() -> None:
    environments = [
        {"torch": "2.13.0", "python": "3.11.2", "node": "a", "pid": "1"},
        {"torch": "2.12.1", "python": "3.11.2", "platform": "Linux", "repertoire-cl": "0.2"},
    ]
    assert versions_of(environments) == {
        "python": "3.11.2",
        "repertoire-cl": "0.2",
        "torch": "2.12.1 and 2.13.0",
    }


def test_a_sweep_that_the_store_answers_has_the_versions_of_the_records(lab) -> None:
    lab.ask().run()
    lab.ask(name="again").run()
    stored = json.loads((lab.out / "again" / "versions.json").read_text())
    assert stored.keys() == {"python", "repertoire-cl", "torch"}
    assert stored["torch"] == torch.__version__
    assert stored["repertoire-cl"] == importlib.metadata.version("repertoire-cl")
