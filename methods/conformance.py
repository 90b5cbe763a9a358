"""The contract every method keeps, checked by running it: `assert_conforms(YourMethod)`.

Three small tasks of blurred blobs are learned with a small network, once with and once without batch
normalisation, in every scenario the method serves. Nothing is downloaded and nothing is left behind.

Reference:
    The contract is that of `methods.base.Method`; each check's docstring states its clause.

Deviations:
    None.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from itertools import pairwise
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints
from zlib import crc32

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from methods.base import Config, Examples, Method, Outlook, TaskView

CATEGORIES = frozenset(
    "model anchor importance teacher buffer generator columns optimizer raw_data".split()
)
NUM_TASKS = 3
CLASSES_PER_TASK = 2
EXAMPLES_PER_CLASS = 24
IMAGE = (1, 4, 4)

State = dict[str, Tensor]


def assert_conforms(
    method_class: type[Method], config: Config | None = None, scenario: str | None = None
) -> None:
    """Run a method through the contract.

    Args:
        method_class: the method.
        config: hyperparameters; None: the defaults.
        scenario: "task", "domain" or "class"; None: all that the method serves.

    Raises:
        AssertionError: the method breaks the contract; says which clause and how.
    """
    config = method_class.Config() if config is None else config
    check_config(method_class, config)
    served = method_class.scenarios if scenario is None else {scenario}
    require(served <= method_class.scenarios, f"{method_class.__name__} does not serve {scenario}")
    for each in sorted(served):
        for batch_norm in (False, True):
            setup = Setup(method_class, config, each, batch_norm)
            with global_generators_untouched():
                check_setup(setup)
        check_inertness(Setup(method_class, config, each, batch_norm=False))
        if torch.cuda.is_available():
            check_device(Setup(method_class, config, each, batch_norm=False, device="cuda"))


def check_setup(setup: Setup) -> None:
    """Learn all tasks straight through, again, and again with a reload after every task."""
    straight, again, reloaded = (list(learned(setup)), list(learned(setup)), list(learned(setup, True)))
    for index, (first, second, third) in enumerate(
        zip(straight, again, reloaded, strict=True), start=1
    ):
        require_same(first, second, f"two runs disagree after task {index}")
        require_same(first, third, f"after task {index}, saving and loading changed what came of it")
        check_state(setup, first)
        check_predictions(setup, first, index)


# --- what is run ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Setup:
    """One method in one scenario with one network."""

    method_class: type[Method]
    config: Config
    scenario: str
    batch_norm: bool
    device: str = "cpu"

    @property
    def num_classes(self) -> int:
        """Outputs of the head."""
        return CLASSES_PER_TASK * (1 if self.scenario == "domain" else NUM_TASKS)

    def classes(self, index: int) -> tuple[int, ...]:
        """Return the outputs that task `index`, 1..T, uses."""
        first = 0 if self.scenario == "domain" else CLASSES_PER_TASK * (index - 1)
        return tuple(range(first, first + CLASSES_PER_TASK))

    def examples(self, index: int) -> Examples:
        """Return the task's examples: one blob of pixel values per class."""
        generator = stream(index, "examples")
        y = torch.tensor(self.classes(index)).repeat_interleave(EXAMPLES_PER_CLASS)
        centres = torch.rand((CLASSES_PER_TASK, *IMAGE), generator=generator) * 255
        noise = 30 * torch.randn((len(y), *IMAGE), generator=generator)
        x = centres.repeat_interleave(EXAMPLES_PER_CLASS, dim=0) + noise
        return Examples(x.clamp(0, 255).to(torch.uint8), y)

    def allowed(self, index: int) -> Tensor | None:
        """Return the table of competing outputs after task `index`."""
        if self.scenario == "domain":
            return None
        owner = torch.arange(self.num_classes) // CLASSES_PER_TASK
        if self.scenario == "task":
            return owner.unsqueeze(1) == owner
        return (owner < index).expand(self.num_classes, -1)

    def view(self, index: int) -> TaskView:
        """Return what the method is shown of task `index`."""
        seen = self.method_class.trains_on == "seen"
        examples = self.examples(1 if seen else index)
        for further in range(2, index + 1) if seen else ():
            examples = examples + self.examples(further)
        allowed = self.allowed(index)
        return TaskView(
            index=index,
            classes=self.classes(index),
            examples=examples.to(self.device),
            allowed=None if allowed is None else allowed.to(self.device),
            stream=lambda purpose: stream(index, purpose),
        )

    def method(self, state: State | None = None, num_learned: int = 0) -> Method:
        """Return the method, fresh or in a state it had after some tasks."""
        generator = stream(0 if state is None else 1, "initialisation")
        outlook = Outlook(self.num_classes, IMAGE, num_learned)
        method = self.method_class(network(outlook, self.batch_norm, generator), self.config, outlook)
        if state is not None:
            method.load_state_dict(safetensors.torch.load(safetensors.torch.save(state)))
        return method.to(self.device)


