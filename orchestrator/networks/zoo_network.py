"""The base of untrained networks of a library, and whether one can take an input."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import torch

from orchestrator.networks.base import Network, NetworkConfig, NetworkShape, image_objection
from orchestrator.seeding import seed_global_generators

# Exceptions of constructors and forward passes that get an image of a size they cannot take.
ZOO_ERRORS = (RuntimeError, ValueError, TypeError, AssertionError, IndexError, ZeroDivisionError)


class ZooNetwork(Network):
    """An architecture of a library, untrained, with a head for the classes of the benchmark.

    Class attributes:
        architecture: its name in the library.
    """

    architecture: ClassVar[str] = ""

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """The kind of the head."""

    @classmethod
    def architectures(cls) -> list[str]:
        """Return the names of the library's architectures."""
        raise NotImplementedError

    @classmethod
    def objection(cls, config: Any, shape: NetworkShape) -> str | None:
        """Return an objection if the input is no image or the network refuses it, else None."""
        if objection := image_objection(shape):
            return objection
        network_class: Any = cls  # a class, which the type checker does not take for hashable
        reason = _failure(network_class, config, shape)
        size = "x".join(map(str, shape.input_shape[1:]))
        what = f"images of {size} pixels and {shape.input_shape[0]} channels"
        return reason and f"name: {cls.architecture} cannot take {what}: {reason}"


@cache
def _failure(cls: Any, config: Any, shape: NetworkShape) -> str | None:
    """Return the reason that a network cannot be built, or cannot train on two images, or None."""
    try:
        with seed_global_generators(0), torch.no_grad():
            # Two images, since batch normalisation refuses a single value a channel.
            scores = cls(config, shape)(torch.zeros((2, *shape.input_shape), dtype=torch.uint8))
    except ZOO_ERRORS as error:
        return str(error).partition("\n")[0]
    except AttributeError:  # the output of auxiliary heads is no tensor
        return "it returns more than features while it is trained"
    expected = (2, shape.num_classes)
    return None if scores.shape == expected else f"it returns scores {tuple(scores.shape)}"
