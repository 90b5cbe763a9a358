"""Finds the files of a user's own modules.

A module is a user's own unless it is part of the standard library or an installed package: beside
the sweep, on PYTHONPATH, in an editable installation, in the current folder. Nothing is imported.
"""

from __future__ import annotations

import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

INSTALLED = frozenset({"site-packages", "dist-packages"})
STANDARD = tuple(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib"))
OURS = frozenset({"dashboards", "methods", "orchestrator"})
RESERVED = OURS | sys.stdlib_module_names | {"numpy", "torch", "torchvision"}


def is_reserved(name: str) -> bool:
    """Return whether `import name` in a user's module never refers to a file of the user.

    This holds for the standard library, torch, numpy and the modules of Repertoire: a file of the
    same name beside the sweep does not replace them.
    """
    top = name.partition(".")[0]
    return top in RESERVED and (top not in OURS or find_on_path(name) is not None)


def find_own_file(name: str, beside: Path | None, is_own: bool = False) -> Path | None:
    """Return the user's own file of a module; None if it is installed or not found.

    Args:
        name: of the module.
        beside: the folder of the sweep, which is searched before the path.
        is_own: whether a sweep or a relative import of an own package contains the name, so that
            even a reserved name refers to a file beside the sweep.
    """
    if not is_own and is_reserved(name):
        return None
    path = find_in_folder(beside, name) if beside else None
    top = name.partition(".")[0]
    if path is None and top not in RESERVED:
        # The current folder comes last: Python itself would find an installed module before it.
        path = find_on_path(name) or (
            None if is_importable(top) else find_in_folder(Path.cwd(), name)
        )
    return path if path is not None and not is_installed(path) else None


def is_installed(path: Path) -> bool:
    """Return whether a file is of the standard library or an installed package."""
    standard = any(path.is_relative_to(folder) for folder in STANDARD)
    return standard or not INSTALLED.isdisjoint(path.parts)


def find_in_folder(folder: Path, name: str) -> Path | None:
    """Return the Python file of a module under a folder."""
    stem = folder.joinpath(*name.split("."))
    files = (stem / "__init__.py", stem.parent / f"{stem.name}.py")
    return next((file.resolve() for file in files if file.is_file()), None)


def find_on_path(name: str) -> Path | None:
    """Return the Python file that this process would import for a module."""
    top, _, rest = name.partition(".")
    loaded = sys.modules.get(top)
    folders = getattr(loaded, "__path__", None)
    origin = getattr(loaded, "__file__", None)
    if loaded is None:
        try:
            spec = find_spec(top)
        except (ImportError, ValueError):
            spec = None
        folders = spec.submodule_search_locations if spec else None
        origin = spec.origin if spec and spec.has_location else None
    if rest:
        return next(
            filter(None, (find_in_folder(Path(folder), rest) for folder in folders or ())), None
        )
    return Path(origin).resolve() if origin and origin.endswith(".py") else None


def is_importable(top: str) -> bool:
    """Return whether this process can import a package or module of a name."""
    try:
        return find_spec(top) is not None
    except (ImportError, ValueError):
        return top in sys.modules
