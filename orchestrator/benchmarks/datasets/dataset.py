"""Data sets of the table and of the user's own, as tensors.

Shape legend: N images, c channels, h rows, w columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from torch import Tensor

from orchestrator.benchmarks.data_folder import DATA_VARIABLE, data_folder
from orchestrator.benchmarks.datasets.dataset_info import DatasetFacts, DatasetInfo
from orchestrator.benchmarks.datasets.dataset_reading import (
    missing_message,
    read_named,
    read_pictures_of,
    stamp_named,
)
from orchestrator.benchmarks.datasets.dataset_table import DATASETS
from orchestrator.benchmarks.sources.arrays.arrays import Allocate, Arrays
from orchestrator.benchmarks.sources.cache.array_files import Stored, as_tensor
from orchestrator.benchmarks.sources.cache.cache import load_arrays, read_into_memory
from orchestrator.benchmarks.sources.feature_set import FeatureSet
from orchestrator.benchmarks.sources.own_data import OWN_DATA, OwnData, register
from orchestrator.benchmarks.sources.torchvision_files import TORCHVISION_ERRORS
from orchestrator.errors import MissingData, UnknownName

__all__ = [
    "DATASETS",
    "DATA_VARIABLE",
    "Dataset",
    "DatasetFacts",
    "DatasetInfo",
    "data_folder",
    "dataset_facts",
    "load_dataset",
]


@dataclass(frozen=True, eq=False)
class Dataset:
    """The examples and labels of a data set. All users share its tensors: do not modify them.

    Shapes:
        train_x, test_x: uint8 images [N, c, h, w], or float32 features [N, d]; train_y, test_y:
        int64 [N].

    Attributes:
        fingerprint: digest of the four tensors, so that other content has other keys.
    """

    name: str
    train_x: Tensor
    train_y: Tensor
    test_x: Tensor
    test_y: Tensor
    fingerprint: str


def load_dataset(name: str) -> Dataset:
    """Return a data set; it is read once per process and folder.

    Args:
        name: of `DATASETS`, or the name or digest of the user's own data.

    Raises:
        UnknownName: the data set is neither.
        MissingData: it is not on this machine, or its files are damaged.
        WrongData: the user's own files are not those that the sweep was planned with.
    """
    if name in OWN_DATA:
        return _load_own(OWN_DATA[name].digest, data_folder())
    if name not in DATASETS:
        raise UnknownName("data set", name, DATASETS)
    return _load(name, data_folder())


def dataset_facts(name: str) -> DatasetFacts:
    """Return the facts of a data set, a built-in one or the user's own."""
    if name not in OWN_DATA:
        return DATASETS[name]
    facts = OWN_DATA[name].facts
    return DatasetFacts(
        num_classes=len(facts.classes),
        input_shape=facts.input_shape,
        mean=facts.mean,
        std=facts.std,
        class_names=tuple(map(str, facts.classes)),
    )


class FeatureDataset(Dataset):
    """Features with the labels of their images; the features are read on first access."""

    def __init__(self, features: FeatureSet, images: Dataset) -> None:
        for name in ("train_y", "test_y"):
            object.__setattr__(self, name, getattr(images, name))
        object.__setattr__(self, "name", features.digest)
        object.__setattr__(self, "fingerprint", features.digest)
        object.__setattr__(self, "features", features)

    @property
    def train_x(self) -> Tensor:
        """Features of the training images, float32 [N, d]."""
        return self.features.tensors()[0]  # type: ignore[attr-defined,no-any-return]

    @property
    def test_x(self) -> Tensor:
        """Features of the test images, float32 [N, d]."""
        return self.features.tensors()[1]  # type: ignore[attr-defined,no-any-return]


@cache
def _load_own(name: str, folder: str) -> Dataset:
    own = OWN_DATA[name]
    if isinstance(own, FeatureSet):
        images = own.images
        of_images = register(images).digest if isinstance(images, OwnData) else images
        return FeatureDataset(own, load_dataset(of_images))
    return as_dataset(name, OWN_DATA[name].load(), fingerprint=name)


def as_dataset(name: str, stored: Stored, fingerprint: str) -> Dataset:
    """Return the arrays of the cache as a data set; its tensors share their memory."""
    arrays = (getattr(stored.arrays, part) for part in ("train_x", "train_y", "test_x", "test_y"))
    return Dataset(name, *map(as_tensor, arrays), fingerprint=fingerprint)  # type: ignore[misc,arg-type]


@cache
def _load(name: str, folder: str) -> Dataset:
    info, place = DATASETS[name], Path(folder)

    def read(allocate: Allocate) -> Arrays:
        try:
            if info.pictures:
                return read_pictures_of(info, place, allocate)
            return read_named(name, place)
        except TORCHVISION_ERRORS as error:
            if not info.layout:  # part of a package, so it cannot be obtained otherwise
                raise
            raise MissingData(missing_message(name, place, error)) from error

    stamps = stamp_named(info, place)
    if stamps:
        stored = load_arrays(["data set", name, info.version], stamps, read)
    else:  # part of a package, or about to be downloaded
        stored = read_into_memory(read)
    return as_dataset(name, stored, stored.digest)
