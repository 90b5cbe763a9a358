"""The sweep: a file that names trials, read whole, checked whole, frozen."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations, product
from pathlib import Path
from typing import Any, ClassVar

from methods.base import Setting
from orchestrator.benchmarks import Benchmark
from orchestrator.components import Component, component, find
from orchestrator.decoding import decode, grid_points, short
from orchestrator.errors import RepertoireError, SweepError
from orchestrator.hashing import canonical, plain
from orchestrator.learner import Training
from orchestrator.reading import read_yaml
from orchestrator.run_stage import shape_of
from orchestrator.stage import Chain, Stage
from orchestrator.trial import Trial, chain_of

MAX_TASKS_OF_ALL_ORDERS = 6
# What else lies in a results folder.
RESERVED_NAMES = frozenset({"stages", "mlflow.db", "mlartifacts"})
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a stage takes of the cluster; never part of a key."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    cpus: float = 1.0
    gpus: float = 0.0

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
    """The top level of a sweep file; sections are looked at one by one, none hiding another."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    name: str
    benchmark: Any
    methods: Any
    seeds: list[int]
    network: Any = None
    training: Any = None
    resources: Any = None
    mlflow: Any = None


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
        # Where a user's own method lives.
        for folder in (str(path.parent.resolve()), str(Path.cwd())):
            if folder not in sys.path:
                sys.path.append(folder)
        mistakes: list[str] = []
        _check_top(content, mistakes)
        trials = _trials(content, mistakes)
        resources = decode(
            Resources, _section(content, "resources", mistakes), "resources", mistakes
        )
        mlflow = decode(Mlflow, _section(content, "mlflow", mistakes), "mlflow", mistakes)
        if mistakes or resources is None or mlflow is None:
            raise SweepError(str(path), dict.fromkeys(mistakes))
        return Sweep(
            name=content["name"], trials=tuple(trials), resources=resources, mlflow=mlflow,
            text=path.read_text(encoding="utf-8"), folder=path.parent.resolve(),
        )  # fmt: skip

    def chains(self) -> Iterator[tuple[Chain, tuple[Stage, ...]]]:
        """Yield each (trial, seed) with its stages, in the order of the file."""
        for trial in self.trials:
            for seed in trial.seeds:
                yield chain_of(self.name, trial, seed)


def _check_top(content: dict[str, Any], mistakes: list[str]) -> None:
    """Note what is wrong with the keys, the name and the seeds of a file."""
    top = {key: value if key in ("name", "seeds") else None for key, value in content.items()}
    decode(_File, top, "", mistakes)
    name, seeds = content.get("name"), content.get("seeds")
    if isinstance(name, str) and not SAFE_NAME.fullmatch(name):
        mistakes.append(
            "name: must be up to 100 letters, digits, '_', '-' and '.', starting with a letter or "
            f"digit, since it names a folder, given {short(name)}"
        )
    if isinstance(name, str) and name in RESERVED_NAMES:
        mistakes.append(f"name: {name!r} is taken in the results folder; choose another")
    different = isinstance(seeds, list) and all(isinstance(seed, int) for seed in seeds)
    if different and (not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0):
        valid = "at least one number, each of at least 0 and given once"
        mistakes.append(f"seeds: must be {valid}, given {short(seeds)}")


def _section(content: dict[str, Any], name: str, mistakes: list[str]) -> dict[str, Any]:
    """Return a section that holds keys and values, empty if it is left out."""
    given = content.get(name, {})
    if isinstance(given, dict):
        return given
    mistakes.append(f"{name}: must be keys and values, given {short(given)}")
    return {}


def _listed(content: dict[str, Any], mistakes: list[str]) -> list[Any]:
    """Return the methods of a file as they are listed."""
    given = content.get("methods", [])
    if isinstance(given, list) and (given or "methods" not in content):
        return given
    mistakes.append(f"methods: must be a list of at least one method, given {short(given)}")
    return []


