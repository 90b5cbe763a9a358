"""Packages are stacked, functions are named by verbs or nouns, one module alone replaces files."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter

from syntax import ROOT, parse_packages

Imports = dict[str, set[str]]
# Prepositions, adverbs, participles and adjectives: alone they say neither what a function does nor
# what it returns.
FORBIDDEN = frozenset(
    (
        *("about", "above", "after", "among", "apart", "at", "before", "below", "beside", "by"),
        *("for", "from", "in", "inside", "of", "on", "again", "all", "also", "anew", "else"),
        *("least", "likewise", "most", "once", "only", "together", "without"),
        *("asked", "computed", "drawn", "found", "held", "joined", "made", "masked", "told"),
        *("absent", "busy", "exclusive", "fresh", "pending", "ready", "uniform", "void"),
    )
)
CONTRACT = {"fresh"}  # of networks, which users write; a user's network may define it
VAGUE = frozenset({"found", "mine", "said", "told"})


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


@cache
def own_imports() -> Imports:
    """Return the imports of each of our modules from others."""
    trees = parse_packages()
    return {
        module: {own for name in imported_names(tree) if (own := longest_module(name, trees))}
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


def repeated_names(trees: dict[str, ast.Module]) -> set[str]:
    """Return the public functions and classes that several modules define."""
    defined = Counter(
        node.name
        for tree in trees.values()
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    )
    return {name for name, count in defined.items() if count > 1}


def test_a_public_function_or_class_of_the_orchestrator_has_a_name_of_its_own() -> None:
    trees = {name: t for name, t in parse_packages().items() if name.startswith("orchestrator")}
    # The public API has classes of its own over the inner ones (ADR 56).
    assert repeated_names(trees) == {"main", "load", "Results", "Sweep"}


def test_a_name_in_two_modules_is_repeated_unless_it_is_private_or_a_method() -> None:
    one = ast.parse("def f(): ...\ndef _p(): ...\nclass A:\n    def m(self): ...\n")
    two = ast.parse("class f: ...\ndef _p(): ...\ndef m(): ...\n")
    assert repeated_names({"one": one, "two": two}) == {"f"}


def constants(trees: dict[str, ast.Module]) -> dict[str, list[str]]:
    """Return the constants of modules, each with the modules that define it."""
    places: dict[str, list[str]] = {}
    for module, tree in trees.items():
        for node in tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                whole = not isinstance(target, ast.Tuple)
                names = [target] if whole else target.elts
                for name in names:
                    if isinstance(name, ast.Name) and name.id.isupper() and len(name.id) > 1:
                        places.setdefault(name.id, []).append(module)
    return places


def ambiguous_constants(trees: dict[str, ast.Module]) -> set[str]:
    """Return the constants that two modules define for others to import.

    A constant that its module alone uses, such as a width, may have the name of another.
    """
    imported = {name for tree in trees.values() for name in imported_names(tree)}
    return {
        name
        for name, places in constants(trees).items()
        if sum(f"{module}.{name}" in imported for module in places) > 1
    }


def test_a_constant_that_others_import_has_a_name_of_its_own() -> None:
    assert ambiguous_constants(parse_packages()) == set()


def test_the_names_of_columns_are_constants_of_one_module() -> None:
    places = constants(parse_packages())
    shared = {name for name, modules in places.items() if "orchestrator.columns" in modules}
    assert {"COLUMNS", "METRICS", "CATEGORIES", "PHASES", "FLOPS", "WORK", "HOUR_SECONDS"} <= shared
    assert {name: places[name] for name in shared if len(places[name]) > 1} == {}


def test_a_constant_is_ambiguous_if_two_modules_define_it_and_others_import_both() -> None:
    trees = {
        "a": ast.parse("from b import WIDTH\nFORM, LIMIT = 1, 2"),
        "b": ast.parse("FORM: int = 3\nWIDTH = 4"),
        "c": ast.parse("from a import FORM, LIMIT\nWIDTH = 5\nLIMIT = 2"),
    }
    assert ambiguous_constants(trees) == set()
    trees["d"] = ast.parse("def f():\n    from b import FORM")
    assert ambiguous_constants(trees) == {"FORM"}


def layers_by_package() -> dict[str, int]:
    """Return the layer of each package of the contract of import-linter, the lowest first."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = (c["layers"] for c in contracts["contracts"] if c["type"] == "layers")
    lines = (re.split("[|:]", line) for line in reversed(layers))
    return {name.strip(): number for number, names in enumerate(lines) for name in names}


def layer_of(module: str, layers: dict[str, int]) -> int:
    """Return the layer of a module; that of a package without one is above all."""
    package = longest_module(module, layers)
    return len(layers) if package is None else layers[package]


