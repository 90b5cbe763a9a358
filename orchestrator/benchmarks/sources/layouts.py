"""Folders of pictures as the authors of published data sets lay them out.

Each function returns the training and the test pictures with their classes, numbered in the order
of their names.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from orchestrator.benchmarks.sources.arrays.preparation import hold_out_test
from orchestrator.benchmarks.sources.picture_folders import Pictures, list_pictures

LabelledPaths = tuple[list[Path], list[int]]
CORE50_TEST_SESSIONS = ("s3", "s7", "s10")


def tiny_imagenet(folder: Path) -> tuple[LabelledPaths, LabelledPaths]:
    """Return the pictures of Tiny ImageNet; the test pictures are its validation pictures.

    The labels of its own test pictures are not public.

    Layout: train/CLASS/images/*, val/images/* and val/val_annotations.txt.
    """
    root = folder / "tiny-imagenet-200"
    train, train_names = list_pictures(root / "train")
    rows = _read_columns(root / "val" / "val_annotations.txt")
    test = [root / "val" / "images" / row[0] for row in rows]
    return _number((train, train_names), (test, [row[1] for row in rows]))


def cub200(folder: Path) -> tuple[LabelledPaths, LabelledPaths]:
    """Return the pictures of Caltech-UCSD Birds-200-2011, in its authors' split.

    Layout: images/CLASS/*, with images.txt and train_test_split.txt.
    """
    root = folder / "CUB_200_2011"
    names = dict(_read_columns(root / "images.txt"))
    flags = dict(_read_columns(root / "train_test_split.txt"))
    parts = []
    for flag in ("1", "0"):  # of training and of test pictures
        chosen = [name for number, name in names.items() if flags.get(number) == flag]
        parts.append(([root / "images" / n for n in chosen], [n.partition("/")[0] for n in chosen]))
    return _number(*parts)


def core50(folder: Path) -> tuple[LabelledPaths, LabelledPaths]:
    """Return the pictures of CORe50, whose classes are its 50 objects.

    The test pictures are those of sessions 3, 7 and 10, as its authors have it.

    Layout: core50_128x128/sSESSION/oOBJECT/*.
    """
    root = folder / "core50_128x128"
    sessions = sorted(path for path in root.iterdir() if path.is_dir())
    parts: list[tuple[list[Path], list[str]]] = [([], []), ([], [])]
    for session in sessions:
        paths, objects = list_pictures(session)
        part = parts[session.name in CORE50_TEST_SESSIONS]
        part[0].extend(paths)
        part[1].extend(f"o{int(name[1:]):02d}" for name in objects)
    return _number(*parts)


def imagenet_r(folder: Path) -> tuple[LabelledPaths, LabelledPaths]:
    """Return the pictures of ImageNet-R; a stratified fifth of them is for testing.

    Layout: imagenet-r/CLASS/*.
    """
    paths, names = list_pictures(folder / "imagenet-r")
    (_, numbers), _ = _number((paths, names), ([], []))
    train, test = hold_out_test(np.array(numbers))
    return _choose(paths, numbers, train), _choose(paths, numbers, test)


def _choose(paths: list[Path], numbers: list[int], rows: Iterable[int]) -> LabelledPaths:
    chosen = list(rows)
    return [paths[row] for row in chosen], [numbers[row] for row in chosen]


def _number(train: Pictures, test: Pictures) -> tuple[LabelledPaths, LabelledPaths]:
    """Return the parts with the numbers of their classes."""
    numbers = {name: number for number, name in enumerate(sorted({*train[1], *test[1]}))}
    return (
        (train[0], [numbers[name] for name in train[1]]),
        (test[0], [numbers[name] for name in test[1]]),
    )


def _read_columns(path: Path) -> list[list[str]]:
    return [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
