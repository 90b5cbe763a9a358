"""The imports of a user's module, and its dependencies that no key can include."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from orchestrator.stages.code.own_files import (
    find_in_folder,
    is_reserved,
)
from orchestrator.stages.code.source import Module


def parent_packages(name: str) -> list[str]:
    """Return the packages around a module, outermost first; each is imported before it."""
    parts = name.split(".")
    return [".".join(parts[:depth]) for depth in range(1, len(parts))]


def find_imports(module: Module, name: str) -> Iterator[tuple[str, bool]]:
    """Yield (absolute name, whether it is a relative import) of all that a module may import.

    Imports in functions count too; a name that is imported from a module may be a module itself.
    """
    package = name if module.is_package else name.rpartition(".")[0]
    for node in ast.walk(parse_module(module)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            above = parts[: len(parts) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            # `from a import b` may import a module a.b, or a name of a.
            for each in (base, *(f"{base}.{alias.name}" for alias in node.names)):
                yield each, node.level > 0


def parse_module(module: Module) -> ast.Module:
    """Return the syntax tree of a module; an empty one if it has a syntax error."""
    try:
        return ast.parse(module.code)
    except (SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])


def find_remarks(module: Module, name: str, beside: Path | None) -> Iterator[str]:
    """Yield warnings about dependencies of a module that no key can include."""
    file = Path(module.path).name
    for other, relative in dict.fromkeys(find_imports(module, name)):
        if beside and not relative and is_reserved(other) and find_in_folder(beside, other):
            yield (
                f"{file}: `import {other}` means the module that is installed, not the file of "
                "that name beside the sweep; if that is meant, give it another name"
            )
    tree = list(ast.walk(parse_module(module)))
    words = {node.attr for node in tree if isinstance(node, ast.Attribute)}
    words |= {node.id for node in tree if isinstance(node, ast.Name)}
    for node in tree:
        words |= {alias.name for alias in node.names} if isinstance(node, ast.ImportFrom) else set()
    if words & {"import_module", "__import__"}:
        yield f"{file}: modules that it imports by a computed name are in no stage's key"
    if "__file__" in words:
        yield f"{file}: other files that it reads are in no stage's key"
    if any(isinstance(n, ast.Attribute) and ast.unparse(n) == "sys.path" for n in tree):
        yield (
            f"{file}: what it imports from folders that it adds to sys.path is in no stage's key; "
            "put them on PYTHONPATH, or the files beside the sweep"
        )
