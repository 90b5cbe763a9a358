"""A tiny pretrained network in a folder: a function that builds it, its weights, and a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from orchestrator.benchmarks.datasets.dataset import load_dataset
from orchestrator.networks.networks import Network, build_network
from orchestrator.seeding import seed_global_generators
from orchestrator.stages.build_stages import network_shape
from orchestrator.sweep.sweep import Sweep

CODE = """
from torch import nn


def build():
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()
    )
"""
INPUT = "{mean: [0.3], std: [0.4]}"
NETWORK = (
    '{{name: pretrained, backbone: {{module: "tinybody:build"}}, weights: {weights}, '
    "train: {train}, input: {input}}}"
)


def make_body(seed: int = 0) -> nn.Sequential:
    """Return the body of CODE, with statistics of its own."""
    with seed_global_generators(seed), torch.no_grad():
        body = nn.Sequential(
            nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()
        )
        body[1].running_mean.normal_()
        body[1].running_var.uniform_(0.5, 2)
    return body.eval()


def write_body(folder: Path, name: str = "tiny.safetensors", seed: int = 0) -> nn.Sequential:
    """Write the code and the weights of the body; return it."""
    (folder / "tinybody.py").write_text(CODE)
    body = make_body(seed)
    save_file(body.state_dict(), folder / name)
    return body


def network_text(train: str = "head", weights: str = "tiny.safetensors", rule: str = INPUT) -> str:
    """Return the section `network` of a sweep."""
    return NETWORK.format(train=train, weights=weights, input=rule)


def write_sweep(folder: Path, **parts: str) -> Path:
    """Write a sweep of two small tasks of digits, with some of its parts otherwise."""
    whole = {
        "name": "lab",
        "benchmark": "{name: split_digits, num_tasks: 2, samples_per_task: 32}",
        "network": network_text(),
        "training": "{batch_size: 16}",
        "methods": "[finetune]",
        "seeds": "[0]",
    } | parts
    path = folder / "lab.yaml"
    path.write_text("".join(f"{name}: {text}\n" for name, text in whole.items()))
    return path


def load(folder: Path, **parts: str) -> Sweep:
    """Read the sweep."""
    return Sweep.load(write_sweep(folder, **parts))


def build(sweep: Sweep, seed: int = 0) -> Any:
    """Return the network of the first trial of a sweep."""
    trial = sweep.trials[0]
    network: Network = build_network(
        trial.network.cls, trial.network.config, network_shape(trial.benchmark), seed
    )
    return network


def images(count: int = 8) -> torch.Tensor:
    """Return images of digits, uint8 [count, 1, 8, 8]."""
    return load_dataset("digits").train_x[:count]
