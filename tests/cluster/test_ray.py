"""The Ray backend in this process, on one Ray: the results of the inline backend, whatever dies."""

from __future__ import annotations

import itertools
import platform
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from orchestrator.backends.factory import BACKENDS
from orchestrator.backends.inline import Inline
from orchestrator.backends.ray_backend import OnRay
from orchestrator.backends.ray_tasks import MAX_DEATHS
from orchestrator.cli.run_sweep import run_sweep
from orchestrator.errors import RepertoireError
from orchestrator.graph.brake import Brake
from orchestrator.graph.driver import Backend
from orchestrator.graph.evaluation import CreateQueue, FirstInFirstOut
from orchestrator.graph.events import Event, Instruction
from orchestrator.graph.features import sweep_features
from orchestrator.graph.plan import plan
from orchestrator.graph.progress import Progress
from orchestrator.networks.base import NetworkShape
from orchestrator.networks.networks import CNN, build_network
from orchestrator.results.folder.places import open_store, results_folder
from orchestrator.results.folder.tabulator import Tabulator
from orchestrator.results.load import load
from orchestrator.search.evaluate import evaluate
from orchestrator.search.features import compute_features
from orchestrator.stages.outcomes import StageDone
from orchestrator.stages.storage.mapped import map_state
from orchestrator.sweep.sweep import Sweep

pytestmark = [
    pytest.mark.ray,
    pytest.mark.usefixtures("one_ray"),
    pytest.mark.timeout(400),
]
NUMBERS = itertools.count()
SWEEP = """
name: lab
benchmark: {{name: split_digits, num_tasks: 2, samples_per_task: 32}}
network: {{name: mlp, hidden: [8]}}
training: {{batch_size: 16}}
methods: {methods}
seeds: {seeds}
resources: {{cpus: {cpus}}}
"""
SMALL = CNN.Config(channels=(2,), hidden=4)
FEATURES = """
name: lab
benchmark: {name: split_digits, num_tasks: 2, samples_per_task: 32}
network: {name: pretrained, backbone: {name: cnn, channels: [2], hidden: 4},
  weights: body.safetensors}
training: {batch_size: 16}
methods: [finetune]
seeds: [0]
"""
THREE = (
    "[finetune, joint, {name: ewc, lam: {grid: [1, 100]}, training: {keep_optimizer: true, "
    "augment: [{name: pad_crop, padding: 1}, mixup]}}]"
)


def compute(
    folder: Path,
    methods: str,
    backend: Backend,
    cpus: float = 1,
    create_queue: CreateQueue = FirstInFirstOut,
    seeds: str = "[0, 1]",
) -> Progress:
    """Run a sweep of these methods in a folder."""
    folder.mkdir(exist_ok=True)
    (folder / "sweep.yaml").write_text(SWEEP.format(methods=methods, cpus=cpus, seeds=seeds))
    sweep = Sweep.load(folder / "sweep.yaml")
    store = open_store(folder, None)
    sweep_plan = plan(sweep, store)
    tables = Tabulator(sweep_plan.chains, store, results_folder(sweep, folder))
    return evaluate(sweep_plan, tables, backend, create_queue=create_queue)


def accuracy(folder: Path) -> bytes:
    return (folder / "lab" / "accuracy.parquet").read_bytes()


def trials(folder: Path) -> pd.DataFrame:
    return load(folder / "lab").trials.set_index(["method", "seed"])


class AfterFirstStage(OnRay):
    """The Ray backend with something happening once a stage is done."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__(None)
        self._act, self.acted = act, False

    def compute(self, client, sweep, store, observe, brake):  # type: ignore[no-untyped-def]
        def watch(news: Event | Instruction) -> None:
            observe(news)
            if isinstance(news, StageDone) and not self.acted:
                self.acted = True
                self._act()

        super().compute(client, sweep, store, watch, brake)
        assert self.acted


@pytest.fixture(scope="module")
def inline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the inline backend makes of the sweep of three methods."""
    folder = tmp_path_factory.mktemp("inline")
    compute(folder, THREE, Inline())
    return folder


