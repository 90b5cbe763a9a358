"""The `benchmark` section of a sweep: its options, their ranges and what goes together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast, get_args

from methods.base import neutral
from orchestrator.benchmarks import stream_checks as checks
from orchestrator.benchmarks.class_split import SIZE_FIELDS, ClassSplit
from orchestrator.benchmarks.class_split_checks import find_mistakes_in_split, order_text
from orchestrator.benchmarks.corruptions import read_corruption
from orchestrator.benchmarks.datasets.dataset import dataset_facts
from orchestrator.benchmarks.orders import ClassName, TaskOrder, read_published_order
from orchestrator.benchmarks.sequences import find_mistakes_in_shapes
from orchestrator.benchmarks.stream_data import SEQUENCE, StreamData

Scenario = Literal["task", "domain", "class"]
TrainMask = Literal["seen", "all", "current"]
EvalMask = Literal["seen", "all"]


@dataclass(frozen=True, kw_only=True)
class BenchmarkOptions:
    """A stream of tasks, as a sweep file describes it.

    Args:
        name: that of a stream with its data set, or a transformation of `data`: "split",
            "permuted", "rotated" or "corrupted"; or "sequence".
        data: a data set by its name, or the user's own; None if the name includes it. A name and
            data that are one name of the table are replaced by that.
        scenario: what is predicted (van de Ven et al., 2022): "task": the class within a known
            task; "domain": the same, the task being unknown; "class": both task and class.
        num_tasks: T; for split benchmarks a divisor of the number of classes. 5 if left out, or
            what the next four fields make.
        first, step: classes of the first task and of each further one of a split benchmark; the
            last has what is left. Without `first` it is `step`.
        classes_per_task: classes of each task of a split benchmark.
        classes: the classes of each task of a split benchmark, by number or name.
        order: "natural"; "seeded", which shuffles classes over tasks (split) or tasks (others, and
            where `classes` is given) by `seed`; a permutation of 1..T, the numbers of the natural
            tasks; a list of all classes; or an order that other code draws.
        validation: share of the training images held out, [0, 0.5].
        samples_per_task: maximum number of training examples of a task; None keeps all.
        imbalance: training examples of the last class relative to the first, in (0, 1]; from
            class to class they fall exponentially (Cui et al. 2019).
        label_noise: share of training labels that are another class of the task, [0, 1).
        corruptions: of each task of a corrupted benchmark; a name, or a name and a severity.
        sequence: the data set of each task of a benchmark named "sequence".
        train_mask: outputs that compete in training, class scenario: those of "seen" tasks (the
            current included), of the "current" task, or "all".
        eval_mask: outputs that compete in evaluation, class scenario.
        seed: of the stream: permutations, order of classes, validation and samples drawn; in a
            sweep file that of the trial, if it is left out.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    name: str
    scenario: Scenario = "class"
    num_tasks: int = None  # type: ignore[assignment]  # a number once it is built
    order: TaskOrder | dict[str, Any] = "natural"
    validation: float = 0.1
    samples_per_task: int | None = None
    train_mask: TrainMask = "seen"
    eval_mask: EvalMask = "seen"
    seed: int = 0
    first: int | None = neutral(None)
    step: int | None = neutral(None)
    classes_per_task: tuple[int, ...] | None = neutral(None)
    classes: tuple[tuple[ClassName, ...], ...] | None = neutral(None)
    data: Any = neutral(None)  # noqa: RUF009 - a field
    imbalance: float | None = neutral(None)
    label_noise: float = neutral(0.0)
    corruptions: tuple[Any, ...] | None = neutral(None)
    sequence: tuple[Any, ...] | None = neutral(None)

    def __post_init__(self) -> None:
        for name, value in vars(self.stream_data.resolve()).items():
            self._set(name, value)
        self._normalise_values()
        mistakes = [*self._find_mistakes()]
        if mistakes:
            raise ValueError("\n".join(mistakes))
        if not self.num_tasks:
            self._set("num_tasks", self._count_tasks())

    def _normalise_values(self) -> None:
        """Give each value its one form: lists are tuples, a neutral value is the default."""
        for name in ("order", "classes_per_task"):
            if isinstance(getattr(self, name), list):
                self._set(name, tuple(getattr(self, name)))
        if isinstance(self.order, dict):
            self._set("order", read_published_order(self.order))
        if self.classes is not None:
            self._set("classes", tuple(map(tuple, self.classes)))
        if self.corruptions is not None:
            self._set("corruptions", tuple(map(read_corruption, self.corruptions)))
        # All classes keep their size, as without it: one benchmark, one key.
        if self.imbalance == 1:
            self._set("imbalance", None)

    def _count_tasks(self) -> int:
        if self.stream_data.transformation == "split":
            return len(self._class_split.sizes)
        if self.sequence is not None:
            return len(self.sequence)
        return len(self.corruptions) if self.corruptions else self.num_tasks or 5

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _find_mistakes(self) -> Iterator[str]:
        unknown = [*self.stream_data.find_mistakes()]
        yield from unknown
        choices = {"scenario": Scenario, "train_mask": TrainMask, "eval_mask": EvalMask}
        for field, type_ in choices.items():
            if getattr(self, field) not in get_args(type_):
                yield f"{field}: {getattr(self, field)!r}; valid: {', '.join(get_args(type_))}"
        small = [name for name in ("num_tasks", "first", "step") if self._is_below_one(name)]
        yield from (f"{name}: {getattr(self, name)}; must be at least 1" for name in small)
        if not unknown and not small:
            yield from self._find_mistakes_in_tasks()
        yield from checks.find_wrong_shares(
            self.validation, self.samples_per_task, self.imbalance, self.label_noise
        )

    def _is_below_one(self, name: str) -> bool:
        return getattr(self, name) is not None and getattr(self, name) < 1

    def _find_mistakes_in_tasks(self) -> Iterator[str]:
        kind = self.stream_data.transformation
        if kind == "split":
            split = self._class_split
            wrong = [*find_mistakes_in_split(split)]
            sizes = () if wrong else split.sizes
            yield from (*wrong, *checks.find_mistakes_in_labels(self.label_noise, sizes))
        else:
            yield from self._find_mistakes_in_shared_tasks(kind)
        if kind != "corrupted" and self.corruptions is not None:
            yield f"corruptions: {self.name} has none; valid: with a corrupted benchmark"

    def _find_mistakes_in_shared_tasks(self, kind: str) -> Iterator[str]:
        """Yield the mistakes of a benchmark whose tasks have all classes of a data set."""
        for name in SIZE_FIELDS:
            if getattr(self, name) is not None:
                yield f"{name}: each task of {self.name} has all classes; leave it out"
        num_tasks = self._count_tasks()
        if num_tasks > checks.MOST_TASKS:
            yield f"num_tasks: {num_tasks}; must be at most {checks.MOST_TASKS:,}"
            return
        if kind == "corrupted":
            yield from checks.find_mistakes_in_corruptions(self.corruptions, self.num_tasks)
        if kind == SEQUENCE:
            data = self.stream_data
            yield from find_mistakes_in_shapes(data.titles, [*map(dataset_facts, data.names)])
            if self.num_tasks not in (None, num_tasks):
                yield f"num_tasks: {self.num_tasks}; {num_tasks} by sequence, so leave it out"
        if not checks.is_order(self._order, num_tasks):
            valid = f"natural, seeded, or a list of the tasks 1..{num_tasks}, each once"
            yield f"order: {order_text(self._order)}; valid: {valid}"

    @property
    def _order(self) -> TaskOrder:
        return cast(TaskOrder, self.order)

    @property
    def _class_split(self) -> ClassSplit:
        sizes: dict[str, Any] = {name: getattr(self, name) for name in ("num_tasks", *SIZE_FIELDS)}
        info = self.stream_data.facts
        return ClassSplit(
            dataset=self.data_title,
            num_classes=info.num_classes,
            class_names=info.class_names,
            order=self._order,
            **sizes,
        )

    @property
    def stream_data(self) -> StreamData:
        """The data sets of the stream, and its transformation."""
        return StreamData(self.name, self.data, self.sequence)

    @property
    def title(self) -> str:
        """The name, of the transformation and of the data set, for tables."""
        return self.stream_data.title

    @property
    def data_title(self) -> str:
        """A short name of the data set."""
        return self.stream_data.titles[0]

    @property
    def data_sets(self) -> tuple[Any, ...]:
        """The data sets: names, or the user's own."""
        return self.stream_data.sets

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(channels, rows, columns) of an image, or (features,)."""
        return self.stream_data.facts.input_shape
