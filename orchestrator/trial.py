"""A trial: one configuration of one method on one benchmark, a chain of stages on each seed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.benchmarks import Benchmark
from orchestrator.components import Component
from orchestrator.hashing import digest, plain
from orchestrator.learner import Training
from orchestrator.stage import Chain, Stage, stages


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
        name = re.sub(r"[^A-Za-z0-9]+", "_", self.method.name)
        return f"{name}-{digest('trial', self.config)[:8]}"

    def stages(self, seed: int) -> tuple[Stage, ...]:
        """Return the chain of stages on one seed, after = 0..T."""
        benchmark = self.benchmark if self.fixed_stream else replace(self.benchmark, seed=seed)
        return stages(benchmark, self.network, self.training, self.method, seed)


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
