"""The identity of code in a key.

A built-in is identified by its name and a version raised by hand. A user's class is identified by
the code of its module and of all own modules that it imports, without comments, docstrings and
formatting, and by the versions of the built-ins that it extends or refers to (`built_ins.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from methods.base import Setting
from orchestrator.errors import RepertoireError
from orchestrator.hashing import digest
from orchestrator.stages.code.built_ins import built_in_bases, referenced_built_ins
from orchestrator.stages.code.capture import capture_package, capture_source
from orchestrator.stages.code.classes import find_class, is_dotted
from orchestrator.stages.code.own_files import find_on_path
from orchestrator.stages.code.skeleton import reachable_code
from orchestrator.stages.code.source import Source


def code_identity(
    kind: str, name: str, source: Source | None = None, setting: Setting | None = None
) -> str:
    """Return the text that identifies the code of a class in a key.

    Args:
        kind: "method", "network" or "optimizer".
        name: of its table, or `module:Class`.
        source: the user's own code; if None, it is captured for a dotted name.
        setting: of a method's trial, since a built-in may have an earlier version there.
    """
    source = capture_source([name]) if source is None and is_dotted(name) else source
    cls = find_class(kind, name, source)
    if not is_dotted(name):
        return f"{name}/{cls.version_in(setting) if setting else cls.version}"
    code = module_code(name.partition(":")[0], source)
    built_ins = {"bases": built_in_bases(cls), "uses": referenced_built_ins(cls, code, source)}
    content = {part: names for part, names in built_ins.items() if names}
    return f"{name}/{digest('source', {'code': code, **content} if content else code)}"


def module_code(module: str, source: Source | None) -> Mapping[str, str]:
    """Return module -> code of a module and of the modules of its own that it imports.

    Raises:
        RepertoireError: it has no source file.
    """
    own = source is not None and module in source.modules
    code = own_code(module, source) if own else installed_code(module, find_on_path(module))
    if not code:
        raise RepertoireError(
            f"module {module!r} has no source file, so its code cannot be part of a key"
        )
    return code


@cache
def own_code(module: str, source: Source) -> Mapping[str, str]:
    """Return module -> code of an own module and of all own modules that it imports."""
    return reachable_code(source, module)


@cache
def installed_code(module: str, path: Path | None) -> Mapping[str, str]:
    """Return module -> code of an installed module and of the modules of its package it imports."""
    return reachable_code(capture_package(module), module)
