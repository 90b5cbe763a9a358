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

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, cast, get_args, get_type_hints

import torch
from torch import Tensor

from methods.base import Config, Method, TaskView
from methods.finetune import Finetune
from methods.testing.blobs import NUM_TASKS, Blobs, State
from methods.testing.watch import (
    ExactMeter,
    copy_state,
    differing,
    require,
    require_same,
    require_saveable,
    watch_generators,
    watch_hooks,
)

Flops = dict[int, dict[Hashable, int]]


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
        if differing(first.state, reloaded.state):
            check_repeats(blobs, straight)
        where = f"saving and loading changed the result of task {first.after}"
        require_same(first.state, reloaded.state, where)
        check_state(blobs, first.state)
        check_predictions(blobs, first)


def check_views(blobs: Blobs) -> None:
    """Check that a memory keeps plain examples although the training augments them."""
    method, view = blobs.fresh(), blobs.view(1)
    learn(method, view, epochs=1, augment=({"name": "flip", "p": 1.0},))
    plain = {row.cpu().numpy().tobytes() for row in view.examples.x}
    for name, tensor in method.state_dict().items():
        if name.endswith("memory.x"):
            rows = {row.cpu().numpy().tobytes() for row in tensor}
            require(rows <= plain, f"{name} holds augmented examples: store those of after_step")


def check_repeats(blobs: Blobs, straight: list[Snapshot]) -> None:
    """Check that a second run gives the states of the first."""
    for first, again in zip(straight, snapshots(blobs), strict=True):
        require_same(first.state, again.state, f"two runs differ after task {first.after}")


def check_config(method_class: type[Method], config: Config) -> None:
    """Check that a Config is keyword-only, survives `asdict`, and rejects unknown names."""
    cls, name = type(config), f"{method_class.__name__}.Config"
    require(isinstance(config, method_class.Config), f"{config!r} is not a {name}")
    require(cls(**asdict(config)) == config, f"{name} is not rebuilt from its asdict()")
    require(cls.__pydantic_config__.get("extra") == "forbid", f"{name} accepts unknown names")
    require(all(f.kw_only for f in fields(cls)), f"{name} accepts positional arguments")
    try:
        cls(**asdict(config), no_such_hyperparameter=1)  # type: ignore[call-arg]
    except TypeError:
        return
    raise AssertionError(f"{name} accepts unknown names")


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
        if size is not None and name.endswith("memory.x"):
            require(len(tensor) <= size, f"{name} has {len(tensor)} rows; memory_size is {size}")
    size = getattr(blobs.config, "memory_bytes", None)
    if size is not None:
        memory = [t for name, t in state.items() if name.startswith("memory.")]
        num_bytes = sum(t.numel() * t.element_size() for t in memory)
        require(num_bytes <= size, f"the memory has {num_bytes} bytes; memory_bytes is {size}")


def check_predictions(blobs: Blobs, live: Snapshot) -> None:
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


def check_inertness(blobs: Blobs) -> None:
    """Check that hyperparameters declared inert on the first task do not change its result."""
    for name in sorted(blobs.method_class.inert_on_first_task):
        other = replace(blobs, config=change_hyperparameter(blobs.config, name))
        story = f"{name} is declared inert on the first task, but changes it"
        require_same(next(snapshots(blobs)).state, next(snapshots(other)).state, story)


def check_strength(blobs: Blobs) -> None:
    """Check that a strength of 0 gives the network of fine-tuning, bit for bit."""
    name, cls = blobs.method_class.strength, blobs.method_class
    if name is None:
        return
    require(hasattr(blobs.config, name), f"{name} is declared as strength: no hyperparameter")
    weak = replace(blobs, config=replace(blobs.config, **{name: 0}))
    plain = replace(blobs, method_class=Finetune, config=Finetune.Config())
    for one, other in zip(snapshots(plain), snapshots(weak), strict=True):
        same = {part: other.state[part] for part in one.state}
        require_same(one.state, same, f"{cls.__name__} with {name} 0 is no fine-tuning")


def change_hyperparameter(config: Config, name: str) -> Config:
    """Return a config with another valid value of one hyperparameter."""
    require(hasattr(config, name), f"{name} is declared inert, but is no hyperparameter")
    now = getattr(config, name)
    choices = [*get_args(get_type_hints(type(config))[name]), 1, 0.5]
    if isinstance(now, bool):
        choices = [not now]
    elif isinstance(now, int | float):
        choices = [now + 1, now - 1, now * 2, now / 2]
    for value in choices:
        if isinstance(value, type):
            continue
        try:
            other = replace(config, **{name: value})
        except ValueError:
            continue
        if other != config:
            return other
    raise AssertionError(f"no second value of {name} was found to prove it inert with")


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The state after a task, and the scores [B, C] of the tasks that `predict` supports."""

    after: int
    state: State
    scores: Mapping[int, Tensor]


def snapshots(blobs: Blobs, reload: bool = False, flops: Flops | None = None) -> Iterator[Snapshot]:
    """Yield a snapshot after each task.

    Args:
        blobs: the method and the tasks.
        reload: whether each task starts from a new method with the saved state.
        flops: FLOPs of steps by task and kind, shared between runs that must agree; None counts
            none. A run that reloads counts the first step of each kind.
    """
    method, state = blobs.fresh(), State()
    for after in range(1, NUM_TASKS + 1):
        if after > 1 and blobs.method_class.starts_afresh:
            method = blobs.fresh()
        elif after > 1 and reload:
            method = blobs.restore(state, num_learned=after - 1)
        meter = ExactMeter(None if flops is None else flops.setdefault(after, {}), not reload)
        learn(method, blobs.view(after), blobs.epochs, meter)
        require_saveable(method.state_dict())
        state = copy_state(method.state_dict())
        yield Snapshot(after, state, predictions(blobs, method, after))


def learn(
    method: Method,
    view: TaskView,
    epochs: int = 2,
    meter: ExactMeter | None = None,
    **options: Any,
) -> None:
    """Learn one task with the learner's loop and check hooks, phases and FLOPs."""
    from orchestrator.stages.learning.learner import Training, num_steps, train_task

    training = Training(epochs=epochs, batch_size=20, lr=0.01, **options)
    view = replace(view, num_steps=num_steps(len(view.examples), training))
    check_phases(method, view)
    with watch_hooks(method):
        train_task(method, view, training, cast(Any, meter or ExactMeter({})))
        method.end_task(view)


def check_phases(method: Method, view: TaskView) -> None:
    """Check that the phases of a method have names of their own."""
    if type(method).phases is Method.phases:
        return
    names = [phase.name for phase in method.phases(view)]
    require(len(set(names)) == len(names), f"the phases of a task need different names: {names}")


@torch.no_grad()
def predictions(blobs: Blobs, method: Method, after: int) -> dict[int, Tensor]:
    """Return the scores of every task that `predict` supports after task `after`."""
    method.eval()
    last = NUM_TASKS if method.scores_unseen else after
    reveals = blobs.scenario == "task"
    tasks = range(1, last + 1)
    return {t: method.predict(blobs.examples(t).x, t if reveals else None) for t in tasks}
