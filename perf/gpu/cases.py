"""Chains of stages that are timed, their data, and a chain run through the store."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from methods import METHODS
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.benchmarks.sources.npz import Npz
from orchestrator.benchmarks.sources.own_data import read_own_data
from orchestrator.networks.networks import NETWORKS
from orchestrator.stages.build_stages import build_stages
from orchestrator.stages.code.components import create_component
from orchestrator.stages.learning.training import Training
from orchestrator.stages.outcomes import StageDone
from orchestrator.stages.record import Record
from orchestrator.stages.run_stage import State, run_stage
from orchestrator.stages.stage import Stage
from orchestrator.stages.storage.lease_holding import create_owner
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.worker import StageOrder, compute_order

CLASSES = 10
COMPUTED_FOR = ("perf", "gpu", 0)

Chain = tuple[Stage, ...]


@dataclass(frozen=True)
class Case:
    """A network, the stream that it learns, and its training.

    Attributes:
        title: for tables.
        network: its name and its options.
        training: options of the training.
    """

    title: str
    benchmark: Benchmark
    network: tuple[str, dict[str, Any]]
    training: dict[str, Any]

    def chain(
        self, method: str = "finetune", seed: int = 0, memory_size: int = 200, **training: Any
    ) -> Chain:
        """Return the stages of a method, with other options of the training.

        A memory, where the method has one, holds `memory_size` examples.
        """
        name, options = self.network
        memory = {"memory_size": memory_size} if has_memory(method) else {}
        return build_stages(
            self.benchmark,
            create_component("network", name, NETWORKS[name].Config(**options)),
            Training(**{**self.training, **training}),
            create_component("method", method, METHODS[method].Config(**memory)),
            seed,
        )


def has_memory(method: str) -> bool:
    """Return whether a method stores examples."""
    return "memory_size" in {field.name for field in fields(METHODS[method].Config)}


def split_digits(scenario: str = "task", **options: Any) -> Benchmark:
    """Return five tasks of scikit-learn's digits."""
    return Benchmark(name="split_digits", scenario=scenario, num_tasks=5, **options)


def made_benchmark(folder: Path, shape: tuple[int, ...], examples: int) -> Benchmark:
    """Return five tasks of made images of ten classes: a pattern of each class, and noise."""
    draw = np.random.default_rng(0)
    patterns = draw.integers(0, 128, (CLASSES, *shape), dtype=np.uint8)
    y = np.arange(examples + examples // 5) % CLASSES
    x = patterns[y] + draw.integers(0, 128, (len(y), *shape), dtype=np.uint8)
    path = folder / f"{'x'.join(map(str, shape))}-{examples}.npz"
    parts = {"train": slice(examples), "test": slice(examples, None)}
    arrays = {f"{name}_x": x[part] for name, part in parts.items()}
    np.savez(path, **arrays, **{f"{name}_y": y[part] for name, part in parts.items()})
    own = read_own_data(Npz(npz=str(path)), str(path))
    return Benchmark(name="split", data=own.name, scenario="task", num_tasks=5)


def digits_case() -> Case:
    """Return an MLP on digits."""
    training = {"epochs": 5, "batch_size": 32}
    return Case("MLP, digits", split_digits(), ("mlp", {"hidden": (400, 400)}), training)


def mlp_case(folder: Path, examples: int) -> Case:
    """Return an MLP on made data of the shape of Fashion-MNIST."""
    benchmark = made_benchmark(folder, (28, 28), examples)
    title = f"MLP, {examples} x 28x28"
    return Case(title, benchmark, ("mlp", {"hidden": (400, 400)}), {"batch_size": 128})


def resnet_case(folder: Path, examples: int) -> Case:
    """Return a slim ResNet-18 on made images of 32x32 pixels in three channels."""
    benchmark = made_benchmark(folder, (3, 32, 32), examples)
    title = f"slim ResNet-18, {examples} x 32x32x3"
    return Case(title, benchmark, ("resnet18", {"variant": "slim"}), {"batch_size": 64})


def run_in_store(chain: Chain, device: str) -> list[Record]:
    """Compute a chain into a new store, as a worker does; return the records of its tasks."""
    with tempfile.TemporaryDirectory() as folder:
        return compute_chain(chain, device, folder)


def compute_chain(chain: Chain, device: str, folder: str | Path) -> list[Record]:
    """Compute a chain into the store in a folder; return the records of its tasks."""
    store, owner, records = StageStore(folder), create_owner(), []
    for stage in chain:
        outcome = compute_order(StageOrder((stage,), COMPUTED_FOR), store, device, owner)
        if not isinstance(outcome, StageDone):
            raise RuntimeError(f"a stage was not computed: {outcome}")
        records.append(store.record(stage.key))
    return [record for record in records[1:] if record is not None]


def run_states(chain: Chain, device: str) -> list[State]:
    """Run a chain without a store; return the state of each stage."""
    states: dict[str | None, State | None] = {}
    for stage in chain:
        states[stage.key], record = run_stage(stage, states.get(stage.parent), COMPUTED_FOR, device)
        if states[stage.key] is None:
            raise RuntimeError(f"training diverged: {record.story}")
    return [state for state in states.values() if state is not None]
