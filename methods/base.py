"""The contract of a method: its inputs, its state, and the hooks that the learner calls.

Shape legend: B examples, C classes of the head, N stored examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self, TypeAlias, cast

from torch import Tensor, nn

from methods.examples import Examples as Examples
from methods.examples import input_dtype as input_dtype
from methods.hooks import TrainingHooks
from methods.views import Exposure as Exposure
from methods.views import Outlook as Outlook
from methods.views import Phase as Phase
from methods.views import Replayed as Replayed
from methods.views import Setting as Setting
from methods.views import TaskView as TaskView


@dataclass(frozen=True, kw_only=True)
class Config:
    """Hyperparameters of a method: frozen, keyword-only, ranges checked in `__post_init__`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    def with_storage(self, size: int) -> Self | None:
        """Return a copy whose memory (storage of category "buffer") takes at most `size` bytes.

        This is the method's storage dial, which is solved for where methods are compared at equal
        storage. None: there is none; what the method carries follows from the network and the
        stream.
        """
        return None

    def with_examples(self, count: int) -> Self | None:
        """Return a copy whose memory has at most `count` examples.

        This is the storage dial of a memory of files, whose bytes depend on the images: `count` is
        solved for such that the largest files would fit. None: the memory is none of files.
        """
        return None

    def without_interval(self) -> tuple[Self, int] | None:
        """Return a copy that measures at the end of a task alone, and the interval in steps.

        For a method whose steps cost alike, and which also measures the batch after every
        `interval` steps, and at the end of a task after a shorter rest. Its consolidation is this
        measurement alone, and costs the same on batches of one size, so the FLOPs of any number of
        steps are exact. None: all steps of a task cost what the last do.
        """
        return None

    def without_growth(self) -> Self | None:
        """Return a copy whose state does not grow by what is learned; else it computes the same.

        For a method that is `sized_by_learning` and whose FLOPs depend on the size. They are those
        of the copy, and what `Method.growth_flops` says. None: they do not depend on it.
        """
        return None

    def num_replayed(
        self, setting: Setting, exposure: Exposure, batch_size: int
    ) -> Replayed | None:
        """Return the stored examples in the steps on the next batch.

        For a method whose steps on batches of one size differ in these alone; their number never
        falls within a task. So the FLOPs of any number of steps are exact, on whatever was shown
        before. None: the number does not depend on what was shown, or nothing says how.

        Args:
            setting: the circumstances of the trial.
            exposure: what was shown before the batch.
            batch_size: examples of the batch.
        """
        return None

    @property
    def stores_repeats(self) -> bool:
        """Whether a memory stores an example again when it is shown again, in a later epoch.

        It then fills for as many epochs as it takes, and holds what `num_drawn` says later.
        """
        return False

    def num_drawn(self, batch_size: int) -> int:
        """Return the most stored examples that a step draws from a memory that fills meanwhile.

        On the first task a memory holds what the steps before have shown it: a step costs what all
        later ones do once as many examples as it draws have been shown. 0: a step draws none, or
        the memory does not change during a task.

        Args:
            batch_size: examples of the batch.
        """
        return 0


def neutral(value: Any) -> Any:
    """Return a field of a Config that defaults to `value` and is left out of keys at that value.

    Use it for a hyperparameter that is added to an existing method. At the neutral value the method
    must compute the same bits as before the field existed, so that stages computed before are
    reused. The value must be hashable, like any default of a dataclass.
    """
    return field(default=value, metadata={"neutral": value})


AnyConfig: TypeAlias = Config  # inside Method the bare name is the class attribute