def network(outlook: Outlook, batch_norm: bool, generator: torch.Generator) -> nn.Module:
    """Return a small network with a layer named head."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.set_state(generator.get_state())
        return SmallNetwork(outlook, batch_norm)


class SmallNetwork(nn.Module):
    """Two linear layers, with batch normalisation between them or not."""

    def __init__(self, outlook: Outlook, batch_norm: bool) -> None:
        super().__init__()
        channels, height, width = outlook.input_shape
        self.body = nn.Linear(channels * height * width, 12)
        self.norm = nn.BatchNorm1d(12) if batch_norm else nn.Identity()
        self.head = nn.Linear(12, outlook.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores [B, C] of uint8 images, or of float pixels in [0, 1]."""
        pixels = x if x.is_floating_point() else x.float() / 255
        return cast(Tensor, self.head(self.norm(self.body(pixels.flatten(1))).relu()))


def stream(index: int, purpose: str) -> torch.Generator:
    """Return a fresh generator for a task and a purpose."""
    return torch.Generator().manual_seed(crc32(f"{index} {purpose}".encode()))


def learned(setup: Setup, reload: bool = False) -> Iterator[State]:
    """Yield the state after each task; with `reload`, each task starts from the saved state alone."""
    method, state = setup.method(), None
    for index in range(1, NUM_TASKS + 1):
        if setup.method_class.starts_afresh:
            method = setup.method()
        elif reload and state is not None:
            method = setup.method(state, num_learned=index - 1)
        learn(setup, method, index)
        state = {name: t.detach().clone() for name, t in method.state_dict().items()}
        yield state


def learn(setup: Setup, method: Method, index: int) -> None:
    """Learn one task with the learner's own loop, watching the hooks."""
    # The loop lives above this layer; nothing here needs it before a check runs.
    from orchestrator.learner import Training, train_task

    view = setup.view(index)
    watch_hooks(method)
    train_task(method, view, Training(epochs=2, batch_size=20), cast(Any, ExactMeter()))
    method.end_task(view)


# --- what is checked -----------------------------------------------------------------------------


def check_config(method_class: type[Method], config: Config) -> None:
    """A Config is frozen, keyword-only, rebuilt from its own dict, and refuses unknown names."""
    cls, name = type(config), f"{method_class.__name__}.Config"
    require(isinstance(config, method_class.Config), f"{config} is not a {name}")
    require(cls(**asdict(config)) == config, f"{name} is not rebuilt from asdict()")
    require(cls.__pydantic_config__.get("extra") == "forbid", f"{name} accepts unknown names")
    require(all(f.kw_only for f in fields(cls)), f"{name} accepts positional arguments")
    require(cls.__dataclass_params__.frozen, f"{name} is not frozen")  # type: ignore[attr-defined]


def check_state(setup: Setup, state: State) -> None:
    """State is tensors that safetensors takes as they are, each in a storage category, within bounds."""
    cls = setup.method_class
    categories = {"network": "model", **cls.storage}
    storages: dict[int, str] = {}
    for name, tensor in state.items():
        first = name.split(".")[0]
        require(first in categories, f"{name} has no storage category: name {first} in `storage`")
        category = categories[first]
        require(category in CATEGORIES, f"{category} is no storage category: {sorted(CATEGORIES)}")
    for name, tensor in setup_state_tensors(setup):
        require(tensor.is_contiguous(), f"{name} is not contiguous")
        pointer = tensor.untyped_storage().data_ptr()
        if tensor.numel():
            other = storages.setdefault(pointer, name)
            require(other == name, f"{name} shares its storage with {other}")
    size = getattr(setup.config, "memory_size", None)
    for name, tensor in state.items():
        if size is not None and name.endswith("memory.x"):
            require(len(tensor) <= size, f"{name} has {len(tensor)} rows, memory_size is {size}")
