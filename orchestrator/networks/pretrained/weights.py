"""Weights from a file: read without executing anything, and named by the digest of their content.

A digest is kept below the folder of data sets, in `weights/`, with the size and time of its file,
so that a file is hashed once on each machine.
"""

from __future__ import annotations

import json
import pickle
import platform
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from orchestrator.benchmarks.atomic_files import write_atomically
from orchestrator.benchmarks.data_folder import data_folder
from orchestrator.benchmarks.sources.cache.array_files import READ_ERRORS, file_stamp
from orchestrator.benchmarks.sources.files import require_file
from orchestrator.errors import MissingData, WrongData
from orchestrator.hashing import digest, digest_bytes, parse_json
from orchestrator.networks.pretrained.tensors import Tensors

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")
# Under which checkpoints keep the weights of their network.
NESTED = ("state_dict", "model", "model_state_dict", "state_dict_ema")


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A file of weights.

    Attributes:
        file: its path; in no key.
        digest: of its content.
    """

    file: str = field(metadata={"unkeyed": True}, compare=False)
    digest: str

    def require_same(self) -> None:
        """Raise unless the file on this machine has the content that the sweep was planned with.

        Raises:
            MissingData: it is not there.
            WrongData: it has other content.
        """
        if file_digest(Path(self.file)) != self.digest:
            raise WrongData(
                f"the weights {self.file} on {platform.node()} are not those that this sweep was "
                "planned with; give every node the same file, or plan again"
            )


def open_weights(path: Path) -> Weights:
    """Return the weights of a file, which must be readable.

    Raises:
        MissingData: there is no such file, or it is damaged.
        WrongData: it holds more than tensors, or is in no known format.
    """
    return Weights(file=str(path), digest=file_digest(path))


def find_in_package(package: str, file: str) -> Path:
    """Return the path of a file of an installed package, which is not imported.

    Raises:
        MissingData: the package is not installed, or has no such file.
    """
    name = package.partition(".")[0]
    spec = find_spec(name) if name.isidentifier() else None
    folders = [Path(each) for each in (spec and spec.submodule_search_locations) or ()]
    if not folders:
        raise MissingData(f"the package {package} is not installed; install it by pip")
    path = folders[0].joinpath(*package.split(".")[1:], file).resolve()
    if not path.is_relative_to(folders[0].resolve()):
        raise MissingData(f"{file} is no file of the package {package}")
    return require_file(path)


def file_digest(path: Path) -> str:
    """Return the digest of a file's content; it is read again only if its size or time changed."""
    # With the time of its inode, since tools that copy keep the time of the content.
    stamp = [*file_stamp(require_file(path, SUFFIXES)), path.stat().st_ctime_ns]
    note = Path(data_folder()) / "weights" / f"{digest('weights', str(path.resolve()))}.json"
    with suppress(*READ_ERRORS):
        known = parse_json(note.read_text("utf-8"))
        if known["stamp"] == stamp:
            return str(known["digest"])
    content = digest_bytes(path.read_bytes())
    with suppress(OSError):  # a cache that cannot be written is done without
        write_atomically(note, json.dumps({"stamp": stamp, "digest": content}))
    return content


def read_tensors(path: Path) -> Tensors:
    """Return the tensors of a file by name, on the CPU; nothing in it is executed.

    Those of a checkpoint that holds more are found under its usual names, such as "state_dict".

    Raises:
        MissingData: there is no such file, or it is damaged.
        WrongData: it holds more than tensors, or is in no known format.
    """
    require_file(path, SUFFIXES)
    if path.suffix not in SUFFIXES:
        raise WrongData(f"{path}: no file of weights; valid: {', '.join(SUFFIXES)}")
    try:
        if path.suffix == ".safetensors":
            return Tensors(load_file(path))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch, about how the file was made
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WrongData(_holds_code(path)) from error
    except Exception as error:  # a damaged file may raise anything
        if "TorchScript" in str(error):
            raise WrongData(_holds_code(path)) from error
        reason = str(error).partition("\n")[0].partition(". ")[0]
        named = reason if " " in reason else "no file of torch.save, or a damaged one"
        raise MissingData(f"{path}: cannot be read as weights: {named}") from error
    return _find_tensors(content, path)


def _holds_code(path: Path) -> str:
    return (
        f"{path}: holds code or Python objects beside tensors, which are never unpickled; save "
        "its state_dict() alone, by safetensors.torch.save_file"
    )


def _find_tensors(content: Any, path: Path) -> Tensors:
    """Return the mapping of names to tensors in what a checkpoint holds."""
    nested = (content.get(name) for name in NESTED) if isinstance(content, Mapping) else ()
    for each in (content, *nested):
        if isinstance(each, Mapping) and each and _is_state(each):
            parallel = all(name.startswith("module.") for name in each)
            return Tensors(each).strip_prefix("module.") if parallel else Tensors(each)
    kind = type(content).__name__
    raise WrongData(
        f"{path}: holds {kind} without tensors by name; valid: a state_dict(), or one under "
        f"{', '.join(NESTED)}"
    )


def _is_state(content: Mapping[Any, Any]) -> bool:
    return all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items())
