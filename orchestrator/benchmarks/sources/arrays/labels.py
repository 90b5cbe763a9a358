"""Labels of any integers or text as classes 0..C-1, in sorted order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from orchestrator.errors import WrongData

Label: TypeAlias = int | str
MANY = 10  # classes that a message lists


def map_labels(
    train_y: NDArray[Any], test_y: NDArray[Any] | None, names: Sequence[str], where: str
) -> tuple[NDArray[Any], NDArray[Any] | None, tuple[Label, ...]]:
    """Return the labels as numbers 0..C-1, and the label of each number.

    Integers are sorted by value, text alphabetically; False is before True.

    Args:
        train_y: integers, booleans or text [N].
        test_y: the same of the test examples; None if there are none.
        names: names of the classes, if the labels are their numbers.
        where: what was read, for messages.

    Raises:
        WrongData: labels are neither integers nor text, or both.
    """
    parts = [train_y] if test_y is None else [train_y, test_y]
    plain = [_as_plain(part, where) for part in parts]
    if len({part.dtype.kind == "U" for part in plain}) > 1:
        shown = " and in test examples ".join(repr(part[0].item()) for part in plain)
        raise WrongData(
            f"{where}: a label in training examples is {shown}; labels must be all integers or "
            "all text"
        )
    flat = np.concatenate(plain)
    classes, numbers = np.unique(flat, return_inverse=True)
    numbers = numbers.astype(np.int64)
    labels = tuple(_name(label, names) for label in classes.tolist())
    test = None if test_y is None else numbers[len(train_y) :]
    return numbers[: len(train_y)], test, labels


def _name(label: Label, names: Sequence[str]) -> Label:
    known = isinstance(label, int) and 0 <= label < len(names)
    return names[int(label)] if known else label


def _as_plain(y: NDArray[Any], where: str) -> NDArray[Any]:
    """Return labels as an array of integers or of text."""
    if y.ndim != 1:
        raise WrongData(f"{where}: labels have the shape {list(y.shape)}; give one a row")
    if y.dtype.kind == "b":
        return y
    if _is_whole(y):
        return _as_int64(y, where)
    if y.dtype.kind == "S":
        return np.char.decode(y, "utf-8")
    if y.dtype.kind in "UTO":
        values = y.tolist()
        if all(isinstance(value, str) for value in values):
            return np.array(values, dtype=np.str_)
        wrong = next(value for value in values if not isinstance(value, str))
        if all(isinstance(value, int | np.integer) for value in values):
            return _as_int64(y, where)
    else:
        wrong = next((v for v in y.tolist() if v != v or v != round(v)), y.dtype)
    raise WrongData(f"{where}: a label is {wrong!r}; labels must be all integers or all text")


def _is_whole(y: NDArray[Any]) -> bool:
    if y.dtype.kind == "f":
        return bool(np.isfinite(y).all() and (y == np.round(y)).all())
    return y.dtype.kind in "iu"


def _as_int64(y: NDArray[Any], where: str) -> NDArray[Any]:
    """Return whole numbers as int64.

    Raises:
        WrongData: one does not fit.
    """
    ends = (y.min(), y.max()) if len(y) else ()
    wrong = [value for value in ends if not -(2**63) <= int(value) < 2**63]
    if wrong:
        raise WrongData(
            f"{where}: a label is {int(wrong[0])}; integers must be from -2**63 to 2**63 - 1, so "
            "give larger ones as text"
        )
    return y.astype(np.int64)


def check_classes(
    train_y: NDArray[Any],
    test_y: NDArray[Any],
    classes: Sequence[Label],
    held_out: bool,
    where: str,
) -> None:
    """Raise unless there are two classes or more, each in training and in test examples.

    Raises:
        WrongData: names the classes that are missing.
    """
    if len(classes) < 2:
        raise WrongData(
            f"{where}: all examples are of one class, {classes[0]!r}; give at least two classes"
        )
    for part, y in (("training", train_y), ("test", test_y)):
        absent = sorted(set(range(len(classes))) - set(np.unique(y).tolist()))
        if absent:
            shown = ", ".join(repr(classes[number]) for number in absent[:MANY])
            more = f" and {len(absent) - MANY} more" if len(absent) > MANY else ""
            advice = (
                "a fifth of the examples is held out for testing, so give more examples of each "
                "class, or test examples"
                if held_out
                else "give each class in both parts, or leave the class out of both"
            )
            raise WrongData(f"{where}: no {part} examples of {shown}{more}; {advice}")
