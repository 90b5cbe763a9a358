"""Equal means: budgets in a sweep file, dials solved for by arithmetic, and what was counted."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dashboards.data.means import read_search_costs
from dashboards.data.warehouse import open_results
from dashboards.report.means_chapters import means_chapters
from methods import METHODS
from orchestrator.backends.inline import Inline
from orchestrator.cli.run_sweep import run_sweep
from orchestrator.columns import compute_flops
from orchestrator.errors import RepertoireError, SweepError
from orchestrator.graph.brake import Brake
from orchestrator.graph.plan import plan
from orchestrator.results.folder.places import open_store, results_folder
from orchestrator.results.folder.tabulator import Tabulator
from orchestrator.results.load import load
from orchestrator.results.surface.costs import search_costs
from orchestrator.results.surface.surface import surfaces
from orchestrator.results.units import si_text
from orchestrator.results.winners import winner_hyperparameters
from orchestrator.search.price import count_prices
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning.task_price import TaskPrice, price_from_costs
from orchestrator.stages.record import Costs
from orchestrator.stages.stage_method import build_method
from orchestrator.sweep.means.anchors import ANCHORS, EVERYWHERE
from orchestrator.sweep.means.chain_prices import ChainPrices
from orchestrator.sweep.means.estimates import estimate_budgets, estimate_free, estimate_prices
from orchestrator.sweep.means.prices import chain_prices, price_trial, read_prices, unit_trial
from orchestrator.sweep.means.storage import fixed_bytes, memories
from orchestrator.sweep.reading.byte_sizes import parse_bytes
from orchestrator.sweep.solve_means import solve_sweep
from orchestrator.sweep.sweep import Sweep
from orchestrator.sweep.trial_chain import trial_chain
from orchestrator.terminal.describe import plan_figures
from orchestrator.terminal.means_page import (
    aligned_lines,
    anchor_lines,
    cost_lines,
    free_lines,
    means_lines,
    network_lines,
    nowhere_lines,
    price_lines,
    reason_lines,
    search_lines,
)

pytestmark = pytest.mark.slow

SWEEP = {
    "name": "lab",
    "benchmark": "{name: split_digits, num_tasks: 2, samples_per_task: 64, scenario: class}",
    "network": "{name: mlp, hidden: [8]}",
    "training": "{batch_size: 4}",
    "seeds": "[0]",
}
PIXELS = {"network": "{name: mlp, hidden: []}"}  # features are the 64 pixels
THREE_TASKS = "classes_per_task: [2, 4, 4]"
MODEL = 4 * (64 * 8 + 8 + 8 * 10 + 10)  # bytes of the network of the lab: 64-8-10
# FLOPs for an example: of its forward pass; of that and the gradients of weights and hidden units.
FORWARD = 2 * (64 * 8 + 8 * 10)
STEP = 2 * FORWARD + 2 * 8 * 10


def write_means(folder: Path, methods: str, means: str, **parts: str) -> Path:
    parts = SWEEP | {"methods": methods, "means": means} | parts
    path = folder / "lab.yaml"
    path.write_text("".join(f"{name}: {text}\n" for name, text in parts.items()))
    return path


def load_means(folder: Path, methods: str, means: str, **parts: str) -> Sweep:
    return Sweep.load(write_means(folder, methods, means, **parts))


def solve(folder: Path, methods: str, means: str, **parts: str) -> tuple[Sweep, Tabulator, Brake]:
    """Return a sweep solved, its prices counted as far as its budget allows."""
    sweep = load_means(folder, methods, means, **parts)
    out = folder / "results"
    tables = Tabulator((), open_store(out, None), results_folder(sweep, out))
    brake = Brake(sweep.budget, sweep.resources)
    return count_prices(sweep, tables, Inline(), brake, lambda progress: None), tables, brake


def finish(folder: Path, methods: str, means: str, **parts: str) -> pd.DataFrame:
    """Run a sweep; return its trials."""
    sweep, tables, brake = solve(folder, methods, means, **parts)
    run_sweep(sweep, tables, Inline(), brake)
    return load(folder / "results" / "lab").trials


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0.5 MB", 500_000),
        ("64 KiB", 65_536),
        (1000, 1000),
        (1e3, 1000),
        ("1_000", 1000),
        ("1.5kB", 1500),
        (" .5 k ", 500),
        ("2gb", 2 * 10**9),
        ("1 mb", 10**6),
        ("3 kb", 3000),
        ("7 EiB", 7 * 2**60),
    ],
)
def test_bytes_are_decimal_unless_they_are_said_to_be_binary(text: object, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize(
    "given",
    [
        *("1,500 kB", "1 500 kB", "1 MB - 8 MB", "2 MB/s", "8 Mbit", "1.5.2 MB", "1. MB", "1 MB 2"),
        *("1 Mb", "1.5 Gb", "64 Kib", "8Kb"),
        *("99999999999 GB", 2**63, "-1 MB", "1e400 MB", "", True, None, [1], float("inf")),
    ],
)
def test_an_amount_of_bytes_is_read_as_a_whole_or_is_a_mistake(given: object) -> None:
    with pytest.raises(
        ValueError, match=r"must be a number of bytes above 0 and below 2\^63, with"
    ):
        parse_bytes(given)


def test_a_resnet_32_is_worth_603_images_of_cifar(tmp_path: Path) -> None:
    """Zhou et al. 2023 (MEMO): 463,504 parameters x 4 bytes / (3 x 32 x 32 bytes) = 603.

    An importance of each parameter of the body is a second network beside the first, and er has
    its bytes for images.
    """
    images, labels = np.zeros((20, 3, 32, 32), np.uint8), np.arange(20) % 10
    parts = {"train_x": images, "train_y": labels, "test_x": images, "test_y": labels}
    np.savez(tmp_path / "cifar.npz", **parts)
    benchmark = "{name: split, data: {npz: cifar.npz}, num_tasks: 2, scenario: class}"
    sweep = load_means(
        tmp_path,
        "[ewc, {name: er, memory_size: 2}]",
        "memory-aligned",
        benchmark=benchmark,
        network="resnet32",
    )
    ewc, er = solve_sweep(sweep, open_store(tmp_path / "results", None)).trials
    network = build_method(ewc.stages(0)[-1], None, 1).network
    assert sum(p.numel() for p in network.body.parameters()) == 463_504
    assert er.method.config.memory_bytes == 463_504 * 4
    (memory,) = memories(er, 0)
    assert memory.capacity == 463_504 * 4 // 3_072 == 603


def test_a_price_in_steps_by_hand() -> None:
    # An epoch has batches of 4, 4 and 2 examples. Its first step costs 10 less.
    price = TaskPrice(epoch=10 + 20 + 12, batches=(20, 20, 12), consolidation=5)
    assert [price.flops(n) for n in (1, 2, 3, 4, 5)] == [15, 35, 47, 67, 87]
    assert [price.most_iterations(b) for b in (14, 15, 46, 47, 66, 87)] == [0, 1, 2, 3, 3, 5]


def test_steps_that_cost_more_as_a_memory_fills_are_priced_at_the_dearest_by_hand() -> None:
    """Steps of an epoch cost 1, 2, 3, 4, 4 and 4, or 1, 4, 4, 4, 4 and 4; of fine-tuning 1."""
    unit = TaskPrice(6, (1,) * 6, 0, sizes=(1,) * 6)
    fills, sets_up = (
        ChainPrices(
            (unit,),
            (TaskPrice(epoch, (4,) * 6, 0, unit.sizes),),
            lambda shown, size: None,
            lambda size: 0,
        )
        for epoch in (18, 21)
    )
    rising, first_apart = fills.next_price([]), sets_up.next_price([])
    assert [rising.flops(n) for n in (1, 2, 4, 5, 6, 7)] == [4, 8, 16, 18, 18, 22]
    assert [first_apart.flops(n) for n in (1, 2, 6, 7)] == [1, 5, 21, 25]
    assert [price.most_iterations(9) for price in (rising, first_apart)] == [2, 3]


def test_a_memory_that_fills_in_every_epoch_is_priced_by_hand() -> None:
    """Both steps of three epochs cost 1, 2 and 4; those of further epochs 4."""
    price = TaskPrice(14 - 2 * 8, (4, 4), 0, sizes=(1, 1), uneven_epochs=3)
    assert [price.flops(n) for n in (1, 2, 3, 4, 5, 6, 7, 8)] == [4, 8, 12, 14, 14, 14, 18, 22]
    assert [price.most_iterations(budget) for budget in (3, 13, 14, 17, 40)] == [0, 3, 6, 6, 12]


@pytest.mark.parametrize(("compute", "interval"), [(6, 10), (11, 3)])
def test_rwalk_meets_a_budget_with_its_measures_exactly(
    tmp_path: Path, compute: int, interval: int
) -> None:
    """An interval of 10 steps is longer than the epoch of 8, one of 3 is shorter."""
    check_budgets(tmp_path, [f"{{name: rwalk, interval: {interval}}}"], compute)


@example(batches=[0, 0], consolidation=2, budget=8, interval=1)  # measures alone cost
@given(
    batches=st.lists(st.integers(0, 50), min_size=1, max_size=5),
    consolidation=st.integers(0, 100),
    budget=st.integers(0, 3000),
    interval=st.none() | st.integers(1, 9),
)
def test_one_more_step_is_always_above_the_budget(
    batches: list[int], consolidation: int, budget: int, interval: int | None
) -> None:
    sizes = (4,) * (len(batches) - 1) + (3,)
    price = TaskPrice(sum(batches), tuple(batches), 3 * consolidation, sizes, interval)
    most = price.most_iterations(budget)
    if most:
        assert price.flops(most) <= budget
    if sum(batches) or (interval and consolidation):
        assert price.flops(most + 1) > budget


def test_memory_gets_what_is_left_of_the_bytes(tmp_path: Path) -> None:
    sweep, _, _ = solve(tmp_path, "[er, lwf, ewc, joint]", "{storage: 5000}")
    er, lwf, _ = sweep.trials
    assert er.method.config.memory_bytes == 5000 - MODEL
    assert er.dial == {"method.memory_bytes": 5000 - MODEL}
    given = f"[{{name: er, memory_bytes: {5000 - MODEL}}}]"
    assert solve(tmp_path, given, "{storage: 5000}")[0].trials[0].dial == er.dial
    assert (lwf.method.name, lwf.dial) == ("lwf", {})
    outcomes = {cell.trial.method.name: cell.outcome for cell in sweep.cells if cell.outcome}
    assert outcomes.keys() == {"joint"}
    data = 2 * 64 * (64 + 1)  # all images with their labels
    assert outcomes["joint"] == (
        "infeasible",
        f"it carries model {MODEL:,} B + raw data {data:,} B = {MODEL + data:,} B, which is "
        f"{MODEL + data - 5000:,} B above 5,000 B",
    )


# 64-8-10: the network has 610 parameters, its body 520. A generator of 64-16-2*4, 4-16-64 has 1176
# and 1168. A column of pnn adds one scale, a projection 8x8 and an expansion 8x10.
MODEL_AND = {
    "er": {},
    "ewc": {"importance": 4 * 520},
    "lwf": {"teacher": 10},
    "gem": {},
    "icarl": {"buffer": 4 * 10 * 8},
    "{name: generative_replay, hidden: [16], latent_size: 4}": {
        "generator": 4 * (1176 + 1168) + 10
    },
    "pnn": {"columns": MODEL + 4 * (1 + 8 * 8 + 8 * 10)},
    "joint": {"raw_data": 2 * 64 * 65},
}


@pytest.mark.parametrize(("method", "beside"), MODEL_AND.items())
def test_what_is_carried_beside_the_examples_by_hand(
    tmp_path: Path, method: str, beside: dict[str, int]
) -> None:
    scenario = "task" if method == "pnn" else "class"
    benchmark = SWEEP["benchmark"].replace("class", scenario)
    sweep = load_means(tmp_path, f"[{method}]", "{storage: 1 MB}", benchmark=benchmark)
    sizes = fixed_bytes(sweep.trials[0].stages(0))[-1]
    assert {name: size for name, size in sizes.items() if size} == {"model": MODEL, **beside}


@pytest.mark.parametrize(("size", "stored"), [(100, 100), (500, 128)])
def test_the_largest_method_sets_the_bytes_of_memory_aligned(
    tmp_path: Path, size: int, stored: int
) -> None:
    """er is the dearest: 65 bytes for an example, of which the stream has 128, and a counter."""
    methods = f"[{{name: er, memory_size: {size}}}, {{name: gdumb, memory_size: 40}}, finetune]"
    sweep = load_means(tmp_path, methods, "memory-aligned")
    solved = solve_sweep(sweep, open_store(tmp_path / "results", None))
    assert solved.trials[1].method.config.memory_bytes == stored * 65 + 8
    line = means_lines(solved)[1]
    assert line.startswith(f"means: storage is {MODEL + stored * 65 + 8:,} B, what the dearest")
    given = load_means(tmp_path, methods, "{storage: 20 kB}")
    assert not [
        *aligned_lines(
            solve_sweep(given, open_store(tmp_path / "results", None)).cells, given.means
        )
    ]


@pytest.mark.parametrize(
    ("means", "compute"), [("budgeted", 1), ("{preset: budgeted, compute: 3}", 3)]
)
def test_budgeted_gives_each_task_epochs_of_fine_tuning_and_any_storage(
    tmp_path: Path, means: str, compute: int
) -> None:
    """An epoch is 16 steps on 4 of 64 examples. er replays 4 more on all steps but the first."""
    sweep, _, _ = solve(tmp_path, "[finetune, {name: er, replay_batch_size: 4}, joint]", means)
    assert [cell.outcome for cell in sweep.cells] == [None] * 3, "all data is free"
    assert {(cell.storage, cell.compute) for cell in sweep.cells} == {(None, compute)}
    one_step, budget = 4 * STEP, compute * 64 * STEP
    halves = 8 * compute  # of the steps of an epoch, which cost twice as much
    pairs = zip(sweep.trials, sweep.cells, strict=True)
    assert [(trial.dial, cell.flops[0]) for trial, cell in pairs] == [
        ({"training.iterations": [16 * compute] * 2}, (budget, budget)),
        ({"training.iterations": [halves] * 2}, (budget - one_step, budget)),
        ({"training.iterations": [16 * compute] * 2}, (budget, budget)),
    ]
    assert sweep.trials[1].method.config.memory_size == 500, "as it is without means"


def list_added(folder: Path, methods: str, means: str, **parts: str) -> list[str]:
    """Return the methods that a sweep has beyond those without anchors, which keep their ids."""
    without = load_means(folder, methods, means.replace(", anchors: true", ""), **parts).trials
    trials = load_means(folder, methods, means, **parts).trials
    assert [t.trial_id for t in trials[: len(without)]] == [t.trial_id for t in without]
    return [trial.method.name for trial in trials[len(without) :]]


def test_anchors_are_added_where_the_sweep_does_not_name_them(tmp_path: Path) -> None:
    means, own_er = "{compute: 2, anchors: true}", "{name: er, replay_batch_size: 3}"
    assert list_added(tmp_path, "[si]", means) == ["finetune", "er", "gdumb", "joint"]
    assert list_added(tmp_path, f"[joint, {own_er}]", means) == ["finetune", "gdumb"]
    assert list_added(tmp_path, "[knn]", means, **PIXELS) == [
        "finetune",
        "er",
        "gdumb",
        "joint",
        "ncm",
    ]
    # Another network, whose features are learned, has none of ncm and knn.
    both = {"network": "{name: mlp, hidden: {grid: [[], [8]]}}"}
    assert list_added(tmp_path, "[er]", means, **both).count("ncm") == 1


def test_anchors_have_a_cell_at_each_pair_of_budgets_or_do_not_fit(tmp_path: Path) -> None:
    means = "{storage: {grid: [3 kB, 5 kB]}, compute: {grid: [1, 2]}, anchors: [joint, er]}"
    sweep = load_means(tmp_path, "[finetune]", means)
    cells = solve_sweep(sweep, open_store(tmp_path / "results", None)).cells
    pairs = [(cell.trial.method.name, cell.storage, cell.compute) for cell in cells]
    budgets = [(3000, 1), (3000, 2), (5000, 1), (5000, 2)]
    assert pairs == [(name, *pair) for name in ("finetune", "joint", "er") for pair in budgets]
    # The model and all 128 examples of 65 bytes take 10,760 bytes.
    assert {cell.trial.method.name for cell in cells if cell.outcome} == {"joint"}
    assert "added to the methods of the sweep, as anchors: joint, er" in "".join(
        anchor_lines(cells, ["joint", "er"])
    )


def test_an_anchor_does_not_set_the_bytes_of_memory_aligned(tmp_path: Path) -> None:
    """joint carries 10,760 bytes here, gdumb the model and 40 examples."""
    means = "{preset: memory-aligned, anchors: true}"
    sweep = load_means(tmp_path, "[{name: gdumb, memory_size: 40}]", means)
    cells = solve_sweep(sweep, open_store(tmp_path / "results", None)).cells
    assert {cell.storage for cell in cells} == {MODEL + 40 * 65}


@pytest.mark.parametrize("name", ["digits", "fashion", "features"])
def test_the_sweeps_of_equal_means_have_all_anchors(name: str) -> None:
    sweep = Sweep.load(Path(__file__).parents[2] / "sweeps" / f"equal_means_{name}.yaml")
    anchors = ANCHORS if name == "features" else EVERYWHERE
    assert {*anchors} <= {trial.method.name for trial in sweep.trials}


def check_budgets(
    folder: Path,
    methods: list[str],
    compute: int,
    tasks: str = "num_tasks: 2",
) -> None:
    """Run methods at one pair of budgets; compare what was counted with what was solved for."""
    storage, names = 12_000, ["finetune", *(re.sub(r"{name: |,.*", "", m) for m in methods)]
    means = f"{{storage: {storage}, compute: {compute}}}"
    benchmark = SWEEP["benchmark"].replace("64", "32")
    benchmark = benchmark.replace("num_tasks: 2", tasks)
    parts = {
        "methods": f"[{', '.join(['finetune', *methods])}]",
        "means": means,
        "benchmark": benchmark,
    }
    trials = finish(folder, **parts).set_index("method")
    num_tasks = trials["num_tasks"].iloc[0]
    assert (trials["status"] == "complete").all(), trials[["status", "story"]]
    stages = load(folder / "results" / "lab").stages.query("after > 0")
    flops = compute_flops(stages).to_numpy().reshape(len(names), num_tasks)
    carried = stages["storage_bytes"].to_numpy().reshape(len(names), num_tasks).max(axis=1)
    store = open_store(folder / "results", None)
    sweep = solve_sweep(load_means(folder, **parts), store)
    kinds = [(trial, (unit_trial(trial), price_trial(trial))) for trial in sweep.trials]
    counted = [(trial, [read_prices(each, store) for each in pair]) for trial, pair in kinds]
    prices = [chain_prices(trial, *pair)[0] for trial, pair in counted]
    budgets = [prices[0].budget(task, compute) for task in range(num_tasks)]
    assert flops[0].tolist() == budgets, "fine-tuning meets its own budget"
    for name, spent, price, size in zip(names, flops, prices, carried, strict=True):
        assert (spent <= budgets).all(), name
        dial = json.loads(trials.loc[name, "means_dial"]).get("training.iterations", [])
        for task, number in enumerate(dial):
            own = price.next_price(dial[:task])
            assert spent[task] == own.flops(number), name
            if own.batches:  # freeze takes none after the first task
                assert spent[task] + own.flops(number + 1) - own.flops(number) > budgets[task], name
        assert dial or not METHODS[name].takes_steps, name
        assert size <= storage, name


def test_no_further_example_of_each_share_fits_the_bytes(tmp_path: Path) -> None:
    """An example has 65 bytes; gem has equal shares for tasks, icarl for classes."""
    shares = {"er": 1, "gem": 2, "gdumb": 1, "icarl": 10}
    benchmark = SWEEP["benchmark"].replace("64", "32")  # 4,160 B of examples, and 2,560 B for them
    trials = finish(tmp_path, f"[{', '.join(shares)}]", "{storage: 5 kB}", benchmark=benchmark)
    stages = load(tmp_path / "results" / "lab").stages.merge(trials[["trial_id", "method"]])
    for method, carried in stages.groupby("method")["storage_bytes"].max().items():
        assert 5_000 - 65 * shares[method] < carried <= 5_000, method


def test_a_phase_as_long_as_the_training_is_part_of_the_price_of_a_step() -> None:
    """Two phases of two steps: 10 and 3 on 16 examples, 5 and 1 on the last 8."""
    meter = FlopMeter()
    for phase, steps in (("", [(16, 10), (8, 5)]), ("compress", [(16, 3), (8, 1)])):
        for size, flops in steps:
            meter.note_batch(size, flops, phase)
    assert meter.batches == {16: (1, 13), 8: (1, 6)}
    costs = Costs(
        train_flops=19, batch_flops={str(n): [*each] for n, each in meter.batches.items()}
    )
    price = price_from_costs(costs)
    assert price is not None
    assert [price.flops(steps) for steps in (1, 2, 3, 4)] == [13, 19, 32, 38]


def test_a_memory_that_does_not_fill_is_priced_at_the_examples_in_it(tmp_path: Path) -> None:
    """At 6 epochs of 32 examples GEM takes 5 steps of 4 + 32 examples on the second task."""
    methods = ["gem", "{name: agem, policy: ring}"]
    check_budgets(tmp_path, methods, compute=6, tasks=THREE_TASKS)


def test_gem_spends_a_budget_of_many_steps_within_a_hundredth_by_its_formula(
    tmp_path: Path,
) -> None:
    """A step takes 2560 FLOP for each of its 1 + N examples and 2 (1 + K)^2 650 for the products.

    The memory has room for all 150 examples of each task, and N is what the steps before leave in
    it: all of the first task, and an example for each step on the second.
    """
    benchmark = f"{{name: split_digits, {THREE_TASKS}, samples_per_task: 150, scenario: class}}"
    parts = {"benchmark": benchmark, "training": "{batch_size: 1}", **PIXELS}
    sweep, _, _ = solve(tmp_path, "[{name: gem, memory_size: 450}]", "{compute: 106}", **parts)
    steps = sweep.trials[0].dial["training.iterations"]
    assert 100 < steps[1] < 150, "the second task is not seen as a whole"
    step = [
        2560 * (1 + stored) + (2 * (1 + past) ** 2 * 650 if past else 0)
        for past, stored in enumerate((0, 150, 150 + steps[1]))
    ]
    spent = tuple(n * flops for n, flops in zip(steps, step, strict=True))
    budget = 106 * 150 * 2560
    assert all(budget - budget / 100 <= each <= budget for each in spent)
    assert sweep.cells[0].flops == {0: spent}


# A generator of 64-16-2*4 and 4-16-64 passes each image through 64 x 16 + 16 x 8 and 4 x 16 + 16 x
# 64 weights; only the first layer's input has no gradient.
DECODER = 2 * (4 * 16 + 16 * 64)
GENERATOR = 3 * (2 * (64 * 16 + 16 * 8) + DECODER) - 2 * 64 * 16
STEPS = {
    # The teacher's outputs.
    "lwf": (STEP, STEP + FORWARD, STEP + FORWARD),
    # Images that are drawn, labelled by the old solver, and replayed in both networks.
    "{name: generative_replay, hidden: [16], latent_size: 4}": (
        STEP + GENERATOR,
        *[2 * (STEP + GENERATOR) + DECODER + FORWARD] * 2,
    ),
    # Older columns are passed forward. A projection of their 8 units each to 8, and an expansion to
    # the 10 outputs, are passed forward and back to their weights and their inputs.
    "pnn": tuple(STEP + old * FORWARD + 3 * 2 * (8 * old * 8 + (old > 0) * 80) for old in range(3)),
    "ewc": (STEP,) * 3,  # the penalty has no product
    # The teacher's outputs, on all examples: exemplars replayed and new ones.
    "icarl": (STEP, STEP + FORWARD, STEP + FORWARD),
}


# The examples of each class in the three tasks, 64 in each.
CLASSES = ([32, 32], [16, 16, 16, 16], [16, 16, 15, 17])
LAST = 2 * 8 * 10  # FLOPs of the last layer, for an example
ENDINGS = {
    # The exact Fisher. All examples pass forward; for each of the 2, 6 and 10 labels seen, the
    # gradient of its log-probability goes back from the outputs to the hidden units; once for all
    # labels, each layer multiplies the squares of its gradients and inputs, as many products as in
    # a forward pass. One example passes before, to see that the layers are linear.
    "ewc": tuple(64 * (2 * FORWARD + labels * LAST) + FORWARD for labels in (2, 6, 10)),
    # The new examples pass forward, and herding multiplies the 8 features of all n examples of a
    # class by what is missing of the mean, n times, since the memory has room for all. All
    # exemplars pass forward once more, and their features are summed by class: labels times
    # features.
    "icarl": tuple(
        64 * FORWARD + sum(2 * 8 * n**2 for n in sizes) + 64 * task * (FORWARD + LAST)
        for task, sizes in enumerate(CLASSES, 1)
    ),
}


@pytest.mark.parametrize(("method", "for_example"), STEPS.items())
def test_the_steps_of_a_method_by_hand_are_those_that_are_solved_for_and_counted(
    tmp_path: Path, method: str, for_example: tuple[int, ...]
) -> None:
    """Steps take 4 examples. A method that is not in ENDINGS computes nothing after them."""
    benchmark = SWEEP["benchmark"].replace("num_tasks: 2", THREE_TASKS)
    benchmark = benchmark.replace("class}", "task}" if method == "pnn" else "class}")
    compute = 20 if method.startswith("{") else 4
    sweep, tables, brake = solve(
        tmp_path, f"[{method}]", f"{{compute: {compute}}}", benchmark=benchmark
    )
    endings = ENDINGS.get(method, (0, 0, 0))
    pairs = [*zip(for_example, endings, strict=True)]
    most = [(compute * 64 * STEP - ending) // (4 * step) for step, ending in pairs]
    assert sweep.trials[0].dial == {"training.iterations": most}
    spent = [4 * step * n + ending for n, (step, ending) in zip(most, pairs, strict=True)]
    assert sweep.cells[0].flops == {0: (*spent,)}
    run_sweep(sweep, tables, Inline(), brake)
    stages = load(tmp_path / "results" / "lab").stages.query("after > 0")
    assert compute_flops(stages).tolist() == spent
    assert stages["consolidate_flops"].tolist() == [*endings]


def unequal_parts(folder: Path, validation: float = 0, seeds: str = "[0, 1]") -> dict[str, str]:
    """Return parts of a sweep on classes of 20, 12, 8 and 4 images of 2 x 2 pixels.

    Tasks are of 16 and 28 images on seed 0, of 12 and 32 on seed 1. An example of fine-tuning is
    64 FLOP: 4 weights for each of 4 pixels, forward and back.
    """
    labels = np.repeat(range(4), (20, 12, 8, 4))
    images = np.random.default_rng(0).integers(0, 256, (44, 2, 2), dtype=np.uint8)
    examples = {"train_x": images, "train_y": labels, "test_x": images, "test_y": labels}
    np.savez(folder / "tiny.npz", **examples)
    benchmark = (
        "{name: split, data: {npz: tiny.npz}, num_tasks: 2, scenario: class, order: seeded, "
        f"validation: {validation}}}"
    )
    return PIXELS | {"benchmark": benchmark, "seeds": seeds}


def test_a_sum_names_the_seed_where_seeds_have_tasks_of_other_sizes(tmp_path: Path) -> None:
    """A tenth of each task is held out: 2 and 3 of 16 and 28 images, 1 and 3 of 12 and 32.

    So joint stores 39 images of 5 bytes on seed 0, and 40 on seed 1.
    """
    parts = unequal_parts(tmp_path, validation=0.1)
    sweep = load_means(tmp_path, "[joint, {name: er, memory_size: 9}]", "{storage: 277}", **parts)
    joint, er = solve_sweep(sweep, open_store(tmp_path / "results", None)).cells
    assert joint.outcome == (
        "infeasible",
        "on seed 1 it carries model 80 B + raw data 200 B = 280 B, which is 3 B above 277 B",
    )
    assert er.outcome is None
    # What is largest is so on all seeds, so that it fits.
    sweep = load_means(tmp_path, "[joint]", "memory-aligned", **parts)
    (cell,) = solve_sweep(sweep, open_store(tmp_path / "results", None)).cells
    assert (cell.storage, cell.outcome) == (280, None)


def test_the_sum_of_a_step_names_the_seed_too(tmp_path: Path) -> None:
    """GEM's first task is a step of 14 and one of 2 images on seed 0, one of 12 on seed 1.

    After them it stores 16 and 12 images. Its second task begins with a step of 14: 30 images and
    2 (1 + 1)^2 products of 20 weights on seed 0, whose budget is 28 images. On seed 1, of 32
    images, it fits.
    """
    parts = unequal_parts(tmp_path, seeds="[1, 0]") | {"training": "{batch_size: 14}"}
    methods = "[finetune, {name: gem, memory_size: 88}]"
    sweep, _, _ = solve(tmp_path, methods, "{compute: 1}", **parts)
    step, budget = 30 * 64 + 160, 28 * 64
    assert sweep.cells[1].outcome == (
        "infeasible",
        f"task 2 of seed 0 takes one step {step:,} FLOP + consolidation 0 FLOP = {step:,} FLOP, "
        f"which is 288 FLOP above {budget:,} FLOP, 1 x fine-tuning for an epoch",
    )


def test_the_budget_of_a_network_that_fits_nowhere_is_not_known(tmp_path: Path) -> None:
    """64-8-10 has 2,440 bytes and 64-99-10 29,740; of the second nothing is priced."""
    network = "{name: mlp, hidden: {grid: [[8], [99]]}}"
    means = "{storage: 3 kB, compute: 1}"
    sweep, _, _ = solve(tmp_path, "[finetune]", means, network=network)
    assert [[*cell.budgets.values()] for cell in sweep.cells] == [[(64 * STEP,) * 2], []]


def test_each_seed_has_steps_and_a_budget_of_its_own_where_tasks_differ(tmp_path: Path) -> None:
    """A step of fine-tuning is 4 images.

    1.5 epochs of 16 and 28 images are 6 steps and 10.5, those of 12 and 32 are 4.5 and 12.
    """
    parts = unequal_parts(tmp_path)
    trials = finish(tmp_path, "[finetune]", "{compute: 1.5}", **parts)
    results = load(tmp_path / "results" / "lab")
    tasks = results.stages.query("after > 0").set_index(["seed", "after"])
    images = {(0, 1): 16, (0, 2): 28, (1, 1): 12, (1, 2): 32}
    allowed = {place: 1.5 * number * 64 for place, number in images.items()}
    assert tasks["means_flops"].to_dict() == allowed
    steps = {(0, 1): 6, (0, 2): 10, (1, 1): 4, (1, 2): 12}
    assert tasks["train_flops"].to_dict() == {k: n * 4 * 64 for k, n in steps.items()}
    dials = [json.loads(text)["training.iterations"] for text in trials["means_dial"]]
    assert dials == [[6, 10], [4, 12]]
    assert trials["trial_id"].nunique() == 1, "seeds are one configuration"
    assert trials["means_flops"].tolist() == [1.5 * 44 * 64] * 2
    (built,) = surfaces(results)
    assert built.shares.ravel().tolist() == [16 * 4 * 64 / (1.5 * 44 * 64)] * 2


def test_progress_compress_meets_a_budget_with_both_phases(tmp_path: Path) -> None:
    check_budgets(tmp_path, ["er", "progress_compress"], compute=6)


def test_what_was_counted_meets_the_budgets_to_the_last_step(tmp_path: Path) -> None:
    check_budgets(tmp_path, ["er", "icarl", "gdumb", "joint", "lwf"], compute=6)


def test_a_method_without_dials_has_a_row_in_each_cell_and_shares_its_stages(
    tmp_path: Path,
) -> None:
    trials = finish(
        tmp_path, "[finetune, ewc]", "{storage: {grid: [3 kB, 9 kB]}, compute: {grid: [1, 2]}}"
    )
    rows = trials.set_index(["method", "means_storage_bytes", "means_compute"]).sort_index()
    assert rows.loc["ewc", "status"].to_dict() == {
        (3000, 1): "infeasible",
        (3000, 2): "infeasible",
        (9000, 1): "infeasible",  # a step and the exact Fisher cost more than an epoch
        (9000, 2): "complete",
    }
    # The budget of two tasks of 64 images, also where bytes alone do not fit and nothing is priced.
    compute = rows.index.get_level_values("means_compute").to_numpy()
    assert rows["means_flops"].tolist() == (2 * compute * 64 * STEP).tolist()
    own = rows.loc["finetune"]
    assert own.loc[(3000, 1), "acc"] == own.loc[(9000, 1), "acc"]
    assert json.loads(own.loc[(3000, 2), "means_dial"]) == {"training.iterations": [32, 32]}
    stages = load(tmp_path / "results" / "lab").stages
    keys = stages[stages["trial_id"].isin(own["trial_id"])]["key"]
    assert keys.nunique() == 1 + 2 * 2  # stage 0, and two tasks of two lengths


def test_anchors_on_features_cost_what_they_cost_at_each_computation(tmp_path: Path) -> None:
    """An epoch of fine-tuning passes 64 examples forward and back to the weights, 163,840 FLOP."""
    methods = "[finetune, ncm, {name: ranpac, projection: 100, lam: 1}]"
    trials = finish(tmp_path, methods, "{compute: {grid: [1, 20]}}", **PIXELS)
    rows = trials.set_index(["method", "means_compute"]).sort_index()
    ncm = rows.loc["ncm"]
    assert set(ncm["means_dial"]) == {"{}"}
    # Sums of 10 classes, as a product of labels and features, in both tasks.
    assert ncm["consolidate_flops"].tolist() == [2 * 2 * 64 * 10 * 64] * 2
    stages = load(tmp_path / "results" / "lab").stages
    keys = stages[stages["trial_id"].isin(ncm["trial_id"])]["key"]
    assert keys.nunique() == 1 + 2, "both computations have the same stages"
    assert rows.loc["ranpac", "status"].tolist() == ["infeasible", "complete"]
    assert re.fullmatch(
        r"task 1 takes no step, and consolidation ([\d,]+) FLOP, which is [\d,]+ FLOP above "
        r"163,840 FLOP, 1 x fine-tuning for an epoch",
        rows.loc[("ranpac", 1), "story"],
    )


def test_anchors_on_features_fit_the_bytes_or_do_not_with_the_sum(tmp_path: Path) -> None:
    """A mean and its count take 264 bytes a class, a stored example 257."""
    sweep, _, _ = solve(tmp_path, "[ncm, knn]", "{storage: {grid: [2.5 kB, 2.64 kB]}}", **PIXELS)
    ncm, knn = (trial for trial in sweep.trials)
    assert (ncm.method.name, ncm.dial) == ("ncm", {})
    assert knn.dial == {"method.memory_bytes": 2640 - 2 * 10}
    outcomes = {cell.trial.method.name: cell.outcome for cell in sweep.cells if cell.outcome}
    assert outcomes == {
        "ncm": ("infeasible", "it carries model 2,640 B, which is 140 B above 2,500 B"),
        "knn": (
            "infeasible",
            "it carries buffer 20 B, which leaves 2,480 B of 2,500 B for its memory, and knn "
            "cannot take mlp: its memory has room for 9 examples (memory_bytes: 2480) of 64 "
            "features, but needs room for 10, one for each class",
        ),
    }


def test_a_plan_says_what_the_cells_may_cost_before_their_prices_are_counted(
    tmp_path: Path,
) -> None:
    """Each of four cells has the FLOPs of 3 epochs of 128 images; both of finetune are the same."""
    means = "{storage: {grid: [5 kB, 9 kB]}, compute: 3}"
    sweep = load_means(tmp_path, "[finetune, er]", means)
    sweep = solve_sweep(sweep, open_store(tmp_path / "results", None))
    cell = 3 * 128 * STEP
    assert estimate_budgets(sweep.cells) == (4 * cell, 3 * cell)
    prices, line = price_lines(sweep)
    assert prices.endswith("once they are counted it is known which cells fit their computation")
    assert line == (
        f"cost: about {si_text(4 * cell, 'FLOP')} of training and consolidation on all seeds at "
        f"most in the cells to solve for, {si_text(3 * cell, 'FLOP')} where they share stages; the "
        "prices come on top"
    )
    # Their stages learn 128 images once: of finetune in one chain, of er with each memory, which
    # replays as many in all but the first step, on 4.
    learned = 128 + 2 * (128 + 124)
    assert f" stages at most, about {si_text(learned * STEP, 'FLOP')} or more (the steps" in prices


# True price / estimate, of 2 tasks of 64 images in steps of 4, whose memory has room for all.
PRICES = {
    "finetune": 1,
    "joint": 1,
    # As many as new ones are replayed, but in the first step of all: it is in the estimate.
    "er": 1,
    # The gradients of the first task and of the batch have 610 weights, and are multiplied with
    # each other and again, on top of the 4 + 64 examples of each of the 16 steps.
    "gem": 1 + 2 * 2**2 * 610 / (STEP * (4 + 4 + 64)),
    # The teacher's outputs on the second task.
    "lwf": 1 + FORWARD / STEP / 2,
    # The exact Fisher of 5 and of 10 labels, see ENDINGS.
    "ewc": 1 + sum(64 * (2 * FORWARD + n * 160) + FORWARD for n in (5, 10)) / (128 * STEP),
}


def test_what_counting_prices_costs_at_least_by_hand(tmp_path: Path) -> None:
    """The estimate has all steps of the network, and so what is replayed, GEM's whole memory."""
    sweep, _, _ = solve(tmp_path, f"[{', '.join(PRICES)}]", "{compute: 20}")
    ratios = {}
    for cell in sweep.cells:
        own = price_trial(cell.trial)
        spent = sum(cell.price_flops[stage.key] for stage in own.stages(0)[1:])
        ratios[own.method.name] = spent / estimate_prices([own])
    assert ratios == pytest.approx(PRICES)


