"""Durations and sizes of stages, from the records of a results folder or estimated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from orchestrator.columns import PHASE_SECONDS
from orchestrator.errors import RepertoireError
from orchestrator.graph.deadline import StageKind
from orchestrator.graph.virtual_workers import Cost
from orchestrator.networks.networks import NetworkShape, build_network
from orchestrator.results.load import load
from orchestrator.results.results import Results
from orchestrator.stages.build_stages import network_shape
from orchestrator.stages.code.components import Component
from orchestrator.stages.stage import Stage
from orchestrator.stages.worker import StageOrder, exhausted_memory

ASSUMED_SECONDS = 60.0  # any number will do: it is shown as assumed, and scales the whole forecast
RECORD_BYTES = 4000  # of the record of a stage on ten tasks
BENCHMARK = ["benchmark", "network", "method"]
# From the closest likeness to the loosest: the columns that two stages have in common.
LIKENESS: Mapping[str, list[str]] = {
    "the same configuration and task": ["trial_id", "after"],
    "the same benchmark, network, method and task": [*BENCHMARK, "after"],
    "the same benchmark, network and method": BENCHMARK,
    "the same method": ["method"],
    "any stage": [],
}
ASSUMED = f"assumed: {ASSUMED_SECONDS:g} s, and the bytes of the network"


@dataclass
class Durations:
    """The cost of each stage, the mean of the recorded ones that are most like it.

    Attributes:
        recorded: likeness -> values of its columns -> mean cost.
        devices: the devices that the recorded stages were computed on.
        peaks: (benchmark, network, method) -> the largest peak of memory, bytes.
        sources: likeness -> stages whose cost is known by it.
    """

    recorded: Mapping[str, Mapping[tuple[Any, ...], Cost]] = field(default_factory=dict)
    devices: tuple[str, ...] = ()
    peaks: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    sources: Counter[str] = field(default_factory=Counter)
    _assumed: dict[Any, Cost] = field(default_factory=dict)

    def cost(self, order: StageOrder) -> Cost:
        """Return the cost of a stage, counting where it is known from."""
        stage = order.stages[0]
        values = likeness_columns(order.computed_for[1], stage) if self.recorded else {}
        for likeness, means in self.recorded.items():
            cost = means.get(tuple(values[name] for name in LIKENESS[likeness]))
            if cost is not None:
                self.sources[likeness] += 1
                return cost
        self.sources[ASSUMED] += 1
        return self._assume_cost(stage)

    def peak(self, order: StageOrder) -> int:
        """Return the largest recorded peak of memory of stages of a kind, bytes; 0: unknown."""
        stage = order.stages[0]
        return self.peaks.get((stage.benchmark.title, stage.network.name, stage.method.name), 0)

    def _assume_cost(self, stage: Stage) -> Cost:
        # Trials share the objects of their network and stream, whose description would take time.
        objects = (id(stage.network), id(stage.benchmark))
        if objects not in self._assumed:
            shape = network_shape(stage.benchmark)
            name = (id(stage.network), shape.input_shape, shape.num_classes)
            if name not in self._assumed:
                self._assumed[name] = assumed_cost(stage.network, shape)
            self._assumed[objects] = self._assumed[name]
        return self._assumed[objects]


def assumed_cost(network: Component, shape: NetworkShape) -> Cost:
    """Return the assumed cost of a stage without a comparable record.

    Raises:
        RepertoireError: there is no memory for the network.
    """
    try:
        built = build_network(network.cls, network.config, shape, 0)
    except (MemoryError, RuntimeError) as error:
        if not exhausted_memory(error):
            raise
        raise RepertoireError(
            f"network {network.name}: this machine has no memory for its parameters; make it "
            "smaller, or plan where it fits"
        ) from None
    tensors = built.state_dict().values()
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    return Cost(ASSUMED_SECONDS, size + RECORD_BYTES)


def likeness_columns(trial_id: str, stage: Stage) -> dict[str, Any]:
    """Return the columns of LIKENESS of a stage; stage 0 is of no method and no configuration."""
    return {
        "trial_id": trial_id if stage.after else "",
        "benchmark": stage.benchmark.title,
        "network": stage.network.name,
        "method": stage.method.name if stage.after else "",
        "after": stage.after,
    }


def read_gpu_shares(folder: Path) -> dict[StageKind, float]:
    """Return the share of a GPU that stages of a kind took, by the records of a results folder.

    The largest share of its memory, or of its time if that is more; of its time the smallest, since
    a utilisation counts all that ran beside the stage. Empty if nothing is recorded.
    """
    try:
        stages = _describe_records(load(folder))
    except RepertoireError:
        return {}
    measured = stages[stages["gpu_memory_share"].notna() & (stages["after"] > 0)]
    kinds = measured.groupby(BENCHMARK)
    memory, busy = kinds["gpu_memory_share"].max(), kinds["gpu_utilisation"].min()
    shares = memory.where(busy.isna() | (memory > busy), busy)
    rows = zip(shares.index.to_frame().itertuples(index=False), shares, strict=True)
    return {(str(kind[0]), str(kind[1]), str(kind[2]), True): float(each) for kind, each in rows}


def read_durations(folder: Path) -> Durations:
    """Return the durations that a results folder has records of.

    Raises:
        RepertoireError: there are no results.
    """
    stages = _describe_records(load(folder))
    timed = stages[stages["timed"]]
    recorded = {name: _mean_costs(timed, columns) for name, columns in LIKENESS.items()}
    devices = tuple(sorted(stages["device"].dropna().unique()))
    peaks = stages[stages["after"] > 0].groupby(BENCHMARK)["peak_memory_bytes"].max()
    known: dict[Any, int] = peaks.dropna().astype(int).to_dict()
    return Durations(recorded, devices, known)


def _describe_records(results: Results) -> pd.DataFrame:
    """Return a row for each distinct stage, with the columns of LIKENESS and its cost."""
    trials = results.trials[["sweep", "trial_id", "seed", *BENCHMARK]]
    stages = results.stages.drop_duplicates("key")
    stages = stages.merge(trials, on=["sweep", "trial_id", "seed"])
    stages.loc[stages["after"] == 0, ["trial_id", "method"]] = ""
    return stages.assign(
        seconds=stages[list(PHASE_SECONDS)].fillna(0.0).sum(axis=1),
        timed=stages[list(PHASE_SECONDS)].notna().any(axis=1),
        size=stages["storage_bytes"] - stages["storage_raw_data_bytes"] + RECORD_BYTES,
    )


def _mean_costs(stages: pd.DataFrame, columns: list[str]) -> dict[tuple[Any, ...], Cost]:
    if "after" not in columns:
        stages = stages[stages["after"] > 0]
    if not columns:
        return {(): Cost(*stages[["seconds", "size"]].mean())} if len(stages) else {}
    means = stages.groupby(columns)[["seconds", "size"]].mean()
    keys = (key if isinstance(key, tuple) else (key,) for key in means.index)
    return {key: Cost(*row) for key, row in zip(keys, means.to_numpy().tolist(), strict=True)}
