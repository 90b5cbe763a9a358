"""Prompts, branches and an aligned classifier on Fashion-MNIST, with a transformer pretrained here.

A small transformer learns four of the classes; its weights go into a file. It is then the
pretrained body for the other six, in three tasks of two classes each. From the root of the
repository, a folder with weights, images and the sweep, and then the table of docs/results.md:

    python sweeps/pretrained_vit.py FOLDER
    repertoire run FOLDER/pretrained_vit.yaml
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from methods.base import Examples, Outlook, TaskView
from methods.finetune import Finetune
from orchestrator.benchmarks.datasets.dataset import Dataset, load_dataset
from orchestrator.networks.base import NetworkShape
from orchestrator.networks.networks import build_network
from orchestrator.networks.vit import ViTTiny
from orchestrator.seeding import stream
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning.learner import Training, num_steps, train_task

# T-shirt, trouser, sandal, bag; left are pullover, dress, coat, shirt, sneaker, ankle boot.
BASE = (0, 1, 5, 8)
MEAN, STD = (0.286,), (0.353,)
SIZES = {"patch": 7, "width": 32, "depth": 2, "heads": 4, "expansion": 2}
SWEEP = """\
name: pretrained_vit
benchmark: {name: split, data: {npz: others.npz}, scenario: class, num_tasks: 3,
  samples_per_task: 1000}
network: {name: pretrained, backbone: {name: vit_tiny, patch: 7, width: 32, depth: 2, heads: 4,
  expansion: 2}, weights: vit.safetensors, train: adapters, input: {mean: [0.286], std: [0.353]}}
training: {epochs: 3, batch_size: 64, optimizer: adam, lr: 5.0e-3}
methods:
  - finetune
  - {name: l2p, length: 0}
  - {name: l2p, pool: 5, top: 2, length: 2}
  - {name: coda_prompt, components: 5, length: 4}
  - {name: lora, rank: 4}
  - {name: slca, alignment_lr: 0.05}
seeds: [0, 1]
"""


def main(folder: Path) -> None:
    """Write images, weights and the sweep to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    data = load_dataset("fashion_mnist")
    write_others(folder / "others.npz", data)
    save_file(pretrain(data), folder / "vit.safetensors")
    (folder / "pretrained_vit.yaml").write_text(SWEEP, encoding="utf-8")


def of_base(y: torch.Tensor) -> torch.Tensor:
    """Return which labels are those of the classes that are learned first."""
    return torch.isin(y, torch.tensor(BASE))


def write_others(path: Path, data: Dataset) -> None:
    """Write the images of the other classes, numbered from 0."""
    arrays = {}
    for part in ("train", "test"):
        x, y = getattr(data, f"{part}_x"), getattr(data, f"{part}_y")
        others = ~of_base(y)
        _, numbers = torch.unique(y[others], return_inverse=True)
        arrays |= {f"{part}_x": x[others].squeeze(1).numpy(), f"{part}_y": numbers.numpy()}
    np.savez(path, **arrays)


def pretrain(data: Dataset) -> dict[str, torch.Tensor]:
    """Return the weights of a transformer that has learned the classes of BASE."""
    torch.set_num_threads(1)
    own = of_base(data.train_y)
    _, y = torch.unique(data.train_y[own], return_inverse=True)
    shape = NetworkShape(tuple(data.train_x.shape[1:]), len(BASE), MEAN, STD)
    network = build_network(ViTTiny, ViTTiny.Config(**SIZES), shape, seed=0)
    method = Finetune(network, Finetune.Config(), Outlook(len(BASE), shape.input_shape))
    training = Training(epochs=2, batch_size=64, lr=2e-3)
    classes, examples = tuple(range(len(BASE))), Examples(data.train_x[own], y)
    view = TaskView(1, classes, examples, None, lambda purpose: stream(0, 1, purpose))
    view = replace(view, num_steps=num_steps(len(examples), training))
    train_task(method, view, training, FlopMeter())
    return network.body.state_dict()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
