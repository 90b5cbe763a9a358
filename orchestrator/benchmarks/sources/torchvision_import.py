"""Imports torchvision, which takes a second; nothing else does, and only where it is needed."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import torch

# Signatures of torchvision's own operators, as its C++ extension declares them.
SCHEMAS = {
    "torchvision::nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "torchvision::qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def import_torchvision() -> Any:
    """Return the torchvision package, importing it on first use.

    The wheel built for CUDA cannot load its C++ extension beside a CPU-only torch. Torchvision
    tolerates that, but then registers two operators that were never declared, and fails. Neither
    data sets nor networks use these operators, so declaring them is enough.

    Raises:
        ImportError: torchvision is not installed.
    """
    try:
        return import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    _remove_partial_import()
    for name, schema in SCHEMAS.items():
        # Only here, never before the first attempt: an extension that loads declares them itself,
        # and torch refuses to see an operator declared twice.
        torch.library.define(name, schema)
    return import_module("torchvision")


def _remove_partial_import() -> None:
    """Remove the modules of the failed import, so that the next one starts afresh."""
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
