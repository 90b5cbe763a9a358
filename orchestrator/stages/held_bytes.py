"""The bytes of tensors that objects hold: the working memory of learning a task.

Counted from the live objects, so that it is the same on every machine: parameters, gradients, the
state of optimisers, and whatever a method keeps, in its state or beside it (copies of the network,
path integrals, a memory, buffers for gradients).
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, partial
from itertools import chain
from typing import Any, NamedTuple
from weakref import ReferenceType

import torch
from torch import Tensor

# What can hold no tensors of a training, or, as functions do, refers to what others hold.
OPAQUE = (
    *(str, bytes, int, float, complex, bool, type(None), type, partial, ReferenceType),
    *(types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.ModuleType),
    *(torch.Generator, torch.device, torch.dtype),
)


def held_bytes(objects: Iterable[object], without: Iterable[Tensor] = ()) -> int:
    """Return the bytes of all tensors that objects hold, each memory once.

    Reached are the attributes of objects, the items of collections, and the gradients of tensors;
    what functions refer to is not.

    Args:
        objects: where to begin.
        without: tensors that do not count, such as the examples of the task.
    """
    sizes: dict[int, int] = {}
    for tensor in _tensors(objects):
        memory = tensor.untyped_storage()
        sizes[memory.data_ptr()] = memory.nbytes()
    for tensor in without:
        sizes.pop(tensor.untyped_storage().data_ptr(), None)
    return sum(sizes.values())


def _tensors(objects: Iterable[object]) -> Iterator[Tensor]:
    """Yield the tensors within reach; one may come several times."""
    pending, known = list(objects), {}
    while pending:
        each = pending.pop()
        if _is_opaque(type(each)) or id(each) in known:  # type: ignore[arg-type]
            continue
        known[id(each)] = each  # kept, so that no other object has its identity
        if isinstance(each, Tensor):
            yield each
            pending.append(each.grad if each.is_leaf else None)
        else:
            pending.extend(_parts(each))


def _parts(each: Any) -> Iterator[object]:
    """Yield the items of a collection, and the attributes of an object."""
    layout = _layout(type(each))  # type: ignore[arg-type]
    if layout.is_mapping:
        yield from each.values()
    elif layout.has_items:
        yield from each
    yield from getattr(each, "__dict__", {}).values()
    for name in layout.slots:
        yield getattr(each, name, None)


class Layout(NamedTuple):
    """Where the objects of a class hold others, besides their `__dict__`."""

    is_mapping: bool
    has_items: bool
    slots: tuple[str, ...]


# A stage goes through thousands of objects of a few dozen classes.
@cache
def _layout(cls: type) -> Layout:
    given = [kind.__dict__.get("__slots__", ()) for kind in cls.__mro__]
    slots = [(names,) if isinstance(names, str) else tuple(names) for names in given]
    # A module has its items among its attributes too.
    items = issubclass(cls, Iterable) and hasattr(cls, "__len__")
    return Layout(
        is_mapping=issubclass(cls, Mapping),
        has_items=items and not issubclass(cls, torch.nn.Module),
        slots=tuple(chain.from_iterable(slots)),
    )


@cache
def _is_opaque(cls: type) -> bool:
    return issubclass(cls, OPAQUE)
