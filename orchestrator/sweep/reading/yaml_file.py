"""Reads YAML files safely; a file that is not valid gives one line. The only importer of yaml."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from orchestrator.errors import SweepError, suggest

GIVEN = {type(None): "and is empty", list: "given a list"}
PLAIN_TAGS = frozenset(
    {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "seq", "map")}
)


# YAML 1.1 also has numbers in base 60 (1:30 is 90) and base 8 (010 is 8): rarely intended.
NUMBERS = {
    "int": r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)$",
    "float": (
        r"(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
}


# Ten aliases of ten aliases of ten ... are a few lines that would fill the memory when written out.
MAX_VALUES = 1_000_000
MAX_DIGITS = 100  # Python refuses to read or to show a whole number of thousands
LETTERS_OF_A_VALUE = 100  # a long text counts as several values


class _Loader(yaml.SafeLoader):
    """YAML 1.1, read safely, except that its unusual numbers and its dates are text.

    `1e-3` is a number, a repeated key is a mistake, and so are aliases that stand for more than
    MAX_VALUES values or for themselves.
    """

    yaml_constructors = {  # noqa: RUF012 - as the base class has it
        tag: make
        for tag, make in yaml.SafeLoader.yaml_constructors.items()
        if tag is None or tag in PLAIN_TAGS
    }
    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [
            (tag, pattern)
            for tag, pattern in resolvers
            if tag.rpartition(":")[2] not in ("timestamp", *NUMBERS)
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def get_single_node(self) -> yaml.Node | None:
        node = super().get_single_node()
        if node is not None:
            count_values(node, {})
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.composer.ComposerError(
                    None, None, f"key {key.value!r} stands twice", key.start_mark
                )
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else None)
        return node


for _kind, _pattern in NUMBERS.items():
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_kind}", re.compile(_pattern), list("-+.0123456789")
    )


def _construct_number(loader: _Loader, node: yaml.ScalarNode) -> Any:
    """Return the number of a node; one that is none, or too long, is a mistake with its place."""
    if not isinstance(node, yaml.ScalarNode) or len(node.value) <= MAX_DIGITS:
        with suppress(ValueError, LookupError):  # of the tag of a number on a text: !!int x
            return yaml.SafeLoader.yaml_constructors[node.tag](loader, node)
        problem = f"{node.value!r} is no number"
    else:
        problem = f"a number of {len(node.value):,} characters; it may have {MAX_DIGITS} at most"
    raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


for _kind in NUMBERS:
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _construct_number)


class _Dumper(yaml.SafeDumper):
    """Writes YAML that `_Loader` reads back as it was: text that is like a number is quoted."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


for _first, _resolvers in _Loader.yaml_implicit_resolvers.items():
    for _tag, _regexp in _resolvers:
        _Dumper.add_implicit_resolver(_tag, _regexp, [_first])


def count_values(node: yaml.Node, counted: dict[int, int | None]) -> int:
    """Return the number of values of a node with each alias written out.

    Args:
        node: what was read, before anything is made of it.
        counted: the number of each node counted so far, by its `id`; None while it is counted.

    Raises:
        yaml.YAMLError: there are more than MAX_VALUES, or a node holds itself.
    """
    if id(node) not in counted:
        counted[id(node)] = None
        number = _weight(node) + sum(count_values(child, counted) for child in _children(node))
        if number > MAX_VALUES:
            problem = f"more than {MAX_VALUES:,} values, with its aliases written out"
            raise yaml.composer.ComposerError(None, None, problem, node.start_mark)
        counted[id(node)] = number
    total = counted[id(node)]
    if total is None:
        raise yaml.composer.ComposerError(None, None, "a value holds itself", node.start_mark)
    return total


def _weight(node: yaml.Node) -> int:
    is_text = isinstance(node, yaml.ScalarNode)
    return 1 + (len(node.value) // LETTERS_OF_A_VALUE if is_text else 0)


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def parse_yaml(text: str) -> Any:
    """Return the data of YAML text.

    Raises:
        yaml.YAMLError: it is not valid, or too large.
    """
    return yaml.load(text, _Loader)  # a SafeLoader


def write_yaml(content: Any) -> str:
    """Return plain data as YAML text, from which `parse_yaml` returns equal data."""
    text: str = yaml.dump(
        content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None
    )
    return text


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file.

    Raises:
        SweepError: the file is missing, a folder, no text, no YAML or no mapping, or has an unsafe
            tag.
    """
    where = str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        beside = [p.name for p in path.parent.glob("*.yaml")] if path.parent.is_dir() else []
        hint = suggest(path.name, beside) if beside else f"there is no sweep in {path.parent}"
        raise SweepError(where, [f"no such file; {hint}"]) from None
    except IsADirectoryError:
        raise SweepError(where, ["this is a folder; name a sweep file in it"]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SweepError(where, [f"cannot be read: {error}"]) from None
    return read_yaml_text(text, where)


def read_yaml_text(text: str, where: str) -> dict[str, Any]:
    """Return the mapping in YAML text.

    Raises:
        SweepError: it is no YAML or no mapping, or has an unsafe tag; begins with `where`.
    """
    try:
        content = parse_yaml(text)
    except yaml.YAMLError as error:
        raise SweepError(where, [f"not valid YAML: {yaml_message(error)}"]) from None
    except (ValueError, LookupError) as error:  # of a tag on a value that does not fit it: !!int x
        raise SweepError(where, [f"not valid YAML: {error}"]) from None
    except RecursionError:
        raise SweepError(where, ["nested too deeply"]) from None
    return require_mapping(content, where)


def require_mapping(content: Any, where: str) -> dict[str, Any]:
    """Return the data of a sweep if it is a mapping.

    Raises:
        SweepError: it is not.
    """
    if not isinstance(content, dict):
        given = GIVEN.get(type(content), "given a single value")
        raise SweepError(where, [f"must hold keys and values, {given}"])
    return content


def yaml_message(error: yaml.YAMLError) -> str:
    """Return a YAML error in one line, with its place."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or " ".join(str(error).split())
    if problem.startswith("but "):
        problem = f"{getattr(error, 'context', '')}, {problem}"
    if "could not determine a constructor for the tag" in problem:
        problem = problem.removeprefix("could not determine a constructor for ") + " is refused"
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else problem
