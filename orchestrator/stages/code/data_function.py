"""Functions of the user's own that return data or a backbone, identified by their code."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

from orchestrator.benchmarks.sources.function import Function
from orchestrator.errors import RepertoireError, suggest
from orchestrator.hashing import digest
from orchestrator.networks.pretrained.backbones import Backbone
from orchestrator.stages.code.built_ins import referenced_built_ins
from orchestrator.stages.code.classes import import_own_module
from orchestrator.stages.code.identity import module_code
from orchestrator.stages.code.source import Source
from orchestrator.stages.code.standard_library import refuse_standard_object


def create_function(name: str, source: Source) -> Function:
    """Return the form of data that a function returns; see `identify_function`."""
    identity, load = identify_function(name, source)
    return Function(function=name, identity_of_code=identity, source=source, load=load)


def create_backbone_function(name: str, source: Source) -> Backbone:
    """Return the backbone that a function of the user's own returns; see `identify_function`."""
    identity, load = identify_function(name, source)
    return Backbone(kind="module", name=name, code=identity, source=source, load=load)


def identify_function(name: str, source: Source) -> tuple[str, Callable[[], Callable[[], Any]]]:
    """Return the identity of a function's code, and what loads it.

    Args:
        name: `module:function`.
        source: the user's own code, which defines the function unless it is installed.

    Raises:
        RepertoireError: it cannot be imported, or is no function.
    """
    load = partial(load_function, name, source)
    load()
    return function_identity(name, source), load


def load_function(name: str, source: Source) -> Callable[[], Any]:
    """Return a function by its dotted name.

    Raises:
        RepertoireError: it cannot be imported, or is no function.
    """
    loaded = import_own_module(name, name, source)
    function_name = name.partition(":")[2]
    function = getattr(loaded, function_name, None)
    if not callable(function):
        functions = {key: value for key, value in vars(loaded).items() if callable(value)}
        own = [key for key, each in functions.items() if each.__module__ == loaded.__name__]
        where = getattr(loaded, "__file__", loaded.__name__)
        # One that is imported there may be meant too.
        hint = suggest(function_name, own or functions)
        raise RepertoireError(f"no function {function_name!r} in {where}; {hint}")
    refuse_standard_object(name, function)
    return cast(Callable[[], Any], function)


def function_identity(name: str, source: Source) -> str:
    """Return the text that identifies the code of a function in a key."""
    code = module_code(name.partition(":")[0], source)
    uses = referenced_built_ins(object, code, source)
    return f"{name}/{digest('source', {'code': code, 'uses': uses} if uses else dict(code))}"
