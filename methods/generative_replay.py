"""Deep generative replay: past tasks are replayed with generated images, not with stored ones.

From the second task t on, every step draws as many images as the batch has from a copy of the
generator made when the task began, labels them with a copy of the solver (the network) made at the
same time, and minimises

    L = 1/t L_current + (1 - 1/t) L_replay

The generator takes one step of its own optimiser after each step of the solver, on the same images
with the same weights, so that it replays past tasks too. On features it is a model of features.

Shape legend: B images, C outputs, G groups of competing outputs (1 except in the task scenario).

State:
    generator: the weights of the generator after the last task, and the scale of features.
    seen: bool [C], the outputs used by labels of learned tasks. Both change when a task ends.

Reference:
    Shin et al. 2017, Continual learning with deep generative replay, NeurIPS, eq. 1. A variational
    autoencoder, soft targets at temperature 2, r = 1/t: van de Ven et al. 2022, Nature Machine
    Intelligence 4 (and arXiv:1904.07734), "DGR" and "DGR + distill".

Deviations:
    In the task scenario a generated image belongs to no task; as in van de Ven's code the loss is
    the mean over the outputs of every earlier task. Labels are among outputs of earlier tasks. Soft
    targets have no factor temperature^2, as in that code. Each task starts with a new Adam for the
    generator; in that code it is kept. That code generates pixels: of features (a frozen body's, or
    a table's) the generator has Gaussian outputs, see `methods.parts.generator`. `conditional` is
    an addition: labels are drawn first, uniformly over the outputs seen.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods import base
from methods.base import Examples, Method, Outlook, Setting, TaskView
from methods.parts.distillation import soft_target_loss
from methods.parts.former import FormerNetwork
from methods.parts.generator import Generator
from methods.parts.initialisation import reinitialise
from methods.parts.ranges import require_one, require_positive, require_widths


class GenerativeReplay(Method):
    """Replay generated images, in the network and in the generator."""

    @dataclass(frozen=True, kw_only=True)
    class Config(base.Config):
        """Hyperparameters of generative replay.

        Attributes:
            labels: the old solver's most probable class (hard) or its probabilities (soft).
            temperature: of soft labels, above 0.
            conditional: whether the generator draws images of a given class; hard labels then need
                no old solver.
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
            require_widths("hidden", self.hidden)
            require_one("latent_size", self.latent_size)
            require_positive("generator_lr", self.generator_lr)

    version: ClassVar[int] = 2
    inert_on_first_task: ClassVar[frozenset[str]] = frozenset({"labels", "temperature"})
    storage: ClassVar[dict[str, str]] = {"generator": "generator", "seen": "generator"}
    config: Config
    seen: Tensor

    @classmethod
    def version_in(cls, setting: Setting) -> int:
        """Return 1 for images, whose numbers are those of version 1."""
        return cls.version if len(setting.input_shape) == 1 else 1

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        labels = outlook.num_classes if config.conditional else 0
        # The constructor draws weights from the global generator, which must stay as it was.
        with torch.random.fork_rng(devices=[]):
            generator = Generator(outlook.input_shape, config.hidden, config.latent_size, labels)
        self.generator = generator.requires_grad_(False)
        self.register_buffer("seen", torch.zeros(outlook.num_classes, dtype=torch.bool))
        self._lesson: Lesson

    def begin_task(self, task: TaskView) -> None:
        """Copy the old solver and the generator; begin the generator at the first task."""
        if task.index == 1:
            reinitialise(self.generator, task.stream("generator initialisation"))
            self.generator.standardise(task.examples.x)
        self._lesson = Lesson.begin(self, task)

    def loss(self, batch: Examples) -> Tensor:
        """Return the losses of the batch and of as many replayed images, weighted by task."""
        lesson = self._lesson
        # The first task, with nothing to replay.
        if lesson.share == 1:
            return self.task_loss(batch)
        # Kept for the generator's own step on the same images, in `after_step`.
        lesson.replayed = self.draw(len(batch))
        replay = self.replay_loss(self.augment(lesson.replayed))
        return lesson.share * self.task_loss(batch) + (1 - lesson.share) * replay

    def after_step(self, batch: Examples) -> None:
        """Train the generator for a step on the same images."""
        lesson = self._lesson
        # The generator learns the task and its own replay, with the solver's weights 1/t and 1 -
        # 1/t.
        loss = lesson.share * lesson.generator.draw_loss(batch.x, batch.y, lesson.noise)
        if lesson.replayed is not None:
            x, y = lesson.replayed.x, lesson.replayed.y
            loss = loss + (1 - lesson.share) * lesson.generator.draw_loss(x, y, lesson.noise)
        lesson.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        lesson.optimizer.step()

    def end_task(self, task: TaskView) -> None:
        """Keep the trained generator and mark the task's outputs as seen."""
        self.generator.load_state_dict(self._lesson.generator.state_dict())
        self.seen[list(task.classes)] = True
        del self._lesson

    def draw(self, count: int) -> Examples:
        """Return images from the old generator; the labels are valid only if it is conditional."""
        lesson = self._lesson
        row = torch.randint(len(lesson.labels), (count,), generator=lesson.draws)
        noise = self.generator.noise(count, lesson.draws)
        y = lesson.labels[row.to(noise.device, non_blocking=True)]
        return Examples(self.generator.draw(y, noise).float(), y)

    def replay_loss(self, replayed: Examples) -> Tensor:
        """Return the solver's mean loss on replayed images, over the competing outputs."""
        config, lesson = self.config, self._lesson
        logits, competing = self.network(replayed.x), lesson.groups.unsqueeze(1)
        if config.conditional:
            competing = lesson.table[replayed.y].unsqueeze(0)
        logits_GBC = logits.masked_fill(~competing, float("-inf"))
        if config.conditional and config.labels == "hard":
            return F.cross_entropy(logits_GBC.squeeze(0), replayed.y)
        old = lesson.solver(replayed.x)
        # A label of a class that no task had yet would be noise of the untrained outputs.
        old_GBC = old.masked_fill(~(competing & self.seen), float("-inf"))
        if config.labels == "hard":
            return F.cross_entropy(logits_GBC.flatten(0, 1), old_GBC.argmax(dim=2).flatten())
        return soft_target_loss(old_GBC, logits_GBC, competing, config.temperature)


