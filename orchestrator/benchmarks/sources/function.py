"""Data that a function of the user's own returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from orchestrator.benchmarks.sources.arrays.arrays import Array, RawData
from orchestrator.benchmarks.sources.arrays.image_arrays import as_images
from orchestrator.benchmarks.sources.cache.array_files import ARRAY_NAMES
from orchestrator.benchmarks.sources.files import stamp_files
from orchestrator.benchmarks.sources.forms import Form, Opened
from orchestrator.errors import WrongData
from orchestrator.hashing import digest_bytes


@dataclass(frozen=True, kw_only=True)
class Function(Form):
    """A function that takes nothing and returns arrays or memory maps.

    They are (train_x, train_y), (train_x, train_y, test_x, test_y), or a mapping of these names.
    Features are taken as they are. The function is called at each plan; memory maps whose files
    are unchanged are not hashed again.

    Attributes:
        function: `module:function`.
        identity_of_code: identifies the code of the function.
        source: the code, unless it is installed. load: returns the function.
    """

    function: str
    identity_of_code: str
    source: Any = field(metadata={"internal": True}, compare=False, repr=False)
    load: Callable[[], Callable[[], Any]] = field(
        metadata={"internal": True}, compare=False, repr=False
    )
    has_files: ClassVar[bool] = False

    @property
    def code(self) -> str:
        """The identity of the code."""
        return self.identity_of_code

    @property
    def title(self) -> str:
        """The name of the function."""
        return self.function.partition(":")[2]

    def open(self) -> Opened:
        """Call the function."""
        arrays = self._call()
        stamps = [
            [name, stamp_array(array)] for name, array in zip(ARRAY_NAMES, arrays, strict=False)
        ]
        return Opened(stamps, lambda allocate: self._arrange(arrays))

    def _arrange(self, arrays: list[Array]) -> RawData:
        x = [as_images(each, None, f"{self.function}: x") for each in arrays[::2]]
        if len(arrays) == 2:
            return RawData(x[0], arrays[1])
        return RawData(x[0], arrays[1], x[1], arrays[3])

    def _call(self) -> list[Array]:
        """Return the arrays.

        Raises:
            WrongData: the function raises an error, or returns something else.
        """
        try:
            returned = self.load()()
        except (Exception, SystemExit) as error:  # the user's code may raise anything
            raise WrongData(f"{self.function} raised {type(error).__name__}: {error}") from error
        if isinstance(returned, Mapping):
            returned = [returned[name] for name in ARRAY_NAMES if name in returned]
        fits = isinstance(returned, Sequence) and len(returned) in (2, 4)
        if not fits or not all(hasattr(each, "__len__") for each in returned):
            raise WrongData(
                f"{self.function} returns {describe_value(returned)}; it must return train_x, "
                "train_y, and test_x, test_y if there are test examples, as NumPy arrays"
            )
        return [
            self._as_array(each, name) for each, name in zip(returned, ARRAY_NAMES, strict=False)
        ]

    def _as_array(self, values: Any, name: str) -> Array:
        """Return an array as it is, and other values as one.

        Raises:
            WrongData: they make no array, such as rows of several lengths.
        """
        try:
            return values if isinstance(values, np.ndarray) else np.asarray(values)
        except (ValueError, TypeError, RuntimeError) as error:
            raise WrongData(f"{self.function}: {name} makes no array: {error}") from error


def describe_value(value: object) -> str:
    """Return the type of a value, and of its items if it is a sequence."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return type(value).__name__
    return f"{len(value)} values ({', '.join(type(each).__name__ for each in value[:5])})"


def stamp_array(array: Array) -> list[Any]:
    """Return a stamp that changes with the content of an array.

    The stamp of a read-only memory map is the time and size of its file and the place in it.
    """
    kind = [list(array.shape), list(array.strides), array.dtype.str]
    if isinstance(array, np.memmap) and array.mode == "r" and array.filename is not None:
        root: Any = array
        while isinstance(root.base, np.ndarray):
            root = root.base
        start = address(array) - address(root) + array.offset
        return [*kind, start, *stamp_files([Path(str(array.filename))])]
    if array.dtype.hasobject:
        return [*kind, digest_bytes(repr(array.tolist()).encode())]
    return [*kind, digest_bytes(np.ascontiguousarray(array).data)]


def address(array: Array) -> int:
    """Return the place of the first byte of an array in memory."""
    return int(array.__array_interface__["data"][0])
