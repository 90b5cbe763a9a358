"""The built-ins that own code is made of: what a class extends, and what its code refers to.

Own code that holds `EWC(...)`, or calls a function of `methods.parts`, gives other numbers when
these do. A class has a version of its own; a function has those of the built-ins that use it. They
are part of a key only once they were raised, so that neither a new built-in nor this rule moves
keys of own code whose numbers have not changed.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from orchestrator.stages.code.capture import read_module
from orchestrator.stages.code.classes import TABLES
from orchestrator.stages.code.imports import find_imports, parse_module
from orchestrator.stages.code.own_files import OURS, find_on_path, is_reserved
from orchestrator.stages.code.source import Module, Source

Class = type[Any]
VersionedClass = tuple[Class, int]  # a built-in, and the version above which it is part of a key
PACKAGES = ("methods", "orchestrator.networks")
# Checks of hyperparameters, which give no numbers.
WITHOUT_NUMBERS = frozenset({"methods.parts.ranges"})
# Versions that were raised before `methods.parts` existed, so that no function of it changed.
RAISED_BEFORE = {"methods.independent": 2, "methods.gdumb": 2, "methods.icarl": 2}


def built_in_bases(cls: Class) -> list[str]:
    """Return name/version of each built-in that a class extends, without the base contracts."""
    return [describe_version(base) for base in cls.__mro__[1:] if has_version(base)]


def referenced_built_ins(cls: Class, modules: Iterable[str], source: Source | None) -> list[str]:
    """Return name/version of each built-in that code refers to and whose version was raised.

    Args:
        cls: the class whose code it is; what it extends is left out.
        modules: the modules of the code, the first being that of the class.
        source: the user's own code; None, or without the modules, if they are installed.
    """
    classes = {
        built_in
        for module in modules
        for built_in, first in _find_references(module, source)
        if built_in.version > first and built_in not in cls.__mro__
    }
    return sorted(map(describe_version, classes))


def describe_version(cls: Class) -> str:
    """Return name/version of a built-in."""
    names = {built_in: name for table, _ in TABLES.values() for name, built_in in table.items()}
    return f"{names.get(cls, cls.__qualname__)}/{cls.version}"


def has_version(cls: Class) -> bool:
    """Return whether a class is a built-in with a version, and not a base contract."""
    is_ours = cls.__module__.partition(".")[0] in OURS
    return is_ours and cls not in _contracts() and hasattr(cls, "version")


def find_references(module: Module) -> Iterator[tuple[str, str | None]]:
    """Yield (module, name) of all that a module imports from Repertoire; name None: all of it."""
    for node in ast.walk(parse_module(module)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names if _is_ours(alias.name))
        elif isinstance(node, ast.ImportFrom) and not node.level and _is_ours(node.module or ""):
            for alias in node.names:
                yield str(node.module), None if alias.name == "*" else alias.name


@cache
def _find_references(module: str, source: Source | None) -> frozenset[VersionedClass]:
    """Return the built-ins that a module refers to."""
    if source is not None and module in source.modules:
        code = source.modules[module]
    elif _is_ours(module):  # named in full: its own code is in the key
        return frozenset()
    elif path := find_on_path(module):
        code = read_module(path)
    else:
        return frozenset()
    references = set(find_references(code))
    return frozenset(each for place, name in references for each in _resolve(place, name))


def _resolve(module: str, name: str | None) -> Iterable[VersionedClass]:
    """Return the built-ins that an object of a module stands for."""
    try:
        loaded = importlib.import_module(module)
    except ImportError:  # the code itself says so when it is imported
        return ()
    value = loaded if name is None else getattr(loaded, name, None)
    if isinstance(value, type) and hasattr(value, "version"):
        return [(value, 1)] if has_version(value) else ()
    home = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
    if home in PACKAGES or any(value is table for table, _ in TABLES.values()):
        return [(cls, 1) for cls in _built_ins()]
    home = home if _is_ours(home) else module
    return [
        (cls, 1 if cls.__module__ == home else RAISED_BEFORE.get(cls.__module__, 1))
        for cls in _users(home)
    ]


@cache
def _users(module: str) -> frozenset[Class]:
    """Return the built-ins that are defined in a module or import it, perhaps by others."""
    # What every built-in imports is part of the contract, which has no version.
    if module in WITHOUT_NUMBERS or any(
        module in _dependencies(contract.__module__) for contract in _contracts()
    ):
        return frozenset()
    return frozenset(cls for cls in _built_ins() if module in _dependencies(cls.__module__))


@cache
def _dependencies(module: str) -> frozenset[str]:
    """Return a module of the built-ins, and those that it imports."""
    modules, pending = set[str](), [module]
    while pending:
        name = pending.pop()
        if name not in modules and (path := _built_in_file(name)) is not None:
            modules.add(name)
            pending += _imports(path, name)
    return frozenset(modules)


@cache
def _built_in_file(module: str) -> Path | None:
    """Return the file of a module of the built-ins; None for other modules and for names in one."""
    is_module = module.startswith(PACKAGES) and module not in PACKAGES
    return find_on_path(module) if is_module else None


# Cached by itself: the built-ins import largely the same modules, and reading all takes a second.
@cache
def _imports(path: Path, module: str) -> tuple[str, ...]:
    return tuple(name for name, _ in find_imports(read_module(path), module))


def _built_ins() -> list[Class]:
    return [cls for kind in ("method", "network") for cls in TABLES[kind][0].values()]


def _contracts() -> list[Class]:
    return [TABLES[kind][1] for kind in ("method", "network")]


def _is_ours(name: str) -> bool:
    return name.startswith(PACKAGES) and is_reserved(name)