def test_a_plan_of_free_computation_has_the_steps_of_the_network(tmp_path: Path) -> None:
    """Two tasks of 64 images for 3 epochs: er has cells of its own, joint sees the first twice.

    It replays as many as are new in all but the first step, on 4 of 3 * 128. finetune has the same
    stages in both cells, and joint (10,760 B) fits the larger alone.
    """
    sweep = load_means(
        tmp_path,
        "[finetune, er, joint, ewc]",
        "{storage: {grid: [3 kB, 12 kB]}}",
        training="{batch_size: 4, epochs: 3}",
    )
    cells = solve_sweep(sweep, open_store(tmp_path / "results", None)).cells
    epoch = 3 * 64 * STEP
    er = 2 * (2 - 4 / (3 * 128))
    before, after = (2 * n * epoch for n in (2 + er + 1.5 + 1, 1 + er + 1.5 + 1))
    assert estimate_free(cells) == pytest.approx((before, after))
    (line,) = free_lines(cells)
    assert line.startswith(
        f"cost: about {si_text(before, 'FLOP')} for the steps of the network on all seeds, "
        f"{si_text(after, 'FLOP')} where cells share stages"
    )
    with_budget = load_means(tmp_path, "[er]", "{compute: 2}")
    assert not [*free_lines(solve_sweep(with_budget, open_store(tmp_path, None)).cells)]


