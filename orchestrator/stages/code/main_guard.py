"""The part of a script under `if __name__ == "__main__":`, which an import leaves out."""

from __future__ import annotations

import ast
from pathlib import Path

DEFINITIONS = ast.ClassDef | ast.FunctionDef


def has_guard(file: Path) -> bool:
    """Return whether a script has a part that runs only when it is not imported."""
    return bool(_guarded_parts(file))


def is_guarded(file: Path, name: str) -> bool:
    """Return whether a class or function is defined only where an import leaves it out."""
    guarded = [node for part in _guarded_parts(file) for node in part.body]
    return _defines(guarded, name) and not _defines(ast.parse(file.read_bytes()).body, name)


def under_guard(name: str, where: str) -> str:
    """Return the message for a class or function that `is_guarded`."""
    return (
        f'{name} is defined in {where} under `if __name__ == "__main__":`, which an import leaves '
        "out; define it above that line"
    )


def _guarded_parts(file: Path) -> list[ast.If]:
    body = ast.parse(file.read_bytes()).body
    return [n for n in body if isinstance(n, ast.If) and "__name__" in ast.unparse(n.test)]


def _defines(body: list[ast.stmt], name: str) -> bool:
    return any(isinstance(node, DEFINITIONS) and node.name == name for node in body)
