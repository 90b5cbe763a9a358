"""Short names of configurations in drawings: they differ where the names do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size

from orchestrator.results.units import column_text
from orchestrator.sweep.means.budget_text import epochs_text
from orchestrator.terminal.escaping import escape_plotly

BUDGET = re.compile(r"\s*\bmeans\.(storage_bytes|compute)=([\d.e+]+)")  # of a cell, in a label
LONGEST = 28  # characters of a label in a drawing; the hover text has the whole name
LONGEST_TICK = 36  # characters of a name beside an axis
HEAD = 4  # the share of a name, one in HEAD, that words which all names have keep in any case


def shorten(text: object, most: int = LONGEST) -> str:
    """Return a text with its middle left out if it is wider than `most` characters.

    A letter of Chinese, Japanese or Korean is as wide as two others.
    The budgets of a cell of equal means are amounts: `er 80 kB 16 x`.
    """
    whole = shorten_budgets(str(text))
    tail = most // 3
    if cell_len(whole) <= most:
        return whole
    start, end = set_cell_size(whole, most - tail - 1), set_cell_size(whole[::-1], tail)[::-1]
    return f"{start.rstrip()}…{end.lstrip()}"


def shorten_budgets(label: str) -> str:
    """Return a label whose budgets of equal means, last in it, are amounts: `er 80 kB 16 x`."""
    budgets = {name: float(value) for name, value in BUDGET.findall(label)}
    texts = [
        epochs_text(value) if name == "compute" else column_text(name, value)
        for name, value in sorted(budgets.items(), reverse=True)
    ]
    return " ".join([BUDGET.sub("", label).strip(), *texts]) if texts else label


def budget_names(labels: Iterable[object]) -> dict[str, str]:
    """Return label -> the label with its budgets as amounts, different for different labels."""
    return _add_numbers({label: shorten_budgets(label) for label in map(str, labels)})


def short_texts(texts: Iterable[object], most: int) -> dict[str, str]:
    """Return text -> a shorter text, different for different texts.

    Of names with the same hyperparameters that would be alike, the values that differ are kept.

    Args:
        texts: in the order of their numbers, which those have that are alike still.
        most: the number of characters, without such a number.
    """
    whole = {text: shorten_budgets(text) for text in dict.fromkeys(map(str, texts))}
    short = {text: shorten(text, most) for text in whole}
    families: dict[tuple[str, ...], list[str]] = {}
    for text in (text for text in whole if cell_len(whole[text]) > most):
        families.setdefault(_keys(whole[text]), []).append(text)
    for family in families.values():
        if len({short[text] for text in family}) < len(family):
            kept = keep_differences([whole[text] for text in family], most)
            short |= dict(zip(family, kept, strict=True))
    return _add_numbers(short)


def _keys(text: str) -> tuple[str, ...]:
    """Return the names of the hyperparameters in a name, empty for words without a value."""
    return tuple(word.rpartition("=")[0] for word in text.split())


def keep_differences(texts: Sequence[str], most: int) -> list[str]:
    """Return texts of equally many words, shortened to the words in which they differ.

    Before these stands the beginning of what they have in common; of a hyperparameter rather the
    name is cut than the value.
    """
    columns = [*zip(*(text.split() for text in texts), strict=True)]
    differs = [len({*words}) > 1 for words in columns]
    head = " ".join(words[0] for words in columns[: differs.index(True)])
    telling = [words for words, differ in zip(columns, differs, strict=True) if differ]
    room = most - most // HEAD - 1
    if max(cell_len(" ".join(words)) for words in zip(*telling, strict=True)) > room:
        telling = [shorten_words(words, (room + 1) // len(telling) - 1) for words in telling]
    tails = map(" ".join, zip(*telling, strict=True))
    return [shorten(_join(head, tail, most), most) for tail in tails]


def shorten_words(words: Sequence[str], most: int) -> tuple[str, ...]:
    """Return words of at most so many characters; values of one name: `l…=0.5` for `lambda=0.5`."""
    parts = [word.rpartition("=") for word in words]
    room = most - max(cell_len(value) for *_, value in parts) - 2
    if max(map(cell_len, words)) <= most or room < 0 or not all(sign for _, sign, _ in parts):
        return tuple(shorten(word, most) for word in words)
    return tuple(f"{set_cell_size(name, room).rstrip()}…={value}" for name, _, value in parts)


def _join(head: str, tail: str, most: int) -> str:
    room = most - cell_len(tail) - 1
    if cell_len(head) > room:
        head = f"{set_cell_size(head, max(0, room - 1)).rstrip()}…"
    return f"{head} {tail}".strip()


def _add_numbers(short: dict[str, str]) -> dict[str, str]:
    """Return the short texts, those that an earlier text has with a number."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for text, first in short.items():
        name, number = first, 1
        while name in taken:
            number += 1
            name = f"{first} ({number})"
        names[text] = name
        taken.add(name)
    return names


def short_ticks(labels: Iterable[object]) -> dict[str, Any]:
    """Return the options of an axis of names on which long ones leave room for the chart.

    Args:
        labels: as they are; those of the chart's points are escaped.
    """
    names = short_texts(labels, LONGEST_TICK)
    if all(text == name for text, name in names.items()):
        return {}
    # An escape must not be cut, so names are shortened first.
    values, texts = (list(map(escape_plotly, part)) for part in (names, names.values()))
    return {"tickmode": "array", "tickvals": values, "ticktext": texts}
