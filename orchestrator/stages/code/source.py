"""A user's own code as bytes, and its import from these bytes in any process.

The modules of a `Source` are imported under a package named after their digest. No file of the same
name elsewhere, file beside another sweep, or later edit can replace them.
"""

from __future__ import annotations

import builtins
import importlib
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import decode_source, spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from orchestrator.errors import RepertoireError
from orchestrator.hashing import digest, digest_bytes
from orchestrator.stages.code.own_files import is_reserved

PACKAGE = "repertoire_source_"


@dataclass(frozen=True)
class Module:
    """One Python file of a user's own.

    Attributes:
        path: the file that was read, for `__file__` and tracebacks.
        is_package: whether it is the `__init__.py` of a folder.
        code: its content.
    """

    path: str
    is_package: bool
    code: bytes = field(repr=False)


@dataclass(frozen=True, eq=False)
class Source:
    """The user's own modules that define the methods and networks of a sweep.

    It is pickled with its content; unpickling refuses content that does not match the digest.

    Attributes:
        modules: module name -> file; packages that hold one of them included.
        remarks: warnings about dependencies that are not part of it, a line each.
        folder: where its names were looked for first, for messages; None in another process.
    """

    modules: Mapping[str, Module] = field(repr=False)
    remarks: tuple[str, ...] = field(default=(), repr=False)
    folder: Path | None = field(default=None, repr=False)

    @cached_property
    def digest(self) -> str:
        """Digest of names, places and contents."""
        return digest(
            "own code",
            {
                name: [module.path, module.is_package, digest_bytes(module.code)]
                for name, module in self.modules.items()
            },
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Source) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __reduce__(self) -> tuple[Any, ...]:
        return restore_source, (dict(self.modules), self.digest)

    @property
    def package(self) -> str:
        """The package under which its modules are imported."""
        return PACKAGE + self.digest

    def load_module(self, name: str) -> ModuleType:
        """Return a module, imported from its content."""
        # Under the package of its digest: a module's own name may be another sweep's here.
        register_source(self)
        return importlib.import_module(f"{self.package}.{name}")

    def has_module(self, name: str) -> bool:
        """Return whether `import name` in one of its modules refers to one of its modules."""
        return (name in self.modules or self.is_folder(name)) and not is_reserved(name)

    def is_folder(self, name: str) -> bool:
        """Return whether a name is a folder of modules without an `__init__.py`."""
        return name not in self.modules and any(m.startswith(f"{name}.") for m in self.modules)

    def import_(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """Implement `__import__` for the import statements of its modules."""
        if level or not self.has_module(name):
            return builtins.__import__(name, globals, locals, fromlist, level)
        module = importlib.import_module(f"{self.package}.{name}")
        if fromlist:
            return builtins.__import__(module.__name__, globals, locals, fromlist, 0)
        return sys.modules[f"{self.package}.{name.partition('.')[0]}"]


def strip_package(text: str) -> str:
    """Return a message or a traceback with own modules called as in the user's files."""
    return re.sub(rf"{PACKAGE}[0-9a-f]+\.", "", text)


def restore_source(modules: dict[str, Module], expected: str) -> Source:
    """Return a source that was pickled, ready to be imported from.

    Raises:
        RepertoireError: the content is not what was captured.
    """
    source = Source(modules)
    if source.digest != expected:
        names = ", ".join(sorted(modules))
        raise RepertoireError(f"the code of {names} is not what was read with the sweep")
    return register_source(source)


def register_source(source: Source) -> Source:
    """Make the modules of a source importable in this process; return its first registration."""
    if _FINDER not in sys.meta_path:
        sys.meta_path.append(_FINDER)
    # The package is named by content, so that any other registration has the same modules.
    return _FINDER.sources.setdefault(source.package, source)


class _Finder(MetaPathFinder):
    def __init__(self) -> None:
        self.sources: dict[str, Source] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, name = fullname.partition(".")
        source = self.sources.get(package)
        if source is None:
            return None
        # A namespace package: it has no code of its own.
        if not name or source.is_folder(name):
            return ModuleSpec(fullname, None, is_package=True)
        module = source.modules.get(name)
        if module is None:
            return None
        loader = _Loader(source, module)
        spec = spec_from_loader(fullname, loader, origin=module.path, is_package=module.is_package)
        if spec is not None:
            # So that `__file__` is set, which tracebacks and `inspect` read.
            spec.has_location = True
        return spec


class _Loader(InspectLoader):
    """Runs a module from its captured content."""

    def __init__(self, source: Source, module: Module) -> None:
        self._source, self._module = source, module

    def is_package(self, fullname: str) -> bool:
        return self._module.is_package

    def get_source(self, fullname: str) -> str:
        return decode_source(self._module.code)

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._module.code, self._module.path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        # An import statement calls `__import__` of the builtins of its module.
        own = {**vars(builtins), "__import__": self._source.import_}
        module.__dict__["__builtins__"] = own
        exec(self.get_code(module.__name__), module.__dict__)


_FINDER = _Finder()
