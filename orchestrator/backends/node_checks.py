"""Checks that a node runs on itself before a sweep: its store, code, data and GPU. No Ray here."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from orchestrator.errors import RepertoireError
from orchestrator.stages.same_input import (
    require_same_code,
    require_same_data,
    require_same_function,
)
from orchestrator.stages.stage import Stage
from orchestrator.stages.storage.maintenance import PROBES
from orchestrator.stages.storage.retry import RetryPolicy
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.storage.uri import hide_secrets

PACKAGES = {"Repertoire": "repertoire-cl", "torch": "torch", "Ray": "ray"}
# A network file system may show a new file after its cache of absent files has expired.
VISIBLE_SECONDS = 65.0
# The driver waits for the check, so it gives up sooner than a stage would.
QUICK = RetryPolicy(unreachable_seconds=15.0, warn=lambda line: None)


@dataclass(frozen=True)
class NodeRequest:
    """The checks that a node runs.

    Attributes:
        store_uri: the store, as workers reach it.
        token: the folder of the probes, of this run alone.
        stages: a stage for each benchmark and each kind of code of the sweep.
        gpu: whether stages take a GPU.
    """

    store_uri: str
    token: str
    stages: Sequence[Stage]
    gpu: bool


def shared_versions() -> dict[str, str]:
    """Return the versions that all nodes must share, by name; "" for a package that is missing."""
    versions = {"Python": platform.python_version()}
    for name, distribution in PACKAGES.items():
        versions[name] = ""
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(distribution)
    return versions


def probe_path(token: str, writer: str) -> str:
    """Return the path of the file by which a node shows that it can write to the store."""
    return f"{PROBES}/{token}/{writer}"


def check_node(request: NodeRequest, name: str) -> list[str]:
    """Return the problems of this node, a line each with what to do.

    Args:
        request: what to check.
        name: of the node, for its probe.
    """
    problems = [check_store(request.store_uri, request.token, name)]
    problems += [check_stage(stage) for stage in request.stages]
    problems += [check_gpu()] if request.gpu else []
    return list(dict.fromkeys(filter(None, problems)))


def check_store(uri: str, token: str, name: str, visible_seconds: float = VISIBLE_SECONDS) -> str:
    """Read the probe of the command's machine and write one; return the problem, or ""."""
    path = probe_path(token, "command")
    remedy = "give --store a folder that every node mounts at the same path, or s3:// or gs://"
    try:
        store = StageStore(uri, create=False, retry=QUICK)

        def read() -> bytes | None:
            store.files.refresh(path)
            return store.files.read(path)

        shared = store.folder is None or store.folder.exists()
        if QUICK.poll(read, visible_seconds if shared else 0.0, "") is None:
            return f"does not see in store {store.address} what this machine wrote there; {remedy}"
        store.files.write(probe_path(token, name), name.encode())
    except (RepertoireError, OSError) as error:
        return f"cannot use store {hide_secrets(uri)} ({shorten_error(error)}); {remedy}"
    return ""


def check_stage(stage: Stage) -> str:
    """Return the difference of a stage's code or data on this node, or ""."""
    try:
        require_same_code(stage)
        require_same_function(stage)
        require_same_data(stage)
    except Exception as error:  # the user's code may raise anything
        return f"{type(error).__name__}: {shorten_error(error)}"
    return ""


def check_gpu() -> str:
    """Return the reason that torch cannot use a GPU of this node, or "".

    A test allocation, since a driver that hangs or a GPU that fell off the bus is still counted.
    """
    import torch

    remedy = "install a torch that can use it, or start this node's Ray with --num-gpus 0"
    try:
        if torch.cuda.is_available():
            torch.zeros(1, device="cuda").add_(1).item()
            return ""
        built = torch.version.cuda
        reason = "is built without CUDA" if built is None else f"(CUDA {built}) finds none"
    except RuntimeError as error:
        reason = f"cannot use it: {shorten_error(error)}"
    return f"offers a GPU to Ray, but torch {torch.__version__} there {reason}; {remedy}"


def shorten_error(error: BaseException) -> str:
    """Return an error's message in a line."""
    return " ".join(str(error).split())[:500] or type(error).__name__
