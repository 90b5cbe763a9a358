"""The data of a benchmark in a sweep file: a name of the table, or data of the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.benchmarks.datasets.dataset import DATASETS
from orchestrator.benchmarks.sources.forms import Form
from orchestrator.benchmarks.sources.huggingface import HuggingFace
from orchestrator.benchmarks.sources.images import Images
from orchestrator.benchmarks.sources.npz import Npz
from orchestrator.benchmarks.sources.own_data import read_own_data
from orchestrator.benchmarks.sources.table import Table
from orchestrator.benchmarks.sources.torchvision_set import Torchvision
from orchestrator.errors import RepertoireError, UnknownName
from orchestrator.stages.code.classes import is_dotted
from orchestrator.stages.code.data_function import create_function
from orchestrator.stages.code.source import Source
from orchestrator.sweep.reading.decoding import decode_fields
from orchestrator.sweep.reading.mistakes import abbreviate

FORMS: dict[str, type[Form]] = {
    "npz": Npz,
    "images": Images,
    "table": Table,
    "huggingface": HuggingFace,
    "torchvision": Torchvision,
}


@dataclass(frozen=True)
class OwnCode:
    """The user's own code that a file names, and the folder of the file."""

    source: Source
    folder: Path


def with_data(
    given: Mapping[str, Any], where: str, own: OwnCode, mistakes: list[str]
) -> tuple[dict[str, Any], frozenset[str]]:
    """Return a section whose data sets are known by names, and the fields that are mistakes.

    Args:
        given: the section; `data` may be a grid or a choice of several, `sequence` is a list.
        where: its place in the file.
        own: the user's own code, and the folder that paths are relative to.
        mistakes: receives the mistakes, each in a line.
    """
    if isinstance(given.get("sequence"), list):
        before = len(mistakes)
        names = read_sequence(given["sequence"], f"{where}.sequence", own, mistakes)
        if len(mistakes) > before:
            return _drop(given, "sequence")
        given = {**given, "sequence": names}
    if given.get("data") is None:
        return dict(given), frozenset()
    data, place = given["data"], f"{where}.data"
    before = len(mistakes)
    # The values of a grid are data too; all are read, so that all mistakes are found.
    kind = next(iter(data), "") if isinstance(data, dict) and len(data) == 1 else ""
    if kind in ("grid", "choice") and isinstance(data[kind], list):
        named: Any = {kind: [read_data_section(each, place, own, mistakes) for each in data[kind]]}
    else:
        named = read_data_section(data, place, own, mistakes)
    if len(mistakes) > before:
        return _drop(given, "data")
    return {**given, "data": named}, frozenset()


def read_sequence(
    given: list[Any], where: str, own: OwnCode, mistakes: list[str]
) -> list[str | None]:
    """Return the names of the data sets of a sequence, one a task."""
    names = []
    for i, each in enumerate(given):
        if isinstance(each, dict) and {*each} == {"data"}:
            names.append(read_data_section(each["data"], f"{where}[{i}].data", own, mistakes))
        else:
            mistakes.append(f"{where}[{i}]: must be {{data: ...}}, given {abbreviate(each)}")
    return names


def read_data_section(given: Any, where: str, own: OwnCode, mistakes: list[str]) -> str | None:
    """Return the name of a data set, read if it is the user's own; None after a mistake."""
    if isinstance(given, str) and given in DATASETS:
        return given
    try:
        form = read_form(given, where, own, mistakes)
        return None if form is None else read_own_data(form, given).name
    except RepertoireError as error:
        mistakes.append(f"{where}: {error}")
    except OSError as error:  # a file that may not be read, a folder that changes meanwhile
        mistakes.append(f"{where}: cannot be read: {error}")
    return None


def read_form(given: Any, where: str, own: OwnCode, mistakes: list[str]) -> Form | None:
    """Return the form in which data is given, with absolute paths; None after a mistake.

    Raises:
        RepertoireError: there is no such data set or function.
    """
    if isinstance(given, str):
        if is_dotted(given):
            return create_function(given, own.source)
        raise UnknownName("data set", given, [*DATASETS, "your_module:your_function"])
    kinds = [kind for kind in FORMS if isinstance(given, dict) and kind in given]
    if len(kinds) != 1:
        valid = ", ".join(f"{{{kind}: ...}}" for kind in FORMS)
        mistakes.append(
            f"{where}: must be a name of a data set, module:function, or one of {valid}, "
            f"given {abbreviate(given)}"
        )
        return None
    form: Form | None = decode_fields(FORMS[kinds[0]], given, where, mistakes)
    return form and form.with_absolute_paths(own.folder)


def _drop(given: Mapping[str, Any], field: str) -> tuple[dict[str, Any], frozenset[str]]:
    return {name: value for name, value in given.items() if name != field}, frozenset({field})
