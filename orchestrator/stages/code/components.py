"""Names in a sweep -> classes: the tables of built-ins, or a dotted name in the user's own file.

A built-in is identified by its name and a version raised by hand. A user's class is identified by
the code of its module and of all own modules that it imports, without comments, docstrings and
formatting, and by the versions of the built-ins that it extends.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from torch.optim import Optimizer

from methods import METHODS
from methods.base import Method, Setting
from orchestrator.errors import RepertoireError, UnknownName, suggest
from orchestrator.hashing import digest, to_json, to_keyed_json
from orchestrator.networks.networks import NETWORKS, Network
from orchestrator.networks.zoo import find_zoo_class, is_zoo_name
from orchestrator.stages.code.capture import capture_package, capture_source, reachable_code
from orchestrator.stages.code.own_files import OURS, find_on_path
from orchestrator.stages.code.source import Source, strip_package
from orchestrator.stages.learning.optimizers import OPTIMIZERS

TABLES: dict[str, tuple[Mapping[str, type[Any]], type[Any]]] = {
    "method": (METHODS, Method),
    "network": (NETWORKS, Network),
    "optimizer": (OPTIMIZERS, Optimizer),
}


@dataclass(frozen=True, kw_only=True)
class Component:
    """A method or network of a sweep: its class and its configuration.

    Attributes:
        kind: "method" or "network".
        name: of its table, or `module:Class`.
        source: the user's own code, which defines the class unless it is installed; None for a
            built-in.
        config: an instance of the class's `Config`.
        identity: identifies the code of the class.
    """

    kind: str
    name: str
    source: Source | None = None  # before `config`, whose class is unpickled from it
    config: Any
    identity: str

    @property
    def cls(self) -> type[Any]:
        """The class itself."""
        return find_class(self.kind, self.name, self.source)

    def content(self, without: frozenset[str] = frozenset()) -> dict[str, Any]:
        """Return its content for a key, without neutral hyperparameters and those of `without`."""
        config = {k: v for k, v in to_keyed_json(self.config).items() if k not in without}
        return {"identity": self.identity, "config": config}

    def describe(self) -> dict[str, Any]:
        """Return name and hyperparameters, for display; of a network those that are not neutral."""
        plain = to_keyed_json if self.kind == "network" else to_json
        return {"name": self.name, **plain(self.config)}


def create_component(kind: str, name: str, config: Any, source: Source | None = None) -> Component:
    """Return the component for a name and an instance of its class's Config."""
    if source is None and is_dotted(name):
        source = capture_source([name])
    return Component(
        kind=kind,
        name=name,
        source=source,
        config=config,
        identity=code_identity(kind, name, source),
    )


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
    if kind == "network" and is_zoo_name(name):
        return find_zoo_class(name)
    if not is_dotted(name):
        raise UnknownName(kind, name, [*table, "your_module:YourClass"])
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
    if not (isinstance(cls, type) and issubclass(cls, base)):
        raise RepertoireError(f"{what} is not a subclass of {base.__module__}.{base.__qualname__}")
    abstract = [attribute for attribute in dir(cls) if is_abstract(cls, attribute)]
    if abstract:
        raise RepertoireError(f"{what} must define {', '.join(abstract)}, as its base does not")
    return cls


def import_own_module(what: str, name: str, source: Source | None = None) -> ModuleType:
    """Return the module of a dotted name.

    Raises:
        RepertoireError: it cannot be imported; begins with `what`.
    """
    module = name.partition(":")[0]
    source = capture_source([name]) if source is None else source
    try:
        own = module in source.modules
        return source.load_module(module) if own else importlib.import_module(module)
    except (Exception, SystemExit) as error:  # a user's module may raise anything when imported
        why = f"{type(error).__name__}: {strip_package(str(error))}"
        raise RepertoireError(
            f"{what} cannot be imported: {why}. {import_advice(module, source)}"
        ) from error


def missing_class(module: ModuleType, name: str, base: type[Any]) -> str:
    """Return the message for a missing class; it lists the subclasses of `base` in the module."""
    classes = [cls for cls in vars(module).values() if isinstance(cls, type)]
    own = [c.__name__ for c in classes if c.__module__ == module.__name__ and issubclass(c, base)]
    where = getattr(module, "__file__", module.__name__)
    return f"no class {name!r} in {where}" + (f"; {suggest(name, own)}" if own else "")


def is_abstract(cls: type[Any], attribute: str) -> bool:
    """Return whether a class leaves an attribute to its subclasses, under any metaclass."""
    return bool(getattr(getattr(cls, attribute, None), "__isabstractmethod__", False))


def import_advice(module: str, source: Source) -> str:
    """Return advice for a module that cannot be imported."""
    if module not in source.modules:
        return (
            "Its file must lie beside the sweep, in the current folder, or in an installed package"
        )
    lines = [f"It was read from {source.modules[module].path}", *source.remarks]
    top = module.partition(".")[0]
    if top in OURS:
        lines.append(
            f"`import {top}` means Repertoire's own package; write `from . import ...` for files "
            f"beside it, or give the folder {top!r} another name"
        )
    return "; ".join(lines)


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
    bases = built_in_bases(cls)
    return f"{name}/{digest('source', {'code': code, 'bases': bases} if bases else code)}"


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


def built_in_bases(cls: type[Any]) -> list[str]:
    """Return name/version of each built-in that a class extends, without the base contracts."""
    names = {built_in: name for table, _ in TABLES.values() for name, built_in in table.items()}
    contracts = [contract for _, contract in TABLES.values()]
    return [
        f"{names.get(base, base.__qualname__)}/{base.version}"
        for base in cls.__mro__[1:]
        if base.__module__.partition(".")[0] in OURS
        and base not in contracts
        and hasattr(base, "version")
    ]
