"""Equal means on seeds whose tasks differ in size: each seed has steps and a budget of its own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from methods import METHODS
from orchestrator.backends.inline import Inline
from orchestrator.cli.run_sweep import run_sweep
from orchestrator.columns import compute_flops
from orchestrator.errors import SweepError
from orchestrator.graph.brake import Brake
from orchestrator.results.comparison import comparison
from orchestrator.results.folder.places import open_store, results_folder
from orchestrator.results.folder.tabulator import Tabulator
from orchestrator.results.load import load
from orchestrator.search.candidate import Candidate
from orchestrator.search.price import count_prices
from orchestrator.sweep.means.dials import ITERATIONS, set_steps
from orchestrator.sweep.means.prices import chain_prices, price_trial, read_prices, unit_trial
from orchestrator.sweep.sweep import Sweep

pytestmark = pytest.mark.slow

EXAMPLE = 64  # FLOPs of fine-tuning: 4 weights for each of 4 pixels, forward and back
# With batches of 4, 1.9 epochs of so many images are 19, 38 and 28.5 images: steps by hand.
STEPS = {
    10: 5,  # of 4, 4, 2, 4 and 4 images; one more of 2 were 20
    20: 9,  # of 4: 36 images
    15: 7,  # of 4, 4, 4, 3, 4, 4 and 4: 27 images
}
SHOWN = {10: 18, 20: 36, 15: 27}
BENCHMARK = (
    "{name: split, data: {npz: tiny.npz}, num_tasks: 2, scenario: class, order: seeded, "
    "validation: 0}"
)
# The fewest methods of each kind: steps alike, replay, herding, measures, replay of all stored.
FEW = ("finetune", "er", "icarl", "rwalk", "gem")
ALL = tuple(n for n, cls in METHODS.items() if "class" in cls.scenarios and not cls.needs_tokens)


def write(folder: Path, **parts: str) -> Sweep:
    """Write and read a sweep on classes of 5, 5, 10 and 10 images of 2 x 2 pixels."""
    labels = np.repeat(range(4), (5, 5, 10, 10))
    images = np.random.default_rng(0).integers(0, 256, (30, 2, 2), dtype=np.uint8)
    examples = {"train_x": images, "train_y": labels, "test_x": images, "test_y": labels}
    np.savez(folder / "tiny.npz", **examples)
    given = {
        "name": "lab",
        "benchmark": BENCHMARK,
        "network": "{name: mlp, hidden: []}",
        "training": "{batch_size: 4}",
        "methods": "[finetune]",
        "means": "{compute: 1.9}",
        "seeds": "[0]",
    }
    lines = [f"{name}: {text}\n" for name, text in (given | parts).items()]
    (folder / "lab.yaml").write_text("".join(lines))
    return Sweep.load(folder / "lab.yaml")


def solve(folder: Path, sweep: Sweep) -> tuple[Sweep, Tabulator, Brake]:
    """Return a sweep with its prices counted."""
    out = folder / "results"
    tables = Tabulator((), open_store(out, None), results_folder(sweep, out))
    brake = Brake(sweep.budget, sweep.resources)
    return count_prices(sweep, tables, Inline(), brake, lambda progress: None), tables, brake


def finish(folder: Path, **parts: str) -> None:
    """Run a sweep."""
    sweep, tables, brake = solve(folder, write(folder, **parts))
    run_sweep(sweep, tables, Inline(), brake)


def first_seeds(folder: Path, **parts: str) -> dict[tuple[int, ...], int]:
    """Return the sizes of both tasks -> the first of some seeds that has them."""
    (trial,) = write(folder, **parts).trials
    streams = {seed: trial.stages(seed)[0].benchmark.tasks() for seed in range(12)}
    sizes = {seed: tuple(task.num_train for task in tasks) for seed, tasks in streams.items()}
    return {size: seed for seed, size in reversed(sizes.items())}


def test_each_seed_has_the_steps_of_its_own_tasks_and_is_of_one_configuration(
    tmp_path: Path,
) -> None:
    seeds = first_seeds(tmp_path)
    assert {*seeds} == {(10, 20), (20, 10), (15, 15)}
    finish(tmp_path, seeds=str([*seeds.values()]))
    results = load(tmp_path / "results" / "lab")
    trials, tasks = results.trials.set_index("seed"), results.stages.query("after > 0")
    tasks = tasks.set_index(["seed", "after"])
    for sizes, seed in seeds.items():
        dial = json.loads(trials.loc[seed, "means_dial"])
        assert dial == {ITERATIONS: [STEPS[size] for size in sizes]}
        counted = tasks.loc[seed, ["train_flops", "means_flops"]].to_numpy().tolist()
        assert counted == [[SHOWN[size] * EXAMPLE, 1.9 * size * EXAMPLE] for size in sizes]
    assert trials["trial_id"].nunique() == 1
    assert "config.schedule" not in trials or trials["config.schedule"].isna().all()
    (row,) = comparison(results).to_dict("records")
    assert (row["label"], row["n"]) == ("finetune", 3)


def test_steps_that_all_seeds_share_are_part_of_the_configuration(tmp_path: Path) -> None:
    (trial,) = write(tmp_path).trials
    both, apart = (set_steps(trial, {0: (3, 4), 1: last}) for last in ((3, 4), (4, 3)))
    assert both.config["schedule"] == [{ITERATIONS: 3}, {ITERATIONS: 4}]
    assert both.schedule_on(1) == both.schedule_on(0) == both.schedule
    assert "schedule" not in apart.config
    assert apart.identity == set_steps(trial, {0: (5, 6), 1: (7, 8)}).identity != both.identity
    lengths = [[s.training.iterations for s in apart.stages(seed)[1:]] for seed in (0, 1)]
    assert lengths == [[3, 4], [4, 3]]
    assert [apart.dial_on(seed)[ITERATIONS] for seed in (0, 1)] == lengths


def test_candidates_have_the_steps_and_the_budget_of_the_seeds_of_the_search(
    tmp_path: Path,
) -> None:
    """A tenth is held out. 1.9 epochs of 9 and 18 images are 17 in 5 steps, and 34 in 9."""
    benchmark = BENCHMARK.replace("validation: 0", "validation: 0.1")
    seeds = first_seeds(tmp_path, benchmark=benchmark)
    one, other = seeds[9, 18], seeds[18, 9]
    finish(
        tmp_path,
        benchmark=benchmark,
        methods="[{name: l2, lam: {loguniform: [1, 100]}}, finetune]",
        seeds=f"[{one}]",
        search=f"{{algorithm: random, num_trials: 2, seeds: [{other}]}}",
    )
    trials = load(tmp_path / "results" / "lab").trials
    searched = trials[trials["phase"] == "search"]
    steps = trials["means_dial"].map(lambda text: json.loads(text)[ITERATIONS])
    assert [*steps[searched.index]] == [[9, 5]] * 2
    # The unit is priced on both seeds for l2, and on one for finetune itself.
    assert [*steps.drop(searched.index)] == [[5, 9]] * 2
    assert trials["means_flops"].tolist() == pytest.approx([1.9 * 27 * EXAMPLE] * 4)
    assert (compute_flops(trials) <= trials["means_flops"]).all()
    (won,) = trials.loc[(trials["phase"] == "evaluation") & trials["selected"], "trial_id"]
    assert won in set(searched["trial_id"])


def test_a_candidate_that_adopts_another_keeps_the_steps_of_its_seeds(tmp_path: Path) -> None:
    (trial,) = write(tmp_path, methods="[{name: l2, lam: 1}]", seeds="[0, 1]").trials
    steps = {0: (5, 9), 1: (9, 5)}
    for given in (steps, dict.fromkeys(steps, (7, 7))):
        one, other = (
            Candidate("l2", number, {"method.lam": lam}, set_steps(trial, given), goal=2)
            for number, lam in enumerate((1.0, 3.0))
        )
        other.depth = 1
        one.adopt(other, {"method.lam": 8.0})
        for seed, stages in one.chains.items():
            assert tuple(stage.training.iterations for stage in stages[1:]) == given[seed]
            assert [stage.method.config.lam for stage in stages[1:]] == [3.0, 8.0]


def test_a_selection_at_each_task_has_no_cells(tmp_path: Path) -> None:
    with pytest.raises(SweepError, match=r"search.algorithm: must not be per_task beside means"):
        write(
            tmp_path,
            methods="[{name: l2, lam: {choice: [1, 100]}}]",
            search="{algorithm: per_task}",
        )


@pytest.mark.parametrize("methods", [FEW, pytest.param(ALL, marks=pytest.mark.variant)])
def test_each_seed_of_unequal_classes_is_within_a_hundredth_or_a_step_of_its_budget(
    tmp_path: Path, methods: tuple[str, ...]
) -> None:
    """A step of a method is more than a hundredth of a budget of few steps."""
    sweep, _, _ = solve(
        tmp_path,
        write(
            tmp_path,
            benchmark="{name: split_digits, num_tasks: 2, imbalance: 0.02, "
            "scenario: class, order: seeded}",
            network="{name: mlp, hidden: [8]}",
            training="{batch_size: 16}",
            methods=f"[{', '.join(methods)}]",
            means="{compute: 30}",
            seeds="[0, 3]",
        ),
    )
    store = open_store(tmp_path / "results", None)
    for cell in sweep.cells:
        if cell.outcome:  # the choice of its ridge, and a generator, cost more than all steps
            assert cell.trial.method.name in ("ranpac", "generative_replay"), cell.outcome
            continue
        kinds = (unit_trial(cell.trial), price_trial(cell.trial))
        chains = chain_prices(cell.trial, *(read_prices(each, store) for each in kinds))
        for seed, chain in zip(cell.trial.seeds, chains, strict=True):
            left = np.array(cell.budgets[seed]) - cell.flops[seed]
            assert (left >= 0).all(), cell.trial.method.name
            for task, number in enumerate(cell.steps.get(seed, ())):
                price = chain.next_price(cell.steps[seed][:task])
                step = price.flops(number + 1) - price.flops(number)
                hundredth = cell.budgets[seed][task] / 100
                # `freeze` takes no step after the first task.
                enough = left[task] < max(step, hundredth) or not price.batches
                assert enough, (cell.trial.method.name, seed, task)
    budgets = pd.DataFrame(sweep.cells[0].budgets)
    assert (budgets.min(axis=1) < budgets.max(axis=1) * 0.98).any(), "sizes differ between seeds"
