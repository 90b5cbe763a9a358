"""The classes of torchvision.datasets: which there are, what they take, where their files lie."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from orchestrator.benchmarks.data_folder import data_folder
from orchestrator.benchmarks.sources.arrays.arrays import Array
from orchestrator.benchmarks.sources.torchvision_files import TORCHVISION_ERRORS, download_lock
from orchestrator.benchmarks.sources.torchvision_import import import_torchvision
from orchestrator.errors import WrongData, suggest

# Arguments by which classes choose training and test data, in the order of preference.
TRAIN_AND_TEST: dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {
    "train": ((True,), (False,)),
    "split": (("train", "trainval", "train-standard"), ("test", "val")),
}
LABELS = ("targets", "labels", "_labels", "y")
# All others verify a pickled file by its digest, or open it for tensors alone.
UNPICKLED = ("LSUN", "LSUNClass")
# Classes whose pictures have no label each, by what they have instead.
OTHER_TARGETS = {
    "boxes": ("CocoDetection", "Kitti", "VOCDetection", "WIDERFace"),
    "a label for each pixel": ("Cityscapes", "SBDataset", "VOCSegmentation"),
    "captions": ("CocoCaptions", "Flickr8k", "Flickr30k", "SBU"),
    "the motion or depth of each pixel": (
        *("CREStereo", "CarlaStereo", "ETH3DStereo", "FallingThingsStereo", "FlyingChairs"),
        *("FlyingThings3D", "HD1K", "InStereo2k", "Kitti2012Stereo", "Kitti2015Stereo"),
        *("KittiFlow", "Middlebury2014Stereo", "SceneFlowStereo", "Sintel", "SintelStereo"),
    ),
    "pairs or patches to compare": ("LFWPairs", "PhotoTour"),
    "videos": ("HMDB51", "Kinetics", "MovingMNIST", "UCF101"),
    "no data: it is a base for classes of one's own": (
        *("DatasetFolder", "ImageFolder", "VisionDataset"),
    ),
}


def find_dataset_class(name: str) -> Any:
    """Return a class of torchvision.datasets.

    Raises:
        WrongData: there is none of the name, or its pictures have no label each.
    """
    datasets = import_torchvision().datasets
    names = [each for each in datasets.__all__ if inspect.isclass(getattr(datasets, each))]
    targets = {each: target for target, others in OTHER_TARGETS.items() for each in others}
    if name not in names:
        labelled = [each for each in names if each not in targets]
        raise WrongData(f"torchvision: unknown class {name!r}; {suggest(name, labelled)}")
    if name in targets:
        raise WrongData(
            f"torchvision: {name} has {targets[name]}, and no label of each picture to learn"
        )
    if name in UNPICKLED:
        raise WrongData(
            f"torchvision: {name} opens a pickled list of its files, which may run code; export "
            "its pictures into folders of their classes and give them as images"
        )
    return getattr(datasets, name)


def find_places(cls: Any) -> list[Path]:
    """Return the files and folders of a data set in the folder of data sets."""
    root = Path(data_folder())
    files = [entry[1] for entry in getattr(cls, "split_list", {}).values() if len(entry) > 1]
    names = [getattr(cls, "base_folder", None), *files]
    places = {root / name for name in names if isinstance(name, str) and name}
    title = _letters(cls.__name__)
    if root.is_dir():
        places |= {each for each in root.iterdir() if _letters(each.name).startswith(title)}
    return sorted(place for place in places if place.exists())


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def train_and_test_choices(cls: Any, given: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
    """Return, of training and of test data, the arguments to try in turn."""
    names = {name for each in cls.__mro__ if each is not object for name in _arguments(each)}
    name = next((name for name in TRAIN_AND_TEST if name in names and name not in given), None)
    if name is None:
        return [[{}]]
    return [[{name: value} for value in values] for values in TRAIN_AND_TEST[name]]


def _arguments(cls: Any) -> list[str]:
    return [*inspect.signature(cls.__init__).parameters]


def construct_part(cls: Any, choices: list[dict[str, Any]], given: Mapping[str, Any]) -> Any:
    """Return torchvision's object for the first arguments it takes, downloading if necessary."""
    for choice in choices[:-1]:
        with suppress(ValueError):  # it has no part of that name
            return construct_part(cls, [choice], given)
    arguments = {**given, **choices[-1]}
    folder = Path(data_folder())
    try:
        return cls(folder, **arguments)
    except TORCHVISION_ERRORS as error:
        # A ValueError says that there is no such part, which no download mends.
        if isinstance(error, ValueError) or "download" not in _arguments(cls):
            raise
    with download_lock(folder):
        return cls(folder, download=True, **arguments)


def read_labels(part: Any) -> Array:
    """Return the labels of one of torchvision's objects; decodes its pictures only if it must."""
    for name in LABELS:
        labels = getattr(part, name, None)
        if labels is not None and len(labels) == len(part):
            return np.asarray(labels)
    return np.asarray([part[row][1] for row in range(len(part))])
