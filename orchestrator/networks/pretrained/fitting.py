"""Weights put into a body, and why they do not fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from orchestrator.errors import WrongData
from orchestrator.networks.pretrained.tensors import Tensors

SHOWN = 3  # names of a kind in a message
# Absent from checkpoints of early releases of torch; used in training alone.
OPTIONAL = "num_batches_tracked"


def load_weights(body: nn.Module, tensors: Mapping[str, Tensor], where: str, name: str) -> None:
    """Put weights into a body, in place.

    Weights of an output layer that was taken from the body, and is an identity there, are left out.
    Those of a whole network of this project are found below `network.body`, in the state of a
    stage, or below `body`, beside its head; a body with such names takes them as they are.

    Modules that convert weights of earlier releases get the versions that the file has. Without any
    the weights are taken for those of the body's version, since all names and shapes are its own.

    Args:
        body: the body.
        tensors: the weights by name.
        where: their file, for messages.
        name: of the body, for messages.

    Raises:
        WrongData: a weight is missing, too much, or of another shape or type, or the body refuses
            them.
    """
    own = body.state_dict()
    below = _without_prefix(own, Tensors(tensors))
    gone = _find_output_layers(body, below)
    given = Tensors({n: t for n, t in below.items() if n in own or n not in gone})
    reasons = [*_describe_misfits(own, given)]
    if reasons:
        raise WrongData(f"{where} does not fit {name}: {'; '.join(reasons)}")
    versions = below.versions or Tensors(own).versions
    try:
        body.load_state_dict(given.with_versions(versions), strict=False)
    except Exception as error:  # modules may have a loading of their own
        reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        raise WrongData(f"{where} does not fit {name}, which raised {reason}") from error


def _find_output_layers(body: nn.Module, tensors: Mapping[str, Tensor]) -> set[str]:
    """Return the names of the weights and biases of output layers in whose place are identities.

    Networks have identities elsewhere too, for parts that a variant of them has: the weights of
    such a part are those of another network.
    """
    gone = set[str]()
    for name in (n for n, module in body.named_modules() if isinstance(module, nn.Identity)):
        below = {n: t for n, t in tensors.items() if n.startswith(f"{name}.")}
        weight = below.get(f"{name}.weight")
        is_layer = weight is not None and weight.ndim > 1
        if is_layer and below.keys() <= {f"{name}.weight", f"{name}.bias"}:
            gone |= below.keys()
    return gone


def _without_prefix(own: Mapping[str, Tensor], tensors: Tensors) -> Tensors:
    """Return the tensors of the body: as they are if none is missing, else those below a prefix."""
    forms = [tensors, *_strip_prefixes(tensors)]
    return next((form for form in forms if not _find_missing(own, form)), forms[-1])


def _strip_prefixes(tensors: Tensors) -> Iterator[Tensors]:
    """Yield the tensors below each known prefix, without the prefix and without the head.

    The state of a stage has beside `network.body` what its method carries, which is all left out.
    Beside `body` a network has its head alone, so that anything else is refused as unexpected.
    """
    for prefix, head in (("body.", "head."), ("network.body.", "")):
        if below := tensors.strip_prefix(prefix):
            others = {n: t for n, t in tensors.items() if not n.startswith((prefix, head))}
            below.update(others)
            yield below


def _find_missing(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> list[str]:
    return [n for n in own if n not in given and not n.endswith(OPTIONAL)]


def _describe_misfits(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> Iterator[str]:
    missing = _find_missing(own, given)
    unexpected = [n for n in given if n not in own]
    if missing:
        yield f"missing {_list_names(missing, own)}"
    if unexpected:
        yield f"unexpected {_list_names(unexpected, given)}"
    other = [n for n in own if n in given and own[n].shape != given[n].shape]
    if other:
        shapes = (f"{n} {list(given[n].shape)}, not {list(own[n].shape)}" for n in other[:SHOWN])
        yield f"of another shape {', '.join(shapes)}{_count_rest(other)}"
    if any("pos" in name for name in other):
        yield "positions are of one size: give input.size the size that it was trained on"
    kinds = [n for n in own if n in given and not _is_copyable(own[n], given[n])]
    if kinds:
        types = (f"{n} {_describe_type(given[n])}" for n in kinds[:SHOWN])
        yield f"of another type {', '.join(types)}{_count_rest(kinds)}"


def _is_copyable(own: Tensor, given: Tensor) -> bool:
    """Return whether numbers are copied as they are, to the precision of the body."""
    is_plain = given.layout == torch.strided and not given.is_meta and not given.is_quantized
    return is_plain and (given.is_floating_point() or not own.is_floating_point())


def _describe_type(tensor: Tensor) -> str:
    parts = [tensor.dtype, *([tensor.layout] if tensor.layout != torch.strided else [])]
    where = " without values" if tensor.is_meta else ""
    return " ".join(str(each).removeprefix("torch.") for each in parts) + where


def _list_names(names: list[str], tensors: Mapping[str, Tensor]) -> str:
    first = (f"{name} {list(tensors[name].shape)}" for name in names[:SHOWN])
    return f"{', '.join(first)}{_count_rest(names)}"


def _count_rest(names: list[str]) -> str:
    return f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
