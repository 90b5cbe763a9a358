"""Benchmarks: sequences of tasks, each of a data set, a transformation and a scenario.

Shape legend: N examples, C outputs of the head.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast, get_args

from torch import Tensor

from methods.base import neutral
from orchestrator.benchmarks import masks
from orchestrator.benchmarks.class_split import SIZE_FIELDS, ClassSplit, order_text
from orchestrator.benchmarks.datasets import DATASETS, DatasetFacts, dataset_facts
from orchestrator.benchmarks.orders import ClassName, Order, is_task_order, read_published_order
from orchestrator.benchmarks.recipes import Recipe, shared_recipes, split_recipes
from orchestrator.benchmarks.sources.own_data import OWN_DATA, OwnData, register
from orchestrator.benchmarks.tasks import VERSION, Task, task_keys
from orchestrator.errors import suggest

__all__ = ["BENCHMARKS", "Benchmark", "Task"]

Scenario = Literal["task", "domain", "class"]
TrainMask = Literal["seen", "all", "current"]
EvalMask = Literal["seen", "all"]

TRANSFORMATIONS = ("split", "permuted", "rotated")
BENCHMARKS: dict[str, tuple[str, str]] = {  # name -> (transformation, data set)
    f"{transformation}_{dataset}": (transformation, dataset)
    for transformation, datasets in (
        ("split", tuple(DATASETS)),
        ("permuted", ("digits", "fashion_mnist", "mnist")),
        ("rotated", ("digits", "fashion_mnist", "mnist")),
    )
    for dataset in datasets
}


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A stream of tasks.

    Args:
        name: a name of `BENCHMARKS`, or a transformation of `data`: "split", "permuted", "rotated".
        data: a name of `DATASETS`, or data of the user's own; None if the name includes it. A name
            and data that `BENCHMARKS` has as one name are replaced by that.
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
        train_mask: outputs that compete in training, class scenario: those of "seen" tasks (the
            current included), of the "current" task, or "all".
        eval_mask: outputs that compete in evaluation, class scenario.
        seed: of the stream: permutations, order of classes, validation and samples drawn.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    version: ClassVar[int] = VERSION

    name: str
    scenario: Scenario = "class"
    num_tasks: int = None  # type: ignore[assignment]  # a number once it is built
    order: Order | dict[str, Any] = "natural"
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

    def __post_init__(self) -> None:
        self._resolve_data()
        for name in ("order", "classes_per_task"):
            if isinstance(getattr(self, name), list):
                self._set(name, tuple(getattr(self, name)))
        if isinstance(self.order, dict):
            self._set("order", read_published_order(self.order))
        if self.classes is not None:
            self._set("classes", tuple(map(tuple, self.classes)))
        mistakes = [*self._find_mistakes()]
        if mistakes:
            raise ValueError("\n".join(mistakes))
        if not self.num_tasks:
            split = self._transformation == "split"
            self._set("num_tasks", len(self._class_split.sizes) if split else 5)

    def _resolve_data(self) -> None:
        """Replace the name of the user's own data by the data, and a long form by the short one."""
        if isinstance(self.data, str) and self.data in OWN_DATA:
            self._set("data", OWN_DATA[self.data])
        if isinstance(self.data, str) and f"{self.name}_{self.data}" in BENCHMARKS:
            self._set("name", f"{self.name}_{self.data}")
            self._set("data", None)

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _find_mistakes(self) -> Iterator[str]:
        unknown = self._name_mistake()
        if unknown:
            yield unknown
        choices = {"scenario": Scenario, "train_mask": TrainMask, "eval_mask": EvalMask}
        for field, type_ in choices.items():
            if getattr(self, field) not in get_args(type_):
                yield f"{field}: {getattr(self, field)!r}; valid: {', '.join(get_args(type_))}"
        small = [name for name in ("num_tasks", "first", "step") if self._is_below_one(name)]
        yield from (f"{name}: {getattr(self, name)}; must be at least 1" for name in small)
        if not unknown and not small:
            yield from self._find_mistakes_in_tasks()
        if not 0 <= self.validation <= 0.5:
            valid = "must be a share of the training images in [0, 0.5]"
            yield f"validation: {self.validation}; {valid}"
        elif self.samples_per_task is not None and self.samples_per_task < 1:
            valid = "must be at least 1, or left out to use all"
            yield f"samples_per_task: {self.samples_per_task}; {valid}"

    def _is_below_one(self, name: str) -> bool:
        return getattr(self, name) is not None and getattr(self, name) < 1

    def _name_mistake(self) -> str | None:
        """Return why the name and the data give no data set and transformation, or None."""
        if self.data is None and self.name in TRANSFORMATIONS:
            return f"data: is missing; {self.name} needs a data set, or use its name: {self.name}_…"
        if self.data is None:
            if self.name in BENCHMARKS:
                return None
            names = [*BENCHMARKS, *TRANSFORMATIONS]
            return f"unknown benchmark {self.name!r}; {suggest(self.name, names)}"
        if self.name not in TRANSFORMATIONS:
            return f"name: {self.name!r} with data; {suggest(self.name, TRANSFORMATIONS)}"
        if not isinstance(self.data, OwnData) and self.data not in DATASETS:
            return f"data: unknown data set {self.data!r}; {suggest(str(self.data), DATASETS)}"
        if self.name == "rotated" and len(self.input_shape) != 3:
            return "name: 'rotated' needs images, and the data has features; valid: split, permuted"
        return None

    def _find_mistakes_in_tasks(self) -> Iterator[str]:
        if self._transformation == "split":
            yield from self._class_split.find_mistakes()
            return
        for name in SIZE_FIELDS:
            if getattr(self, name) is not None:
                yield f"{name}: each task of {self.name} has all classes; leave it out"
        tasks = self.num_tasks or 5
        if self._order not in ("natural", "seeded") and not is_task_order(self._order, tasks):
            valid = f"natural, seeded, or a list of the tasks 1..{tasks}, each once"
            yield f"order: {order_text(self._order)}; valid: {valid}"

    @property
    def _order(self) -> Order:
        return cast(Order, self.order)

    @property
    def _class_split(self) -> ClassSplit:
        sizes: dict[str, Any] = {name: getattr(self, name) for name in ("num_tasks", *SIZE_FIELDS)}
        return ClassSplit(
            dataset=self.data_title,
            num_classes=self._info.num_classes,
            class_names=self._info.class_names,
            order=self._order,
            **sizes,
        )

    @property
    def title(self) -> str:
        """The name, of the transformation and of the data set, for tables."""
        return self.name if self.data is None else f"{self.name}_{self.data_title}"

    @property
    def data_title(self) -> str:
        """A short name of the data set."""
        if not isinstance(self.data, OwnData):
            return self._dataset
        return f"own_{self.data.title}" if self.data.title in DATASETS else self.data.title

    @property
    def _transformation(self) -> str:
        return self.name if self.data is not None else BENCHMARKS[self.name][0]

    @property
    def _dataset(self) -> str:
        """The name by which the data set is loaded; the digest of the user's own."""
        if isinstance(self.data, OwnData):
            return register(self.data).digest  # in this process, which may be a worker's
        return BENCHMARKS[self.name][1] if self.data is None else str(self.data)

    @property
    def _info(self) -> DatasetFacts:
        return dataset_facts(self._dataset)

    @property
    def num_classes(self) -> int:
        """Outputs of the head, C."""
        return 1 + max(label for recipe in self._recipes() for label in recipe.labels)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(channels, rows, columns) of an image, or (features,)."""
        return self._info.input_shape

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean per channel of the data set's training pixels in [0, 1]."""
        return self._info.mean

    @property
    def std(self) -> tuple[float, ...]:
        """Standard deviation per channel of the data set's training pixels in [0, 1]."""
        return self._info.std

    def require_same_data(self) -> None:
        """Raise unless the user's own files are what the benchmark was made of.

        Raises:
            WrongData: a file changed since.
            MissingData: a file is not there any more.
        """
        if isinstance(self.data, OwnData):
            self.data.load()

    def task_keys(self) -> tuple[str, ...]:
        """Return the tasks' keys in the order of the sequence; reads the data set.

        Raises:
            RepertoireError: the data set has no image to train a task on, or none to test it.
        """
        return task_keys(self._dataset, self._recipes())

    def tasks(self) -> tuple[Task, ...]:
        """Return the tasks in the order of the sequence; reads nothing yet."""
        return tuple(Task(index, recipe) for index, recipe in enumerate(self._recipes(), start=1))

    def train_allowed(self, after: int) -> Tensor | None:
        """Return bool [C, C] for task `after`: row y holds the outputs that compete with label y.

        None: all compete.
        """
        if self.scenario == "domain":
            return None
        if self.scenario == "task" or self.train_mask == "current":
            return masks.own_task_mask(self._recipes(), self.num_classes)
        seen = self._seen_mask(after) if self.train_mask == "seen" else None
        return None if seen is None else seen.repeat(self.num_classes, 1)

    def eval_allowed(self, after: int, index: int) -> Tensor | None:
        """Return bool [C], the outputs that compete on task `index` once `after` tasks are learned.

        None: all compete.
        """
        if self.scenario == "task":
            return masks.label_mask(self._recipes()[index - 1].labels, self.num_classes)
        only_seen = self.scenario == "class" and self.eval_mask == "seen"
        return self._seen_mask(after) if only_seen else None

    def _seen_mask(self, after: int) -> Tensor | None:
        labels = [label for recipe in self._recipes()[:after] for label in recipe.labels]
        return masks.label_mask(labels, self.num_classes) if labels else None

    def _recipes(self) -> tuple[Recipe, ...]:
        share, samples = float(self.validation), self.samples_per_task
        base = Recipe(dataset=self._dataset, validation=share, samples_per_task=samples)
        if self._transformation == "split":
            return split_recipes(self._class_split, self.scenario, self.seed, base)
        return shared_recipes(
            self._transformation, self.scenario, self.num_tasks, self._order, self.seed, base
        )
