"""Corruptions of images, as domains of a stream.

Reference:
    Hendrycks & Dietterich 2019, Benchmarking neural network robustness to common corruptions and
    perturbations, ICLR; the parameters are those of its code for CIFAR-10-C (make_cifar_c.py).

Deviations:
    Pixels are rounded, not cut, to whole numbers. The noise is drawn by torch.

Shape legend: N images, c channels, h rows, w columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import exp
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from orchestrator.errors import suggest

CHUNK = 1024  # images corrupted at once
SEVERITIES = range(1, 6)


@dataclass(frozen=True, kw_only=True)
class Corruption:
    """A corruption of images.

    Attributes:
        name: of `CORRUPTIONS`, or "clean".
        severity: 1 to 5; of no effect on "clean".
    """

    name: str
    severity: int = 3


def read_corruption(given: Any) -> Corruption:
    """Return a corruption given by name, or by name and severity.

    Raises:
        ValueError: there is none such.
    """
    if isinstance(given, Corruption):
        return given
    options: Mapping[str, Any] = {"name": given} if isinstance(given, str) else given
    if not isinstance(options, Mapping) or not {"name"} <= {*options} <= {"name", "severity"}:
        raise ValueError(f"corruptions: {given!r}; valid: a name, or {{name: blur, severity: 3}}")
    name, severity = options["name"], options.get("severity", 3)
    if name not in (*CORRUPTIONS, "clean"):
        names = [*CORRUPTIONS, "clean"]
        raise ValueError(f"corruptions: unknown corruption {name!r}; {suggest(str(name), names)}")
    if type(severity) is not int or severity not in SEVERITIES:
        raise ValueError(f"corruptions: severity {severity!r} of {name}; valid: 1 to 5")
    return Corruption(name=name, severity=3 if name == "clean" else severity)


def corrupt_images(x: Tensor, corruption: Corruption, generator: torch.Generator) -> Tensor:
    """Return corrupted uint8 images [N, c, h, w].

    Args:
        x: uint8 images [N, c, h, w].
        corruption: which.
        generator: of the noise.
    """
    if corruption.name == "clean":
        return x
    function, parameters = CORRUPTIONS[corruption.name]
    parameter = parameters[corruption.severity - 1]
    # x[:0], since of no images there is no chunk, and torch joins no empty list.
    return torch.cat([*_chunks(x, lambda part: function(part, parameter, generator)), x[:0]])


def _chunks(x: Tensor, function: Callable[[Tensor], Tensor]) -> Iterator[Tensor]:
    for part in torch.split(x, CHUNK):
        yield (function(part / 255).clamp_(0, 1) * 255).round_().to(torch.uint8)


def _add_noise(x: Tensor, scale: float, generator: torch.Generator) -> Tensor:
    return x + scale * torch.randn(x.shape, generator=generator)


def _blur(x: Tensor, sigma: float, _: torch.Generator) -> Tensor:
    """Return images under a Gaussian, cut at 4 sigma; pixels at the edge are repeated outwards."""
    radius = int(4 * sigma + 0.5)
    weights = [exp(-((i / sigma) ** 2) / 2) for i in range(-radius, radius + 1)]
    for dim, padding in ((2, (0, 0, radius, radius)), (3, (radius, radius, 0, 0))):
        wide, size = F.pad(x, padding, mode="replicate"), x.shape[dim]
        shifted = (w * wide.narrow(dim, i, size) for i, w in enumerate(weights))
        x = sum(shifted, torch.zeros_like(x)) / sum(weights)
    return x


def _brighten(x: Tensor, amount: float, _: torch.Generator) -> Tensor:
    """Return images whose value, in hue, saturation and value, is higher."""
    value = x.amax(dim=1, keepdim=True)
    higher = (value + amount).clamp(max=1)
    return torch.where(value > 0, x * higher / value, higher)


def _reduce_contrast(x: Tensor, factor: float, _: torch.Generator) -> Tensor:
    mean = x.mean(dim=(2, 3), keepdim=True)
    return (x - mean) * factor + mean


ChangeImages = Callable[[Tensor, float, torch.Generator], Tensor]
# Each with its parameter at severity 1 to 5.
CORRUPTIONS: dict[str, tuple[ChangeImages, tuple[float, ...]]] = {
    "noise": (_add_noise, (0.04, 0.06, 0.08, 0.09, 0.10)),
    "blur": (_blur, (0.4, 0.6, 0.7, 0.8, 1.0)),
    "brightness": (_brighten, (0.05, 0.1, 0.15, 0.2, 0.3)),
    "contrast": (_reduce_contrast, (0.75, 0.5, 0.4, 0.3, 0.15)),
}
# Of the tasks of a corrupted benchmark that names none, in their order.
DEFAULT_CORRUPTIONS = tuple(Corruption(name=name) for name in ("clean", *CORRUPTIONS))
