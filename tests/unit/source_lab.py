"""Data of the user's own for tests: sweeps that are about it, read and run in this process."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import orchestrator
from orchestrator.benchmarks.datasets import dataset
from orchestrator.benchmarks.datasets.dataset import load_dataset
from orchestrator.benchmarks.sources import loading, own_data
from orchestrator.cli.run import RunOptions, run
from orchestrator.errors import SweepError
from orchestrator.stages.code import source
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.worker import StageOrder, compute_order
from orchestrator.sweep.sweep import Sweep

SWEEP = """\
name: own
benchmark: {{name: {name}, data: {data}, num_tasks: {num_tasks}, scenario: {scenario}}}
network: {network}
training: {training}
methods: [{methods}]
seeds: [0]
"""
MLP = "{name: mlp, hidden: [16]}"


def forget():
    """Leave this process as a new one is: it has read no data."""
    for memory in (own_data.OWN_DATA, loading.LOADED, loading.OPENED):
        memory.clear()
    dataset._load_own.cache_clear()


def forget_code():
    """Leave this process as a new one is: it has restored no code of a user's own."""
    packages = {*source._FINDER.sources}
    source._FINDER.sources.clear()
    for name in [name for name in sys.modules if name.partition(".")[0] in packages]:
        del sys.modules[name]


def write_sweep(folder: Path, data, file="sweep.yaml", **more) -> Path:
    values = {"name": "split", "num_tasks": 5, "scenario": "class", "network": MLP}
    values["training"] = "{batch_size: 64}"
    values |= {"methods": "finetune", **more}
    path = folder / file
    path.write_text(SWEEP.format(data=json.dumps(data), **values))
    return path


def load(folder: Path, data, **more) -> Sweep:
    return Sweep.load(write_sweep(folder, data, **more))


def learn(folder: Path, data, **more):
    """Run a sweep; return its rows of R."""
    path = write_sweep(folder, data, **more)
    out = folder / f"out {abs(hash(path.read_text()))}"
    assert run(path, out, None, RunOptions("inline")) == 0
    results = orchestrator.load(out)
    assert list(results.trials.status.unique()) == ["complete"]
    return results.accuracy[["split", "after", "task", "accuracy", "loss", "n"]]


def mistakes(folder: Path, data, **more) -> str:
    with pytest.raises(SweepError) as error:
        load(folder, data, **more)
    return str(error.value)


def data_of(sweep: Sweep):
    return sweep.trials[0].benchmark.data


def digits_arrays():
    digits = load_dataset("digits")
    names = ("train_x", "train_y", "test_x", "test_y")
    return {name: getattr(digits, name).numpy() for name in names}


def features(num_classes=3, each=10, d=4):
    """Features with their class as their first value."""
    y = np.arange(num_classes * each) % num_classes
    x = np.random.default_rng(0).normal(size=(len(y), d))
    x[:, 0] = y
    return x, y


def compute(folder, stage):
    """Compute a stage, as a worker does; return its outcome."""
    return compute_order(StageOrder((stage,), ("own", "x", 0)), StageStore(str(folder / "stages")))


def compute_last(folder, sweep):
    """Compute the first two stages of a sweep; return the last outcome."""
    return [compute(folder, stage) for stage in sweep.trials[0].stages(0)[:2]][-1]
