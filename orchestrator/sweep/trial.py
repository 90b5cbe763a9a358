"""A trial: one configuration of one method on one benchmark, a chain of stages on each seed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.hashing import digest_json, to_json, to_keyed_json
from orchestrator.stages.build_stages import Common, build_chain, fill_defaults
from orchestrator.stages.code.components import Component
from orchestrator.stages.features.feature_inputs import use_features
from orchestrator.stages.learning.step_budget import STEP_BUDGET
from orchestrator.stages.learning.training import Training
from orchestrator.stages.stage import Stage
from orchestrator.sweep.spaces.nesting import replace_values

Values = Mapping[str, Any]
TaskValues = tuple[Values, ...]  # of each task 1..T, by place

# 64 bits: two of 10^7 trials share an id once in 370,000 sweeps. Release 0.1 had 8 digits.
ID_DIGITS = 16


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One configuration of one method on one benchmark, on one or several seeds.

    `benchmark.seed` is replaced by each seed unless the sweep gave one (`fixed_stream`).

    Attributes:
        schedule: for each task 1..T, the hyperparameters that change from task to task, by place
            ("training.lr", "method.lam"); empty if none does.
        schedules: seed -> those that follow from `selection` and the seed, likewise, so that they
            are no part of the configuration; empty if none does.
        selection: how the trial was chosen, if that is part of its configuration; "per_task" has
            by place the values to choose from, separately on each seed.
        label: the name that the sweep gives it for a reader, no part of the configuration.
        dial: what was solved for on all seeds to meet the means of the sweep, by place; no part of
            the configuration, which has the values. See `dial_on`.
        budgets: seed -> the FLOPs that the means of the sweep allow each task 1..T, likewise; empty
            if they are not known.
        storage_bound: bytes that it never exceeds, however many tasks there are, likewise; None if
            there is no bound, or none is known.
    """

    benchmark: Benchmark
    network: Component
    training: Training
    method: Component
    seeds: tuple[int, ...]
    fixed_stream: bool = False
    schedule: TaskValues = ()
    schedules: Mapping[int, TaskValues] = field(default_factory=dict)
    selection: Values = field(default_factory=dict)
    dial: Values = field(default_factory=dict)
    budgets: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    storage_bound: int | None = None
    label: str = ""

    def __post_init__(self) -> None:
        # Defaults that depend on the benchmark become part of the configuration and its id.
        parts = use_features(self.benchmark, self.network, self.training)
        method = fill_defaults(self.method, *parts)
        object.__setattr__(self, "method", method)

    @property
    def config(self) -> dict[str, Any]:
        """The configuration as JSON types, without seeds."""
        return self._to_json(to_json)

    @cached_property
    def identity(self) -> str:
        """A digest that the same configuration has in any sweep, and no other configuration.

        Fields at their neutral value are left out, so that a new option renames no trial.
        """
        return digest_json("trial", self._to_json(to_keyed_json))

    @property
    def trial_id(self) -> str:
        """A short name, the same for the same configuration in any sweep."""
        name = re.sub(r"[^A-Za-z0-9]+", "_", self.method.name)
        return f"{name}-{self.identity[:ID_DIGITS]}"

    def _to_json(self, as_json: Callable[[object], Any]) -> dict[str, Any]:
        benchmark = self.benchmark.describe()
        # The sources of data as the tables have them, or as the key has them.
        if self.benchmark.data is not None:
            benchmark["data"] = as_json(self.benchmark.data)
        if self.benchmark.sequence is not None:
            benchmark["sequence"] = as_json(self.benchmark.sequence)
        # Each seed of the trial replaces it, so that it is no part of the configuration.
        if not self.fixed_stream:
            benchmark.pop("seed")
        config: dict[str, Any] = {
            "benchmark": benchmark,
            "network": self.network.describe(),
            "training": self.training.describe(),
            "method": self.method.describe(),
        }
        changing = tuple(self.schedule[0]) if self.schedule else ()
        # A value that changes from task to task is in the schedule, and nowhere else.
        config = drop_places(config, (*changing, *self.selection.get("per_task", ())))
        if changing:
            config["schedule"] = [dict(values) for values in self.schedule]
        if self.selection:
            config["selection"] = dict(self.selection)
        return config

    def schedule_on(self, seed: int) -> TaskValues:
        """Return the hyperparameters that change from task to task on a seed; () if none does."""
        own = self.schedules[seed] if self.schedules else ()
        if not (own and self.schedule):
            return own or self.schedule
        return tuple({**both, **values} for both, values in zip(self.schedule, own, strict=True))

    def dial_on(self, seed: int) -> Values:
        """Return what was solved for on a seed, by place: of steps a number for each task.

        Where they follow from the state their list is empty.
        """
        schedule = self.schedules.get(seed, ())
        places = [place for place in schedule[0] if place != STEP_BUDGET] if schedule else ()
        return {**self.dial, **{place: [values[place] for values in schedule] for place in places}}

    def stages(self, seed: int, common: Common | None = None) -> tuple[Stage, ...]:
        """Return the chain of stages on one seed, after = 0..T.

        Args:
            seed: one of its seeds.
            common: what is known of the objects of other trials, whose chains are built too.
        """
        benchmark, common = self.benchmark, common or Common()
        if not self.fixed_stream:
            at_seed = partial(replace, benchmark, seed=seed)
            benchmark = common.compute_once(("benchmark", seed), (benchmark,), at_seed)
        steps = [self._components_at(values) for values in self.schedule_on(seed)]
        steps = steps or [(self.training, self.method)] * self.benchmark.num_tasks
        return build_chain(benchmark, self.network, steps, seed, common)

    def _components_at(self, values: Values) -> tuple[Training, Component]:
        training = replace_values(self.training, section_values("training", values))
        config = replace_values(self.method.config, section_values("method", values))
        return training, replace(self.method, config=config)


def drop_places(config: Mapping[str, Any], places: Iterable[str]) -> dict[str, Any]:
    """Return the configuration of a trial without the hyperparameters at some places."""
    if not (dropped := {place.removesuffix(".name") for place in places}):
        return dict(config)
    return {
        section: {k: v for k, v in fields.items() if f"{section}.{k}" not in dropped}
        if isinstance(fields, Mapping)
        else fields
        for section, fields in config.items()
    }


def section_values(section: str, values: Values) -> dict[str, Any]:
    """Return the values of a section, by field."""
    prefix = f"{section}."
    return {k.removeprefix(prefix): v for k, v in values.items() if k.startswith(prefix)}