@dataclass(eq=False)
class Lesson:
    """Values used during one task that are not part of the state.

    Attributes:
        share: 1/t, the weight of the task's own images.
        solver: the network after the last task.
        generator: the copy in training. optimizer: of that copy.
        table: bool [C, C]; row y marks the outputs that compete with label y.
        groups: bool [G, C], the distinct rows of labels seen. labels: int64, the labels seen.
        draws: random stream of replayed images. noise: that of the generator's training.
        replayed: the replayed images of the current step.
    """

    share: float
    solver: FormerNetwork
    generator: Generator
    optimizer: torch.optim.Optimizer
    table: Tensor
    groups: Tensor
    labels: Tensor
    draws: torch.Generator
    noise: torch.Generator
    replayed: Examples | None = None

    @staticmethod
    def begin(method: GenerativeReplay, task: TaskView) -> Lesson:
        """Return the values for the start of a task."""
        seen, allowed = method.seen, task.allowed
        table = seen.new_ones((len(seen), len(seen))) if allowed is None else allowed
        # A copy learns: the generator of before goes on drawing the replay of the whole task.
        generator = copy.deepcopy(method.generator).requires_grad_(True)
        rate = method.config.generator_lr
        optimizer = torch.optim.Adam(generator.parameters(), lr=rate, fused=True)
        return Lesson(
            share=1 / task.index,
            solver=FormerNetwork(method.network),
            generator=generator,
            optimizer=optimizer,
            table=table,
            # Labels that compete with the same outputs share a softmax, and a term of the loss.
            groups=torch.unique(table[seen], dim=0),
            labels=seen.nonzero().flatten(),
            draws=task.stream("replay"),
            noise=task.stream("generator"),
        )
