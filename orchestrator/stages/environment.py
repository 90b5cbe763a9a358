"""The process state that the bits of a stage depend on: threads, generators, torch's switches.

Every stage runs with their defaults, whatever the process or a user's code set before.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from orchestrator.errors import RepertoireError
from orchestrator.seeding import derive_seed, seed_global_generators
from orchestrator.stages.stage import Stage
from orchestrator.stages.storage.stage_files import release
from orchestrator.stages.switches import use_default_switches


@contextmanager
def fix_arithmetic(stage: Stage, device: str = "cpu") -> Iterator[None]:
    """Fix threads, torch's switches and the global generators for a stage; then restore them."""
    # Stage 0 is shared by all trainings.
    threads = stage.training.num_threads if stage.after else 1
    with fix_threads(threads, derive_seed(stage.seed, stage.after, "ambient"), device):
        yield


@contextmanager
def fix_threads(num_threads: int, seed: int, device: str = "cpu") -> Iterator[None]:
    """Fix threads, torch's switches and the global generators in the block; then restore them."""
    if device.startswith("cuda"):
        # With several workspaces of its own choice cuBLAS may add in another order each time. It
        # reads this once, at the first product of a process.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # How many threads share a sum decides its last bits.
    before = torch.get_num_threads()
    torch.set_num_threads(num_threads)
    try:
        with use_default_switches(device), seed_global_generators(seed):
            yield
    finally:
        torch.set_num_threads(before)


def require_device(device: str) -> None:
    """Raise RepertoireError unless torch can use a device."""
    if not device.startswith("cuda") or torch.cuda.is_available():
        return
    built = torch.version.cuda
    reason = "was built without CUDA" if built is None else f"(CUDA {built}) finds no GPU"
    raise RepertoireError(
        f"this stage was given a GPU on {platform.node()}, but torch {torch.__version__} there "
        f"{reason}; install a torch that can use the GPU on every node that has one, or set "
        "resources.gpus: 0"
    )


def describe_environment() -> dict[str, str]:
    """Return versions and host of this process, for a record; never part of a key."""
    return {
        "repertoire-cl": release(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "node": platform.node(),
        "pid": str(os.getpid()),
    }


def device_name(device: str) -> str:
    """Return the model of an accelerator, or cpu."""
    return torch.cuda.get_device_name() if device.startswith("cuda") else "cpu"
