"""The part of a script under `if __name__ == "__main__":`, which an import leaves out."""

from __future__ import annotations

import ast
from pathlib import Path
from traceback import walk_stack

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


def unguarded_line(file: Path) -> int | None:
    """Return the line of a file at which it is being run, if an import would run that line too.

    None if no line of the file's top level is running now, or one under the guard.
    """
    for frame, line in walk_stack(None):
        code = frame.f_code
        if code.co_name == "<module>" and Path(code.co_filename).resolve() == file:
            parts = _guarded_parts(file)
            guarded = any(part.lineno <= line <= (part.end_lineno or line) for part in parts)
            return None if guarded else line
    return None


def _guarded_parts(file: Path) -> list[ast.If]:
    body = ast.parse(file.read_bytes()).body
    return [n for n in body if isinstance(n, ast.If) and "__name__" in ast.unparse(n.test)]


def _defines(body: list[ast.stmt], name: str) -> bool:
    return any(isinstance(node, DEFINITIONS) and node.name == name for node in body)