def test_the_cost_of_a_surface_counts_its_prices_and_trials_that_run(tmp_path: Path) -> None:
    """The price of fine-tuning is an epoch, a third of the budget of 3 x fine-tuning."""
    parts = {"methods": "[finetune, joint]", "means": "{storage: 5 kB, compute: 3}"}
    finish(tmp_path, **parts)
    sweep = solve_sweep(load_means(tmp_path, **parts), open_store(tmp_path / "results", None))
    (line,) = cost_lines(sweep.cells)
    factor = {"k": 1e3, "M": 1e6}
    amounts = re.findall(r"([\d.]+) (\w)FLOP", line)
    before, after, prices = (float(number) * factor[unit] for number, unit in amounts)
    assert before == after == pytest.approx(3 * prices, rel=0.01)
    figures = dict(plan_figures(plan(sweep, open_store(tmp_path / "results", None))))
    assert (figures["trials"], figures["trials x seeds"]) == ("1", "1"), "joint does not fit"


@pytest.mark.parametrize(("on_tasks", "tasks"), [(2, 2), (1, 1)])
def test_the_candidates_of_a_search_cost_their_budgets_at_most(
    tmp_path: Path, on_tasks: int, tasks: int
) -> None:
    """Three candidates on two seeds in two cells, of 2 and 4 epochs of tasks of 64 images."""
    search = f"{{algorithm: random, num_trials: 3, seeds: [7, 8], on_tasks: {on_tasks}}}"
    methods, means = "[finetune]", "{compute: {grid: [2, 4]}}"
    training = "{batch_size: 4, lr: {loguniform: [0.01, 0.1]}}"
    unpriced = load_means(tmp_path, methods, means, search=search, training=training)
    unpriced = solve_sweep(unpriced, open_store(tmp_path / "results", None))
    flops = 3 * 2 * (2 + 4) * 64 * STEP
    (line,) = search_lines(unpriced)
    assert f"about {si_text(2 * flops, 'FLOP')} at most" in line
    priced, _, _ = solve(tmp_path, methods, means, search=search, training=training)
    (line,) = search_lines(priced)
    assert f"about {si_text(tasks * flops, 'FLOP')} at most" in line


