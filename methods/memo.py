"""MEMO: layers that all tasks share, and the last layers once for each task.

The network is divided: its first layers, which extract general features, are shared and go on
learning; each task has its own copy of the last `specialised` layers of the body, of which all but
the newest are frozen. A classifier is over the features of all of them, with an auxiliary one in
training (`methods.parts.expansion`). When a task ends, the new classes' weights get the mean norm
of the old ones', as in `methods.wa`.

State:
    That of `methods.parts.expansion`. columns.<j>: the last layers of earlier tasks.

Reference:
    Zhou et al. 2023, A model or 603 exemplars: towards memory-efficient class-incremental learning,
    ICLR, section 4. The alignment, and shared layers that learn in every task: the authors' code.

Deviations:
    Those of `methods.parts.expansion`. An epoch passes over the exemplars five times by default, as
    in `methods.icarl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from torch import nn

from methods.base import Outlook, Setting, TaskView
from methods.parts.expansion import Expansion, ExpansionConfig
from methods.parts.heads import align_weights
from methods.parts.initialisation import frozen_copy

NEEDED = "needs a body of several layers in sequence (mlp, cnn, resnet18, resnet32, or your own)"


class MEMO(Expansion):
    """Share the first layers among the tasks, and add the last ones for each."""

    @dataclass(frozen=True, kw_only=True)
    class Config(ExpansionConfig):
        """Hyperparameters of MEMO.

        Attributes:
            specialised: layers, or residual blocks, at the end of the body that each task has of
                its own, at least 0; 0 shares all.
            align: whether the new classes' weights are scaled to the norm of the old ones'.
        """

        specialised: int = 1
        align: bool = True

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.specialised < 0:
                raise ValueError(f"specialised must be at least 0, given {self.specialised}")

    takes_any_body: ClassVar[bool] = False
    inert_on_first_task: ClassVar[frozenset[str]] = Expansion.inert_on_first_task | {"align"}
    config: Config

    @classmethod
    def objection(cls, config: Any, setting: Setting) -> str | None:
        """Return the base's objection, or that the network has too few layers to be divided."""
        refusal = super().objection(config, setting)
        if refusal or ":" in setting.network.removeprefix("torchvision:").removeprefix("timm:"):
            return refusal  # a user's network is checked when it is built
        layers = num_layers(setting)
        if layers is None:
            return f"{NEEDED}, given {setting.network}"
        return depth_objection(config.specialised, layers)

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        body = getattr(network, "body", None)
        if not isinstance(body, nn.Sequential):
            raise ValueError(f"{NEEDED}: make its `body` an nn.Sequential that ends with features")
        places = [place for place, block in enumerate(body) if has_weights(block)]
        if refusal := depth_objection(config.specialised, len(places)):
            raise ValueError(refusal)
        # Before the base's constructor, which creates columns from here on.
        self._start = places[-config.specialised] if config.specialised else len(body)
        super().__init__(network, config, outlook)

    @property
    def expands(self) -> bool:
        """Whether a task has layers of its own."""
        return self.config.specialised > 0

    @property
    def entry(self) -> nn.Module | None:
        """The first layer that is not shared."""
        return self.body[self._start] if self.expands else None

    @property
    def body(self) -> nn.Sequential:
        """The layers below the head."""
        return cast(nn.Sequential, self.network.body)

    def new_column(self) -> nn.Module:
        """Return a frozen copy of the layers that are not shared."""
        return frozen_copy(self.body[self._start :])

    def end_task(self, task: TaskView) -> None:
        """Align the weights of the task's classes, and choose exemplars."""
        old = self.old_C.nonzero().flatten().tolist()
        if old and self.config.align:
            align_weights(self.head, old, task.classes)
        super().end_task(task)


def has_weights(block: nn.Module) -> bool:
    """Return whether a block has a linear layer or a convolution."""
    return any(isinstance(module, nn.Linear | nn.Conv2d) for module in block.modules())


def num_layers(setting: Setting) -> int | None:
    """Return the number of layers or blocks of a built-in body; None if it is no sequence."""
    config = setting.network_config
    if getattr(config, "variant", None) == "torchvision":
        return None
    hidden: Sequence[int] = (
        getattr(config, "hidden", (400, 400)) if setting.network == "mlp" else ()
    )
    channels: Sequence[int] = getattr(config, "channels", (32, 64))
    table = {"mlp": len(hidden), "cnn": len(channels) + 1, "resnet18": 9, "resnet32": 16}
    return table.get(setting.network)


def depth_objection(specialised: int, layers: int) -> str | None:
    """Return an objection to a body with fewer layers than are specialised for a task, or None."""
    if specialised <= layers:
        return None
    return f"specialised must be at most {layers}, the layers of the body, given {specialised}"
