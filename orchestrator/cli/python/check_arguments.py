"""Checks arguments against the annotations of a public function, with messages for users."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache, wraps
from numbers import Integral
from os import PathLike
from pathlib import Path
from types import NoneType, SimpleNamespace, UnionType
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd

from orchestrator.errors import RepertoireError, suggest

Params = ParamSpec("Params")
Returned = TypeVar("Returned")
# For arguments that do not fit a class.
ADVICE = {
    "Results": "; those of a folder are opened by load(FOLDER)",
    "Sweep": "; a file is read by Sweep.from_file(PATH)",
}
LONGEST_VALUE = 60  # letters of a value in a message
ARGUMENT_KINDS: dict[Any, tuple[str, Callable[[Any], bool]]] = {
    NoneType: ("None", lambda given: given is None),
    str: ("text", lambda given: isinstance(given, str)),
    bool: ("True or False", lambda given: isinstance(given, bool | np.bool_)),
    int: (
        "a whole number",
        lambda given: isinstance(given, Integral) and not isinstance(given, bool),
    ),
    Path: ("a path", lambda given: isinstance(given, PathLike)),
    pd.DataFrame: ("a data frame", lambda given: isinstance(given, pd.DataFrame)),
}


def check_arguments(function: Callable[Params, Returned]) -> Callable[Params, Returned]:
    """Return the function with its arguments checked against their annotations when it is called.

    `*args` and `**kwargs` are left to the function, and so are annotations with other types than
    those of ARGUMENT_KINDS, names of a `Literal`, and sequences of these.

    The function raises:
        RepertoireError: an argument has another type, is missing, or is none of the function's.
    """
    title = function.__qualname__.removesuffix(".__init__")

    @wraps(function)
    def checked(*args: Params.args, **kwargs: Params.kwargs) -> Returned:
        names, advice = list_arguments(function), ADVICE.get(title, "")
        # Before a missing argument, which may be the one whose name is wrong.
        for name in kwargs if takes_names_alone(function) else ():
            if name not in names:
                raise RepertoireError(
                    f"{title}: unexpected keyword argument {name!r}; {suggest(name, names)}"
                )
        try:
            given = inspect.signature(function).bind(*args, **kwargs).arguments
        except TypeError as error:
            valid = ", ".join(names) or "none"
            raise RepertoireError(f"{title}: {error}{advice}; valid: {valid}") from None
        for name, hint in read_hints(function).items():
            if name in given and not fits(given[name], hint):
                raise RepertoireError(
                    f"{title}: {name} must be {describe_hint(hint)}, "
                    f"given {given_text(given[name])}{advice}"
                )
        return function(*args, **kwargs)

    return checked


@cache
def list_arguments(function: Callable[..., Any]) -> list[str]:
    """Return the names of the arguments; of `**kwargs` with a `TypedDict` the names in it."""
    names: list[str] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            unpacked = _resolve_hints(function, {name: parameter.annotation})[name]
            names += get_type_hints(*get_args(unpacked)) if get_args(unpacked) else [f"**{name}"]
        elif name not in ("self", "cls"):
            names.append(name)
    return names


def takes_names_alone(function: Callable[..., Any]) -> bool:
    """Return whether keyword arguments are those with a name in the signature alone."""
    parameters = inspect.signature(function).parameters.values()
    return all(parameter.kind is not inspect.Parameter.VAR_KEYWORD for parameter in parameters)


@cache
def read_hints(function: Callable[..., Any]) -> Mapping[str, Any]:
    """Return the types of the arguments with a name, which `*args` and `**kwargs` have not."""
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    named = {
        name: parameter.annotation
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind not in variable and parameter.annotation is not parameter.empty
    }
    return _resolve_hints(function, named)


def _resolve_hints(function: Callable[..., Any], named: Mapping[str, Any]) -> Mapping[str, Any]:
    # Without the type of what is returned, which may be imported for type checkers alone.
    return get_type_hints(
        SimpleNamespace(__annotations__=named), inspect.getmodule(function).__dict__
    )


def fits(given: Any, hint: Any) -> bool:
    """Return whether a value has a type; of types that are not known here each value has."""
    if get_origin(hint) in (Union, UnionType):
        return any(fits(given, part) for part in get_args(hint))
    if get_origin(hint) is Literal:
        return isinstance(given, str)
    if get_origin(hint) is Sequence:
        return _is_list(given) and all(fits(each, get_args(hint)[0]) for each in given)
    return hint not in ARGUMENT_KINDS or ARGUMENT_KINDS[hint][1](given)


def _is_list(given: Any) -> bool:
    """Return whether a value is a list, a tuple, an array or the like.

    A generator is none, since checking it would use it up, nor is a set, which has no order.
    """
    return (
        isinstance(given, Collection)
        and hasattr(given, "__getitem__")
        and not isinstance(given, str | bytes | Mapping)
    )


def describe_hint(hint: Any) -> str:
    """Return a type in words: "text, a list of text or None"."""
    if get_origin(hint) in (Union, UnionType):
        *first, last = dict.fromkeys(map(describe_hint, get_args(hint)))
        return f"{', '.join(first)} or {last}" if first else last
    if get_origin(hint) is Sequence:
        return f"a list of {describe_hint(get_args(hint)[0])}"
    if get_origin(hint) is Literal:
        return " or ".join(map(repr, get_args(hint)))
    return ARGUMENT_KINDS[hint][0] if hint in ARGUMENT_KINDS else str(hint)


def given_text(given: Any) -> str:
    """Return a value in a line of a message; of a long one, or one without a form, its type."""
    text = repr(given)
    short = len(text) <= LONGEST_VALUE and "\n" not in text and not text.startswith("<")
    return text if short else f"a value of type {type(given).__name__}"
