"""A data set of Hugging Face's `datasets`, from the hub or a folder; the only importer of it."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from orchestrator.benchmarks.sources.arrays.arrays import Allocate, Array, RawData
from orchestrator.benchmarks.sources.arrays.labels import map_labels
from orchestrator.benchmarks.sources.arrays.preparation import hold_out_test
from orchestrator.benchmarks.sources.column_encoding import encode_columns
from orchestrator.benchmarks.sources.files import expand_home, require_folder, stamp_folder
from orchestrator.benchmarks.sources.forms import Form
from orchestrator.benchmarks.sources.pictures import PictureInRow, Size, read_pictures, require_size
from orchestrator.benchmarks.sources.table_file import require_no_gaps
from orchestrator.errors import MissingData, WrongData, suggest

SAVED = ("dataset_dict.json", "state.json")  # files of a folder that `save_to_disk` wrote
TESTS = ("test", "validation")
# A reader of the library, not a data set: it opened any pickled file beside it before release 5.
READS_PICKLES = "pandas"


@dataclass(frozen=True, kw_only=True)
class HuggingFace(Form):
    """A data set with a column of labels, and one of pictures or several of features.

    One of the hub is taken as it was read first; give a revision to have another.

    Attributes:
        huggingface: a name on the hub, or a folder.
        label: the column of the labels.
        image: the column of the pictures.
        features: the columns of numbers and categories, or one of vectors.
        subset, revision: of a data set on the hub.
        train, test: the parts to use; test is "test" or "validation" if it is left out, or a
            stratified fifth where there is neither.
        size, channels: of pictures, as of a folder of them.
    """

    huggingface: str
    label: str
    image: str | None = None
    features: tuple[str, ...] | None = None
    subset: str | None = None
    revision: str | None = None
    train: str = "train"
    test: str | None = None
    size: Size = None
    channels: Literal[1, 3] | None = None

    def __post_init__(self) -> None:
        require_size(self.size)
        if self.huggingface == READS_PICKLES:
            raise ValueError("huggingface: 'pandas' reads pickled files, which are never opened")
        if (self.image is None) == (self.features is None):
            raise ValueError("image: give either image or features, the columns to learn from")

    def with_absolute_paths(self, folder: Path) -> Self:
        """Return the form with an absolute path, if there is such a folder."""
        local = folder / expand_home(self.huggingface)
        is_path = local.is_dir() or self.huggingface[:1] in ("/", ".", "~")
        return replace(self, huggingface=str(local)) if is_path else self

    def stamps(self) -> list[Any] | None:
        """Return a digest of the files of a folder; None for the hub."""
        path = Path(self.huggingface)
        return [stamp_folder(require_folder(path))] if path.is_absolute() else None

    def read(self, allocate: Allocate) -> RawData:
        """Read the columns."""
        train, test = self._parts()
        names = getattr(train.features[self.label], "names", ())
        parts = [train] if test is None else [train, test]
        labels = [np.asarray(column(part, self.label)) for part in parts]
        rows = [np.arange(len(part)) for part in parts]
        if test is None:
            numbers, _, _ = map_labels(labels[0], None, (), self.where)
            rows, parts, labels = [*hold_out_test(numbers)], parts * 2, labels * 2
        train_y, test_y = (part[chosen] for part, chosen in zip(labels, rows, strict=True))
        train_x, test_x = self._inputs(parts, rows, allocate)
        return RawData(train_x, train_y, test_x, test_y, names=names, held_out=test is None)

    def _inputs(self, parts: list[Any], rows: list[Array], allocate: Allocate) -> Sequence[Array]:
        """Return the examples of some rows of the training and of the test part."""
        if self.image is not None:
            where = f"{self.where}: column {self.image!r}"
            parts = [part.select_columns([self.image]) for part in parts]
            train, test = (
                [PictureInRow(partial(cell, part, self.image), int(row), where) for row in chosen]
                for part, chosen in zip(parts, rows, strict=True)
            )
            return read_pictures((train, test), self.size, self.channels, allocate)
        names = list(self.features or ())
        frames = [part.select_columns(names).to_pandas() for part in parts]
        for frame in frames:
            for name in names:
                require_no_gaps(frame[name], self.where)
        frames = [frame.iloc[chosen] for frame, chosen in zip(frames, rows, strict=True)]
        if len(names) == 1 and np.ndim(frames[0][names[0]].iloc[0]) == 1:
            return [self._stack(list(frame[names[0]])) for frame in frames]
        return encode_columns(frames[0], frames[1], names, True, self.where)

    def _stack(self, vectors: list[Any]) -> Array:
        shapes = sorted({np.shape(vector) for vector in vectors})
        if len(shapes) > 1:
            raise WrongData(
                f"{self.where}: column {(self.features or ('',))[0]!r} has vectors of the shapes "
                f"{', '.join(str(list(shape)) for shape in shapes[:5])}; bring them to one"
            )
        return np.stack(vectors)

    def _parts(self) -> tuple[Any, Any | None]:
        """Return the training part, and the test part if there is one."""
        whole = load_by_library(self)
        parts = dict(whole) if isinstance(whole, dict) else {self.train: whole}
        tests = (self.test,) if self.test else TESTS
        test = next((name for name in tests if name in parts), None)
        for field, name in (("train", self.train), ("test", test or self.test)):
            if name is not None and name not in parts:
                raise WrongData(f"{self.where}: {field}: no part {name!r}; {suggest(name, parts)}")
        chosen = parts[self.train], parts[test] if test else None
        for part in filter(None, chosen):
            self._require_columns(part.column_names)
        return chosen

    def _require_columns(self, columns: Sequence[str]) -> None:
        for name in (self.label, *filter(None, (self.image,)), *(self.features or ())):
            if name not in columns:
                raise WrongData(f"{self.where}: no column {name!r}; {suggest(name, columns)}")


def load_by_library(form: HuggingFace) -> Any:
    """Return the data set, by the library; no code of the data set is run.

    Raises:
        MissingData: the library is not installed, or does not find the data set.
    """
    try:
        datasets = import_module("datasets")
    except ImportError as error:
        raise MissingData(
            "huggingface needs the library `datasets`: pip install 'repertoire-cl[huggingface]'"
        ) from error
    path = Path(form.huggingface)
    try:
        if any((path / name).is_file() for name in SAVED):
            return datasets.load_from_disk(form.huggingface)
        read = datasets.load_dataset
        # Before release 4, the library ran a script of the data set where it was trusted.
        scripts = "trust_remote_code" in inspect.signature(read).parameters
        trust = {"trust_remote_code": False} if scripts else {}
        with silence_warnings("huggingface_hub"):
            return read(form.huggingface, form.subset, revision=form.revision, **trust)
    except Exception as error:  # the library raises errors of many packages
        reason = " ".join(str(error).split())
        where = form.where if path.is_absolute() else f"{form.where}, which is no folder,"
        raise MissingData(f"{where} cannot be read by `datasets`: {reason}") from error


@contextmanager
def silence_warnings(library: str) -> Iterator[None]:
    """Let a library log errors alone: it warns of each attempt to reach a host."""
    logger = logging.getLogger(library)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def column(part: Any, name: str) -> list[Any]:
    """Return the values of a column."""
    values: list[Any] = part.select_columns([name])[:][name]
    return values


def cell(part: Any, name: str, row: int) -> Any:
    """Return the value of a row in a column."""
    return part[row][name]
