"""Learning rates: one for all parameters, or one each for the head of the network and the rest.

`lr: {head: 0.1, body: 0.01}` in a sweep file; a number is the short form for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

from torch import nn

from methods.base import Method
from orchestrator.errors import require, suggest

LearningRates = float | dict[str, float]

GROUPS = ("body", "head")


def read_rates(given: LearningRates) -> LearningRates:
    """Return learning rates in their shortest form: a number if both groups have one rate.

    Raises:
        ValueError: a rate is not above 0, or a group is unknown or without a rate.
    """
    if not isinstance(given, Mapping):
        require(0 < given < inf, "lr", given, "above 0 and finite")
        return given
    for group in given:
        if group not in GROUPS:
            raise ValueError(f"lr.{group}: unknown group of parameters; {suggest(group, GROUPS)}")
    for group in GROUPS:
        require(group in given, f"lr.{group}", None, "a rate, since lr has one for each of them")
        require(0 < given[group] < inf, f"lr.{group}", given[group], "above 0 and finite")
    # One spelling of one training, so that it has one key.
    rates = {group: float(given[group]) for group in GROUPS}
    return rates["body"] if rates["body"] == rates["head"] else rates


def lowest_rate(rates: LearningRates) -> float:
    """Return the lowest of the learning rates."""
    return min(rates.values()) if isinstance(rates, dict) else rates


def group_parameters(method: Method, rates: LearningRates) -> list[dict[str, Any]]:
    """Return the parameters that learn as groups for an optimiser, the body's first.

    `head` has the parameters of `network.head`; `body` all others, those of a method outside its
    network included. Groups without parameters are left out.
    """
    learning = [(name, p) for name, p in method.named_parameters() if p.requires_grad]
    if not isinstance(rates, dict):
        return [{"params": [p for _, p in learning], "lr": rates}]
    of_group: dict[str, list[nn.Parameter]] = {group: [] for group in GROUPS}
    for name, p in learning:
        of_group["head" if name.startswith("network.head.") else "body"].append(p)
    groups = ({"params": params, "lr": rates[name]} for name, params in of_group.items())
    return [group for group in groups if group["params"]]