@pytest.fixture
def own(modules: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Write a method that does something when it begins its second task; return its name."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(modules)])

    def write(body: str) -> str:
        name = f"own_cluster_{next(NUMBERS)}"
        (modules / f"{name}.py").write_text(
            "import os\nfrom pathlib import Path\nfrom methods.finetune import Finetune\n"
            "class Mine(Finetune):\n    def begin_task(self, task):\n"
            f"        if task.index == 2:\n            {body}\n"
        )
        return f"{name}:Mine"

    return write


def test_ray_gives_the_results_of_the_inline_backend(tmp_path: Path, inline: Path) -> None:
    progress = compute(tmp_path, THREE, OnRay())
    assert (progress.executed, progress.to_go, progress.running) == (16, 0, 0)
    assert progress.trials_done == progress.trials == 4
    assert accuracy(tmp_path) == accuracy(inline)


def test_processes_that_die_are_replaced_and_stages_that_always_die_fail(
    tmp_path: Path, own: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    claim = f"Path({str(marks)!r}, 'claimed')"
    once = own(f"if not {claim}.exists(): {claim}.touch(); os._exit(1)")
    always = own("print('last words', flush=True); os._exit(1)")
    raises = own("print('a hint'); raise ValueError('too shy')")
    # A new process takes as long as a hundred of these stages: one seed, and one death less.
    monkeypatch.setitem(MAX_DEATHS, "process", 2)
    compute(tmp_path, f"['{once}', '{always}', '{raises}', finetune]", OnRay(), seeds="[0]")
    table = trials(tmp_path)
    assert [mark.name for mark in marks.iterdir()] == ["claimed"], "the process died once"
    assert set(table.loc[once, "status"]) == set(table.loc["finetune", "status"]) == {"complete"}
    for name, story, log in (
        (always, "the worker of this stage was lost", "last words"),
        (raises, "ValueError: too shy (", "a hint"),
    ):
        assert set(table.loc[name, "status"]) == {"failed"}
        assert set(table.loc[name, "tasks_done"]) == {1}
        assert all(text.startswith(story) for text in table.loc[name, "story"])
        assert list(table.loc[name, "log"]) == [log]
        assert set(table.loc[name, "node"]) == {platform.node()}
        assert (table.loc[name, "pid"] > 1).all()


def test_workers_that_computed_code_compute_what_it_was_edited_to(
    tmp_path: Path, modules: Path, own: Callable[[str], str]
) -> None:
    method = own("pass")
    first = compute(tmp_path / "ray", f"['{method}', finetune]", OnRay(), seeds="[0]")
    file = modules / f"{method.partition(':')[0]}.py"
    edited = "[parameter.data.zero_() for parameter in self.network.parameters()]"
    file.write_text(file.read_text().replace("pass", edited))
    second = compute(tmp_path / "ray", f"['{method}', finetune]", OnRay(), seeds="[0]")
    # Its two tasks; stage 0 and finetune are as they were.
    assert (first.executed, second.executed) == (5, 2)
    compute(tmp_path / "inline", f"['{method}', finetune]", Inline(), seeds="[0]")
    assert accuracy(tmp_path / "ray") == accuracy(tmp_path / "inline")


def test_trials_of_tune_give_the_results_of_the_inline_backend(
    tmp_path: Path, inline: Path
) -> None:
    compute(tmp_path, THREE, OnRay(), create_queue=BACKENDS["ray"].create_queue)
    assert accuracy(tmp_path) == accuracy(inline)


def test_nothing_runs_on_when_the_news_cannot_be_told(tmp_path: Path) -> None:
    def fail() -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        compute(tmp_path, THREE, AfterFirstStage(fail))
    assert (tmp_path / "lab" / "trials.parquet").exists()


def test_a_stage_too_large_for_every_node_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(RepertoireError, match="no node of this Ray has"):
        compute(tmp_path, "[finetune]", OnRay(), cpus=64)


def test_features_are_computed_by_workers_once_and_are_those_of_one_process(
    tmp_path: Path,
) -> None:
    shape = NetworkShape((1, 8, 8), 10, (0.3,), (0.4,))
    save_file(build_network(CNN, SMALL, shape, 0).state_dict(), tmp_path / "body.safetensors")
    path, bits = tmp_path / "sweep.yaml", []
    path.write_text(FEATURES)
    for place in (OnRay(), Inline()):
        sweep, out = Sweep.load(path), tmp_path / type(place).__name__
        tables = Tabulator((), open_store(out, None), results_folder(sweep, out))
        with place if isinstance(place, OnRay) else nullcontext(place) as backend:
            compute_features(sweep, tables, backend, Brake(), lambda progress: None)
            if isinstance(place, OnRay):
                assert run_sweep(sweep, tables, backend, Brake()).complete
        (features,) = sweep_features(sweep)
        bits.append(map_state(features.digest, tables.store))
    assert torch.equal(bits[0]["train"], bits[1]["train"])
    assert torch.equal(bits[0]["test"], bits[1]["test"])
