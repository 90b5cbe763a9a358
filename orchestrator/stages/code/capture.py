"""Captures a user's own code: the modules of the classes in a sweep and all modules they import."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from orchestrator.stages.code.own_files import (
    find_in_folder,
    find_on_path,
    find_own_file,
    is_reserved,
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
            pending += [(parent, is_own) for parent in parent_packages(name)]
            for other, relative in find_imports(module, name):
                pending += [(each, relative) for each in (*parent_packages(other), other)]
            remarks.update(dict.fromkeys(find_remarks(module, name, beside)))
    return Source(dict(sorted(modules.items())), tuple(remarks))


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


def reachable_code(source: Source, name: str) -> dict[str, str]:
    """Return module -> skeleton of a module and of the modules of its source that it imports.

    A package that is empty and that nothing imports by name is left out.
    """
    code: dict[str, str] = {}
    imported, pending = {name}, [(name, True)]
    while pending:
        current, is_own = pending.pop()
        is_captured = current in source.modules and (is_own or not is_reserved(current))
        if is_captured and current not in code:
            module = source.modules[current]
            code[current] = skeleton(module)
            for other, relative in find_imports(module, current):
                imported.add(other)
                pending += [(each, relative) for each in (*parent_packages(other), other)]
            pending += [(parent, is_own) for parent in parent_packages(current)]
    return {name: text for name, text in code.items() if name in imported or text != EMPTY_SKELETON}


def skeleton(module: Module) -> str:
    """Return a module's syntax tree as text, without comments, docstrings and positions."""
    tree = parse_module(module)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:]
    return dump_tree(tree)


def dump_tree(node: object) -> str:
    """Return a syntax tree as text that does not depend on the version of Python.

    Versions of `ast.dump` differ in whether they write empty fields; this text is that of 3.11.
    """
    if isinstance(node, list):
        return f"[{', '.join(map(dump_tree, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    values = {name: getattr(node, name, None) for name in node._fields}
    optional = {name for name in node._fields if getattr(type(node), name, ...) is None}
    optional |= {"type_params"}  # of 3.12
    shown = [
        f"{name}={dump_tree(value)}"
        for name, value in values.items()
        if name not in optional or value not in (None, [])
    ]
    return f"{type(node).__name__}({', '.join(shown)})"


EMPTY_SKELETON = skeleton(Module("", True, b""))
