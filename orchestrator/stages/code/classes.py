"""Names in a sweep -> classes: the tables of built-ins, or a dotted name in a user's own file."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from torch.optim import Optimizer

from methods import METHODS
from methods.base import Method
from orchestrator.errors import RepertoireError, UnknownName, suggest
from orchestrator.networks.networks import NETWORKS, Network
from orchestrator.networks.pretrained.pretrained import NAME as PRETRAINED
from orchestrator.networks.pretrained.pretrained import Pretrained
from orchestrator.networks.zoo import find_zoo_class, is_zoo_name
from orchestrator.stages.code.capture import capture_source
from orchestrator.stages.code.main_guard import is_guarded, under_guard
from orchestrator.stages.code.optimizer_table import OPTIMIZERS
from orchestrator.stages.code.own_files import OURS
from orchestrator.stages.code.source import Source, strip_package
from orchestrator.stages.code.standard_library import (
    refuse_standard_module,
    refuse_standard_object,
)

TABLES: dict[str, tuple[Mapping[str, type[Any]], type[Any]]] = {
    "method": (METHODS, Method),
    "network": (NETWORKS, Network),
    "optimizer": (OPTIMIZERS, Optimizer),
}


def find_class(kind: str, name: str, source: Source | None = None) -> type[Any]:
    """Return the class of a name.

    Args:
        kind: "method", "network" or "optimizer".
        name: of its table, `module:Class`, or of a network `torchvision:NAME` or `timm:NAME`.
        source: the user's own code; if None, it is captured for a dotted name.

    Raises:
        UnknownName: not in the table and not a dotted name.
        RepertoireError: a dotted name that cannot be imported or is no such class.
    """
    table, base = TABLES[kind]
    if name in table:
        return table[name]
    if kind == "network" and name == PRETRAINED:
        return Pretrained
    if kind == "network" and is_zoo_name(name):
        return find_zoo_class(name)
    if not is_dotted(name):
        further = [PRETRAINED] if kind == "network" else []
        raise UnknownName(kind, name, [*table, *further, "your_module:YourClass"])
    return import_class(f"{kind} {name!r}", name, base, source)


def is_dotted(name: str) -> bool:
    """Return whether a name has the form `package.module:Class` and is not of a zoo's network."""
    if is_zoo_name(name):
        return False
    module, colon, cls = name.partition(":")
    return bool(colon) and all(part.isidentifier() for part in [*module.split("."), cls])


def import_class(
    what: str, name: str, base: type[Any] = object, source: Source | None = None
) -> type[Any]:
    """Return the class of a dotted name.

    Raises:
        RepertoireError: it cannot be imported or is no such class; begins with `what`.
    """
    loaded = import_own_module(what, name, source)
    class_name = name.partition(":")[2]
    cls = getattr(loaded, class_name, None)
    if cls is None:
        raise RepertoireError(f"{what}: {missing_class(loaded, class_name, base)}")
    refuse_standard_object(what, cls)
    if not (isinstance(cls, type) and issubclass(cls, base)):
        raise RepertoireError(f"{what} is not a subclass of {base.__module__}.{base.__qualname__}")
    # An abstract class is a subclass too, and would fail only when it is built.
    abstract = [attribute for attribute in dir(cls) if is_abstract(cls, attribute)]
    if abstract:
        raise RepertoireError(f"{what} must define {', '.join(abstract)}, as its base does not")
    return cls


def import_own_module(what: str, name: str, source: Source | None = None) -> ModuleType:
    """Return the module of a dotted name.

    Raises:
        RepertoireError: it is of the standard library or cannot be imported; begins with `what`.
    """
    module = name.partition(":")[0]
    source = capture_source([name]) if source is None else source
    if module not in source.modules:
        refuse_file_name(what, name)
        refuse_standard_module(what, module)
    try:
        own = module in source.modules
        return source.load_module(module) if own else importlib.import_module(module)
    except (Exception, SystemExit) as error:  # a user's module may raise anything when imported
        why = f"{type(error).__name__}: {strip_package(str(error))}"
        raise RepertoireError(
            f"{what} cannot be imported: {why}. {import_advice(module, source)}"
        ) from error


def refuse_file_name(what: str, name: str) -> None:
    """Raise RepertoireError for the name of a file, `mine.py:Class`."""
    module, _, attribute = name.partition(":")
    if module.endswith(".py"):
        own = f"{module.removesuffix('.py')}:{attribute}"
        raise RepertoireError(f"{what}: a module is named without .py; write {own}")


def missing_class(module: ModuleType, name: str, base: type[Any]) -> str:
    """Return the message for a missing class; it lists the subclasses of `base` in the module."""
    classes = [cls for cls in vars(module).values() if isinstance(cls, type)]
    own = [c.__name__ for c in classes if c.__module__ == module.__name__ and issubclass(c, base)]
    where = getattr(module, "__file__", module.__name__)
    if Path(where).is_file() and is_guarded(Path(where), name):
        return under_guard(name, where)
    return f"no class {name!r} in {where}" + (f"; {suggest(name, own)}" if own else "")


def is_abstract(cls: type[Any], attribute: str) -> bool:
    """Return whether a class leaves an attribute to its subclasses, under any metaclass."""
    return bool(getattr(getattr(cls, attribute, None), "__isabstractmethod__", False))


def import_advice(module: str, source: Source) -> str:
    """Return advice for a module that cannot be imported."""
    if module not in source.modules:
        names = _list_modules(source.folder or Path.cwd(), module)
        hint = f"; {suggest(module, names)}" if names else ""
        return (
            "Its file must lie beside the sweep, in the current folder, or in an installed package"
            f"{hint}"
        )
    lines = [f"It was read from {source.modules[module].path}", *source.remarks]
    top = module.partition(".")[0]
    if top in OURS:
        lines.append(
            f"`import {top}` means Repertoire's own package; write `from . import ...` for files "
            f"beside it, or give the folder {top!r} another name"
        )
    return "; ".join(lines)


def _list_modules(folder: Path, module: str) -> list[str]:
    """Return the modules of a folder that may be meant by a name: those of its package."""
    package, dot, _ = module.rpartition(".")
    files = [*folder.joinpath(*package.split(".")).glob("*.py")]
    if not dot:
        files += [each.parent for each in folder.glob("*/__init__.py")]
    stems = sorted(each.stem for each in files if each.stem.isidentifier())
    return [f"{package}{dot}{stem}" for stem in stems if not stem.startswith("__")]