def test_methods_that_are_searched_keep_their_order_though_one_does_not_fit(tmp_path: Path) -> None:
    methods = "[{name: lwf, lam: {grid: [1, 2]}}, {name: ewc, lam: {grid: [1, 2]}}]"
    means = "{storage: {grid: [3 kB, 9 kB]}}"
    sweep, tables, _ = solve(tmp_path, methods, means, search="{algorithm: grid}")
    winners = [trial_chain("lab", group.first_trial((0,)), 0) for group in sweep.groups]
    chains = plan(sweep, tables.records, winners).chains
    assert [(chain.method, bool(chain.keys)) for chain in chains] == [
        ("lwf", True),
        ("lwf", True),
        ("ewc", False),
        ("ewc", True),
    ]


def test_several_networks_have_several_units_of_computation(tmp_path: Path) -> None:
    network = "{name: mlp, hidden: {grid: [[8], [9]]}}"
    for means, number in (("{compute: 2}", 1), ("{storage: 9 kB}", 0)):
        sweep, store = load_means(tmp_path, "[er]", means, network=network), tmp_path / "results"
        cells = solve_sweep(sweep, open_store(store, None)).cells
        assert len([line for line in network_lines(cells) if "2 networks" in line]) == number


def test_a_training_that_drops_the_last_batch_has_the_unit_of_one_that_does_not(
    tmp_path: Path,
) -> None:
    drops = "{name: er, label: drops, training: {drop_last: true}}"
    sweep = load_means(tmp_path, f"[er, {drops}]", "{compute: 2}")
    assert [trial.training.drop_last for trial in sweep.trials] == [False, True]
    units = [tuple(s.key for s in unit_trial(trial).stages(0)) for trial in sweep.trials]
    assert units[0] == units[1]


