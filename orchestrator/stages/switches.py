"""Switches of the whole process that change the bits of a stage, and their defaults."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class Switch:
    """A value of the whole process that can change the bits of a stage.

    Attributes:
        read: returns its value; may raise RuntimeError between two of torch's APIs.
        write: sets it.
        default: its value while a stage runs.
        on_gpu: its value while a stage runs on a GPU; None: the default.
    """

    read: Callable[[], Any]
    write: Callable[[Any], object]
    default: Any
    on_gpu: Any = None

    def value_on(self, device: str) -> Any:
        """Return its value while a stage runs on a device."""
        on_gpu = device.startswith("cuda") and self.on_gpu is not None
        return self.on_gpu if on_gpu else self.default


def attribute_switch(owner: Any, name: str, default: Any, on_gpu: Any = None) -> Switch:
    """Return the switch of an attribute of a torch module."""
    return Switch(partial(getattr, owner, name), partial(setattr, owner, name), default, on_gpu)


def default_device() -> torch.device | None:
    """Return the device new tensors are made on, None for torch's own choice."""
    device = torch.get_default_device()
    return None if device == torch.device("cpu") else device


SWITCHES = (
    Switch(torch.get_default_dtype, torch.set_default_dtype, torch.float32),
    Switch(default_device, torch.set_default_device, None),
    Switch(torch.is_grad_enabled, torch.set_grad_enabled, True),
    Switch(torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly, False),
    # On a GPU, kernels that add in any order are avoided. A network whose operation has no other
    # kernel still trains: 1 warns, 2 would raise. On a CPU the bits of earlier releases stand.
    Switch(torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode, 0, on_gpu=1),
    Switch(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "highest"),
    *(
        attribute_switch(owner, name, default, *on_gpu)
        for owner, name, default, *on_gpu in (
            (torch.backends, "fp32_precision", "none"),
            (torch.backends.cudnn, "enabled", True),
            (torch.backends.cudnn, "benchmark", False),
            (torch.backends.cudnn, "deterministic", False, True),
            # Its float32 is that of matrix products, which are in full precision (ADR 42).
            (torch.backends.cudnn, "allow_tf32", True, False),
            (torch.backends.mkldnn, "enabled", True),
            # Deterministic mode would fill all new memory with NaN, a pass over it for each tensor.
            (torch.utils.deterministic, "fill_uninitialized_memory", True, False),
        )
        if hasattr(owner, name)
    ),
    *(
        Switch(partial(torch.is_autocast_enabled, k), partial(torch.set_autocast_enabled, k), False)
        for k in ("cpu", "cuda")
    ),
    # NumPy raises on overflow if a user's code asked for that.
    Switch(np.geterr, lambda how: np.seterr(**how), np.geterr()),
)


@contextmanager
def use_default_switches(device: str = "cpu") -> Iterator[None]:
    """Set the switches to their values on a device in the block, and restore them after it."""
    before = [read_switch(switch) for switch in SWITCHES]
    for switch in SWITCHES:
        write_switch(switch, switch.value_on(device))
    try:
        yield
    finally:
        for switch, value in zip(SWITCHES, before, strict=True):
            write_switch(switch, value)


def read_switch(switch: Switch) -> Any:
    """Return a switch's value, or its default where reading it raises RuntimeError."""
    try:
        return switch.read()
    except RuntimeError:
        return switch.default


def write_switch(switch: Switch, value: Any) -> None:
    """Set a switch unless it has the value already."""
    try:
        if switch.read() == value:
            return
    except RuntimeError:
        pass
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of one of its two APIs for precision
        switch.write(value)
