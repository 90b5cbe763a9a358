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

import copy
from dataclasses import dataclass
from typing import ClassVar, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods import base
from methods.base import Examples, Method, Outlook, TaskView
from methods.parts.generator import Generator
from methods.parts.initialisation import frozen, reinitialise
from methods.parts.ranges import require_positive


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
        latent_size: int = 32
        generator_lr: float = 3e-3

        def __post_init__(self) -> None:
            require_positive("temperature", self.temperature)
            if any(width < 1 for width in self.hidden) or not self.hidden:
                raise ValueError(f"hidden must be widths of at least 1, given {self.hidden}")
            if self.latent_size < 1:
                raise ValueError(f"latent_size must be at least 1, given {self.latent_size}")
            require_positive("generator_lr", self.generator_lr)

    inert_on_first_task: ClassVar[frozenset[str]] = frozenset({"labels", "temperature"})
    storage: ClassVar[dict[str, str]] = {"generator": "generator", "seen": "generator"}
    config: Config
    seen: Tensor

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        told = outlook.num_classes if config.conditional else 0
        with torch.random.fork_rng(devices=[]):
            generator = Generator(outlook.input_shape, config.hidden, config.latent_size, told)
        self.generator = generator.requires_grad_(False)
        self.register_buffer("seen", torch.zeros(outlook.num_classes, dtype=torch.bool))
        self._lesson: Lesson

    def begin_task(self, task: TaskView) -> None:
        """Set the old solver aside, and a copy of the generator that will learn."""
        if task.index == 1:
            reinitialise(self.generator, task.stream("generator initialisation"))
        self._lesson = Lesson.of(self, task)

    def loss(self, batch: Examples) -> Tensor:
        """Return the loss of the batch and of as many images drawn, weighted 1/t and 1 - 1/t."""
        lesson = self._lesson
        if lesson.share == 1:
            return self.task_loss(batch)
        lesson.replayed = self.drawn(len(batch))
        replay = self.replay_loss(lesson.replayed)
        return lesson.share * self.task_loss(batch) + (1 - lesson.share) * replay

    def after_step(self, batch: Examples) -> None:
        """Take the generator's step, on the same images."""
        lesson = self._lesson
        loss = lesson.share * self.generator_loss(batch)
        if lesson.replayed is not None:
            loss = loss + (1 - lesson.share) * self.generator_loss(lesson.replayed)
        lesson.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        lesson.optimizer.step()

    def end_task(self, task: TaskView) -> None:
        """Take over the generator that has learned."""
        self.generator.load_state_dict(self._lesson.generator.state_dict())
        self.seen[list(task.classes)] = True
        del self._lesson

    def drawn(self, count: int) -> Examples:
        """Return images drawn by the old generator; their labels are meant if it is conditional."""
        lesson = self._lesson
        row = torch.randint(len(lesson.labels), (count,), generator=lesson.draws)
        noise = self.noise(count, lesson.draws)
        y = lesson.labels[row.to(noise.device)]
        return Examples(self.generator.draw(y, noise), y)

    def replay_loss(self, replayed: Examples) -> Tensor:
        """Return the solver's mean loss on drawn images, among the outputs that compete."""
        config, lesson = self.config, self._lesson
        logits, competing = self.network(replayed.x), lesson.groups.unsqueeze(1)
        if config.conditional:
            competing = lesson.table[replayed.y].unsqueeze(0)
        logits_GBC = logits.masked_fill(~competing, float("-inf"))
        if config.conditional and config.labels == "hard":
            return F.cross_entropy(logits_GBC.squeeze(0), replayed.y)
        with torch.no_grad():
            old = lesson.solver(replayed.x)
            old_GBC = old.masked_fill(~(competing & self.seen), float("-inf"))
        if config.labels == "hard":
            return F.cross_entropy(logits_GBC.flatten(0, 1), old_GBC.argmax(dim=2).flatten())
        log_p = (logits_GBC / config.temperature).log_softmax(dim=2)
        target = (old_GBC / config.temperature).softmax(dim=2)
        return cast(Tensor, -(target * log_p.masked_fill(~competing, 0)).sum(dim=2).mean())

    def generator_loss(self, examples: Examples) -> Tensor:
        """Return the learning generator's loss on some images."""
        noise = self.noise(len(examples), self._lesson.noise)
        return self._lesson.generator.loss(examples.x, examples.y, noise)

    def noise(self, count: int, generator: torch.Generator) -> Tensor:
        """Return standard normal latents [count, latent_size]."""
        shape = (count, self.config.latent_size)
        return torch.randn(shape, generator=generator).to(self.seen.device)


@dataclass(eq=False)
class Lesson:
    """What the learning of one task needs beside the state; gone when the task ends.

    Attributes:
        share: 1/t, the weight of the task's own images.
        solver: as the last task left it.
        generator: the copy that learns. optimizer: of that copy.
        table: bool [C, C]; row y holds the outputs that compete with label y.
        groups: bool [G, C], the distinct rows of labels seen. labels: int64, the labels seen.
        draws: stream of what is drawn. noise: stream of what the generator learns with.
        replayed: the images of the step under way.
    """

    share: float
    solver: nn.Module
    generator: Generator
    optimizer: torch.optim.Optimizer
    table: Tensor
    groups: Tensor
    labels: Tensor
    draws: torch.Generator
    noise: torch.Generator
    replayed: Examples | None = None

    @staticmethod
    def of(method: GenerativeReplay, task: TaskView) -> Lesson:
        """Return what a method needs for a task."""
        seen, allowed = method.seen, task.allowed
        table = seen.new_ones((len(seen), len(seen))) if allowed is None else allowed
        generator = copy.deepcopy(method.generator).requires_grad_(True)
        return Lesson(
            share=1 / task.index,
            solver=frozen(method.network).eval(),
            generator=generator,
            optimizer=torch.optim.Adam(
                generator.parameters(), lr=method.config.generator_lr, fused=True
            ),
            table=table,
            groups=torch.unique(table[seen], dim=0),
            labels=seen.nonzero().flatten(),
            draws=task.stream("replay"),
            noise=task.stream("generator"),
        )
