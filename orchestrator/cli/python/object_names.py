"""The name in a sweep file of a class or function that is given as an object."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from methods import METHODS
from orchestrator.networks.networks import NETWORKS
from orchestrator.networks.pretrained.pretrained import NAME as PRETRAINED
from orchestrator.networks.pretrained.pretrained import Pretrained
from orchestrator.stages.code.main_guard import has_guard, is_guarded, under_guard, unguarded_line
from orchestrator.stages.code.optimizer_table import OPTIMIZERS
from orchestrator.stages.code.own_files import find_on_path, find_own_file
from orchestrator.stages.learning.decays import SCHEDULES

Named = type[Any] | Callable[..., Any]
TABLES: tuple[Mapping[str, Any], ...] = (
    METHODS,
    NETWORKS,
    OPTIMIZERS,
    SCHEDULES,
    {PRETRAINED: Pretrained},
)
SAVE = (
    "save it into a file, such as mine.py beside the notebook or script, and import it from there"
)


def object_name(given: Named, folder: Path) -> str:
    """Return the name of an object in a sweep file: that of a built-in, else `module:Name`.

    Args:
        given: the class or function.
        folder: is searched first for the file, as a sweep file searches its own folder.

    Raises:
        ValueError: a sweep cannot find it by a name; says what is needed.
    """
    built_in = next((name for table in TABLES for name in table if table[name] is given), None)
    if built_in is not None:
        return built_in
    title, file = f"{given.__qualname__}", source_file(given)
    if file is None:
        raise ValueError(f"{title} is defined in no file, so no worker can import it; {SAVE}")
    if not given.__qualname__.isidentifier():
        raise ValueError(f"{title} must stand by itself at the top of {file.name}, under a name")
    module = file.stem if given.__module__ == "__main__" else given.__module__
    if given.__module__ == "__main__" and not has_guard(file):
        raise ValueError(
            f"{title} is defined in the script {file.name}, which importing it would run again; "
            f'put what the script does under `if __name__ == "__main__":`, or {SAVE}'
        )
    if line := unguarded_line(file):
        raise ValueError(
            f"{title} is defined in {file.name}, and line {line} of that file, which an import "
            f'runs too, makes this sweep; put it under `if __name__ == "__main__":`, or {SAVE}'
        )
    if is_guarded(file, given.__qualname__):
        raise ValueError(under_guard(title, file.name))
    require_same_file(title, module, file, folder)
    return f"{module}:{given.__qualname__}"


def source_file(given: Named) -> Path | None:
    """Return the Python file that defines a class or function; None for a notebook or a prompt."""
    module = sys.modules.get(given.__module__)
    path = Path(getattr(module, "__file__", None) or "")
    return path.resolve() if path.suffix == ".py" and path.is_file() else None


def require_same_file(title: str, module: str, file: Path, folder: Path) -> None:
    """Raise ValueError unless a sweep in a folder finds a module in the file that defines it."""
    path = find_own_file(module, folder, is_own=True) or find_on_path(module)
    if path is None or path.resolve() != file:
        other = f"takes module {module!r} from {path}" if path else f"finds no module {module!r}"
        raise ValueError(
            f"{title} is defined in {file}, but a sweep in {folder} {other}; give the folder of "
            "that file (folder=...), or put it on PYTHONPATH"
        )
