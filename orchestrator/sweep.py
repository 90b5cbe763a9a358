"""The sweep: a file that names trials, read whole, checked whole, frozen."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import permutations, product
from pathlib import Path
from typing import Any, ClassVar

from orchestrator.benchmarks import Benchmark
from orchestrator.components import Component, component, find
from orchestrator.decoding import decode, grid_points, read_yaml, short
from orchestrator.errors import RepertoireError, SweepError
from orchestrator.hashing import digest, plain
from orchestrator.learner import Training
from orchestrator.stage import Chain, Stage, stages

MAX_TASKS_OF_ALL_ORDERS = 6
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a stage takes of the cluster; never part of a key."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    cpus: float = 1
    gpus: float = 0

    def __post_init__(self) -> None:
        if not self.cpus > 0:
            raise ValueError(f"cpus must be above 0, given {self.cpus}")
        if not self.gpus >= 0:
            raise ValueError(f"gpus must be at least 0, given {self.gpus}")


@dataclass(frozen=True, kw_only=True)
class Mlflow:
    """Where runs are logged; `uri: null` means the database of the results folder."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    uri: str | None = None
    experiment: str = "repertoire"


@dataclass(frozen=True, kw_only=True)
class _File:
    """The top level of a sweep file."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    name: str
    benchmark: dict[str, Any]
    methods: list[str | dict[str, Any]]
    seeds: list[int]
    network: str | dict[str, Any] = "mlp"
    training: dict[str, Any] = field(default_factory=dict)
    resources: Resources = Resources()
    mlflow: Mlflow = Mlflow()

    def __post_init__(self) -> None:
        if not SAFE_NAME.fullmatch(self.name):
            raise ValueError(f"name: must be letters, digits, '_', '-' and '.', starting with one of the first two, given {self.name!r}")
        if not self.methods:
            raise ValueError("methods: must name at least one method")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise ValueError(f"seeds: must be different numbers of at least 0, at least one, given {self.seeds}")


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One configuration of one method on one benchmark, on one or several seeds.

    `benchmark.seed` is replaced by each seed unless the sweep gave one (`fixed_stream`).
    """

    benchmark: Benchmark
    network: Component
    training: Training
    method: Component
    seeds: tuple[int, ...]
    fixed_stream: bool = False

    @property
    def config(self) -> dict[str, Any]:
        """The configuration as JSON types, without seeds."""
        benchmark = plain(self.benchmark)
        if not self.fixed_stream:
            benchmark.pop("seed")
        return {
            "benchmark": benchmark, "network": self.network.describe(),
            "training": plain(self.training), "method": self.method.describe(),
        }  # fmt: skip

    @property
    def trial_id(self) -> str:
        """A short name, the same for the same configuration in any sweep."""
        return f"{re.sub(r'[^A-Za-z0-9]+', '_', self.method.name)}-{digest('trial', self.config)[:8]}"

    def stages(self, seed: int) -> tuple[Stage, ...]:
        """Return the chain of stages on one seed, after = 0..T."""
        benchmark = self.benchmark if self.fixed_stream else replace(self.benchmark, seed=seed)
        return stages(benchmark, self.network, self.training, self.method, seed)


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A validated sweep. `text` is the file it was read from, word for word."""

    name: str
    trials: tuple[Trial, ...]
    resources: Resources
    mlflow: Mlflow
    text: str
    folder: Path

    @staticmethod
    def load(path: str | Path) -> Sweep:
        """Read a sweep file.

        Raises:
            SweepError: with all mistakes of the file, each with its place and what is valid.
        """
        path = Path(path)
        content = read_yaml(path)
        for folder in (str(path.parent.resolve()), str(Path.cwd())):  # where a user's own method lives
            if folder not in sys.path:
                sys.path.append(folder)
        mistakes: list[str] = []
        file = decode(_File, content, "", mistakes)
        trials = _trials(content if file is None else file, mistakes)
        if mistakes or file is None:
            raise SweepError(str(path), dict.fromkeys(mistakes))
        return Sweep(
            name=file.name, trials=tuple(trials), resources=file.resources, mlflow=file.mlflow,
            text=path.read_text(encoding="utf-8"), folder=path.parent.resolve(),
        )  # fmt: skip

    def chains(self) -> Iterator[tuple[Chain, tuple[Stage, ...]]]:
        """Yield each (trial, seed) with its stages, in the order of the file."""
        for trial in self.trials:
            for seed in trial.seeds:
                yield chain_of(self.name, trial, seed)


def chain_of(sweep: str, trial: Trial, seed: int) -> tuple[Chain, tuple[Stage, ...]]:
    """Return one (trial, seed) as results see it, and its stages."""
    steps = trial.stages(seed)
    chain = Chain(
        sweep=sweep, trial_id=trial.trial_id, phase="evaluation", selected=False, seed=seed,
        method=trial.method.name, benchmark=trial.benchmark.name, scenario=trial.benchmark.scenario,
        network=trial.network.name, num_tasks=trial.benchmark.num_tasks, config=trial.config,
        keys=tuple(step.key for step in steps), task_keys=steps[0].task_keys,
        scores_unseen=trial.method.cls.scores_unseen,
    )  # fmt: skip
    return chain, steps


def _trials(file: Any, mistakes: list[str]) -> list[Trial]:
    """Return the trials of a file, noting mistakes; of a file wrong at the top, what can be looked at."""
    get = file.get if isinstance(file, dict) else lambda name, default=None: getattr(file, name, default)
    given = get("benchmark") if isinstance(get("benchmark"), dict) else {}
    benchmarks = _benchmarks(given, mistakes) if given else []
    networks = _components("network", get("network", "mlp"), "network", mistakes)
    trainings = _points(Training, get("training", {}), "training", mistakes)
    listed = get("methods") if isinstance(get("methods"), list) else []
    methods = [
        (f"methods[{i}]", method)
        for i, entry in enumerate(listed)
        for method in _components("method", entry, f"methods[{i}]", mistakes)
    ]
    found: dict[str, str] = {}
    trials = []
    for (where, method), benchmark, network, training in product(methods, benchmarks, networks, trainings):
        serves = method.cls.scenarios
        if benchmark.scenario not in serves:
            mistakes.append(f"{where}: {method.name} cannot serve the {benchmark.scenario} scenario; it serves: {', '.join(sorted(serves))}")
            continue
        trial = Trial(
            benchmark=benchmark, network=network, training=training, method=method,
            seeds=tuple(get("seeds") or ()) if not mistakes else (), fixed_stream="seed" in given,
        )  # fmt: skip
        earlier = found.setdefault(trial.trial_id, where)
        if earlier != where:
            mistakes.append(f"{where}: the same trial as {earlier}")
        trials.append(trial)
    return trials


def _benchmarks(given: dict[str, Any], mistakes: list[str]) -> list[Benchmark]:
    """Return the benchmarks of a file: one for each point of its grids; `order: all` is a grid."""
    if given.get("order") == "all":
        num_tasks = given.get("num_tasks", 5)
        if not (isinstance(num_tasks, int) and 1 <= num_tasks <= MAX_TASKS_OF_ALL_ORDERS):
            mistakes.append(f"benchmark.order: all orders need num_tasks from 1 to {MAX_TASKS_OF_ALL_ORDERS}, given {short(num_tasks)}")
            return []
        given = {**given, "order": {"grid": [list(p) for p in permutations(range(1, num_tasks + 1))]}}
    return _points(Benchmark, given, "benchmark", mistakes)


def _points(kind: type[Any], given: Any, where: str, mistakes: list[str]) -> list[Any]:
    """Return an instance of a dataclass for each point of the grids of a mapping."""
    if not isinstance(given, dict):
        return []
    decoded = [decode(kind, point, where, mistakes) for point in grid_points(given, where, mistakes)]
    return [point for point in decoded if point is not None]


def _components(kind: str, given: Any, where: str, mistakes: list[str]) -> list[Component]:
    """Return the components a name, or a mapping with a name, stands for."""
    mapping = {"name": given} if isinstance(given, str) else dict(given) if isinstance(given, dict) else {}
    name = mapping.pop("name", None)
    if not isinstance(name, str):
        mistakes.append(f"{where}: must be a name, or keys and values with a name, given {short(given)}")
        return []
    try:
        config = find(kind, name).Config
    except RepertoireError as error:
        mistakes.append(f"{where}: {error}")
        return []
    return [component(kind, name, point) for point in _points(config, mapping, where, mistakes)]
