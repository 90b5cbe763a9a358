"""Change each number in the methods' source, and list those that no golden figure notices.

    python tests/golden/mutate.py [FILE of methods/ ...]

Whole numbers grow by one, others are doubled; numbers in annotations, checks of ranges and messages
are left out. Each change runs the cases of the methods that import the file, in a process of its
own, until a figure moves or a case fails. A number that is listed can still be covered by another
test, or change nothing (an axis that exists once, a bound that is never reached): judge each.
"""

from __future__ import annotations

import ast
import importlib.machinery
import json
import os
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import scipy.optimize
import torch
import torch.func
import torch.utils.flop_counter

ROOT = Path(__file__).resolve().parents[2]
METHODS = ROOT / "methods"
TIME_LIMIT_S = 600
CHECKS = {"__post_init__", "require_positive", "require_strength", "require_share", "objection"}
NOT_NUMBERS_OF_A_METHOD = {"testing", "conformance.py", "blobs.py", "_watch.py"}


def numbers(tree: ast.Module) -> Iterator[ast.Constant]:
    """Yield the numbers of a module that can take part in its arithmetic."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef) and node.name in CHECKS:
            continue
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield node
        skipped = {id(getattr(node, name, None)) for name in ("annotation", "returns")}
        pending.extend(
            child
            for child in ast.iter_child_nodes(node)
            if id(child) not in skipped and not isinstance(child, ast.Raise | ast.JoinedStr)
        )


def changed(value: float) -> float:
    """Return another number."""
    return value + 1 if isinstance(value, int) else (2 * value or 0.5)


def imported_by(name: str, modules: dict[str, Path]) -> set[str]:
    """Return a module of the package and those of the package that it imports, at any distance."""
    found, pending = set[str](), [name]
    while pending:
        current = pending.pop()
        if current in found or current not in modules:
            continue
        found.add(current)
        for node in ast.walk(ast.parse(modules[current].read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                pending += [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
    return found


def notices(path: Path, source: str, methods: set[str]) -> bool:
    """Return whether a figure of some methods moves when a file holds another source."""
    plain = importlib.machinery.SourceFileLoader.get_code

    def get_code(loader, fullname):  # type: ignore[no-untyped-def]
        if Path(loader.path).resolve() != path:
            return plain(loader, fullname)
        return compile(source, str(path), "exec")

    importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[method-assign]
    try:
        from golden_methods import CASES, FIGURES, differ

        golden = json.loads(FIGURES.read_text(encoding="utf-8"))
        cases = [case for case in CASES.values() if case.method in methods]
        return any(differ(case.figures(), golden[case.name], 2e-4) for case in cases)
    except Exception:
        return True


def noticed_in_child(path: Path, source: str, methods: set[str]) -> bool:
    """Run `notices` in a forked process, whose imports are its own."""
    child = os.fork()
    if child == 0:
        signal.alarm(TIME_LIMIT_S)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os._exit(int(notices(path, source, methods)))
    return os.waitpid(child, 0)[1] != 0


def main(names: list[str]) -> None:
    """Print the numbers that no figure notices."""
    torch.set_num_threads(1)
    assert scipy.optimize.nnls
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for path in sorted(METHODS.rglob("*.py"))
    }
    table = {
        node.module: alias.asname or alias.name
        for node in ast.parse((METHODS / "__init__.py").read_text()).body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    users = {name: imported_by(name, modules) for name in table}
    say = partial(print, flush=True)
    count = unnoticed = 0
    for module, path in modules.items():
        relative = path.relative_to(METHODS)
        if NOT_NUMBERS_OF_A_METHOD & set(relative.parts) or path.name == "__init__.py":
            continue
        if names and str(relative) not in names:
            continue
        methods = {
            user.removeprefix("methods.") for user, found in users.items() if module in found
        }
        source = path.read_text(encoding="utf-8")
        assert not noticed_in_child(path, source, methods), "figures moved without any change"
        for index, node in enumerate(list(numbers(ast.parse(source)))):
            tree = ast.parse(source)
            number = list(numbers(tree))[index]
            number.value = changed(number.value)
            count += 1
            if not noticed_in_child(path, ast.unparse(tree), methods):
                unnoticed += 1
                line = source.splitlines()[node.lineno - 1].strip()
                place = f"{relative}:{node.lineno}"
                say(f"{place}: {node.value} -> {number.value}: {line}")
    say(f"{unnoticed} of {count} numbers were not noticed")


if __name__ == "__main__":
    main(sys.argv[1:])