def test_a_plan_names_what_fits_no_cell_and_gives_a_reason_of_each_method(tmp_path: Path) -> None:
    """Of 25 budgets the model fits the largest alone, and joint retraining with its data none."""
    budgets = ", ".join(f"{size} B" for size in (*range(100, 2500, 100), MODEL))
    sweep = load_means(tmp_path, "[finetune, joint]", f"{{storage: {{grid: [{budgets}]}}}}")
    cells = solve_sweep(sweep, open_store(tmp_path / "results", None)).cells
    assert [*nowhere_lines(cells)] == ["means: fit no cell: joint"]
    *reasons, more = reason_lines(cells)
    assert [reason.split()[1] for reason in reasons[:3]] == ["finetune", "joint", "finetune"]
    assert (len(reasons), more) == (20, f"  and {24 + 25 - 20} more")
    assert [*nowhere_lines([cell for cell in cells if not cell.outcome])] == []


def test_a_run_that_ends_while_prices_are_counted_goes_on(tmp_path: Path) -> None:
    parts = {"methods": "[finetune, er]", "means": "{compute: 2}"}
    cut = finish(tmp_path, **parts, budget="{stages: 2}")
    assert len(cut) == 0
    whole = finish(tmp_path, **parts)
    (tmp_path / "other").mkdir()
    straight = finish(tmp_path / "other", **parts)
    columns = ["trial_id", "seed", "status", "acc", "train_flops", "means_dial"]
    pd.testing.assert_frame_equal(whole[columns], straight[columns])


