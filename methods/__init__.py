"""The methods a sweep can name."""

from __future__ import annotations

from collections.abc import Mapping

from methods.base import Method
from methods.er import ER
from methods.ewc import EWC
from methods.finetune import Finetune
from methods.independent import Independent
from methods.joint import Joint

METHODS: Mapping[str, type[Method]] = {
    "finetune": Finetune,
    "joint": Joint,
    "independent": Independent,
    "ewc": EWC,
    "er": ER,
}
