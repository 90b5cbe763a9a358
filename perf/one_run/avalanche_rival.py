"""A run of Avalanche on split Fashion-MNIST, as its user would write it; nothing of Repertoire.

Naive fine-tuning of Avalanche's own MLP, one epoch a task, evaluated on all test data before the
first task and after each. `shipped`: `SplitFMNIST` with the transforms that it ships. `tensors`:
normalised tensors in memory, and fused Adam. No logger prints. Run by a Python that has Avalanche:

    python avalanche_rival.py (shipped | tensors) ARRAYS.npz FOLDER
"""

from __future__ import annotations

import json
import struct
import sys
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

CLASSES, TASKS, BATCH, EVALUATION_BATCH = 10, 5, 128, 1024
MEAN, STD = 0.286, 0.353  # those of `SplitFMNIST`
NAMES = {"train": "train", "test": "t10k"}
# Signatures of torchvision's own operators, which are missing beside a torch without CUDA.
SCHEMAS = {
    "torchvision::nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "torchvision::qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def import_torchvision() -> None:
    """Import torchvision, whose wheel for CUDA does not load its extension beside another torch."""
    try:
        import_module("torchvision")
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        for name, schema in SCHEMAS.items():
            torch.library.define(name, schema)


def write_idx(array: np.ndarray, path: Path) -> None:
    """Write bytes in the format of MNIST's files, where torchvision looks for them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(head + array.astype(np.uint8).tobytes())


def shipped_benchmark(arrays: Mapping[str, np.ndarray], folder: Path) -> Any:
    """Return Avalanche's own split of the data set."""
    from avalanche.benchmarks.classic import SplitFMNIST

    for split, name in NAMES.items():
        raw = folder / "FashionMNIST/raw"
        write_idx(arrays[f"{split}_x"], raw / f"{name}-images-idx3-ubyte")
        write_idx(arrays[f"{split}_y"], raw / f"{name}-labels-idx1-ubyte")
    order = list(range(CLASSES))
    return SplitFMNIST(TASKS, fixed_class_order=order, shuffle=False, dataset_root=folder)


def tensor_benchmark(arrays: Mapping[str, np.ndarray], _folder: Path) -> Any:
    """Return the same tasks made of normalised tensors in memory."""
    from avalanche.benchmarks import benchmark_from_datasets
    from avalanche.benchmarks.utils import _make_taskaware_tensor_classification_dataset

    streams: dict[str, list[Any]] = {}
    for split in NAMES:
        x = (torch.from_numpy(arrays[f"{split}_x"]).float() / 255 - MEAN) / STD
        y = torch.from_numpy(arrays[f"{split}_y"])
        for task in y.div(CLASSES // TASKS, rounding_mode="floor").unique().tolist():
            rows = y // (CLASSES // TASKS) == task
            data = _make_taskaware_tensor_classification_dataset(x[rows], y[rows], task_labels=0)
            streams.setdefault(split, []).append(data)
    return benchmark_from_datasets(**streams)


def build_strategy(fused: bool) -> Any:
    """Return naive fine-tuning of a network 784-400-400-10, evaluated by accuracy and loss."""
    from avalanche.evaluation.metrics import accuracy_metrics, loss_metrics
    from avalanche.models import SimpleMLP
    from avalanche.training.plugins import EvaluationPlugin
    from avalanche.training.supervised import Naive

    model = SimpleMLP(CLASSES, hidden_size=400, hidden_layers=2, drop_rate=0.0)
    metrics = (accuracy_metrics(experience=True), loss_metrics(experience=True))
    return Naive(
        model=model,
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-3, fused=fused or None),
        criterion=torch.nn.CrossEntropyLoss(),
        train_mb_size=BATCH,
        train_epochs=1,
        eval_mb_size=EVALUATION_BATCH,
        evaluator=EvaluationPlugin(*metrics, loggers=[]),
    )


def run(benchmark: Any, strategy: Any) -> Any:
    """Learn all tasks; return the last row of metrics on test data."""
    row = strategy.eval(benchmark.test_stream)
    for experience in benchmark.train_stream:
        strategy.train(experience)
        row = strategy.eval(benchmark.test_stream)
    return row


def main(form: str, arrays: str, folder: str) -> None:
    """Print the accuracies, and then the seconds on the wall and of the processor."""
    torch.set_num_threads(1)
    import_torchvision()
    build = shipped_benchmark if form == "shipped" else tensor_benchmark
    benchmark = build(dict(np.load(arrays)), Path(folder))
    strategy = build_strategy(fused=form == "tensors")
    wall, cpu = time.perf_counter(), time.process_time()
    row = run(benchmark, strategy)
    seconds = [time.perf_counter() - wall, time.process_time() - cpu]
    print(json.dumps([float(value) for name, value in row.items() if "Acc" in name]))
    print(json.dumps(seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
