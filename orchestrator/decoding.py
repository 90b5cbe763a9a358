"""From a YAML file to typed configurations; the only importer of yaml and pydantic.

Mistakes are gathered, never raised one by one: each says where it is, what was given and what is valid.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from itertools import product
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from orchestrator.errors import SweepError, suggest


class _Loader(yaml.SafeLoader):
    """YAML 1.1, read safely, in which `1e-3` is a number and a repeated key is a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for key, _ in node.value:
            if keys.count(key.value) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key.value!r} stands twice", key.start_mark)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping a YAML file holds.

    Raises:
        SweepError: it is missing, a folder, not text, not YAML, holds an unsafe tag, or is no mapping.
    """
    where = str(path)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    except FileNotFoundError:
        beside = [p.name for p in path.parent.glob("*.yaml")] if path.parent.is_dir() else []
        hint = suggest(path.name, beside) if beside else f"there is no sweep in {path.parent}"
        raise SweepError(where, [f"no such file; {hint}"]) from None
    except IsADirectoryError:
        raise SweepError(where, ["this is a folder; name a sweep file in it"]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SweepError(where, [f"cannot be read: {error}"]) from None
    except yaml.YAMLError as error:
        raise SweepError(where, [f"not valid YAML: {yaml_story(error)}"]) from None
    if not isinstance(content, dict):
        raise SweepError(where, [f"must hold keys and values, given {type(content).__name__}"])
    return content


def yaml_story(error: yaml.YAMLError) -> str:
    """Return a YAML error in one line, with its place."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or str(error)
    if "could not determine a constructor for the tag" in problem:
        problem = problem.replace("could not determine a constructor for", "refused:") + " is not plain data"
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else problem


def decode(kind: type[Any], given: Any, where: str, mistakes: list[str]) -> Any | None:
    """Return `given` as an instance of a dataclass, or None after noting the mistakes."""
    try:
        return TypeAdapter(kind).validate_json(json.dumps(given), strict=True)
    except ValidationError as error:
        mistakes.extend(describe(detail, kind, where) for detail in error.errors(include_url=False))
    except (TypeError, ValueError) as error:  # YAML holds more than JSON: dates, keys that are no strings
        mistakes.append(f"{where}: {error}")
    return None


def describe(detail: ErrorDetails, kind: type[Any], where: str) -> str:
    """Return one mistake in one line."""
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"])
    path = f"{where}{place}".strip(".")
    if detail["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        names = [field.name for field in fields(kind)] if len(detail["loc"]) == 1 else []
        return f"{path}: unknown key {detail['loc'][-1]!r}" + (f"; {suggest(str(detail['loc'][-1]), names)}" if names else "")
    if detail["type"] in ("missing", "missing_argument"):
        return f"{path}: is missing"
    if detail["type"] == "value_error":
        return f"{path}: {detail['msg'].removeprefix('Value error, ')}"
    return f"{path}: {detail['msg'][0].lower()}{detail['msg'][1:]}, given {short(detail['input'])}"


def short(value: Any) -> str:
    """Return a value as text that fits a line."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def grid_points(given: Mapping[str, Any], where: str, mistakes: list[str]) -> list[dict[str, Any]]:
    """Return every combination of the values under `{grid: [...]}`; one point if there is no grid."""
    axes: dict[str, list[Any]] = {}
    for key, value in given.items():
        if not (isinstance(value, dict) and "grid" in value):
            axes[key] = [value]
            continue
        values = value["grid"]
        if set(value) != {"grid"} or not isinstance(values, list) or not values:
            mistakes.append(f"{where}.{key}: a grid is a list of at least one value, given {short(value)}")
            values = []
        elif len({short(v) for v in values}) < len(values):
            mistakes.append(f"{where}.{key}: a value stands twice in the grid {short(values)}")
        axes[key] = values
    return [dict(zip(axes, point, strict=True)) for point in product(*axes.values())]
