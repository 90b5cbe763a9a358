"""Components of a sweep: a method or network by name, with its hyperparameters and its code."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from orchestrator.hashing import to_keyed_json
from orchestrator.stages.code.capture import capture_source
from orchestrator.stages.code.classes import find_class, is_dotted
from orchestrator.stages.code.identity import code_identity
from orchestrator.stages.code.source import Source


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
        """Return its content for a key, without neutral hyperparameters and without `without`."""
        config = {k: v for k, v in to_keyed_json(self.config).items() if k not in without}
        return {"identity": self.identity, "config": config}

    def describe(self) -> dict[str, Any]:
        """Return name and hyperparameters, for display, without those at their neutral value."""
        return dict(self._description)

    @cached_property
    def _description(self) -> dict[str, Any]:
        return {"name": self.name, **to_keyed_json(self.config)}


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
