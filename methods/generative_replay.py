"""Deep generative replay: old tasks are rehearsed with images from a generator, not from a memory.

From the second task t on, every step draws as many images as are new from the generator as the last
task left it, labels them by the solver as the last task left it, and minimises

    L = 1/t L_current + (1 - 1/t) L_replay

The generator learns beside the solver, one step of its own optimiser after each of the solver's,
from the same images with the same weights, so it too rehearses what it drew.

Shape legend: B images, C outputs, G groups of outputs that compete (one, unless told the task).

State:
    generator: the weights of the generator, as the last task left it.
    seen: bool [C], the outputs that labels of tasks learned use. Both change when a task ends.

Reference:
    Shin et al. 2017, Continual learning with deep generative replay, NeurIPS, eq. 1. A variational
    autoencoder, soft targets at temperature 2, r = 1/t: van de Ven et al. 2022, Nature Machine
    Intelligence 4 (and arXiv:1904.07734), "DGR" and "DGR + distill".

Deviations:
    Where tasks are told, an image drawn has none; as in van de Ven's code the loss is the mean over
    the outputs of every earlier task. Labels are among outputs of earlier tasks. Soft targets get
    no factor temperature^2, as there. A generator starts each task with a new Adam; there it is
    kept. Conditional is an addition: labels are drawn first, evenly over the outputs seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods import base
from methods.base import Examples, Method, Outlook, TaskView
from methods.generator import Generator
from methods.independent import frozen, reinitialise


class GenerativeReplay(Method):
    """Rehearse with drawn images, and let the generator rehearse too."""

    @dataclass(frozen=True, kw_only=True)
    class Config(base.Config):
        """Hyperparameters of generative replay.

        Attributes:
            labels: the old solver's best class (hard) or its probabilities (soft).
            temperature: of soft labels, above 0.
            conditional: whether the generator is told which class to draw; hard labels are then
                known without the old solver.
            hidden: widths of the generator's hidden layers, from image to latent.
            latent_size: of the generator.
            generator_lr: learning rate of the generator's Adam.
        """

        labels: Literal["hard", "soft"] = "hard"
        temperature: float = 2.0
        conditional: bool = False
        hidden: tuple[int, ...] = (400, 400)
        latent_size: int = 100
        generator_lr: float = 1e-3

        def __post_init__(self) -> None:
            if not 0 < self.temperature < float("inf"):
                raise ValueError(f"temperature must be above 0 and finite, given {self.temperature}")
            if any(width < 1 for width in self.hidden) or not self.hidden:
                raise ValueError(f"hidden must be widths of at least 1, given {self.hidden}")
            if self.latent_size < 1:
                raise ValueError(f"latent_size must be at least 1, given {self.latent_size}")
            if not 0 < self.generator_lr < float("inf"):
                raise ValueError(
                    f"generator_lr must be above 0 and finite, given {self.generator_lr}"
                )

    inert_on_first_task: ClassVar[frozenset[str]] = frozenset({"labels", "temperature"})
    storage: ClassVar[dict[str, str]] = {"generator": "generator", "seen": "generator"}
    config: Config
    seen: Tensor

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        told = outlook.num_classes if config.conditional else 0
        with torch.random.fork_rng(devices=[]):
            generator = Generator(outlook.input_shape, config.hidden, config.latent_size, told)
        self.generator = frozen(generator)
        self.register_buffer("seen", torch.zeros(outlook.num_classes, dtype=torch.bool))
        self._lesson: Lesson | None = None

    def begin_task(self, task: TaskView) -> None:
        """Set aside the old solver and the old generator."""
        if task.index == 1:
            reinitialise(self.generator, task.stream("generator initialisation"))
        self._lesson = Lesson(self, task)
'''
