"""Arrays of images in any usual layout, brought to uint8 [N, c, h, w].

Shape legend: N examples, c channels, h rows, w columns.
"""

from __future__ import annotations

from math import prod

import numpy as np

from orchestrator.benchmarks.sources.arrays.arrays import Array
from orchestrator.errors import WrongData

CHANNELS = (1, 3, 4)  # grey, RGB, RGBA: tells channels-last from channels-first


def as_images(x: Array, shape: tuple[int, int, int] | None, where: str) -> Array:
    """Return images [N, c, h, w], or features [N, d] unchanged.

    Images may be [N, h, w], [N, h, w, c] or [N, c, h, w] with 1, 3 or 4 channels; where both are
    possible, [N, c, h, w].

    Args:
        x: the array.
        shape: (c, h, w) of images that are rows of pixels; None if they are not.
        where: what was read, for messages.

    Raises:
        WrongData: the pixels are not whole numbers in 0..255, or do not have the shape.
    """
    if shape is not None and min(shape) < 1:
        raise WrongData(f"{where}: shape {list(shape)}; its numbers must be at least 1")
    if x.ndim == 2 and shape is None:
        return x
    x = as_bytes(x, where)
    if shape is not None:
        given, needed = prod(x.shape[1:]), prod(shape)
        if given != needed:
            raise WrongData(
                f"{where}: an example has {given} pixels, and shape {list(shape)} needs {needed}"
            )
        return np.ascontiguousarray(x).reshape(-1, *shape)
    if x.ndim == 3:
        return x[:, None]
    if x.ndim == 4 and x.shape[1] not in CHANNELS and x.shape[3] in CHANNELS:
        return np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    return x


def as_bytes(x: Array, where: str) -> Array:
    """Return pixels as uint8; other integers are taken if all are in 0..255."""
    if x.dtype == np.uint8:
        return x
    whole = x.dtype.kind in "iub" or (x.dtype.kind == "f" and bool((x == np.round(x)).all()))
    if not whole or (x.size and not 0 <= x.min() <= x.max() <= 255):
        span = f" from {x.min()} to {x.max()}" if x.dtype.kind in "iubf" and x.size else ""
        raise WrongData(
            f"{where}: pixels are {x.dtype}{span}; images need whole numbers from 0 to 255 "
            "(features are [N, d])"
        )
    return x.astype(np.uint8)
