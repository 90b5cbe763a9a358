"""A folder of pictures, with a folder for each class."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from orchestrator.benchmarks.sources.arrays import Allocate, RawData, hold_out
from orchestrator.benchmarks.sources.forms import Form, require_folder
from orchestrator.benchmarks.sources.labels import map_labels
from orchestrator.benchmarks.sources.pictures import SUFFIXES, Size, read_pictures, require_size
from orchestrator.errors import WrongData
from orchestrator.hashing import digest_bytes

TEST_FOLDERS = ("test", "val")


@dataclass(frozen=True, kw_only=True)
class Images(Form):
    """A folder of pictures: CLASS/*, or train/CLASS/* with test/CLASS/* or val/CLASS/* beside it.

    Attributes:
        images: the folder.
        size: of the sides, or [rows, columns]; pictures of another size are resized. Left out where
            all have one size.
        channels: 1 for grey, 3 for colour; left out, grey if all pictures are.
    """

    images: str
    size: Size = None
    channels: Literal[1, 3] | None = None
    paths: ClassVar[tuple[str, ...]] = ("images",)

    def __post_init__(self) -> None:
        require_size(self.size)

    def stamps(self) -> list[Any]:
        """Return a digest of the names, sizes and times of all files."""
        return [stamp_folder(require_folder(Path(self.images)))]

    def read(self, allocate: Allocate) -> RawData:
        """Decode the pictures."""
        folder = require_folder(Path(self.images))
        parts = [list_pictures(part) for part in find_parts(folder)]
        held_out = len(parts) == 1
        if held_out:  # before decoding, which may be into files
            parts = split_pictures(*parts[0])
        (train, train_y), (test, test_y) = parts
        train_x, test_x = read_pictures((train, test), self.size, self.channels, allocate)
        return RawData(train_x, np.array(train_y), test_x, np.array(test_y), held_out=held_out)


Pictures: TypeAlias = tuple[list[Path], list[str]]


def find_parts(folder: Path) -> list[Path]:
    """Return the folders of training and test classes, or one of all classes."""
    if not (folder / "train").is_dir():
        return [folder]
    tests = [folder / name for name in TEST_FOLDERS if (folder / name).is_dir()]
    return [folder / "train", *tests[:1]]


def split_pictures(paths: list[Path], labels: list[str]) -> list[Pictures]:
    """Return the pictures and labels for training, and a stratified fifth for testing."""
    numbers, _, _ = map_labels(np.array(labels), None, (), "")
    return [([paths[i] for i in rows], [labels[i] for i in rows]) for rows in hold_out(numbers)]


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
    found: list[tuple[Any, str, Path]] = []
    for each in classes:
        pictures = [path for path in each.rglob("*") if _is_picture(path)]
        if not pictures:
            raise WrongData(
                f"{each}: a class folder without pictures ({', '.join(SUFFIXES)}); add some, or "
                "delete the folder"
            )
        found += [(natural_order(str(p.relative_to(each))), each.name, p) for p in pictures]
    found.sort()
    return [path for _, _, path in found], [label for _, label, _ in found]


def natural_order(name: str) -> list[int | str]:
    """Return a key that sorts names by the numbers in them: 2.png before 10.png."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def stamp_folder(folder: Path) -> list[Any]:
    """Return the path of a folder, and the number and a digest of all files below it."""
    lines = sorted(_list_files(str(folder)))
    return [str(folder), len(lines), digest_bytes("\n".join(lines).encode())]


def _list_files(folder: str) -> Iterator[str]:
    """Yield path, size and time of each file below a folder."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _list_files(entry.path)
            else:
                status = entry.stat()
                yield f"{entry.path}\0{status.st_size}\0{status.st_mtime_ns}"
