"""The data sets of a stream, and its transformation, from the name of a benchmark and its data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from orchestrator.benchmarks import stream_checks as checks
from orchestrator.benchmarks.datasets.dataset import DATASETS, DatasetFacts, dataset_facts
from orchestrator.benchmarks.sequences import join_facts
from orchestrator.benchmarks.sources.own_data import OWN_DATA, OwnData, register
from orchestrator.errors import suggest

SEQUENCE = "sequence"  # the name of benchmarks of which each task has a data set of its own
TRANSFORMATIONS = ("split", "permuted", "rotated", "corrupted")
BENCHMARKS: dict[str, tuple[str, str]] = {  # name -> (transformation, data set)
    f"{transformation}_{dataset}": (transformation, dataset)
    for transformation, datasets in (
        ("split", tuple(DATASETS)),
        ("permuted", ("digits", "fashion_mnist", "mnist")),
        ("rotated", ("digits", "fashion_mnist", "mnist")),
        ("corrupted", ("digits", "fashion_mnist", "mnist", "cifar10", "cifar100")),
    )
    for dataset in datasets
}


@dataclass(frozen=True)
class StreamData:
    """What `name`, `data` and `sequence` of a benchmark stand for; see `BenchmarkOptions`."""

    name: str
    data: Any
    sequence: tuple[Any, ...] | None

    def resolve(self) -> StreamData:
        """Return it with data instead of names of the user's own, and a short form for a long."""
        name, data, sequence = self.name, self.data, self.sequence
        if isinstance(data, str) and data in OWN_DATA:
            data = OWN_DATA[data]
        if sequence is not None:
            given = (e.get("data") if isinstance(e, dict) else e for e in sequence)
            sequence = tuple(OWN_DATA.get(str(each), each) for each in given)
        # One stream has one spelling, so that it has one key.
        if isinstance(data, str) and f"{name}_{data}" in BENCHMARKS:
            name, data = f"{name}_{data}", None
        return StreamData(name, data, sequence)

    def find_mistakes(self) -> Iterator[str]:
        """Yield the first reason, if any, that they give no data set and transformation."""
        if self.name == SEQUENCE or self.sequence is not None:
            yield from [*checks.find_mistakes_in_sequence(self.name, self.data, self.sequence)][:1]
        elif self.data is None and self.name in TRANSFORMATIONS:
            yield f"data: is missing; {self.name} needs a data set, or use its name: {self.name}_…"
        elif self.data is None and self.name not in BENCHMARKS:
            names = [*BENCHMARKS, *TRANSFORMATIONS, SEQUENCE]
            yield f"unknown benchmark {self.name!r}; {suggest(self.name, names)}"
        elif self.data is not None and self.name not in TRANSFORMATIONS:
            yield f"name: {self.name!r} with data; {suggest(self.name, TRANSFORMATIONS)}"
        elif not (self.data is None or isinstance(self.data, OwnData) or self.data in DATASETS):
            yield f"data: unknown data set {self.data!r}; {suggest(str(self.data), DATASETS)}"
        elif self.name in ("rotated", "corrupted") and len(self.facts.input_shape) != 3:
            needs = "needs images, and the data has features; valid: split, permuted"
            yield f"name: {self.name!r} {needs}"

    @property
    def transformation(self) -> str:
        """What makes tasks of the data: one of `TRANSFORMATIONS`, or "sequence"."""
        named = self.data is not None or self.sequence is not None
        return self.name if named else BENCHMARKS[self.name][0]

    @property
    def sets(self) -> tuple[Any, ...]:
        """The data sets: names, or the user's own."""
        if self.sequence is not None:
            return self.sequence
        return (BENCHMARKS[self.name][1] if self.data is None else self.data,)

    @property
    def names(self) -> tuple[str, ...]:
        """The names by which the data sets are loaded; the digests of the user's own."""
        # Registered in this process, which may be a worker's.
        return tuple(register(d).digest if isinstance(d, OwnData) else str(d) for d in self.sets)

    @property
    def facts(self) -> DatasetFacts:
        """The facts of the data set, or the common facts of a sequence's data sets."""
        facts = [dataset_facts(name) for name in self.names]
        return facts[0] if self.sequence is None else join_facts(facts)

    @property
    def titles(self) -> tuple[str, ...]:
        """A short name of each data set."""
        return tuple(map(data_title, self.sets))

    @property
    def title(self) -> str:
        """The name, of the transformation and of the data set, for tables."""
        if self.sequence is not None:
            return "_".join([SEQUENCE, *self.titles])
        return self.name if self.data is None else f"{self.name}_{self.titles[0]}"


def data_title(data: Any) -> str:
    """Return a short name of a data set."""
    if not isinstance(data, OwnData):
        return str(data)
    return f"own_{data.title}" if data.title in DATASETS else data.title
