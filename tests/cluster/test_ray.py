"""The Ray backend in this process, on one Ray: the results of the inline backend, whatever dies."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from processes import descendants

from orchestrator.backends.inline import run_inline
from orchestrator.backends.ray_cluster import on_ray
from orchestrator.backends.tune import require_whole
from orchestrator.errors import RepertoireError
from orchestrator.graph.brake import Brake
from orchestrator.graph.plan import Plan, plan
from orchestrator.graph.progress import Progress
from orchestrator.graph.trial_graph import Event, Instruction, StageDone
from orchestrator.results import results
from orchestrator.results.folder import Backend, Tabulator, open_store, results_folder, run
from orchestrator.stages.store import StageStore
from orchestrator.sweep.sweep import Sweep

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("one_ray")]
Observer = Callable[[Event | Instruction], None]
NUMBERS = itertools.count()
SWEEP = """
name: lab
benchmark: {{name: split_digits, num_tasks: 2, samples_per_task: 32}}
network: {{name: mlp, hidden: [8]}}
training: {{batch_size: 16}}
methods: {methods}
seeds: [0, 1]
resources: {{cpus: {cpus}}}
"""
THREE = "[finetune, joint, {name: ewc, lam: {grid: [1, 100]}}]"


def compute(folder: Path, methods: str, backend: Backend, cpus: float = 1) -> Progress:
    """Run a sweep of these methods in a folder."""
    folder.mkdir(exist_ok=True)
    (folder / "sweep.yaml").write_text(SWEEP.format(methods=methods, cpus=cpus))
    sweep = Sweep.load(folder / "sweep.yaml")
    store = open_store(folder, None)
    made = plan(sweep, store)
    return run(made, Tabulator(made.chains, store, results_folder(sweep, folder)), backend)


def accuracy(folder: Path) -> bytes:
    return (folder / "lab" / "accuracy.parquet").read_bytes()


def trials(folder: Path) -> pd.DataFrame:
    return results.load(folder / "lab").trials.set_index(["method", "seed"])


def after_first_stage(act: Callable[[], None]) -> Backend:
    """Return the Ray backend with something happening once a stage is done."""

    def backend(made: Plan, store: StageStore, observe: Observer, brake: Brake) -> None:
        acted: list[bool] = []

        def watch(news: Event | Instruction) -> None:
            observe(news)
            if isinstance(news, StageDone) and not acted:
                acted.append(True)
                act()

        on_ray(None)(made, store, watch)
        assert acted

    return backend


@pytest.fixture(scope="module")
def inline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the inline backend makes of the sweep of three methods."""
    folder = tmp_path_factory.mktemp("inline")
    compute(folder, THREE, run_inline)
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
    progress = compute(tmp_path, THREE, on_ray(None))
    assert (progress.executed, progress.to_go, progress.running) == (16, 0, 0)
    assert progress.trials_done == progress.trials == 4
    assert accuracy(tmp_path) == accuracy(inline)


def test_processes_that_die_are_replaced_and_stages_that_always_die_fail(
    tmp_path: Path, own: Callable[[str], str]
) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    claim = f"Path({str(marks)!r}, str(task.stream('which').initial_seed()))"
    once = own(f"if not {claim}.exists(): {claim}.touch(); os._exit(1)")
    always, raises = own("os._exit(1)"), own("raise ValueError('too shy')")
    compute(tmp_path, f"['{once}', '{always}', '{raises}', finetune]", on_ray(None))
    found = trials(tmp_path)
    assert len(list(marks.iterdir())) == 2, "the process of each seed died once"
    assert set(found.loc[once, "status"]) == set(found.loc["finetune", "status"]) == {"complete"}
    for name, story in (
        (always, "the worker of this stage was lost"),
        (raises, "ValueError: too shy\n"),
    ):
        assert set(found.loc[name, "status"]) == {"failed"}
        assert set(found.loc[name, "tasks_done"]) == {1}
        assert all(told.startswith(story) for told in found.loc[name, "story"])


def kill_broker() -> None:
    import ray

    from orchestrator.backends.broker import NAME

    (place,) = [a for a in ray.util.list_named_actors(all_namespaces=True) if a["name"] == NAME]
    ray.kill(ray.get_actor(**place), no_restart=False)


def test_a_broker_that_dies_starts_again_and_the_sweep_completes(
    tmp_path: Path, inline: Path
) -> None:
    progress = compute(tmp_path, THREE, after_first_stage(kill_broker))
    assert (progress.executed, progress.to_go, progress.running) == (16, 0, 0)
    assert accuracy(tmp_path) == accuracy(inline)


def kill_trial() -> None:
    """End a process that holds a trial: only ones that this test's own Ray started."""
    trials: list[int] = []
    while not trials:
        running = descendants(os.getpid())
        trials = [pid for pid, command in running.items() if "ResourceTrainable" in command]
    os.kill(trials[0], signal.SIGKILL)


def test_a_trial_whose_process_dies_goes_on_in_another(tmp_path: Path, inline: Path) -> None:
    compute(tmp_path, THREE, after_first_stage(kill_trial))
    assert accuracy(tmp_path) == accuracy(inline)


def test_nothing_runs_on_when_the_news_cannot_be_told(tmp_path: Path) -> None:
    def fail() -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        compute(tmp_path, THREE, after_first_stage(fail))
    assert (tmp_path / "lab" / "trials.parquet").exists()


def test_a_stage_too_large_for_every_node_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(RepertoireError, match="no node of this Ray has"):
        compute(tmp_path, "[finetune]", on_ray(None), cpus=64)


@pytest.mark.parametrize(
    ("error", "metrics", "told"),
    [
        (OSError("actor died"), {}, "1 of 2 trials were lost by Ray, .* because: actor died"),
        (None, {"lost": True}, "1 of 2 trials were lost by Ray, .* because: the broker was lost"),
    ],
)
def test_a_trial_that_tune_gave_up_is_never_taken_for_a_success(
    error: Exception | None, metrics: dict[str, object], told: str
) -> None:
    whole = SimpleNamespace(error=None, metrics={"tasks": 2, "done": True})
    require_whole([whole])
    with pytest.raises(RepertoireError, match=told):
        require_whole([whole, SimpleNamespace(error=error, metrics=metrics)])
