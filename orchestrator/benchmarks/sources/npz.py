"""Arrays in a file of NumPy's: train_x, train_y and, if there are any, test_x and test_y."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from orchestrator.benchmarks.sources.arrays.arrays import Allocate, Array, RawData
from orchestrator.benchmarks.sources.arrays.image_arrays import as_images
from orchestrator.benchmarks.sources.cache.array_files import ARRAY_NAMES
from orchestrator.benchmarks.sources.files import stamp_files
from orchestrator.benchmarks.sources.forms import Form
from orchestrator.errors import MissingData, WrongData


@dataclass(frozen=True, kw_only=True)
class Npz(Form):
    """An npz file.

    Attributes:
        npz: its path.
        shape: (channels, rows, columns) of images whose arrays are rows of pixels.
        standardise: whether features [N, d] get mean 0 and std 1, as on the training rows.
    """

    npz: str
    shape: tuple[int, int, int] | None = None
    standardise: bool = True
    paths: ClassVar[tuple[str, ...]] = ("npz",)

    def stamps(self) -> list[Any]:
        """Return size and time of the file."""
        return stamp_files([Path(self.npz)])

    def read(self, allocate: Allocate) -> RawData:
        """Read the arrays; nothing is unpickled."""
        arrays = read_npz(Path(self.npz))
        for name in ("train_x", "test_x"):
            if name in arrays:
                where = f"{self.npz}: {name}"
                arrays[name] = as_images(arrays[name], self.shape, where)
        return RawData(
            arrays["train_x"],
            arrays["train_y"],
            arrays.get("test_x"),
            arrays.get("test_y"),
            standardise=self.standardise,
        )


def read_npz(path: Path) -> dict[str, Array]:
    """Return the arrays of ARRAY_NAMES in an npz file.

    Raises:
        MissingData: it is not an npz file, or damaged.
        WrongData: an array is missing, or of Python objects.
    """
    if not zipfile.is_zipfile(path):
        raise MissingData(f"{path}: is no npz file, or damaged; write it by numpy.savez")
    try:
        with np.load(path, allow_pickle=False) as file:
            present = [name for name in ARRAY_NAMES if name in file.files]
            missing = [name for name in ARRAY_NAMES[:2] if name not in present]
            if missing:
                raise WrongData(
                    f"{path}: has no array {missing[0]}; it holds {', '.join(file.files) or 'none'}"
                    "; valid: train_x, train_y, and test_x and test_y if there are test examples"
                )
            return {name: file[name] for name in present}
    except (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile) as error:
        if "allow_pickle" in str(error):
            raise WrongData(
                f"{path}: holds Python objects, which are never unpickled; save numbers or text, "
                "such as labels by np.array(labels, dtype=str)"
            ) from error
        raise MissingData(f"{path}: cannot be read as an npz file: {error}") from error
