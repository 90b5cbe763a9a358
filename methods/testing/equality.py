"""Assertions on states: the same bits, and tensors that can be saved.

Reference:
    None.

Deviations:
    None.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from methods.testing.blobs import State


def require(holds: bool, story: str) -> None:
    """Raise AssertionError with a message unless a condition holds."""
    if not holds:
        raise AssertionError(story)


def require_same(first: Mapping[str, Tensor], second: Mapping[str, Tensor], story: str) -> None:
    """Raise AssertionError unless two states have the same names, types, shapes and bits."""
    names = unequal_entries(first, second)
    require(not names, f"{story}: {names}")


def unequal_entries(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> list[str]:
    """Return the names that only one of two states has, or else those of unequal tensors."""
    only_one = sorted(first.keys() ^ second.keys())
    return only_one or [name for name in first if not have_equal_bits(first[name], second[name])]


def have_equal_bits(first: Tensor, second: Tensor) -> bool:
    """Return whether two tensors have equal types, shapes and bits."""
    if (first.dtype, first.shape) != (second.dtype, second.shape):
        return False
    return torch.equal(first.flatten().view(torch.uint8), second.flatten().view(torch.uint8))


def require_saveable(state: Mapping[str, Tensor]) -> None:
    """Raise AssertionError unless a state is contiguous tensors that share no memory."""
    owners: dict[int, str] = {}
    for name, tensor in state.items():
        require(isinstance(tensor, Tensor), f"{name} is no tensor")
        require(tensor.is_contiguous(), f"{name} is not contiguous")
        if tensor.numel():
            owner = owners.setdefault(tensor.untyped_storage().data_ptr(), name)
            require(owner == name, f"{name} shares its memory with {owner}")


def copy_state(state: Mapping[str, Tensor]) -> State:
    """Return copies of tensors."""
    return {name: tensor.detach().clone() for name, tensor in state.items()}
