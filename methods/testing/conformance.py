"""Conformance checks of a method: `assert_conforms(YourMethod)`.

The method learns three small tasks in every scenario that it supports, with and without batch
normalisation. No download and no files. The checks use the learner's training loop, which belongs
to a higher layer and is therefore imported only when a check runs.

Reference:
    The contract of `methods.base.Method`; each check states its rule.

Deviations:
    None.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from methods.base import Config, Method
from methods.testing.blobs import Blobs, State
from methods.testing.draws import check_draws
from methods.testing.equality import copy_state, require, require_same, unequal_entries
from methods.testing.hyperparameters import check_config, check_inertness, check_strength
from methods.testing.snapshots import Flops, TaskSnapshot, learn, predictions, snapshots
from methods.testing.watch import watch_generators


def assert_conforms(
    method_class: type[Method], config: Config | None = None, scenario: str | None = None
) -> None:
    """Check that a method keeps the contract.

    Args:
        method_class: the method.
        config: hyperparameters; None: the defaults.
        scenario: "task", "domain" or "class"; None: all that the method supports.

    Raises:
        AssertionError: the method breaks the contract in the way that the message describes.
    """
    config = method_class.Config() if config is None else config
    check_config(method_class, config)
    served = method_class.scenarios if scenario is None else {scenario}
    require(served <= method_class.scenarios, f"{method_class.__name__} does not serve {scenario}")
    for each in sorted(served):
        blobs = Blobs(method_class, config, each)
        blobs = replace(blobs, config=method_class.with_defaults(config, blobs.setting("mlp")))
        with watch_generators():
            check_learning(blobs)
            if takes_batch_norm(blobs):
                check_learning(replace(blobs, batch_norm=True))
            check_views(blobs)
            check_draws(blobs)
            check_inertness(blobs)
            check_strength(blobs)
            if torch.cuda.is_available():
                check_learning(replace(blobs, device="cuda"))


def takes_batch_norm(blobs: Blobs) -> bool:
    """Return whether the method supports networks with batch normalisation."""
    return blobs.method_class.objection(blobs.config, blobs.setting("resnet18")) is None


def check_learning(blobs: Blobs) -> None:
    """Check that runs agree, that saving and loading changes nothing, and that states are valid.

    If reloading after every task gives the same states as not reloading, so does reloading after
    any one task.
    """
    # What a step costs does not depend on batch normalisation.
    flops: Flops | None = None if blobs.batch_norm else {}
    straight = [*snapshots(blobs, flops=flops)]
    resumed = snapshots(blobs, reload=True, flops=flops)
    for first, reloaded in zip(straight, resumed, strict=True):
        if unequal_entries(first.state, reloaded.state):
            check_repeats(blobs, straight)
        where = f"saving and loading changed the result of task {first.after}"
        require_same(first.state, reloaded.state, where)
        check_state(blobs, first.state)
        check_predictions(blobs, first)


def check_views(blobs: Blobs) -> None:
    """Check that a memory keeps plain examples although the training augments them."""
    method, view = blobs.create_method(), blobs.view(1)
    learn(method, view, epochs=1, augment=({"name": "flip", "p": 1.0},))
    plain = {row.cpu().numpy().tobytes() for row in view.examples.x}
    for name, tensor in method.state_dict().items():
        # A file holds what it encodes, and features are not examples.
        if name.endswith("memory.x") and tensor.shape[1:] == view.examples.x.shape[1:]:
            rows = {row.cpu().numpy().tobytes() for row in tensor}
            require(rows <= plain, f"{name} holds augmented examples: store those of after_step")


def check_repeats(blobs: Blobs, straight: list[TaskSnapshot]) -> None:
    """Check that a second run gives the states of the first."""
    for first, again in zip(straight, snapshots(blobs), strict=True):
        require_same(first.state, again.state, f"two runs differ after task {first.after}")


def check_state(blobs: Blobs, state: State) -> None:
    """Check that all of the state has storage categories and that memories keep their budget."""
    from orchestrator.columns import CATEGORIES

    categories = {"network": "model", **blobs.method_class.storage}
    for first in sorted({name.split(".")[0] for name in state}):
        require(first in categories, f"no storage category for {first}: add it to `storage`")
        is_category = categories[first] in CATEGORIES
        require(is_category, f"{categories[first]!r} is no storage category; valid: {CATEGORIES}")
    size = getattr(blobs.config, "memory_size", None)
    for name, tensor in state.items():
        rows = name.endswith("memory.sizes") or (name.endswith("memory.x") and tensor.dim() > 1)
        if size is not None and rows:
            require(len(tensor) <= size, f"{name} has {len(tensor)} rows; memory_size is {size}")
    size = getattr(blobs.config, "memory_bytes", None)
    if size is not None:
        memory = [t for name, t in state.items() if name.startswith("memory.")]
        num_bytes = sum(t.numel() * t.element_size() for t in memory)
        require(num_bytes <= size, f"the memory has {num_bytes} bytes; memory_bytes is {size}")


def check_predictions(blobs: Blobs, live: TaskSnapshot) -> None:
    """Check that scores are finite, of shape [B, C], and depend on the state alone."""
    restored = blobs.restore(live.state, live.after)
    before = copy_state(restored.state_dict())
    for task, scores in predictions(blobs, restored, live.after).items():
        shape = (len(blobs.examples(task)), blobs.num_classes)
        where = f"predictions of task {task} after task {live.after}"
        require(tuple(scores.shape) == shape, f"{where} have shape {tuple(scores.shape)}: {shape}")
        require(bool(scores.isfinite().all()), f"{where} are not finite")
        require(torch.equal(scores, live.scores[task]), f"{where} depend on more than the state")
    require_same(before, restored.state_dict(), "predict changed the state")
