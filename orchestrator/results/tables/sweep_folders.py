"""The folders of sweeps in a results folder, and a name for each sweep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from orchestrator.errors import RepertoireError, shell_word
from orchestrator.graph.progress_file import read_first_run


def sweep_folders(folder: Path) -> list[Path]:
    """Return the folder if it is a sweep's, else the sweep folders in it, sorted by name.

    Raises:
        RepertoireError: there are no results.
    """
    if (folder / "trials.parquet").exists():
        refuse_pipes(folder)
        return [folder]
    if folders := sorted(path.parent for path in folder.glob("*/trials.parquet")):
        for each in folders:
            refuse_pipes(each)
        return folders
    raise RepertoireError(
        f"{folder}: no results here (no trials.parquet in it or one level below); give the folder "
        "of a sweep or one that holds some, or make it: "
        f"repertoire run SWEEP --out {shell_word(folder)}"
    )


def sort_by_first_run(folders: Iterable[Path]) -> list[Path]:
    """Return the folders of sweeps, that of the sweep that was run first at the beginning.

    Names go to the first sweep that has them, so that one that joins changes none. Folders that do
    not tell their time come before the others, in the order given.
    """
    times = {folder: read_first_run(folder) for folder in folders}
    return sorted(times, key=lambda folder: times[folder] or 0.0)


def refuse_pipes(folder: Path) -> None:
    """Raise if a sweep's folder, which may come from another user, has a pipe or a device.

    Raises:
        RepertoireError: it has, and a command that read it would wait for ever.
    """
    if problem := find_pipe(folder):
        raise RepertoireError(problem)


def find_pipe(folder: Path) -> str | None:
    """Return a sentence on a pipe or a device in a sweep's folder; None if it has none."""
    for path in (*folder.glob("*"), *folder.glob("code/*")):
        if path.exists() and not (path.is_file() or path.is_dir()):
            return f"{path} is a pipe, a socket or a device, which no results have; delete it"
    return None


def distinct_names(names: Sequence[str], folders: Sequence[Path]) -> list[str]:
    """Return a name for each sweep; equal names get their folder added: `s (run1)`."""
    paths = [folder.resolve() for folder in folders]
    distinct = list(names)
    # The name of the folder, or its whole path where that does not tell them apart.
    for more in (lambda path, name: (path.parent if path.name == name else path).name, _full_path):
        times = Counter(distinct)
        pairs = zip(distinct, names, paths, strict=True)
        distinct = [
            f"{name} ({more(path, name)})" if times[n] > 1 else n for n, name, path in pairs
        ]
    return distinct


def _full_path(path: Path, name: str) -> str:
    return str(path)
