"""A Tuner of one's own: Tune itself, its schedulers and its restore, over trials of stages."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ray import tune

import orchestrator.tune
from orchestrator.backends.inline import Inline
from orchestrator.errors import RepertoireError
from orchestrator.stages.storage.store import StageStore
from orchestrator.sweep.sweep import Sweep

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]
PAGE = Path(__file__).parents[2] / "docs" / "tune.md"
SWEEP = """
name: by_hand
benchmark: {name: split_digits, num_tasks: 5, samples_per_task: 40, scenario: task}
network: {name: mlp, hidden: [8]}
training: {batch_size: 8, iterations: 20, optimizer: sgd, lr: 0.1}
methods: [ewc]
seeds: [0]
"""


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "RAY_AIR_NEW_OUTPUT"):
        monkeypatch.setenv(name, "1")
    for name in ("RAY_CHDIR_TO_TRIAL_DIR", "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS"):
        monkeypatch.setenv(name, "0")


@pytest.fixture
def learner(tmp_path: Path, one_ray: None) -> Any:
    (tmp_path / "by_hand.yaml").write_text(SWEEP)
    return orchestrator.tune.trainable(tmp_path / "by_hand.yaml", store=tmp_path / "stages")


def tuner(
    folder: Path,
    learner: Any,
    space: dict[str, Any],
    callbacks: Any = None,
    at_once: int = 2,
    **more: Any,
) -> Any:
    config = {"metric": "acc", "mode": "max", "max_concurrent_trials": at_once} | more
    return tune.Tuner(
        learner,
        param_space=space,
        tune_config=tune.TuneConfig(**config),
        run_config=tune.RunConfig(
            name="by_hand",
            storage_path=str(folder / "tune"),
            verbose=0,
            callbacks=callbacks,
            checkpoint_config=tune.CheckpointConfig(
                checkpoint_frequency=1, checkpoint_at_end=False
            ),
        ),
    )


def test_trials_share_their_beginning_and_equal_what_repertoire_run_computes(
    tmp_path: Path, one_ray: None
) -> None:
    few = SWEEP.replace("iterations: 20", "iterations: 4")
    (tmp_path / "by_hand.yaml").write_text(few)
    learner = orchestrator.tune.trainable(tmp_path / "by_hand.yaml", store=tmp_path / "stages")
    space = {"method.lam": tune.grid_search([1.0, 30.0, 100.0]), "training.lr": 0.05}
    # One process for all, since each takes longer to start than these trials to learn.
    results = tuner(tmp_path, learner, space, at_once=1, reuse_actors=True).fit()
    assert not results.errors
    assert [result.metrics["tasks"] for result in results] == [5, 5, 5]

    text = few.replace("[ewc]", "[{name: ewc, lam: {grid: [1.0, 30.0, 100.0]}}]")
    (tmp_path / "run.yaml").write_text(text.replace("lr: 0.1", "lr: 0.05"))
    trials = evaluate(tmp_path / "run.yaml", tmp_path / "run")
    tune_store = StageStore(str(tmp_path / "stages"))
    run_store = StageStore(str(tmp_path / "run/stages"))
    # Stage 0 and the first task, where lam is inert, are common: 2 + 3 * 4 stages.
    assert tune_store.keys() == run_store.keys()
    assert len(tune_store.keys()) == 14
    for key in set(tune_store.keys()):
        assert tune_store.record(key).evaluation == run_store.record(key).evaluation
        assert same_bits(tune_store.state(key), run_store.state(key))
    by_lam = {result.config["method.lam"]: result.metrics for result in results}
    for row in trials.to_dict("records"):
        metrics = by_lam[row["config.method.lam"]]
        for name in ("acc", "bwt", "forgetting", "learning_accuracy"):
            assert metrics[name] == row[f"val_{name}"]
        for name in ("storage_bytes", "train_flops", "consolidate_flops"):
            assert metrics[name] == row[name]


def evaluate(path: Path, out: Path) -> pd.DataFrame:
    """Run a sweep as `repertoire run` does, in this process; return its trials."""
    from orchestrator.cli.run_sweep import run_sweep
    from orchestrator.graph.brake import Brake
    from orchestrator.results.folder.places import open_store, results_folder
    from orchestrator.results.folder.tabulator import Tabulator
    from orchestrator.results.load import load

    sweep = Sweep.load(path)
    run_sweep(
        sweep, Tabulator((), open_store(out, None), results_folder(sweep, out)), Inline(), Brake()
    )
    return load(out).trials


def figures_by_lam(results: Any) -> dict[float, tuple[str, list[float]]]:
    return {r.config["method.lam"]: (r.metrics["key"], r.metrics["row"]) for r in results}


def same_bits(state: Any, other: Any) -> bool:
    return state.keys() == other.keys() and all(
        state[name].numpy().tobytes() == other[name].numpy().tobytes() for name in state
    )


@pytest.mark.storm
def test_asha_stops_trials_early_and_no_stage_is_computed_twice(
    tmp_path: Path, learner: Any
) -> None:
    scheduler = tune.schedulers.ASHAScheduler(max_t=5, grace_period=1, reduction_factor=2)
    space = {"training.lr": tune.grid_search([0.1, 0.05, 1e-4, 1e-5, 1e-6]), "method.lam": 10.0}
    results = tuner(tmp_path, learner, space, scheduler=scheduler, reuse_actors=True).fit()
    assert not results.errors
    depths = {result.config["training.lr"]: result.metrics["tasks"] for result in results}
    assert max(depths.values()) == 5
    assert min(depths.values()) < 5
    # Stage 0, and each trial's own tasks.
    assert len(StageStore(str(tmp_path / "stages")).keys()) == 1 + sum(depths.values())


@pytest.mark.storm
def test_a_population_adopts_stages_and_goes_on_with_its_own_hyperparameters(
    tmp_path: Path, learner: Any
) -> None:
    scheduler = tune.schedulers.PopulationBasedTraining(
        time_attr="training_iteration",
        perturbation_interval=2,
        synch=True,
        hyperparam_mutations={"training.lr": tune.loguniform(0.01, 0.2)},
        quantile_fraction=0.5,
        log_config=False,
    )
    space = {"training.lr": tune.grid_search([0.1, 1e-6]), "method.lam": 10.0}
    results = tuner(tmp_path, learner, space, scheduler=scheduler, reuse_actors=True).fit()
    assert not results.errors
    assert [result.metrics["tasks"] for result in results] == [5, 5]
    store = StageStore(str(tmp_path / "stages"))
    records = {key: store.record(key) for key in list(store.keys())}
    changed = [
        record
        for record in records.values()
        if record.after > 1
        and record.spec["training"]["lr"] != records[record.parent].spec["training"]["lr"]
    ]
    assert changed  # a chain whose learning rate changed on the way
    assert all(record.after in (3, 5) for record in changed)
    # The worse of the two ends with the better one's first tasks below its last stage.
    worse = next(r for r in results if r.config["training.lr"] not in (0.1, 1e-6))
    key, rates = worse.metrics["key"], []
    while records[key].after:
        rates.append(records[key].spec["training"]["lr"])
        key = records[key].parent
    assert rates[-2:] == [0.1, 0.1]


class Crash(tune.Callback):
    """Ends the driver at its fourth result, unless a file exists."""

    def __init__(self, mended: Path) -> None:
        self._mended, self._results = mended, 0

    def on_trial_result(self, *args: Any, **kwargs: Any) -> None:
        self._results += 1
        if self._results == 4 and not self._mended.exists():
            raise RuntimeError("the driver ends here")


@pytest.mark.storm
def test_an_experiment_that_was_cut_short_is_restored_and_computes_only_what_is_missing(
    tmp_path: Path, learner: Any
) -> None:
    space = {"method.lam": tune.grid_search([1.0, 100.0])}
    cut = tuner(tmp_path, learner, space, callbacks=[Crash(tmp_path / "mended")])
    with pytest.raises(Exception, match="the driver ends here"):
        cut.fit()
    records = (tmp_path / "stages").glob("??/*/record.json")
    before = {path: path.stat().st_mtime_ns for path in records}
    assert 3 <= len(before) < 10
    (tmp_path / "mended").touch()

    restored = tune.Tuner.restore(str(tmp_path / "tune" / "by_hand"), trainable=learner)
    results = restored.fit()
    assert [result.metrics["tasks"] for result in results] == [5, 5]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(StageStore(str(tmp_path / "stages")).keys()) == 2 + 2 * 4
    straight = tuner(tmp_path / "straight", learner, space).fit()
    # A restored experiment lists its trials by the time of their last results.
    assert figures_by_lam(results) == figures_by_lam(straight)


def test_a_checkpoint_is_a_key_that_another_trial_can_go_on_from_where_that_has_a_meaning(
    tmp_path: Path, learner: Any
) -> None:
    source = learner(config={"method.lam": 1.0, "training.lr": 0.1})
    for _ in range(2):
        result = source.train()
    saved = tmp_path / "saved"
    source.save(str(saved))
    assert result["key"] in (saved / "stage.json").read_text()
    assert (saved / "stage.json").stat().st_size < 1000

    other = learner(config={"method.lam": 100.0, "training.lr": 0.01})
    other.restore(str(saved))
    third = other.train()
    assert (third["tasks"], third["computed"]) == (3, True)
    record = StageStore(str(tmp_path / "stages")).record(third["key"])
    assert record.parent == result["key"]
    assert (record.spec["method"]["lam"], record.spec["training"]["lr"]) == (100.0, 0.01)

    stranger = learner(config={"method.lam": 1.0, "seed": 1})
    with pytest.raises(RepertoireError, match="another benchmark, network, seed or version"):
        stranger.restore(str(saved))


def test_a_value_that_another_trial_left_out_is_the_file_s_and_a_memory_may_only_grow(
    tmp_path: Path,
) -> None:
    file = tmp_path / "by_hand.yaml"
    file.write_text(SWEEP.replace("[ewc]", "[{name: er, memory_size: 20}]"))
    learner = orchestrator.tune.trainable(file, store=tmp_path / "stages")
    source, saved = learner(config={}), tmp_path / "saved"
    source.train()
    source.save(str(saved))
    larger = learner(config={"method.memory_size": 40, "training.lr": 0.01})
    larger.restore(str(saved))
    assert larger.train()["tasks"] == 2
    smaller = learner(config={"method.memory_size": 10})
    smaller.restore(str(saved))
    with pytest.raises(RepertoireError, match="a memory of 10 examples cannot hold 20"):
        smaller.train()


def test_a_stage_can_be_adopted_where_the_file_has_spaces_and_grids(tmp_path: Path) -> None:
    file = tmp_path / "by_hand.yaml"
    spaces = SWEEP.replace("[ewc]", "[{name: ewc, lam: {loguniform: [1, 100]}}]")
    spaces = spaces.replace("lr: 0.1", "lr: {grid: [0.1, 0.01]}")
    file.write_text(spaces + "search: {algorithm: random}\n")
    learner = orchestrator.tune.trainable(file, store=tmp_path / "stages")
    source, saved = learner(config={"method.lam": 1.0, "training.lr": 0.1}), tmp_path / "saved"
    source.train()
    source.save(str(saved))
    other = learner(config={"method.lam": 50.0, "training.lr": 0.05})
    other.restore(str(saved))
    record = StageStore(str(tmp_path / "stages")).record(other.train()["key"])
    assert (record.spec["method"]["lam"], record.spec["training"]["lr"]) == (50.0, 0.05)


def test_a_path_that_the_sweep_does_not_have_is_refused(learner: Any) -> None:
    with pytest.raises(RepertoireError, match=r"unknown path 'method.lamb'; did you mean"):
        learner(config={"method.lamb": 1.0})


def test_a_trial_that_diverges_ends_with_figures_that_no_scheduler_prefers(learner: Any) -> None:
    trial = learner(config={"method.lam": 1.0, "training.lr": 1e30})
    result = trial.train()
    assert (result["status"], result["done"]) == ("diverged", True)
    assert math.isnan(result["acc"])


@pytest.mark.variant
def test_the_example_of_the_page_runs_as_it_stands(
    tmp_path: Path, one_ray: None, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(example, names)
    assert names["best"].metrics["tasks"] == 5
    assert not names["results"].errors
    assert (tmp_path / "results" / "stages").is_dir()
