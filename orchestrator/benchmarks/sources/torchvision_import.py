"""Imports torchvision, which takes a second; nothing else does, and only where it is needed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

import torch

COMPILER, UTILS = "torch._dynamo", "torch._dynamo.utils"
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
    with leave_out_compiler():
        return _import_with_or_without_extension()


def _import_with_or_without_extension() -> Any:
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


@contextmanager
def leave_out_compiler() -> Iterator[None]:
    """Let torchvision be imported without torch's compiler.

    One operator of detection networks imports it, for one function that it calls when it is used
    on a device other than the CPU: as much processor time as the import of torch itself (2 s).
    """
    if COMPILER in sys.modules:
        yield
        return
    stand_ins = {COMPILER: ModuleType(COMPILER), UTILS: ModuleType(UTILS)}
    vars(stand_ins[UTILS])["is_compile_supported"] = _is_compile_supported
    sys.modules |= stand_ins
    try:
        yield
    finally:
        for name, module in stand_ins.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


def _is_compile_supported(device_type: str) -> bool:
    return bool(import_module(UTILS).is_compile_supported(device_type))


def _remove_partial_import() -> None:
    """Remove the modules of the failed import, so that the next one starts afresh."""
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
