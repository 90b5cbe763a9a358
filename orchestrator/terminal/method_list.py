"""The methods as a table: what they serve, and the values of their hyperparameters."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from itertools import product
from math import inf
from typing import Any

import yaml
from rich.box import SIMPLE
from rich.table import Column, Table

from methods import METHODS
from methods.base import Method, Setting
from orchestrator.networks.networks import NETWORKS

UNSET_NOTE = "options without a value are unset by default"
SCENARIOS = ("task", "domain", "class")
# A small input of each kind; methods are asked for objections to it.
INPUTS = {"images": (3, 32, 32), "rows": (64,)}
OTHER_BODIES = {"images": ("mlp", "cnn"), "rows": ("mlp",)}


def methods_table() -> Table:
    """Return the methods with what they serve and their hyperparameters, open ones filled in."""
    texts = {name: list(default_texts(cls)) for name, cls in METHODS.items()}
    words = [word for lines in texts.values() for line in lines for word in line.split()]
    table = Table(
        Column("method", no_wrap=True),
        Column("hyperparameters\n(defaults)", width=max(map(len, words))),
        Column("serves", min_width=len("transformers")),
        Column("what it does"),
        box=SIMPLE,
        pad_edge=False,
        collapse_padding=True,
    )
    table.caption, table.caption_justify = UNSET_NOTE, "left"
    for name, cls in sorted(METHODS.items()):
        defaults = "\n".join(texts[name]) or "-"
        table.add_row(name, defaults, "\n".join(describe_scope(cls)), first_sentence(cls))
    return table


def first_sentence(cls: type[Any]) -> str:
    """Return the first sentence of a class's documentation."""
    return (inspect.getdoc(cls) or "").partition("\n")[0]


def describe_scope(cls: type[Method]) -> Iterator[str]:
    """Yield the scenarios, the inputs and the networks that a method serves."""
    yield ", ".join(name for name in SCENARIOS if name in cls.scenarios)
    if cls.needs_tokens:
        yield "transformers"
        return
    yield ", ".join(kind for kind in INPUTS if takes_input(cls, kind))
    if not cls.takes_any_body:
        yield "bodies of layers"
    if not cls.takes_steps:
        yield "no training steps"


def takes_input(cls: type[Method], kind: str) -> bool:
    """Return whether a method takes inputs of a kind, in any scenario and with any network."""
    config, settings = cls.Config(), product(cls.scenarios, OTHER_BODIES[kind])
    return any(cls.objection(config, usual_setting(s, kind, body)) is None for s, body in settings)


def usual_setting(scenario: str, kind: str, network: str) -> Setting:
    """Return a setting of five tasks of two classes."""
    return Setting(
        scenario=scenario,
        num_classes=10,
        input_shape=INPUTS[kind],
        network=network,
        num_tasks=5,
        network_config=NETWORKS[network].Config(),
    )


def default_texts(cls: type[Method]) -> Iterator[str]:
    """Yield each hyperparameter with its default, per scenario where that is left to it."""
    by_scenario = {
        scenario: cls.with_defaults(cls.Config(), usual_setting(scenario, "images", "mlp"))
        for scenario in SCENARIOS
        if scenario in cls.scenarios
    }
    for field in fields(cls.Config):
        values = {scenario: getattr(one, field.name) for scenario, one in by_scenario.items()}
        yield default_text(field.name, values)


def default_text(name: str, by_scenario: dict[str, Any]) -> str:
    """Return `lam=1`, `lam` without a default, or `head=true (domain), false (task, class)`."""
    scenarios: dict[Any, list[str]] = {}
    for scenario, value in by_scenario.items():
        scenarios.setdefault(value_in_file(value), []).append(scenario)
    if len(scenarios) == 1:
        return name + next(f"={text}" if text else "" for text in scenarios)
    texts = (f"{text or 'none'} ({', '.join(names)})" for text, names in scenarios.items())
    return f"{name}={', '.join(texts)}"


def value_in_file(value: Any) -> str:
    """Return a value as YAML in a line, "" for none; of a nested configuration what is set."""
    if value is None:
        return ""
    if is_dataclass(value):
        value = {name: each for name, each in vars(value).items() if each is not None}
    plain = list(value) if isinstance(value, tuple) else value
    return yaml.safe_dump(plain, default_flow_style=True, width=inf).partition("\n")[0]
