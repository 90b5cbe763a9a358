"""Data and networks of the conformance suite: three small tasks, two linear layers.

Reference:
    None.

Deviations:
    None.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import cast
from zlib import crc32

import safetensors.torch
import torch
from torch import Tensor, nn

from methods.base import Config, Examples, Method, Outlook, Setting, TaskView

NUM_TASKS = 3
CLASSES_PER_TASK = 2
EXAMPLES_PER_CLASS = 24
IMAGE = (1, 4, 4)

State = dict[str, Tensor]


@dataclass(frozen=True)
class Blobs:
    """One method in one scenario with one network, on three small tasks of `epochs` epochs."""

    method_class: type[Method]
    config: Config
    scenario: str
    batch_norm: bool = False
    device: str = "cpu"
    epochs: int = 2

    @property
    def num_classes(self) -> int:
        """Outputs of the head."""
        return CLASSES_PER_TASK * (1 if self.scenario == "domain" else NUM_TASKS)

    def classes(self, index: int) -> tuple[int, ...]:
        """Return the outputs used by task `index`, 1..T."""
        first = 0 if self.scenario == "domain" else CLASSES_PER_TASK * (index - 1)
        return tuple(range(first, first + CLASSES_PER_TASK))

    def examples(self, index: int) -> Examples:
        """Return the task's examples: noisy copies of one random image per class."""
        generator = stream(index, "examples")
        y = torch.tensor(self.classes(index)).repeat_interleave(EXAMPLES_PER_CLASS)
        centres = torch.rand((CLASSES_PER_TASK, *IMAGE), generator=generator) * 255
        noise = 30 * torch.randn((len(y), *IMAGE), generator=generator)
        x = centres.repeat_interleave(EXAMPLES_PER_CLASS, dim=0) + noise
        return Examples(x.clamp(0, 255).to(torch.uint8), y).to(self.device)

    def allowed_outputs(self, index: int) -> Tensor | None:
        """Return the table of competing outputs after task `index`."""
        if self.scenario == "domain":
            return None
        owner = torch.arange(self.num_classes, device=self.device) // CLASSES_PER_TASK
        if self.scenario == "task":
            return owner.unsqueeze(1) == owner
        return (owner < index).repeat(self.num_classes, 1)

    def view(self, index: int) -> TaskView:
        """Return the view of task `index`."""
        first = 1 if self.method_class.trains_on == "seen" else index
        examples = self.examples(first)
        for later in range(first + 1, index + 1):
            examples = examples + self.examples(later)
        return TaskView(
            index=index,
            classes=self.classes(index),
            examples=examples,
            allowed=self.allowed_outputs(index),
            stream=lambda purpose: stream(index, purpose),
            scenario=self.scenario,
        )

    def setting(self, network: str) -> Setting:
        """Return the setting of the tasks with a network."""
        return Setting(self.scenario, self.num_classes, IMAGE, network, NUM_TASKS)

    def create_method(self) -> Method:
        """Return the method before its first task."""
        return self._method(stream(0, "initialisation"), num_learned=0).to(self.device)

    def restore(self, state: State, num_learned: int) -> Method:
        """Return a new method with a saved state loaded."""
        # Other weights than `fresh`, so that what the state leaves out shows.
        method = self._method(stream(0, "another initialisation"), num_learned)
        # By the format of the store, which refuses views and other types.
        method.load_state_dict(safetensors.torch.load(safetensors.torch.save(state)))
        return method.to(self.device)

    def _method(self, generator: torch.Generator, num_learned: int) -> Method:
        outlook = Outlook(self.num_classes, IMAGE, num_learned)
        if self.method_class.needs_tokens:
            network = small_transformer(outlook, generator)
        else:
            in_blocks = not self.method_class.takes_any_body
            network = small_network(outlook, self.batch_norm, generator, in_blocks)
        return self.method_class(network, self.config, outlook)


def stream(index: int, purpose: str) -> torch.Generator:
    """Return a fresh generator for a task and a purpose."""
    return torch.Generator().manual_seed(crc32(f"{index} {purpose}".encode()))


def small_network(
    outlook: Outlook, batch_norm: bool, generator: torch.Generator, in_blocks: bool = False
) -> nn.Module:
    """Return a small network whose weights depend on the generator alone."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.set_state(generator.get_state())
        return (SmallBlocks if in_blocks else SmallNetwork)(outlook, batch_norm)


def small_transformer(outlook: Outlook, generator: torch.Generator) -> nn.Module:
    """Return a small transformer whose weights depend on the generator alone."""
    from orchestrator.networks.base import NetworkShape
    from orchestrator.networks.vit import ViTTiny

    shape = NetworkShape(outlook.input_shape, outlook.num_classes, (0.5,), (0.25,))
    config = ViTTiny.Config(patch=2, width=8, depth=2, heads=2, expansion=2)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.set_state(generator.get_state())
        return ViTTiny(config, shape)


class SmallNetwork(nn.Module):
    """Two linear layers, optionally with batch normalisation between them."""

    def __init__(self, outlook: Outlook, batch_norm: bool = False) -> None:
        super().__init__()
        channels, height, width = outlook.input_shape
        self.body = nn.Linear(channels * height * width, 12)
        self.norm = nn.BatchNorm1d(12) if batch_norm else nn.Identity()
        self.head = nn.Linear(12, outlook.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores [B, C] of uint8 images, or of float pixels in [0, 1]."""
        pixels = x if x.is_floating_point() else x.float() / 255
        return cast(Tensor, self.head(self.norm(self.body(pixels.flatten(1))).relu()))


class SmallBlocks(nn.Module):
    """A body of two linear layers in sequence, optionally with batch normalisation, and a head."""

    def __init__(self, outlook: Outlook, batch_norm: bool = False) -> None:
        super().__init__()
        norms = (nn.BatchNorm1d(12) if batch_norm else nn.Identity() for _ in range(2))
        layers = nn.Linear(prod(outlook.input_shape), 12), nn.Linear(12, 12)
        blocks = ((layer, norm, nn.ReLU()) for layer, norm in zip(layers, norms, strict=True))
        self.body = nn.Sequential(nn.Flatten(), *chain.from_iterable(blocks))
        self.head = nn.Linear(12, outlook.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores [B, C] of uint8 images, or of float pixels in [0, 1]."""
        pixels = x if x.is_floating_point() else x.float() / 255
        return cast(Tensor, self.head(self.body(pixels)))
