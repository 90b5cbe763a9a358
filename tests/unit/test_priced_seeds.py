"""The seeds on which prices are counted, and what is said of one that does not fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from orchestrator.backends.inline import Inline
from orchestrator.cli.run_sweep import run_sweep
from orchestrator.columns import compute_flops
from orchestrator.graph.brake import Brake
from orchestrator.results.folder.places import open_store, results_folder
from orchestrator.results.folder.tabulator import Tabulator
from orchestrator.results.load import load
from orchestrator.search.price import count_prices
from orchestrator.sweep.means.alike_seeds import class_sizes, priced_seeds
from orchestrator.sweep.means.all_seeds import first_sum, fit_memory
from orchestrator.sweep.means.storage import TooDear
from orchestrator.sweep.sweep import Sweep

MakeSweep = Callable[..., Sweep]
UNEQUAL, EQUAL = (30, 10, 20, 20), (20, 20, 20, 20)  # images of each class


@pytest.fixture
def make_sweep(tmp_path: Path) -> MakeSweep:
    """Return a function that makes a sweep of two tasks of 24 images of 2 x 2 pixels."""

    def make(sizes: tuple[int, ...], methods: str, means: str, seeds: str, more: str = "") -> Sweep:
        labels = np.repeat(range(len(sizes)), sizes)
        images = np.random.default_rng(0).integers(0, 256, (len(labels), 2, 2), dtype=np.uint8)
        examples = {"train_x": images, "train_y": labels, "test_x": images, "test_y": labels}
        np.savez(tmp_path / "tiny.npz", **examples)
        (tmp_path / "lab.yaml").write_text(
            f"name: lab\nmethods: {methods}\nmeans: {means}\nseeds: {seeds}\n"
            "network: {name: mlp, hidden: []}\ntraining: {batch_size: 4}\n"
            "benchmark: {name: split, data: {npz: tiny.npz}, num_tasks: 2, scenario: class, "
            f"validation: 0, order: seeded, samples_per_task: 24{more}}}\n"
        )
        return Sweep.load(tmp_path / "lab.yaml")

    return make


@pytest.mark.parametrize(
    ("sizes", "rows", "seeds"), [(UNEQUAL, 40, "[1, 7]"), (EQUAL, 22, "[7, 1]")]
)
def test_no_seed_is_above_its_budget_where_tasks_are_of_one_size(
    make_sweep: MakeSweep, tmp_path: Path, sizes: tuple[int, ...], rows: int, seeds: str
) -> None:
    """Herding costs sum_c N_c k_c. The dearest seed is not the first.

    Where all classes have 12 images, four of them get 6, 6, 5 and 5 of 22 rows, by label.
    """
    means = f"{{storage: {80 + 5 * rows}, compute: 11}}"
    sweep, out = make_sweep(sizes, "[wa]", means, seeds), tmp_path / "results"
    tables = Tabulator((), open_store(out, None), results_folder(sweep, out))
    brake = Brake(sweep.budget, sweep.resources)
    solved = count_prices(sweep, tables, Inline(), brake, lambda progress: None)
    streams = [solved.trials[0].stages(seed)[0].benchmark for seed in sweep.seeds]
    sizes_of_tasks = {tuple(task.num_train for task in stream.tasks()) for stream in streams}
    assert len(sizes_of_tasks) == 1
    run_sweep(solved, tables, Inline(), brake)
    stages = load(out / "lab").stages.query("after > 0")
    assert len(stages) == 2 * 2
    assert (compute_flops(stages) <= stages["means_flops"]).all()


def test_a_seed_is_priced_for_each_stream_of_sizes_of_classes(make_sweep: MakeSweep) -> None:
    """Seeds 0, 2 and 4 begin with classes 1 and 3, of 24 images a third and two thirds."""
    (trial,) = make_sweep(UNEQUAL, "[finetune]", "{compute: 1}", "[0, 1, 2, 3, 4]").trials
    benchmark = trial.stages(0)[0].benchmark
    assert class_sizes(benchmark) == (((0, 8), (1, 16)), ((0, 14), (2, 10)))
    assert priced_seeds(trial) == (0, 1, 3)


def test_sizes_of_classes_are_those_of_noisy_labels(make_sweep: MakeSweep) -> None:
    for more in ("", ", label_noise: 0.4", ", imbalance: 0.2"):
        (trial,) = make_sweep(UNEQUAL, "[finetune]", "{compute: 1}", "[0]", more).trials
        for task in trial.stages(0)[0].benchmark.tasks():
            labels = task.train.y.tolist()
            assert task.class_sizes == tuple(labels.count(label) for label in task.classes)


def test_a_sum_that_all_seeds_share_names_none(make_sweep: MakeSweep) -> None:
    """Joint training keeps 48 images of 5 bytes beside a model of 80, on every seed."""
    (trial,) = make_sweep(UNEQUAL, "[joint]", "{storage: 319}", "[0, 1]").trials
    with pytest.raises(TooDear, match=r"^it carries model 80 B \+ raw data 240 B = 320 B"):
        fit_memory(trial, (0, 1), 319, "counted")


def test_a_seed_is_named_if_another_fits_or_has_another_sum() -> None:
    assert first_sum(["a", "a"], [3, 4]) == ("a", None)
    assert first_sum(["", "a"], [3, 4]) == ("a", 4)
    assert first_sum(["a", "b"], [3, 4]) == ("a", 3)