def test_candidates_of_a_search_have_the_means_of_their_cell(tmp_path: Path) -> None:
    trials = finish(
        tmp_path,
        "[{name: ewc, lam: {loguniform: [1, 100]}}, finetune]",
        "{compute: {grid: [2, 4]}}",
        search="{algorithm: random, num_trials: 2}",
    )
    searched = trials[trials["phase"] == "search"]
    # Tasks of 64 images on each seed, also on those of the search.
    allowed = trials["means_compute"] * 2 * 64 * STEP
    assert trials["means_flops"].tolist() == allowed.tolist()
    assert (compute_flops(trials) <= allowed).all()
    assert searched.groupby("means_compute")["trial_id"].nunique().to_dict() == {2.0: 2, 4.0: 2}
    assert searched.groupby("means_compute")["means_dial"].nunique().to_dict() == {2.0: 1, 4.0: 1}
    winners = trials[trials["selected"] & (trials["phase"] == "evaluation")]
    assert sorted(winners["means_compute"]) == [2.0, 4.0]
    results = load(tmp_path / "results" / "lab")
    texts = winner_hyperparameters(results.trials, results.stages).values()
    assert sorted(texts) == sorted(f"lam={lam:g}" for lam in winners["config.method.lam"])
    (surface,) = surfaces(results)
    (costs,) = search_costs(results, surface).to_dict("records")
    stages = results.stages[results.stages["seed"].isin(searched["seed"])]
    by_key = stages.assign(flops=compute_flops(stages)).groupby("key")["flops"].first()
    assert (costs["cells"], costs["candidates"], costs["search_flops"]) == (2, 4, by_key.sum())
    warehouse = open_results([tmp_path / "results" / "lab"])
    assert read_search_costs(warehouse, surface).to_dict("records") == [costs]
    (chapter,) = means_chapters(warehouse)
    assert chapter.rows[1][:3] == ("ewc", "2", "4")


