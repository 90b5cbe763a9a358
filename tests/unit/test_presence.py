"""Stages that a store does not have, by listings of its folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import StoreCorrupt
from orchestrator.stages.storage.presence import FEWEST, find_absent


def test_stages_without_a_folder_are_absent_and_few_are_not_looked_for(tmp_path: Path) -> None:
    keys = [f"ab{i:038x}" for i in range(FEWEST)]
    for key in keys[::2]:
        (tmp_path / "ab" / key).mkdir(parents=True)
    assert find_absent(tmp_path, keys) == set(keys[1::2])
    assert find_absent(tmp_path / "none", keys) == set(keys)
    assert find_absent(tmp_path, keys[1:]) == set(), "each is opened"


def test_a_folder_that_cannot_be_listed_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "ab").write_text("a file")
    assert find_absent(tmp_path, [f"ab{i:038x}" for i in range(FEWEST)]) == set()


def test_a_key_whose_path_leaves_the_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreCorrupt, match="is no key of a stage"):
        find_absent(tmp_path, ["../../etc"])