class Method(TrainingHooks):
    """A continual-learning method. Its `state_dict()` is all that passes from task to task.

    A subclass overrides hooks only, allocates every buffer in `__init__` for `outlook.num_learned`
    tasks (at its largest, if its size depends on what was learned: a state that is loaded sets it),
    and calls `super()` only there and in `objection`. What equals the network between tasks
    is not carried: it is copied when a task begins (`methods.parts.former`).

    Hooks run in the order `begin_task`, then for each of `phases`: `begin_phase, examples`, then
    for each epoch: `begin_epoch`, (`loss, after_backward, after_step`) for each of the
    `num_updates` of each batch, `after_epoch`; last `end_task`. Hooks that few methods need are in
    `methods.hooks`; functions that no method overrides are in `methods.losses`.

    Attributes:
        version: raised by hand when the method's numbers change; part of every key.
        scenarios: the scenarios that the method supports.
        trains_on: "current" task or all "seen" tasks.
        starts_afresh: whether each stage starts from the fresh network of stage 0.
        scores_unseen: whether `predict` is meaningful for a task not yet learned.
        inert_on_first_task: hyperparameters that cannot change the first task's stage (tested).
        divides_task: whether the method divides the steps of a task into parts of a length given
            beforehand, so that its training cannot stop early.
        takes_steps: whether the method learns by steps of an optimiser. One that does not goes
            through no phase and learns in `end_task`, in closed form or in one pass; its stages
            depend on no option of the training but `num_threads`.
        takes_mixtures: whether `loss` can take examples that are mixed with others, whose labels
            are shared (mixup, cutmix); `task_loss` can.
        takes_any_body: whether any network with a head will do; False: its `body` must be an
            `nn.Sequential` of several layers.
        needs_tokens: whether the network must be a transformer with a class token.
        strength: the hyperparameter that reduces forgetting as it grows and equals `finetune`, bit
            for bit, at 0 (tested); None if there is no single one. A search may lower it until a
            new task is learned well enough.
        storage: first part of a state's name -> storage category, for all but `network`.
        sized_by_learning: whether the bytes of its state depend on what it learns; those that
            `__init__` allocates are then the most.
        fusible: whether siblings, which differ in seed, learning rate and `strength`, can be
            trained as one batched program. Not inherited: the class itself must say so. Its `loss`
            then runs under `torch.vmap`: no branch on a tensor, `weight` for the strength, no
            change of the state, and no random numbers but those of `Rehearsal.draw`.
        steps_by_element: whether `after_backward` and `after_step` treat each element of the
            parameters by itself, so that one call serves the stacked tensors of all siblings.
    """

    Config: ClassVar[type[Config]] = Config
    version: ClassVar[int] = 1
    scenarios: ClassVar[frozenset[str]] = frozenset({"task", "domain", "class"})
    trains_on: ClassVar[Literal["current", "seen"]] = "current"
    starts_afresh: ClassVar[bool] = False
    scores_unseen: ClassVar[bool] = True
    inert_on_first_task: ClassVar[frozenset[str]] = frozenset()
    divides_task: ClassVar[bool] = False
    takes_steps: ClassVar[bool] = True
    takes_mixtures: ClassVar[bool] = True
    takes_any_body: ClassVar[bool] = True
    needs_tokens: ClassVar[bool] = False
    strength: ClassVar[str | None] = None
    storage: ClassVar[Mapping[str, str]] = {}
    sized_by_learning: ClassVar[bool] = False
    fusible: ClassVar[bool] = False
    steps_by_element: ClassVar[bool] = False

    @classmethod
    def objection(cls, config: Any, setting: Setting) -> str | None:
        """Return the reason that the method cannot run in a setting, or None.

        Called when a sweep is read, before anything is trained. An override begins with
        `super().objection(config, setting) or`, which checks the scenario.
        """
        if setting.scenario in cls.scenarios:
            return None
        serves = ", ".join(sorted(cls.scenarios))
        return f"cannot serve the {setting.scenario} scenario; it serves: {serves}"

    @classmethod
    def with_defaults(cls, config: Any, setting: Setting) -> Any:
        """Return a copy of the configuration with open hyperparameters set for a setting.

        Called when a trial is built, so that keys and results contain the values used.
        """
        return config

    @classmethod
    def version_in(cls, setting: Setting) -> int:
        """Return the version in a setting, which is part of a built-in's keys there.

        An override returns an earlier version where the numbers are still those of that version, so
        that its stages are reused.
        """
        return cls.version

    @classmethod
    def fuses(cls, config: Any) -> bool:
        """Return whether siblings of a configuration can be fused, where the class can be."""
        return True

    def __init__(self, network: nn.Module, config: AnyConfig, outlook: Outlook) -> None:
        super().__init__()
        self.network = network
        self.config = config
        self.outlook = outlook

    def begin_task(self, task: TaskView) -> None:
        """Prepare for a task; called once before its first batch."""

    def examples(self, task: TaskView) -> Examples:
        """Return the training examples; called once for each phase, after `begin_phase`."""
        return task.examples

    def loss(self, batch: Examples) -> Tensor:
        """Return the scalar to minimise on a batch."""
        return self.task_loss(batch)

    def after_backward(self) -> None:
        """Modify the gradients; called between backward and step."""

    def after_step(self, batch: Examples) -> None:
        """Process the step just taken on a batch."""

    def end_task(self, task: TaskView) -> None:
        """Consolidate: measure importances, select examples to store."""

    def predict(self, x: Tensor, task: int | None) -> Tensor:
        """Return scores [B, C]; `task` is 1..T in the task scenario, else None."""
        return cast(Tensor, self.network(x))
