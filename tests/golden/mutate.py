"""Change each number in the methods' source, and list those that no golden figure notices.

    python tests/golden/mutate.py [FILE of methods/ ...]

Whole numbers grow by one, others are doubled; numbers in annotations, checks of ranges and messages
are left out. Each change runs the cases of the methods that import the file, in a process of its
own, until a figure moves or a case fails. A number that is listed can still be covered by another
test, or change nothing (an axis that exists once, a bound that is never reached): judge each.
"""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from golden_methods import CASES, FIGURES, RTOL, differ

from methods import METHODS

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "methods"
TIME_LIMIT_S = 600
CHECKS = re.compile("__post_init__|require_|objection")
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for path in sorted(FOLDER.rglob("*.py"))
    if path.name not in ("__init__.py", "conformance.py") and path.parent.name != "testing"
}
GOLDEN = json.loads(FIGURES.read_text(encoding="utf-8"))


def numbers(tree: ast.Module) -> Iterator[ast.Constant]:
    """Yield the numbers of a module that can take part in its arithmetic."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef) and CHECKS.match(node.name):
            continue
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "version":
            continue
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield node
        skipped = {id(getattr(node, name, None)) for name in ("annotation", "returns")}
        pending.extend(
            child
            for child in ast.iter_child_nodes(node)
            if id(child) not in skipped and not isinstance(child, ast.Raise | ast.JoinedStr)
        )


def change(value: float) -> float:
    """Return another number."""
    return value + 1 if isinstance(value, int) else (2 * value or 0.5)


def imports(path: Path) -> set[str]:
    """Return the modules that a file imports from."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {
        name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module
        for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
    }


def users_of(name: str) -> list[str]:
    """Return a module and those that import it at any distance, each after all that it imports."""
    needs = {module: imports(path) & MODULES.keys() for module, path in MODULES.items()}
    users = {name}
    while more := {module for module, actual in needs.items() if actual & users} - users:
        users |= more
    ordered: list[str] = []
    while len(ordered) < len(users):
        ordered += [m for m in sorted(users - {*ordered}) if not needs[m] & users - {*ordered}]
    return ordered


def notices(name: str, source: str) -> bool:
    """Return whether a figure moves when a module holds another source."""
    users = users_of(name)
    try:
        for user in users:
            text = source if user == name else MODULES[user].read_text(encoding="utf-8")
            exec(compile(text, user, "exec"), vars(sys.modules[user]))
        for method, cls in list(METHODS.items()):
            METHODS[method] = vars(sys.modules[cls.__module__])[cls.__name__]
        cases = [case for case in CASES.values() if METHODS[case.method].__module__ in users]
        return any(differ(case.figures(), GOLDEN[case.name], RTOL) for case in cases)
    except Exception:
        return True


def noticed_in_child(name: str, source: str) -> bool:
    """Run `notices` in a forked process, which alone is changed."""
    child = os.fork()
    if child == 0:
        signal.alarm(TIME_LIMIT_S)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os._exit(int(notices(name, source)))
    return os.waitpid(child, 0)[1] != 0


def main(names: list[str]) -> None:
    """Print the numbers that no figure notices."""
    torch.set_num_threads(1)
    for warm_up in list(CASES)[::12]:
        CASES[warm_up].figures()  # what is imported now is imported in every child
    say = partial(print, flush=True)
    count = unnoticed = 0
    for module, path in MODULES.items():
        relative = path.relative_to(FOLDER)
        if names and str(relative) not in names:
            continue
        source = path.read_text(encoding="utf-8")
        assert not noticed_in_child(module, source), f"{module}: figures moved without any change"
        for index, node in enumerate(list(numbers(ast.parse(source)))):
            tree = ast.parse(source)
            number = list(numbers(tree))[index]
            number.value = change(number.value)
            count += 1
            if not noticed_in_child(module, ast.unparse(tree)):
                unnoticed += 1
                line = source.splitlines()[node.lineno - 1].strip()
                say(f"{relative}:{node.lineno}: {node.value} -> {number.value}: {line}")
    say(f"{unnoticed} of {count} numbers were not noticed")


if __name__ == "__main__":
    main(sys.argv[1:])