@pytest.mark.parametrize(
    ("searched", "means", "message"),
    [
        (
            {"training": "{batch_size: {choice: [4, 8]}, lr: {loguniform: [0.01, 0.1]}}"},
            "{compute: 2}",
            "finetune searches training.batch_size under equal means, and what the means allow "
            "depends on it: at 2 x fine-tuning batch_size 4 has 32, 32 steps on the tasks; "
            "batch_size 8 has 16, 16 steps on the tasks. Candidates of a search",
        ),
        (
            {"methods": "[{name: er, memory_size: 20, replay_batch_size: {choice: [4, 8]}}]"},
            # 64 images in steps of 4 + 4 or, once 8 are stored, of 4 + 8; the first of all replays
            # none.
            "{storage: 20 kB, compute: 3}",
            "depends on it: at 20,000 B and 3 x fine-tuning replay_batch_size 4 has 24, 24 steps "
            "on the tasks; replay_batch_size 8 has 17, 16 steps on the tasks. Candidates",
        ),
        (
            {
                "methods": "[{name: er, memory_size: {choice: [20, 90]}, weighting: {choice: "
                "[examples, tasks]}}]",
                "network": "{name: mlp, hidden: {choice: [[8], [9]]}}",
            },
            "{storage: 10 kB}",
            "er searches network.hidden under equal means, and what the means allow depends on "
            f"it: at 10,000 B hidden [8] has {10_000 - MODEL:,} B of memory; hidden [9] has "
            f"{10_000 - MODEL - 4 * 75:,} B of memory. Candidates of a search have the same "
            "dials: give network.hidden as a grid, so that each value has cells of its own",
        ),
        (
            {
                "methods": "[{name: er, memory_size: 20}]",
                "network": "{name: mlp, hidden: {choice: [[8], [9]]}}",
            },
            f"{{storage: {MODEL + 200} B}}",
            f"at {MODEL + 200:,} B hidden [8] has 200 B of memory; hidden [9] does not fit: it "
            f"carries model {MODEL + 300:,} B, which is 100 B above {MODEL + 200:,} B. Candidates",
        ),
    ],
)
def test_what_changes_the_dials_is_not_searched(
    tmp_path: Path, searched: dict[str, str], means: str, message: str
) -> None:
    parts = {"methods": "[finetune]", "search": "{algorithm: random, num_trials: 2}"} | searched
    with pytest.raises(RepertoireError, match=re.escape(message)):
        solve(tmp_path, parts.pop("methods"), means, **parts)


