"""Folders of pictures with a folder for each class, listed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from orchestrator.benchmarks.sources.arrays.labels import map_labels
from orchestrator.benchmarks.sources.arrays.preparation import hold_out_test
from orchestrator.benchmarks.sources.pictures import SUFFIXES
from orchestrator.errors import WrongData

TEST_FOLDERS = ("test", "val")


Pictures: TypeAlias = tuple[list[Path], list[str]]


def find_train_and_test(folder: Path) -> list[Path]:
    """Return the folders of training and test classes, or one of all classes."""
    if not (folder / "train").is_dir():
        return [folder]
    tests = [folder / name for name in TEST_FOLDERS if (folder / name).is_dir()]
    return [folder / "train", *tests[:1]]


def split_pictures(paths: list[Path], labels: list[str]) -> list[Pictures]:
    """Return the pictures and labels for training, and a stratified fifth for testing."""
    numbers, _, _ = map_labels(np.array(labels), None, (), "")
    return [
        ([paths[i] for i in rows], [labels[i] for i in rows]) for rows in hold_out_test(numbers)
    ]


def list_pictures(folder: Path) -> Pictures:
    """Return the pictures below the class folders of a folder, and their classes.

    They are sorted by the name of the file first, so that pictures that are numbered through all
    classes keep their order.

    Raises:
        WrongData: there is no class folder, or one without pictures.
    """
    classes = sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
    if not classes:
        raise WrongData(
            f"{folder}: has no class folders; put the pictures of each class into a folder that "
            "has the name of the class"
        )
    entries: list[tuple[Any, str, Path]] = []
    for each in classes:
        pictures = [path for path in each.rglob("*") if _is_picture(path)]
        if not pictures:
            raise WrongData(
                f"{each}: a class folder without pictures ({', '.join(SUFFIXES)}); add some, or "
                "delete the folder"
            )
        entries += [(natural_order(str(p.relative_to(each))), each.name, p) for p in pictures]
    entries.sort()
    return [path for _, _, path in entries], [label for _, label, _ in entries]


def natural_order(name: str) -> list[int | str]:
    """Return a key that sorts names by the numbers in them: 2.png before 10.png."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
