"""Arrays as they were read, and the checked arrays of a data set that are made of them.

Shape legend: N examples, c channels, h rows, w columns, d features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from numpy.typing import NDArray

from orchestrator.benchmarks.sources.arrays.labels import Label

Array: TypeAlias = NDArray[Any]
# Returns an array of a name, shape and type to be filled.
Allocate: TypeAlias = Callable[[str, tuple[int, ...], Any], Array]


@dataclass(frozen=True, eq=False)
class RawData:
    """What a form reads.

    Attributes:
        train_x, test_x: uint8 images [N, c, h, w], or features [N, d]; test_x may be None.
        train_y, test_y: labels [N], integers or text; None with test_x.
        names: names of the classes whose numbers are the labels; empty if labels are names.
        standardise: whether features are standardised, on training rows.
        held_out: whether the test examples were held out of one set of examples.
    """

    train_x: Array
    train_y: Array
    test_x: Array | None = None
    test_y: Array | None = None
    names: Sequence[str] = ()
    standardise: bool = False
    held_out: bool = False


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The facts of a data set that a plan needs.

    Attributes:
        classes: the label of each class 0, 1, ... as it was given.
        input_shape: (c, h, w) of images, or (d,) of features.
        mean, std: per channel of the training pixels in [0, 1]; 0 and 1 for features.
    """

    classes: tuple[Label, ...]
    input_shape: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Arrays:
    """A checked data set: uint8 images or float32 features, and labels int64 0..C-1."""

    train_x: Array
    train_y: Array
    test_x: Array
    test_y: Array
    facts: Facts