def test_what_changes_no_dial_is_searched_with_those_of_the_first_example(tmp_path: Path) -> None:
    sweep, _, _ = solve(
        tmp_path,
        "[{name: ewc, lam: {loguniform: [1, 100]}}]",
        "{compute: 4}",
        training="{batch_size: 4, lr: {loguniform: [0.01, 0.1]}}",
        search="{algorithm: random, num_trials: 2}",
    )
    (group,) = sweep.groups
    assert len(group.example_trials((0,))) == 3  # lam at both ends, and another lr
    assert len({trial.dial["training.iterations"][0] for trial in group.example_trials((0,))}) == 1


@pytest.mark.parametrize(
    ("means", "mistake"),
    [
        ("{storage: 3 parsecs}", "means.storage: must be a number of bytes above 0"),
        ("{storage: 0}", "means.storage: must be a number of bytes above 0"),
        ("{storage: 1 Mb}", "given 1 Mb, which are bits: write B for bytes, b is an eighth"),
        ('{storage: "1,500 kB"}', "alone or with a unit such as kB, MB, GB or KiB, MiB, GiB"),
        ("{storage: 99999999999 GB}", "means.storage: must be a number of bytes above 0"),
        ("{compute: 0.5}", "means.compute: must be a number of at least 1, a pass of fine-tuning"),
        ("{compute: {grid: [1, 1.0e+300]}}", "and at most 1,000,000,000, given 1e+300"),
        ("{compute: 1000000001}", "and at most 1,000,000,000, given 1000000001"),
        ("{storage: [50000, 60000]}", "written {grid: [...]}, given [50000, 60000]"),
        (
            "{storage: {gird: [1]}}",
            "written {grid: [...]}, given {\"gird\": [1]}: unknown key 'gird'",
        ),
        ("{compute: {grid: [1, 1.0]}}", "means.compute: 1.0 is given twice"),
        ("{compute: {grid: []}}", "means.compute: must be a value, or a grid of at least one"),
        ("{}", "means: needs storage, compute or both, or the name of a preset"),
        ("memory", "means.preset: unknown preset 'memory'; did you mean 'memory-aligned'?"),
        ("{storage: 1 MB, time: 1}", "means.time: unknown key 'time'"),
        ("{compute: 2, anchors: [er, ewc]}", "means.anchors: unknown anchor 'ewc'; valid: er, fin"),
        ("{compute: 2, anchors: [er, er]}", "means.anchors: er is given twice"),
        ("{compute: 2, anchors: most}", "means.anchors: "),
        ("{anchors: true}", "means: needs storage, compute or both, or the name of a preset"),
        ("[1]", "means: must be the name of a preset, or keys and values"),
        (
            f"{{storage: {{grid: {[*range(10**5, 10**5 + 1001)]}}}, compute: {{grid: "
            f"{[*range(1, 1001)]}}}}}",
            "means: configurations, storage and compute have 1,001,000 combinations; valid: at",
        ),
    ],
)
def test_a_mistake_in_the_means_is_named(tmp_path: Path, means: str, mistake: str) -> None:
    with pytest.raises(SweepError, match="1 mistake") as caught:
        load_means(tmp_path, "[finetune]", means)
    assert mistake in str(caught.value)


@pytest.mark.parametrize("axis", ["storage", "compute"])
def test_each_mistake_in_a_grid_of_budgets_is_named(tmp_path: Path, axis: str) -> None:
    means = f"{{{axis}: {{grid: [.nan, 0.5, -1, x, 2]}}}}"
    with pytest.raises(SweepError, match="4 mistakes") as caught:
        load_means(tmp_path, "[finetune]", means)
    lines = [line for line in str(caught.value).splitlines() if f"means.{axis}" in line]
    given = [re.split(", given ", line)[1].split(":")[0].strip('"').lower() for line in lines]
    assert given == ["nan", "0.5", "-1", "x"]


@pytest.mark.parametrize("methods", ["[finetune]", "[{name: l2, lam: {loguniform: [1, 9]}}]"])
def test_a_budget_below_a_pass_is_said_with_the_sum(tmp_path: Path, methods: str) -> None:
    whole = 64 * STEP
    parts = {"search": "{algorithm: random, num_trials: 2}"} if "l2" in methods else {}
    with pytest.raises(SweepError, match="1 mistake") as caught:
        load_means(tmp_path, methods, "{compute: {grid: [0.25, 4]}}", **parts)
    assert str(caught.value).endswith(
        f"given 0.25: 0.25 x {whole:,} FLOP, a pass over task 1, = {whole // 4:,} FLOP, "
        f"which is {whole - whole // 4:,} FLOP below it"
    )


@pytest.mark.parametrize(
    ("training", "place"),
    [
        ("{epochs: 4, schedule: {name: multistep, milestones: [2]}}", "training.schedule"),
        ("{epochs: 4, early_stopping: {patience: 1}}", "training.early_stopping"),
    ],
)
def test_lengths_cannot_be_given_where_steps_are_solved_for(
    tmp_path: Path, training: str, place: str
) -> None:
    with pytest.raises(SweepError, match=place):
        load_means(tmp_path, "[finetune]", "{compute: 2}", training=training)
    load_means(tmp_path, "[finetune]", "{storage: 1 MB}", training=training)


def test_no_cell_of_a_sweep_fits(tmp_path: Path) -> None:
    with pytest.raises(RepertoireError, match=r"lab: no method fits its means in any cell"):
        finish(tmp_path, "[finetune, er]", "{storage: 100 B}")
    assert not (tmp_path / "results" / "lab").exists()
