"""The skeleton of code: its syntax trees as text, which do not depend on its formatting."""

from __future__ import annotations

import ast

from orchestrator.stages.code.imports import (
    find_imports,
    parent_packages,
    parse_module,
)
from orchestrator.stages.code.own_files import (
    is_reserved,
)
from orchestrator.stages.code.source import Module, Source


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