def _trials(content: dict[str, Any], mistakes: list[str]) -> list[Trial]:
    """Return the trials of a file, noting mistakes; of a wrong file, of what can be looked at."""
    given = _section(content, "benchmark", mistakes)
    benchmarks = _benchmarks(given, mistakes) if isinstance(content.get("benchmark"), dict) else []
    networks = _components("network", content.get("network", "mlp"), "network", mistakes)
    trainings = _points(Training, _section(content, "training", mistakes), "training", mistakes)
    methods = [
        (f"methods[{i}]", method)
        for i, entry in enumerate(_listed(content, mistakes))
        for method in _components("method", entry, f"methods[{i}]", mistakes)
    ]
    _check_fit(networks, benchmarks, mistakes)
    found: dict[str, str] = {}
    trials = []
    for (where, method), benchmark, network, training in product(
        methods, benchmarks, networks, trainings
    ):
        objection = method.cls.objection(method.config, setting(benchmark, network))
        if objection is not None:
            mistakes.append(f"{where}: {method.name} {objection}")
            continue
        trial = Trial(
            benchmark=benchmark, network=network, training=training, method=method,
            seeds=() if mistakes else tuple(content["seeds"]), fixed_stream="seed" in given,
        )  # fmt: skip
        if trial.trial_id in found:
            mistakes.append(f"{where}: the same trial as {found[trial.trial_id]}")
        found.setdefault(trial.trial_id, where)
        trials.append(trial)
    return trials


def setting(benchmark: Benchmark, network: Component) -> Setting:
    """Return what a method is told of a benchmark and a network before anything is trained."""
    return Setting(
        scenario=benchmark.scenario, num_classes=benchmark.num_classes,
        input_shape=benchmark.input_shape, network=network.name, num_tasks=benchmark.num_tasks,
    )  # fmt: skip


def _check_fit(networks: list[Component], benchmarks: list[Benchmark], mistakes: list[str]) -> None:
    """Note which networks do not fit the images."""
    for network, shape in product(networks, {shape_of(benchmark) for benchmark in benchmarks}):
        objection = network.cls.objection(network.config, shape)
        if objection is not None:
            mistakes.append(f"network.{objection}")


def _benchmarks(given: dict[str, Any], mistakes: list[str]) -> list[Benchmark]:
    """Return the benchmarks of a file: one for each point of its grids; `order: all` is a grid."""
    if given.get("order") != "all":
        return _points(Benchmark, given, "benchmark", mistakes)
    orders: list[Any] = []
    num_tasks = given.get("num_tasks", 5)
    if isinstance(num_tasks, int) and 1 <= num_tasks <= MAX_TASKS_OF_ALL_ORDERS:
        orders = [list(order) for order in permutations(range(1, num_tasks + 1))]
    else:
        valid = f"num_tasks from 1 to {MAX_TASKS_OF_ALL_ORDERS}"
        mistakes.append(f"benchmark.order: all orders need {valid}, given {short(num_tasks)}")
    left_out = {} if orders else {"order": "natural"}  # the rest is looked at still
    return _points(
        Benchmark, {**given, "order": {"grid": orders}, **left_out}, "benchmark", mistakes
    )


def _points(kind: type[Any], given: dict[str, Any], where: str, mistakes: list[str]) -> list[Any]:
    """Return an instance of a dataclass for each point of the grids of a mapping."""
    decoded: dict[str, Any] = {}
    for point in grid_points(given, where, mistakes):
        made = decode(kind, point, where, mistakes, frozenset(given) - point.keys())
        if made is not None and decoded.setdefault(canonical(plain(made)), made) is not made:
            mistakes.append(f"{where}: its grids give {short(point)} twice")
    return list(decoded.values())


def _components(kind: str, given: Any, where: str, mistakes: list[str]) -> list[Component]:
    """Return the components a name, or a mapping with a name, stands for."""
    mapping = {"name": given} if isinstance(given, str) else given
    name = mapping.get("name") if isinstance(mapping, dict) else None
    if not isinstance(name, str):
        valid = "a name, or keys and values with a name"
        mistakes.append(f"{where}: must be {valid}, given {short(given)}")
        return []
    rest = {key: value for key, value in mapping.items() if key != "name"}
    try:
        config = find(kind, name).Config
    except RepertoireError as error:
        mistakes.append(f"{where}: {error}")
        return []
    return [component(kind, name, point) for point in _points(config, rest, where, mistakes)]
