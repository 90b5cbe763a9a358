"""The packages are stacked, at every level: nothing imports what imports it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("orchestrator", "methods", "dashboards")
Imports = dict[str, set[str]]


def module_name(path: Path) -> str:
    name = str(path.relative_to(ROOT))
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@cache
def parse_packages() -> dict[str, ast.Module]:
    """Return the syntax tree of each of our modules by its name."""
    paths = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return {module_name(path): ast.parse(path.read_bytes()) for path in paths}


def imported_names(tree: ast.Module) -> Iterator[str]:
    """Yield what a module imports, within functions and for types alone too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def longest_module(name: str, modules: Iterable[str]) -> str | None:
    """Return the module that a dotted name is, or is a name of."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name or None


def own_imports() -> Imports:
    """Return the imports of each of our modules from others."""
    trees = parse_packages()
    return {
        module: {found for name in imported_names(tree) if (found := longest_module(name, trees))}
        for module, tree in trees.items()
    }


def children(package: str, imports: Imports) -> Imports:
    """Return the imports between the modules and subpackages that are directly in a package."""
    graph: Imports = {}
    prefix = f"{package}."
    for module in (name for name in imports if name.startswith(prefix)):
        child = module.removeprefix(prefix).partition(".")[0]
        others = {
            name.removeprefix(prefix).partition(".")[0]
            for name in imports[module]
            if name.startswith(prefix)
        }
        graph.setdefault(child, set()).update(others - {child})
    return graph


def find_cycle(graph: Imports) -> list[str]:
    """Return the nodes of a cycle; [] without one."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_the_modules_and_subpackages_of_a_package_import_one_another_in_no_cycle() -> None:
    imports = own_imports()
    packages = {name.rpartition(".")[0] for name in imports} - {""}
    assert {"orchestrator.stages", "dashboards.charts", "methods.parts"} <= packages
    cycles = {package: find_cycle(children(package, imports)) for package in packages}
    assert {package: cycle for package, cycle in cycles.items() if cycle} == {}


def test_an_import_within_a_function_or_for_types_alone_closes_a_cycle() -> None:
    lazy = ast.parse("def f():\n    from p.b.inner import x\n")
    typed = ast.parse("if TYPE_CHECKING:\n    import p.a\n")
    imports = {"p.a": {*imported_names(lazy)}, "p.b.inner": {*imported_names(typed)}}
    assert imports == {"p.a": {"p.b.inner.x"}, "p.b.inner": {"p.a"}}
    assert set(find_cycle(children("p", imports))) == {"a", "b"}
    assert find_cycle(children("p", imports | {"p.b.inner": set()})) == []
