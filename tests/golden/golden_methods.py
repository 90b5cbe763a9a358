"""Small runs of every method whose numbers are kept in `methods.json`.

The cases cover every pair of method and network, method and optimiser, method and scenario, and the
options and constants that change a result (`mutate.py` shows that they do). After a change of
numbers made on purpose, `python tests/golden/golden_methods.py --all` writes the file anew.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from methods import METHODS
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.networks.networks import MLP, Network, NetworkConfig, NetworkShape
from orchestrator.networks.vit import ViTTiny
from orchestrator.stages.learning.learner import Training
from orchestrator.stages.run_stage import run_stage

FIGURES = Path(__file__).with_name("methods.json")
# Other processors round otherwise: measured over instruction sets, the figures agree to 5e-6.
# Where a rounding would decide a choice (the nearest of two examples), `samples` leave none.
RTOL = 2e-4
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"lr": 0.05, "momentum": 0.5},
    "adam": {"lr": 5e-3},
    "adamw": {"lr": 5e-3, "weight_decay": 0.01},
}


class ConvNet(Network):
    """Two convolutions with batch normalisation, and a linear head."""

    def __init__(self, config: NetworkConfig, shape: NetworkShape) -> None:
        super().__init__(config, shape)
        self.body = nn.Sequential(*block(shape.input_shape[0], 4), *block(4, 6))
        self.head = nn.Linear(24, shape.num_classes)


def block(before: int, after: int) -> tuple[nn.Module, ...]:
    """Return a convolution, batch normalisation, ReLU and pooling by 2."""
    convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)
    return convolution, nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)


NETWORKS: dict[str, tuple[type[Network], Any]] = {
    "mlp": (MLP, MLP.Config(hidden=(16, 12))),
    "convnet": (ConvNet, NetworkConfig()),
    "vit": (ViTTiny, ViTTiny.Config(patch=4, width=8, depth=2, heads=2, expansion=2)),
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """A class and its configuration, as `run_stage` reads them from a component."""

    cls: type[Any]
    config: Any

    @property
    def identity(self) -> str:
        """The name of the class."""
        return self.cls.__name__

    def content(self) -> dict[str, Any]:
        """Return what tells FLOPs of one part from those of another."""
        return {"class": self.cls.__name__, "config": repr(self.config)}

    describe = content


@dataclass(frozen=True, kw_only=True)
class Case:
    """One method on the first tasks of a small benchmark.

    Attributes:
        options: of the method. samples: training examples a task. tasks: how many are learned.
    """

    method: str
    scenario: str
    network: str
    optimizer: str
    options: Mapping[str, Any] = field(default_factory=dict)
    samples: int = 48
    epochs: int = 4
    batch_size: int = 16
    tasks: int = 3
    train_mask: str = "seen"
    eval_mask: str = "seen"

    @property
    def name(self) -> str:
        """The case in words; unique."""
        words = [self.method, self.scenario, self.network, self.optimizer]
        words += [f"{key}={value}" for key, value in self.options.items()]
        changed = {"samples": 48, "train_mask": "seen", "eval_mask": "seen"}
        words += [
            f"{k}={getattr(self, k)}" for k, usual in changed.items() if getattr(self, k) != usual
        ]
        return " ".join(words)

    @cached_property
    def benchmark(self) -> Benchmark:
        """Five tasks of two digits each."""
        return Benchmark(
            name="split_digits",
            scenario=self.scenario,
            validation=0.0,
            samples_per_task=self.samples,
            train_mask=self.train_mask,
            eval_mask=self.eval_mask,
        )

    def stage(self, after: int) -> Any:
        """Return what `run_stage` reads of a stage."""
        network, network_config = NETWORKS[self.network]
        method = METHODS[self.method]
        return SimpleNamespace(
            after=after,
            benchmark=self.benchmark,
            network=Part(cls=network, config=network_config),
            training=Training(
                epochs=self.epochs,
                batch_size=self.batch_size,
                optimizer=self.optimizer,
                **OPTIMIZERS[self.optimizer],
            ),
            method=Part(cls=method, config=method.Config(**self.options)),
            seed=0,
            key=f"{self.name} {after}",
            parent=None,
            # Of the state before the first task there are no figures.
            task_keys=self.benchmark.task_keys()[: self.tasks] if after else (),
        )

    def figures(self, device: str = "cpu") -> dict[str, Any]:
        """Return test losses after each task, a summary of the last state, and FLOPs by phase."""
        state, losses, flops = None, [], [0, 0, 0]
        first, _ = run_stage(self.stage(0), None, ("golden", self.name, 0), device)
        for after in range(1, self.tasks + 1):
            stage = self.stage(after)
            parent = first if stage.method.cls.starts_afresh or after == 1 else state
            state, record = run_stage(stage, parent, ("golden", self.name, 0), device)
            scores = [record.evaluation[task]["test"] for task in stage.task_keys]
            costs = record.costs
            for place, count in enumerate(
                (costs.train_flops, costs.consolidate_flops, costs.eval_flops)
            ):
                flops[place] += count
            losses.append([None if s.loss is None else significant(s.loss) for s in scores])
        return {"losses": losses, "state": parts(state or {}), "flops": flops}


def parts(state: Mapping[str, Tensor]) -> dict[str, list[float]]:
    """Return a summary of the state by first part of a name, whole numbers apart."""
    values: dict[str, list[Tensor]] = {}
    for name in sorted(name for name, tensor in state.items() if tensor.numel()):
        kind = "" if state[name].is_floating_point() else " (whole numbers)"
        part = name.split(".")[0] + kind
        values.setdefault(part, []).append(state[name].double().flatten())
    return {part: summary(torch.cat(tensors)) for part, tensors in values.items()}


def summary(values: Tensor) -> list[float]:
    """Return ||v|| and the mean of v_i^2 weighted by 2 + cos(i), which an order of v changes."""
    weights = 2 + torch.arange(len(values), dtype=torch.float64).cos()
    return [
        significant(float(values.norm())),
        significant(float((values.square() * weights).mean())),
    ]


def significant(value: float) -> float:
    """Return a number to seven significant digits."""
    return float(f"{value:.7g}")


def differ(first: Any, second: Any, rtol: float, atol: float = 1e-6) -> bool:
    """Return whether two nested collections of figures differ in more than rounding."""
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() != second.keys() or any(
            differ(first[key], second[key], rtol, atol) for key in first
        )
    if isinstance(first, list) and isinstance(second, list):
        return len(first) != len(second) or any(
            differ(one, other, rtol, atol) for one, other in zip(first, second, strict=True)
        )
    if first is None or second is None:
        return first is not second
    return not math.isclose(first, second, rel_tol=rtol, abs_tol=atol)


def case(method: str, scenario: str, network: str, optimizer: str, **more: Any) -> Case:
    """Return a case; of `more`, what is no field of a case is an option of the method."""
    own = {
        key: more.pop(key)
        for key in ("samples", "epochs", "batch_size", "tasks", "train_mask", "eval_mask")
        if key in more
    }
    return Case(
        method=method, scenario=scenario, network=network, optimizer=optimizer, options=more, **own
    )


FEW: dict[str, Any] = {"samples": 24, "epochs": 2, "tasks": 2}
CASES: dict[str, Case] = {
    each.name: each
    for each in (
        case("finetune", "task", "mlp", "sgd"),
        case("finetune", "domain", "convnet", "adam"),
        case("finetune", "class", "convnet", "adamw"),
        case("finetune", "class", "mlp", "sgd", train_mask="current"),
        case("finetune", "class", "mlp", "sgd", train_mask="all"),
        case("joint", "task", "convnet", "adamw"),
        case("joint", "domain", "mlp", "adam"),
        case("joint", "class", "convnet", "sgd"),
        case("cumulative", "task", "mlp", "adam"),
        case("cumulative", "domain", "convnet", "sgd"),
        case("cumulative", "class", "mlp", "adamw"),
        case("independent", "task", "mlp", "sgd"),
        case("independent", "task", "convnet", "adam"),
        case("independent", "task", "convnet", "adamw"),
        case("freeze", "task", "convnet", "sgd"),
        case("freeze", "domain", "mlp", "adam"),
        case("freeze", "class", "mlp", "adamw"),
        case("ncm", "task", "mlp", "sgd"),
        case("ncm", "domain", "convnet", "adam", metric="euclidean"),
        case("ncm", "class", "mlp", "adamw"),
        case("slda", "task", "mlp", "sgd"),
        case("slda", "domain", "convnet", "adam", shrinkage=0.1),
        case("slda", "class", "mlp", "adamw"),
        case("ranpac", "task", "mlp", "sgd", projection=40),
        case("ranpac", "domain", "convnet", "adam", projection=None, lam=1.0),
        case("ranpac", "class", "mlp", "adamw", projection=60, samples=24),
        case("fecam", "task", "mlp", "sgd"),
        case("fecam", "domain", "convnet", "adam", power=1.0, shrink_rest=0.0),
        case("fecam", "class", "mlp", "adamw", shrink_diagonal=10.0),
        case("knn", "task", "mlp", "sgd", memory_size=31),
        case("knn", "domain", "convnet", "adam", memory_size=31, k=3, metric="euclidean"),
        case("knn", "class", "mlp", "adamw", memory_size=31),
        case("l2", "task", "mlp", "sgd"),
        case("l2", "domain", "convnet", "adam", lam=1.0, penalise_head=True),
        case("l2", "class", "convnet", "adamw"),
        case("ewc", "task", "convnet", "sgd"),
        case("ewc", "domain", "mlp", "adam", penalise_head=True, gamma=0.5),
        case("ewc", "class", "mlp", "adamw", labels="sampled", num_samples=20),
        case("ewc", "task", "mlp", "sgd", mode="offline", labels="empirical"),
        case("ewc", "class", "convnet", "sgd", normalise=True, lam=1.0),
        case("si", "task", "mlp", "sgd"),
        case("si", "domain", "convnet", "adam", penalise_head=True),
        case("si", "class", "mlp", "adamw", c=1.0),
        case("mas", "task", "convnet", "sgd"),
        case("mas", "domain", "mlp", "adam", penalise_head=True),
        case("mas", "class", "mlp", "adamw", accumulate="mean", lam=1.0),
        case("rwalk", "task", "mlp", "sgd"),
        case("rwalk", "domain", "convnet", "adam", penalise_head=True),
        case("rwalk", "class", "mlp", "adamw", interval=5, samples=24),
        case("lwf", "task", "convnet", "sgd"),
        case("lwf", "domain", "mlp", "adam", scale_by_temperature=True),
        case("lwf", "class", "mlp", "adamw", lam=2.0),
        case("er", "task", "mlp", "sgd", memory_size=30),
        case("er", "domain", "convnet", "adam", memory_size=30, policy="ring"),
        case("er", "class", "mlp", "adamw", memory_size=30, policy="class_balanced"),
        case("er", "class", "mlp", "sgd", samples=270, epochs=1, batch_size=64),
        case("er", "class", "mlp", "sgd", memory_bytes=2000, replay_batch_size=8),
        case("er", "class", "mlp", "sgd", memory_size=30, samples=49),
        case("er_ace", "task", "mlp", "sgd", memory_size=30),
        case("er_ace", "domain", "convnet", "adam", memory_size=30, policy="ring"),
        case("er_ace", "class", "mlp", "adamw", memory_size=30, policy="class_balanced"),
        case("er", "class", "mlp", "sgd", memory_per_class=4, policy="class_balanced"),
        case("er", "class", "mlp", "sgd", memory_size=30, weighting="tasks"),
        case("er", "class", "mlp", "sgd", memory_size=30, asymmetric=True),
        case("er", "class", "mlp", "sgd", memory_size=30, updates_per_batch=2),
        case("mir", "task", "mlp", "sgd", memory_size=30, replay_batch_size=8),
        case("mir", "domain", "convnet", "adam", memory_size=40, policy="ring", virtual_lr=0.1),
        case("mir", "class", "mlp", "adamw", memory_size=30, candidates=20),
        case("shrink_perturb", "task", "mlp", "sgd"),
        case("shrink_perturb", "domain", "convnet", "adam", shrink=0.8, noise=0.05),
        case("shrink_perturb", "class", "mlp", "adamw", noise=0.1, law="initialisation"),
        case("continual_backprop", "task", "mlp", "sgd", replacement_rate=0.05, maturity=3),
        case("continual_backprop", "domain", "mlp", "adam", replacement_rate=0.2, maturity=0),
        case("continual_backprop", "class", "mlp", "adamw", replacement_rate=0.02, decay=0.5),
        case("agem", "task", "mlp", "sgd", memory_size=30, replay_batch_size=None),
        case(
            *("agem", "domain", "convnet", "adam"),
            **{"memory_size": 30, "policy": "ring", "replay_batch_size": None},
        ),
        case(
            *("agem", "class", "mlp", "adamw"),
            **{"memory_size": 30, "strength": 0.5, "replay_batch_size": None},
        ),
        case("agem", "class", "mlp", "sgd", memory_size=30),
        case("gem", "task", "mlp", "sgd", memory_size=30),
        case("gem", "domain", "convnet", "adam", memory_size=30),
        case("gem", "class", "mlp", "adamw", memory_size=30, margin=0.1, strength=0.5),
        case("der", "task", "mlp", "sgd", memory_size=30),
        case("der", "domain", "convnet", "adam", memory_size=30, samples=24),
        case("der", "class", "mlp", "adamw", memory_size=30),
        case("der", "class", "mlp", "sgd", memory_size=30, offered="every_epoch"),
        case("derpp", "task", "convnet", "sgd", memory_size=30),
        case("derpp", "domain", "mlp", "adam", memory_size=30),
        case("derpp", "class", "mlp", "adamw", memory_size=30),
        case("gdumb", "task", "mlp", "sgd", memory_size=31),
        case("gdumb", "domain", "convnet", "adam", memory_size=31),
        case("gdumb", "class", "mlp", "adamw", memory_size=31, passes=2),
        case("icarl", "task", "mlp", "sgd", memory_size=31),
        case("icarl", "class", "convnet", "adam", memory_size=31, exemplar_passes=2),
        case("icarl", "class", "mlp", "adamw", memory_size=31),
        case("icarl", "class", "mlp", "sgd", memory_size=31, train_mask="current"),
        case("icarl", "class", "mlp", "sgd", memory_size=5, eval_mask="all"),
        case("generative_replay", "task", "mlp", "sgd"),
        case("generative_replay", "domain", "convnet", "adam", labels="soft", hidden=(20,)),
        case("generative_replay", "class", "mlp", "adamw", conditional=True, hidden=(20, 10)),
        case("generative_replay", "task", "mlp", "sgd", conditional=True, labels="soft"),
        case("hat", "task", "mlp", "sgd"),
        case("hat", "task", "mlp", "adam", cycles=2, s_max=50.0),
        case("hat", "task", "mlp", "adamw", sparsity=0.5, spread=1.0),
        case("hat", "task", "mlp", "adam", cycles=6, spread=8.0),
        case("packnet", "task", "mlp", "sgd"),
        case("packnet", "task", "convnet", "adam", prune=0.5),
        case("packnet", "task", "mlp", "adamw", prune_at=1.0),
        case("packnet", "task", "mlp", "sgd", prune_at=0.01),
        case("pnn", "task", "mlp", "sgd"),
        case("pnn", "task", "mlp", "adam", projection=5),
        case("pnn", "task", "mlp", "adamw", alpha=1.0),
        case("gpm", "task", "mlp", "sgd"),
        case("gpm", "domain", "convnet", "adam", threshold=0.9, num_samples=20),
        case("gpm", "class", "mlp", "adamw", threshold_growth=0.01, project_steps=False),
        case("der_expand", "class", "mlp", "sgd", memory_size=31, classifier_epochs=4),
        case("der_expand", "class", "convnet", "adam", memory_size=31, classifier_epochs=0),
        case("der_expand", "class", "mlp", "adamw", memory_size=31, classifier_epochs=2),
        case("memo", "class", "mlp", "sgd", memory_size=31, specialised=2),
        case("memo", "class", "mlp", "adamw", memory_size=31, lam_auxiliary=0.5),
        case("memo", "class", "convnet", "adam", memory_size=31, align=False, samples=24),
        case("podnet", "class", "mlp", "sgd", memory_size=31, balanced_epochs=3),
        case(
            "podnet",
            "class",
            "convnet",
            "adam",
            memory_size=31,
            proxies=2,
            balanced_epochs=0,
            samples=24,
        ),
        case(
            "podnet",
            "class",
            "mlp",
            "adamw",
            memory_size=31,
            margin=0.1,
            balanced_epochs=2,
            samples=24,
        ),
        case("progress_compress", "task", "mlp", "sgd"),
        case("progress_compress", "domain", "mlp", "adam", compress_epochs=2, projection=5),
        case("progress_compress", "class", "mlp", "adamw", temperature=2.0, gamma=0.5),
        case("lucir", "class", "mlp", "sgd", memory_size=31),
        case("lucir", "class", "convnet", "adam", memory_size=31, exemplar_passes=2, nearest=1),
        case("lucir", "class", "mlp", "adamw", memory_size=31, scale=1.0, margin=0.2),
        case("bic", "class", "mlp", "sgd", memory_size=60, correction_epochs=10),
        case("bic", "class", "convnet", "adam", memory_size=60, correction_epochs=10),
        case("bic", "class", "mlp", "adamw", memory_size=60, held_out_share=0.4, correction_lr=0.1),
        case("wa", "class", "mlp", "sgd", memory_size=31, samples=24),
        case("wa", "class", "convnet", "adam", memory_size=31, exemplar_passes=2),
        case("wa", "class", "mlp", "adamw", memory_size=31, positive_weights=False),
        case("l2p", "task", "vit", "sgd", **FEW, pool=4, top=2, length=2),
        case("l2p", "domain", "vit", "adam", **FEW, pool=3, top=3, length=1, pull=0.1),
        case("l2p", "class", "vit", "adamw", **FEW, body_tasks=1),
        case("coda_prompt", "task", "vit", "sgd", **FEW, components=3, length=4),
        case("coda_prompt", "domain", "vit", "adam", **FEW, components=2, length=2, blocks=1),
        case("coda_prompt", "class", "vit", "adamw", **FEW, components=5, ortho=1.0, body_tasks=1),
        case("lora", "task", "vit", "sgd", **FEW, rank=2),
        case("lora", "domain", "vit", "adam", **FEW, rank=2, share=0.5, rise=0.1),
        case("lora", "class", "vit", "adamw", **FEW, rank=3, body_tasks=1),
        case("slca", "class", "mlp", "sgd", per_class=16),
        case(
            "slca", "class", "convnet", "adam", per_class=16, slow=0.5, alignment_lr=0.1, samples=24
        ),
        case("slca", "class", "mlp", "adamw", per_class=8, temperature=1.0, alignment_epochs=2),
    )
}


def main() -> None:
    """Write the figures of cases that have none; with `--all`, of all cases."""
    torch.set_num_threads(1)
    held = {} if "--all" in sys.argv else json.loads(FIGURES.read_text(encoding="utf-8"))
    figures = {name: held.get(name) or each.figures() for name, each in CASES.items()}
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in figures.items()]
    FIGURES.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
