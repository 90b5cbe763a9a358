"""The syntax trees of the packages, parsed once for all tests of the architecture."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("orchestrator", "methods", "dashboards")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


@cache
def parse(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_bytes())


@cache
def nodes(path: Path) -> list[ast.AST]:
    """Return all nodes of the syntax tree of a file."""
    return list(ast.walk(parse(path)))


@cache
def parse_packages() -> dict[str, ast.Module]:
    """Return the syntax tree of each of our modules by its name."""
    return {module_name(path): parse(path) for path in MODULES}


def module_name(path: Path) -> str:
    """Return the dotted name of a module of ours."""
    name = str(path.relative_to(ROOT))
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
