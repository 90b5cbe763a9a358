"""Names in a sweep -> classes: the tables of built-ins, or a dotted name in the user's own file.

A built-in is identified by its name and a version raised by hand; a user's class by the source of
its module and of the modules beside it that it imports, comments, docstrings and formatting aside.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from methods import METHODS
from methods.base import Method
from orchestrator.errors import RepertoireError, UnknownName
from orchestrator.hashing import digest, plain, significant
from orchestrator.networks.networks import NETWORKS, Network

INSTALLED = frozenset({"site-packages", "dist-packages"})

TABLES: dict[str, tuple[Mapping[str, type[Any]], type[Any]]] = {
    "method": (METHODS, Method),
    "network": (NETWORKS, Network),
}


@dataclass(frozen=True, kw_only=True)
class Component:
    """A method or network as a sweep names it: which class, with which configuration.

    Attributes:
        kind: "method" or "network".
        name: of its table, or `module:Class`.
        config: an instance of the class's `Config`.
        identity: changes whenever the class's numbers may.
    """

    kind: str
    name: str
    config: Any
    identity: str

    @property
    def cls(self) -> type[Any]:
        """The class itself."""
        return find(self.kind, self.name)

    def content(self, without: frozenset[str] = frozenset()) -> dict[str, Any]:
        """Return what a key must hold of it, without hyperparameters that are inert or neutral."""
        config = {k: v for k, v in significant(self.config).items() if k not in without}
        return {"identity": self.identity, "config": config}

    def describe(self) -> dict[str, Any]:
        """Return name and hyperparameters for a reader."""
        return {"name": self.name, **plain(self.config)}


def component(kind: str, name: str, config: Any) -> Component:
    """Return the component for a name and an instance of its class's Config."""
    return Component(kind=kind, name=name, config=config, identity=identity(kind, name))


@cache
def find(kind: str, name: str) -> type[Any]:
    """Return the class a name stands for.

    Raises:
        UnknownName: not in the table and not a dotted name.
        RepertoireError: a dotted name that cannot be imported or is no such class.
    """
    table, base = TABLES[kind]
    if name in table:
        return table[name]
    if not is_dotted(name):
        raise UnknownName(kind, name, [*table, "your_module:YourClass"])
    return imported_class(f"{kind} {name!r}", name, base)


def is_dotted(name: str) -> bool:
    """Return whether a name has the form `package.module:Class`."""
    module, colon, cls = name.partition(":")
    return bool(colon) and all(part.isidentifier() for part in [*module.split("."), cls])


def imported_class(what: str, name: str, base: type[Any] = object) -> type[Any]:
    """Return the class of a dotted name.

    Raises:
        RepertoireError: it cannot be imported or is no such class; begins with `what`.
    """
    module_name, _, class_name = name.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (Exception, SystemExit) as error:  # a user's module may raise anything when imported
        raise RepertoireError(
            f"{what} cannot be imported: {type(error).__name__}: {error}. Its file must "
            "lie beside the sweep, in the current folder, or in an installed package"
        ) from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise RepertoireError(f"{what} is not a subclass of {base.__module__}.{base.__qualname__}")
    return found


@cache
def identity(kind: str, name: str) -> str:
    """Return what identifies a class's code in a key."""
    cls = find(kind, name)
    if ":" not in name:
        return f"{name}/{cls.version}"
    code = {module: skeleton(path) for module, path in local_sources(name).items()}
    return f"{name}/{digest('source', code)}"


def local_sources(name: str) -> dict[str, Path]:
    """Return module -> file of a dotted name's module and the modules beside it that it imports."""
    module = name.partition(":")[0]
    file = python_file(module)
    if file is None:
        raise RepertoireError(
            f"module {module!r} has no source file, so its code cannot be part of a key"
        )
    root = file.parents[module.count(".") + (file.name == "__init__.py")]
    found: dict[str, Path] = {}
    pending = [module]
    while pending:
        current = pending.pop()
        path = None if current in found else python_file(current)
        same_package = current.partition(".")[0] == module.partition(".")[0]
        if path is not None and (same_package or lies_beside(path, root)):
            found[current] = path
            pending.extend(imported(path, current))
    return found


def lies_beside(path: Path, root: Path) -> bool:
    """Return whether a file is the user's own: under the folder of theirs, not installed there."""
    return path.is_relative_to(root) and INSTALLED.isdisjoint(path.parts)


def python_file(module: str) -> Path | None:
    """Return the Python source of a module, which may be imported already; None if it has none."""
    loaded = sys.modules.get(module)
    origin = getattr(loaded, "__file__", None)
    if origin is None:
        try:
            spec = importlib.util.find_spec(module)
        except (ImportError, ValueError):
            spec = None
        origin = spec.origin if spec and spec.has_location else None
    return Path(origin).resolve() if origin and origin.endswith(".py") else None


def imported(path: Path, module: str) -> Iterator[str]:
    """Yield the names a file may import as modules, absolute ones spelt out."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = (
                package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            )
            base = ".".join([*parents, *([node.module] if node.module else [])])
            yield from (base, *(f"{base}.{alias.name}" for alias in node.names))


def skeleton(path: Path) -> str:
    """Return a file's syntax tree as text, without comments, docstrings and positions."""
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:]
    return ast.dump(tree)
