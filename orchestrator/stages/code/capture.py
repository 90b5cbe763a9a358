"""Captures a user's own code: the modules of the classes in a sweep and all modules they import."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from orchestrator.stages.code.imports import (
    find_imports,
    find_remarks,
    parent_packages,
)
from orchestrator.stages.code.own_files import (
    find_on_path,
    find_own_file,
)
from orchestrator.stages.code.source import Module, Source


def capture_source(names: Iterable[str], beside: Path | None = None) -> Source:
    """Return the user's own modules of some classes, and all own modules that they import.

    Args:
        names: `module:Class`; a class of an installed module adds nothing.
        beside: the folder of the sweep, which is searched first.
    """
    modules: dict[str, Module] = {}
    remarks: dict[str, None] = {}
    pending = [(name.partition(":")[0], True) for name in names]
    while pending:
        name, is_own = pending.pop()
        path = None if name in modules else find_own_file(name, beside, is_own)
        if path is not None:
            module = modules[name] = read_module(path)
            # Python runs the packages around a module before it, so their code counts.
            pending += [(parent, is_own) for parent in parent_packages(name)]
            for other, relative in find_imports(module, name):
                pending += [(each, relative) for each in (*parent_packages(other), other)]
            remarks.update(dict.fromkeys(find_remarks(module, name, beside)))
    return Source(dict(sorted(modules.items())), tuple(remarks), beside)


def capture_package(module: str) -> Source:
    """Return a module of an installed package, and the package's modules that it imports."""
    modules: dict[str, Module] = {}
    pending = [module]
    while pending:
        name = pending.pop()
        same_package = name.partition(".")[0] == module.partition(".")[0]
        path = find_on_path(name) if same_package and name not in modules else None
        if path is not None:
            modules[name] = read_module(path)
            for other, _ in find_imports(modules[name], name):
                pending += [*parent_packages(other), other]
            pending += parent_packages(name)
    return Source(dict(sorted(modules.items())))


def read_module(path: Path) -> Module:
    """Return a Python file with its content."""
    return Module(str(path), path.name == "__init__.py", path.read_bytes())
