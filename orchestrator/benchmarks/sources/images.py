"""A folder of pictures, with a folder for each class."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from orchestrator.benchmarks.sources.arrays.arrays import Allocate, RawData
from orchestrator.benchmarks.sources.files import require_folder, stamp_folder
from orchestrator.benchmarks.sources.forms import Form
from orchestrator.benchmarks.sources.picture_folders import (
    find_train_and_test,
    list_pictures,
    split_pictures,
)
from orchestrator.benchmarks.sources.pictures import Size, read_pictures, require_size


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
    version: ClassVar[int] = 2
    paths: ClassVar[tuple[str, ...]] = ("images",)

    def __post_init__(self) -> None:
        require_size(self.size)

    def stamps(self) -> list[Any]:
        """Return a digest of the names, sizes and times of all files."""
        return [stamp_folder(require_folder(Path(self.images)))]

    def read(self, allocate: Allocate) -> RawData:
        """Decode the pictures."""
        folder = require_folder(Path(self.images))
        parts = [list_pictures(part) for part in find_train_and_test(folder)]
        held_out = len(parts) == 1
        if held_out:  # before decoding, which may be into files
            parts = split_pictures(*parts[0])
        (train, train_y), (test, test_y) = parts
        train_x, test_x = read_pictures((train, test), self.size, self.channels, allocate)
        return RawData(train_x, np.array(train_y), test_x, np.array(test_y), held_out=held_out)