def imports_above(claims: dict[str, str], imports: Imports, layers: dict[str, int]) -> set[str]:
    """Return "importer -> imported" where a package imports from above what it claims.

    Args:
        claims: package -> the package that it may import, with what is below that.
        imports: of each module.
        layers: of each package.
    """
    return {
        f"{module} -> {name}"
        for package, limit in claims.items()
        for module, names in imports.items()
        if f"{module}.".startswith(f"{package}.")
        for name in names
        if not name.startswith(package) and layer_of(name, layers) > layers[limit]
    }


def test_a_package_imports_nothing_above_the_package_that_its_docstring_names() -> None:
    layers, sentence = layers_by_package(), r"May import `(\w+)` and\s+what\s+is\s+below\s+it"
    sentences = {
        name: re.search(sentence, ast.get_docstring(tree) or "")
        for name, tree in parse_packages().items()
    }
    claims = {name: f"orchestrator.{match[1]}" for name, match in sentences.items() if match}
    # Its own modules are those of its packages, which have claims of their own.
    assert claims.pop("orchestrator") == "orchestrator.cli"
    assert {"orchestrator.graph", "orchestrator.results", "dashboards.data"} <= {*claims}
    # Each claim is of the next layers at most: a package that is not below could not be imported.
    assert all(layers[limit] < layer_of(name, layers) for name, limit in claims.items())
    assert imports_above(claims, own_imports(), layers) == set()


def test_an_import_from_above_what_a_package_claims_is_found() -> None:
    layers = {"o.low": 0, "o.mid": 1, "o.high": 2}
    imports: Imports = {"o.high.a": {"o.low.x", "o.mid.y"}, "o.mid.b": {"o.low.x"}}
    claims = {"o.high": "o.low", "o.mid": "o.low"}
    assert imports_above(claims, imports, layers) == {"o.high.a -> o.mid.y"}


def names_of_types(tree: ast.Module) -> tuple[set[str], set[str]]:
    """Return the names of the classes of a module, and of its aliases of types."""
    targets = (node.targets[0] for node in tree.body if isinstance(node, ast.Assign))
    aliases = {t.id for t in targets if isinstance(t, ast.Name) and not t.id.isupper()}
    return {node.name for node in tree.body if isinstance(node, ast.ClassDef)}, aliases


def test_no_alias_of_a_type_has_the_name_of_a_class_of_another_module() -> None:
    trees = {name: tree for name, tree in parse_packages().items() if "testing" not in name}
    classes, aliases = zip(*map(names_of_types, trees.values()), strict=True)
    assert set().union(*classes) & set().union(*aliases) == set()


def test_an_alias_is_a_name_that_is_neither_a_class_nor_a_constant() -> None:
    tree = ast.parse("class Cost: ...\nBytes = dict[str, int]\nLIMIT = 3\n")
    assert names_of_types(tree) == ({"Cost"}, {"Bytes"})


def replaces_a_file(node: ast.AST) -> bool:
    """Return whether a node is `os.replace`, or a call of `replace` as a path has it."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        # That of text takes two arguments, that of a date named ones.
        as_of_path = node.func.attr == "replace" and len(node.args) == 1 and not node.keywords
        return as_of_path and ast.unparse(node.func.value) != "self.registration"
    own = isinstance(node, ast.Attribute) and node.attr == "replace"
    return own and ast.unparse(node) == "os.replace"


def test_one_module_alone_replaces_files() -> None:
    places = {
        module
        for module, tree in parse_packages().items()
        # Methods write no files; their memories have a `replace` of their own.
        if not module.startswith("methods") and any(map(replaces_a_file, ast.walk(tree)))
    }
    # The store creates files by links, and replaces them only where there are none.
    assert places == {"orchestrator.benchmarks.atomic_files", "orchestrator.stages.storage.files"}


def test_a_file_is_replaced_by_a_function_of_the_module_os_or_a_method_of_its_path() -> None:
    for code in ("os.replace(a, b)", "move = os.replace", "scratch.replace(path)"):
        assert any(map(replaces_a_file, ast.walk(ast.parse(code)))), code
    for code in ("text.replace('a', 'b')", "day.replace(year=2000)", "replace(sweep, name='n')"):
        assert not any(map(replaces_a_file, ast.walk(ast.parse(code)))), code


def names_in(tree: ast.Module) -> tuple[set[str], set[str]]:
    """Return the names of functions, without leading underscores, and those of variables."""
    functions, variables = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            functions.add(node.name.lstrip("_"))
        elif isinstance(node, ast.arg):
            variables.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            variables.add(node.id)
    return functions, variables


def test_no_function_has_a_preposition_or_a_participle_alone_as_its_name() -> None:
    functions, variables = (
        set().union(*names) for names in zip(*map(names_in, parse_packages().values()), strict=True)
    )
    assert {"run_sweep", "configure_loss"} <= functions
    assert functions & FORBIDDEN == CONTRACT
    assert variables & VAGUE == set()


def test_names_are_those_of_methods_and_arguments_too() -> None:
    tree = ast.parse(
        "class A:\n    def _at(self, told):\n        found = told\n        return found"
    )
    assert names_in(tree) == ({"at"}, {"self", "told", "found"})
