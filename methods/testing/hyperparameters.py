"""Checks of the hyperparameters of a method: its Config, inert ones, and its strength.

Reference:
    None.

Deviations:
    None.
"""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import get_args, get_type_hints

from methods.base import Config, Method
from methods.finetune import Finetune
from methods.testing.blobs import Blobs
from methods.testing.equality import require, require_same
from methods.testing.snapshots import snapshots


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


def check_inertness(blobs: Blobs) -> None:
    """Check that hyperparameters declared inert on the first task do not change its result."""
    for name in sorted(blobs.method_class.inert_on_first_task):
        other = replace(blobs, config=change_hyperparameter(blobs.config, name))
        story = f"{name} is declared inert on the first task, but changes it"
        require_same(next(snapshots(blobs)).state, next(snapshots(other)).state, story)


def check_strength(blobs: Blobs) -> None:
    """Check that a strength of 0 gives the network of fine-tuning, bit for bit.

    With a warm-up, which trains whatever the strength, there is no such network.
    """
    name, cls = blobs.method_class.strength, blobs.method_class
    if name is None or getattr(blobs.config, "warm_up_epochs", False):
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
