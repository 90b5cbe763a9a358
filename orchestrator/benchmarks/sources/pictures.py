"""Picture files as arrays of bytes; the only importer of Pillow.

Shape legend: N pictures, c channels, h rows, w columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
from PIL import Image, UnidentifiedImageError

from orchestrator.benchmarks.sources.arrays.arrays import Allocate, Array
from orchestrator.errors import WrongData

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
GREY = ("1", "L", "LA")
DEEP = ("I", "F")  # first letters of the modes with more than 8 bits a pixel
# Pillow decodes without holding Python's lock.
THREADS = 4
PICTURE_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    UnidentifiedImageError,
    Image.DecompressionBombError,
)

Size: TypeAlias = int | tuple[int, int] | None


@dataclass(frozen=True)
class PictureInRow:
    """A picture in a row of a data set.

    Attributes:
        read: returns the opened picture of a row.
        row: its number.
        where: what the rows are of, for messages.
    """

    read: Callable[[int], Any]
    row: int
    where: str

    def __str__(self) -> str:
        return f"{self.where}: row {self.row}"


Picture: TypeAlias = Path | PictureInRow
Result = TypeVar("Result")


def require_size(size: Size) -> None:
    """Raise ValueError unless the sides of pictures are at least 1."""
    sides = (size,) if isinstance(size, int) else size or ()
    if any(side < 1 for side in sides):
        raise ValueError(f"size: {size}; must be at least 1 pixel")


def read_pictures(
    parts: tuple[Sequence[Picture], Sequence[Picture]],
    size: Size,
    channels: int | None,
    allocate: Allocate,
) -> tuple[Array, Array]:
    """Return the training and the test pictures as uint8 [N, c, h, w].

    Args:
        parts: the training and the test pictures.
        size: (h, w), or both; pictures of another size are resized. None if all have one size.
        channels: 1 or 3; None: 1 if all pictures are grey.
        allocate: allocates the arrays.

    Raises:
        WrongData: a file is no picture, or sizes differ.
    """
    if size is None or channels is None:
        kinds = Counter(kind for part in parts for kind in _map(_describe, part))
        channels = channels or (1 if all(mode in GREY for _, mode in kinds) else 3)
        size = size or _common_size(Counter(size for size, _ in kinds.elements()))
    shape = (size, size) if isinstance(size, int) else size
    arrays = []
    for name, part in zip(("train_x", "test_x"), parts, strict=True):
        array = allocate(name, (len(part), channels, *shape), np.uint8)
        for row, pixels in enumerate(_map(partial(_decode, shape=shape, channels=channels), part)):
            array[row] = pixels
        arrays.append(array)
    return arrays[0], arrays[1]


def _map(function: Callable[[Picture], Result], pictures: Sequence[Picture]) -> Iterator[Result]:
    """Yield a function of each picture, computed in threads, in their order."""
    with ThreadPoolExecutor(THREADS) as pool:
        yield from pool.map(function, pictures)


def _common_size(sizes: Counter[tuple[int, int]]) -> tuple[int, int]:
    if len(sizes) > 1:
        shown = ", ".join(f"{w}x{h} ({n})" for (h, w), n in sizes.most_common(3))
        raise WrongData(
            f"pictures have {len(sizes)} sizes, such as {shown}; give size: 64, or "
            "size: [rows, columns], to which they are resized"
        )
    return next(iter(sizes))


def _open(picture: Picture) -> Image.Image:
    try:
        opened = Image.open(picture) if isinstance(picture, Path) else picture.read(picture.row)
    except PICTURE_ERRORS as error:
        raise WrongData(f"{picture}: is not a picture, or damaged: {error}") from error
    if not isinstance(opened, Image.Image):
        what = "empty" if opened is None else f"{type(opened).__name__}, not a picture"
        raise WrongData(f"{picture}: is {what}")
    if opened.mode.startswith(DEEP):
        opened.close()
        raise WrongData(
            f"{picture}: has more than 8 bits a pixel (mode {opened.mode}); convert it to 8 bits"
        )
    return opened


def _describe(picture: Picture) -> tuple[tuple[int, int], str]:
    """Return (rows, columns) and the mode of a picture; reads its header alone."""
    with _open(picture) as opened:
        return (opened.height, opened.width), opened.mode


def _decode(picture: Picture, shape: tuple[int, int], channels: int) -> Array:
    """Return the pixels uint8 [c, h, w] of a picture."""
    rows, columns = shape
    with _open(picture) as opened:
        try:
            pixels = opened.convert("L" if channels == 1 else "RGB")
        except PICTURE_ERRORS as error:
            raise WrongData(f"{picture}: is not a picture, or damaged: {error}") from error
    if (pixels.height, pixels.width) != shape:
        pixels = pixels.resize((columns, rows), Image.Resampling.BILINEAR)
    array = np.asarray(pixels)
    return array[None] if channels == 1 else array.transpose(2, 0, 1)
