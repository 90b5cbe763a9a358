"""A chain of stages against Avalanche, in an environment of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from perf.gpu.timing import Times
from perf.one_run.chains import read_fashion_mnist
from perf.one_run.process import own_command, time_commands

HINT = """avalanche: needs a Python that has Avalanche; give it as --avalanche PYTHON. To make one:
    python -m venv FOLDER
    FOLDER/bin/pip install avalanche-lib==0.6.0 torch==2.13.0 torchvision==0.28.0
    python -m perf.one_run --cases avalanche --avalanche FOLDER/bin/python"""


def time_avalanche(form: str, python: str, pairs: int, folder: Path) -> Times:
    """Return the seconds of the first runs of processes, in turn.

    Args:
        form: "shipped" or "tensors"; see `avalanche_rival`.
        python: that has Avalanche.
        pairs: how many.
        folder: receives the data.

    Raises:
        RepertoireError: Fashion-MNIST is not at hand.
    """
    arrays, program = folder / "avalanche.npz", Path(__file__).with_name("avalanche_rival.py")
    write_arrays(arrays)
    # -P: modules of this folder are not to be imported in place of installed ones.
    rival = [python, "-P", str(program), form, str(arrays), str(folder)]
    ours = [*own_command(folder, "whole"), "first", "ours"]
    return time_commands({"ours": ours, "rival": rival}, pairs)


def write_arrays(path: Path) -> None:
    """Write the images that the chain "whole" trains on, and those that it scores."""
    tasks = read_fashion_mnist(validation=0.0).tasks()
    arrays: dict[str, np.ndarray] = {}
    for split in ("train", "test"):
        parts = [getattr(task, split) for task in tasks]
        arrays[f"{split}_x"] = torch.cat([part.x for part in parts]).squeeze(1).numpy()
        arrays[f"{split}_y"] = torch.cat([part.y for part in parts]).numpy()
    np.savez(path, **arrays)
