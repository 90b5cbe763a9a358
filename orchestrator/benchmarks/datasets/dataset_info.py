"""The facts of a data set: all but its tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orchestrator.benchmarks.sources.layouts import LabelledPaths
from orchestrator.benchmarks.sources.torchvision_files import ReadArrays


@dataclass(frozen=True, kw_only=True)
class DatasetFacts:
    """The facts about a data set that a benchmark needs besides its tensors.

    Attributes:
        input_shape: (c, h, w) of images, or (d,) of features.
        mean, std: per channel, of the training pixels scaled to [0, 1]; 0 and 1 for features.
        version: raised by hand when the same files give other tensors.
        class_names: in the order of the labels; empty where classes have numbers alone.
    """

    num_classes: int
    input_shape: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    version: int = 1
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DatasetInfo(DatasetFacts):
    """The facts of a built-in data set that are known before it is read.

    Attributes:
        read: reads the arrays, given the folder of data sets.
        pictures: lists picture files, given the folder of data sets, of a data set that is laid out
            in folders; in place of `read`. They are resized to `input_shape`.
        places: returns the folders that `read` searches, given the folder of data sets.
        layout: the files of the data set, for messages.
        files: patterns of all files that it is read from, in each of the places.
        package: the Debian package of the data set.
    """

    read: Callable[[Path], ReadArrays] | None = None
    pictures: Callable[[Path], tuple[LabelledPaths, LabelledPaths]] | None = None
    places: Callable[[Path], tuple[Path, ...]] = lambda folder: (folder,)
    layout: str = ""
    files: tuple[str, ...] = ()
    package: str = ""
