"""Sweeps on a cluster that does not exist: hand-worked examples, limits, failures, durations."""

from __future__ import annotations

import time
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

from orchestrator.backends.nodes import Demand
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.cli.run_sweep import plan_sweep
from orchestrator.cli.simulate import (
    MOST,
    Assumptions,
    build_cluster,
    read_nodes,
    read_rate,
    read_scenario,
    simulate_sweep,
)
from orchestrator.columns import PHASE_SECONDS
from orchestrator.errors import RepertoireError, SweepError
from orchestrator.graph.plan import Plan, plan
from orchestrator.graph.simulation import Simulation, find_makespan, simulate
from orchestrator.graph.stored_stages import StoredStage
from orchestrator.graph.virtual_slots import FreeSlots, LostNodes
from orchestrator.graph.virtual_workers import (
    REPLACEMENT_SECONDS,
    Cost,
    VirtualCluster,
    VirtualWorkers,
)
from orchestrator.networks.mlp import MLP
from orchestrator.networks.networks import NetworkShape
from orchestrator.results.durations import (
    ASSUMED,
    ASSUMED_SECONDS,
    RECORD_BYTES,
    Durations,
    assumed_cost,
    read_durations,
    read_gpu_shares,
)
from orchestrator.results.folder.places import open_store
from orchestrator.results.folder.tabulator import Tabulator
from orchestrator.results.tables.tables import Tables, read_tables, write_tables
from orchestrator.results.units import duration_text, si_text
from orchestrator.search.price import price_plan
from orchestrator.stages.code.components import Component, create_component
from orchestrator.stages.record import Costs, Record, Score
from orchestrator.stages.stage import Stage
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.worker import compute_order
from orchestrator.sweep import sweep as sweep_module
from orchestrator.sweep.reading.yaml_file import read_yaml
from orchestrator.sweep.solve_means import missing_prices, solve_sweep
from orchestrator.sweep.sweep import Sweep
from orchestrator.terminal.describe import plan_table, recorded_rows
from orchestrator.terminal.simulation_page import simulation_page

LIMIT = Demand().stages
SWEEP = """
name: simulated
benchmark: {name: rotated_digits, num_tasks: 3, samples_per_task: 20}
network: {name: mlp, hidden: [4]}
training: {iterations: 1}
methods: METHODS
seeds: SEEDS
"""


@pytest.fixture
def make_plan(tmp_path: Path) -> Callable[..., Plan]:
    def make(methods: str = "[finetune]", seeds: str = "[0, 1, 2]") -> Plan:
        path = tmp_path / "simulated.yaml"
        path.write_text(SWEEP.replace("METHODS", methods).replace("SEEDS", seeds))
        return plan(Sweep.load(path), StageStore(str(tmp_path / "stages"), create=False))

    return make


def run(sweep_plan: Plan, cluster: VirtualCluster, seconds: Callable[[Stage], float]) -> Simulation:
    stages = {key: order.stages[0] for key, order in sweep_plan.orders.items()}
    return simulate(
        sweep_plan, {key: Cost(seconds(s), 100.0) for key, s in stages.items()}, cluster, LIMIT
    )


def ten_seconds(stage: Stage) -> float:
    """Stage 0 takes no time."""
    return 10.0 if stage.after else 0.0


def test_three_chains_of_three_stages_on_two_workers(make_plan: Callable[..., Plan]) -> None:
    # 0-10: a1 b1, 10-20: c1 a2, 20-30: b2 c2, 30-40: a3 b3, 40-50: c3 alone.
    planned = make_plan()
    result = run(planned, VirtualCluster(nodes=2, slots=1), ten_seconds)
    assert (result.makespan, result.shortest, result.stages) == (50.0, 30.0, 12)
    assert (result.busy, result.utilisation) == (90.0, 0.9)
    costs = {key: Cost(ten_seconds(order.stages[0]), 0.0) for key, order in planned.orders.items()}
    assert find_makespan(planned, costs, VirtualCluster(2, 1), LIMIT) == 50.0
    assert [step.stages for step in result.steps] == [3, 5, 5, 7, 7, 9, 9, 11, 11, 12]
    assert [step.utilisation for step in result.steps] == [1.0] * 8 + [0.5] * 2
    assert result.steps[-1].store_bytes == result.store_bytes == 1200.0


def test_what_is_shared_is_computed_once_and_counted_as_spared(
    make_plan: Callable[..., Plan],
) -> None:
    # Task 1 of ewc is one stage for all lam, and freeze has a chain of its own.
    sweep_plan = make_plan("[{name: ewc, lam: {grid: [1, 2, 4]}}, freeze]", "[0]")
    result = run(sweep_plan, VirtualCluster(1, 1), ten_seconds)
    assert result.makespan == result.busy == 10.0 * (1 + 3 * 2 + 3)
    assert result.spared_stages == 3 + 2  # stage 0 of four chains, task 1 of three
    assert result.spared == 2 * 10.0


@pytest.mark.parametrize("seed", [0, 1])
def test_one_slot_takes_the_sum_and_many_slots_the_longest_chain(
    make_plan: Callable[..., Plan], seed: int
) -> None:
    sweep_plan = make_plan("[finetune, joint, {name: er, memory_size: {grid: [10, 20]}}]")
    draws = np.random.default_rng(seed)
    drawn = {key: float(draws.exponential(60.0)) for key in sweep_plan.orders}

    def seconds(stage: Stage) -> float:
        return drawn[stage.key]

    longest = max(
        sum(drawn[key] for key in chain.keys)
        for chain in sweep_plan.chains
        if chain.method != "joint"
    )
    joint = max(drawn[c.keys[0]] + drawn[k] for c in sweep_plan.chains for k in c.keys[1:])
    alone = run(sweep_plan, VirtualCluster(1, 1), seconds)
    assert alone.makespan == pytest.approx(sum(drawn.values()))
    assert alone.utilisation == pytest.approx(1.0)
    endless = run(sweep_plan, VirtualCluster(100, 8), seconds)
    assert endless.makespan == pytest.approx(max(longest, joint)) == pytest.approx(endless.shortest)
    for nodes in (2, 3, 7):  # Graham's bound of list scheduling, with the few that wait in line
        some = run(sweep_plan, VirtualCluster(nodes, 1), seconds)
        bound = alone.makespan / nodes + (1 + LIMIT(nodes) / nodes) * endless.makespan
        assert max(endless.makespan, alone.makespan / nodes) <= some.makespan + 1e-9 <= bound


def test_a_cluster_of_any_size_lists_no_more_slots_than_stages_use(
    make_plan: Callable[..., Plan],
) -> None:
    sweep_plan = make_plan()
    enough = run(sweep_plan, VirtualCluster(3, 1), ten_seconds)
    tracemalloc.start()
    huge = run(sweep_plan, VirtualCluster(MOST, MOST), ten_seconds)
    stormy = run(sweep_plan, VirtualCluster(MOST, MOST, losses_per_hour=3600.0), ten_seconds)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert huge.makespan == enough.makespan == stormy.makespan == 30.0
    assert huge.utilisation == pytest.approx(90.0 / (MOST * MOST * 30.0))
    assert stormy.usage.nodes_lost > 0
    assert peak < 10e6, "bytes"


def test_lost_nodes_run_nothing_until_they_are_replaced_and_then_fill_up_again(
    make_plan: Callable[..., Plan],
) -> None:
    order, nodes, slots = next(iter(make_plan().orders.values())), 4, 3
    stormy = VirtualCluster(nodes, slots, losses_per_hour=36.0)
    workers = VirtualWorkers(stormy, defaultdict(lambda: Cost(1e9, 0.0)), LIMIT)
    lost = Counter[int]()
    for _ in range(3 * nodes * slots):  # more than there is room for
        workers.submit(order)
    for _ in range(30):
        workers.wait()
        down = {node for _, node in workers._returns}
        busy = Counter(attempt.node for attempt in workers._running.values())
        assert busy == {node: slots for node in range(nodes) if node not in down}
        assert workers.slots() == LIMIT(slots * (nodes - len(down)))
        lost.update(down)
    assert len(lost) == nodes, "each is drawn at times"


def test_stages_of_the_store_take_no_time(make_plan: Callable[..., Plan]) -> None:
    sweep_plan = make_plan(seeds="[0]")
    stored = {key: StoredStage("complete", 1, 10.0) for key in sweep_plan.chains[0].keys[:2]}
    done = replace(sweep_plan, stored=stored)
    result = run(done, VirtualCluster(1, 1), ten_seconds)
    assert (result.makespan, result.stages, result.shortest) == (20.0, 2, 20.0)
    assert result.steps[0].store_bytes == 200.0
    all_stored = dict.fromkeys(sweep_plan.chains[0].keys, StoredStage("complete", 1, 10.0))
    rest = run(replace(sweep_plan, stored=all_stored), VirtualCluster(1, 1), ten_seconds)
    assert (rest.stages, rest.steps, rest.store_bytes) == (0, (), 400.0)


def test_lost_nodes_cost_their_stages_and_their_replacement(
    make_plan: Callable[..., Plan],
) -> None:
    sweep_plan = make_plan()

    def seconds(stage: Stage) -> float:
        return 900.0

    calm = run(sweep_plan, VirtualCluster(1, 1), seconds)
    stormy = VirtualCluster(1, 1, losses_per_hour=2.0, seed=3)
    result = run(sweep_plan, stormy, seconds)
    usage = result.usage
    assert (result.stages, result.busy, result.failed_trials) == (12, calm.busy, 0)
    assert usage.stages_lost == usage.nodes_lost > 0
    down = REPLACEMENT_SECONDS * usage.nodes_lost
    assert result.makespan == pytest.approx(calm.makespan + usage.seconds_lost + down)
    again = run(sweep_plan, stormy, seconds)
    assert again.usage == usage
    assert run(sweep_plan, replace(stormy, seed=4), seconds).makespan != result.makespan


GRID = """
name: grid
benchmark: {{name: split_digits, scenario: task, num_tasks: 5, samples_per_task: 2}}
network: {{name: mlp, hidden: [2]}}
training: {{optimizer: sgd, iterations: 1, lr: {{grid: {rates}}}, momentum: {{grid: {momenta}}}}}
methods: [finetune]
seeds: [0]
"""


def write_grid(path: Path, rates: int, momenta: int) -> Path:
    rates_text = np.geomspace(1e-4, 1.0, rates).tolist()
    momenta_text = np.linspace(0.0, 0.9, momenta).tolist()
    path.write_text(GRID.format(rates=rates_text, momenta=momenta_text), encoding="utf-8")
    return path


@pytest.mark.storm
@pytest.mark.timeout(900)
def test_a_hundred_thousand_trials_on_a_thousand_nodes_take_less_than_two_minutes(
    tmp_path: Path,
) -> None:
    started, pages = time.process_time(), list[object]()
    sweep = Sweep.load(write_grid(tmp_path / "grid.yaml", 10_000, 10))
    scenario = read_scenario("nodes=1000,cpus=8", "1/h")
    store = open_store(tmp_path / "results", None, read_only=True)
    simulate_sweep(sweep, store, tmp_path / "results" / "grid", scenario, pages.append)
    assert time.process_time() - started < 120
    screen = Console(width=120, file=StringIO(), record=True)
    screen.print(pages[0])
    assert "500001" in screen.export_text()


def test_what_trials_have_in_common_is_checked_and_described_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = Sweep.load(write_grid(tmp_path / "grid.yaml", 6, 5))
    calls = Counter[str]()

    def count(cls: type[Any], name: str) -> None:
        method = getattr(cls, name)

        def counted(*args: Any, **more: Any) -> Any:
            calls[name] += 1
            return method(*args, **more)

        monkeypatch.setattr(cls, name, counted)

    count(Benchmark, "__post_init__")
    count(Benchmark, "task_keys")
    count(Component, "content")
    chains = [*sweep.chains()]
    assert calls == {"__post_init__": 1, "task_keys": 1, "content": 2}, "30 trials, one seed"
    alone = [trial.stages(0) for trial in sweep.trials]
    assert [stages for _, stages in chains] == alone, "each trial by itself has the same stages"


def test_a_grid_with_a_mistake_is_described_once_not_at_each_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Text(str):
        described = 0

        def __repr__(self) -> str:
            Text.described += 1
            return str.__repr__(self)

    path = write_grid(tmp_path / "grid.yaml", 6, 5)
    content = read_yaml(path)
    content["training"]["optimizer"] = Text("adam")  # which has no momentum
    monkeypatch.setattr(sweep_module, "read_yaml", lambda path: content)
    with pytest.raises(SweepError) as caught:
        Sweep.load(path)
    assert len(caught.value.mistakes) == 4
    assert Text.described == 24 + 1, "each point that has the mistake, and the whole grid once"


def test_a_seed_gives_the_losses_that_it_gave_in_earlier_releases(
    make_plan: Callable[..., Plan],
) -> None:
    stormy = VirtualCluster(4, 2, losses_per_hour=48.0, seed=5)
    result = run(make_plan(seeds=str(list(range(9)))), stormy, lambda s: 300.0 + 7 * s.after)
    usage = result.usage
    assert (usage.nodes_lost, usage.stages_lost, result.stages) == (64, 128, 24)
    assert usage.seconds_lost == 17194.479031056224
    assert result.makespan == 4287.24420019939


@pytest.mark.parametrize("lost", [(), (0,), (3,), (0, 1, 5), (4, 5), (1, 2, 3, 4)])
def test_a_node_is_drawn_among_those_that_are_not_lost(lost: tuple[int, ...]) -> None:
    nodes = LostNodes()
    for node in reversed(lost):
        nodes.add(node)
    others = [node for node in range(6) if node not in lost]
    assert [nodes.find_other(index) for index in range(len(others))] == others


def test_the_last_slot_is_taken_first_and_none_of_a_lost_node() -> None:
    slots = FreeSlots()
    for node, count in ((0, 1), (1, 2), (0, 1), (2, 1), (1, 1)):
        slots.add(node, count)
    assert slots.take() == 1
    slots.delete(0)
    assert [slots.take() for _ in range(4)] == [2, 1, 1, None]


def test_a_stage_whose_node_is_lost_too_often_has_failed(make_plan: Callable[..., Plan]) -> None:
    sweep_plan = make_plan(seeds="[0]")
    result = run(sweep_plan, VirtualCluster(1, 1, losses_per_hour=3600.0), lambda stage: 1e6)
    assert (result.failed_trials, result.stages, result.usage.stages_lost) == (1, 0, 10)


def record_stages(
    sweep_plan: Plan, folder: Path, shares: Sequence[tuple[float, float | None]] = ()
) -> dict[str, float]:
    """Write the tables of stages that took a drawn time; return key -> seconds.

    `shares` are those of the memory and the time of a GPU, of the tasks of finetune.
    """
    store, draws, taken = open_store(folder, None), np.random.default_rng(0), {}
    score = {split: Score(accuracy=0.5, loss=1.0, n=1) for split in ("validation", "test")}
    for key, order in sweep_plan.orders.items():
        train, test = draws.random(2)
        stage, taken[key] = order.stages[0], train + test
        on_gpu = shares and stage.after and stage.method.name == "finetune"
        memory, time = shares[stage.after - 1] if on_gpu else (None, None)
        storage = {"model": 1000, "raw_data": 10**6} if stage.after else {"model": 1000}
        record = Record(
            key=key,
            parent=stage.parent,
            after=stage.after,
            status="complete",
            costs=Costs(
                train_seconds=train,
                eval_seconds=test,
                storage=storage,
                peak_memory_bytes=3_000_000,
                gpu_memory_share=memory,
                gpu_utilisation=time,
            ),
            evaluation={task: score for task in stage.task_keys},
            computed_for=order.computed_for,
        )
        store.put({}, record)
    Tabulator(sweep_plan.chains, store, folder / sweep_plan.sweep.name).refresh()
    return taken


def test_durations_are_those_of_the_most_alike_stages(
    make_plan: Callable[..., Plan], tmp_path: Path
) -> None:
    small = make_plan("[finetune, {name: ewc, lam: 1}]", "[0, 1]")
    taken, durations = record_stages(small, tmp_path), read_durations(tmp_path)
    more = make_plan("[finetune, {name: ewc, lam: {grid: [1, 5]}}, joint]", "[0, 1, 2]")
    chains = {(c.method, c.config["method"].get("lam"), c.seed): c for c in more.chains}

    def costs(*chain: object) -> list[Cost]:
        return [durations.cost(more.orders[key]) for key in chains[chain].keys]

    def mean(method: str, after: int) -> float:
        return float(np.mean([taken[c.keys[after]] for c in small.chains if c.method == method]))

    finetune = [cost.seconds for cost in costs("finetune", None, 2)]
    assert finetune == pytest.approx([mean("finetune", after) for after in range(4)])
    ewc = [cost.seconds for cost in costs("ewc", 5.0, 2)]
    assert ewc[2:] == pytest.approx([mean("ewc", 2), mean("ewc", 3)])
    anything = np.mean([taken[k] for k in {k for c in small.chains for k in c.keys[1:]}])
    joint = costs("joint", None, 0)
    assert [cost.seconds for cost in joint[1:]] == pytest.approx([anything] * 3)
    assert durations.sources["any stage"] == 3
    assert {cost.size for cost in joint} == {1000 + RECORD_BYTES}  # raw data are not in the store


def test_a_plan_shows_what_stages_like_those_left_took_in_an_earlier_run(
    make_plan: Callable[..., Plan], tmp_path: Path
) -> None:
    taken = record_stages(make_plan("[finetune]", "[0]"), tmp_path)
    left = make_plan("[finetune]", "[0, 1]")

    def rows(recorded: Durations) -> dict[str, str]:
        table = plan_table(left, (), recorded).renderables[1]
        names, values = (list(column.cells) for column in table.columns)
        return dict(zip(map(str, names), map(str, values), strict=True))

    recorded = read_durations(tmp_path)
    assert rows(Durations()).keys() < rows(recorded).keys()
    expected = sum(recorded.cost(left.orders[key]).seconds for key in left.stages_to_compute)
    assert expected == pytest.approx(sum(taken.values()))  # the second seed has no record yet
    assert rows(recorded)["time left, one stage at a time"] == duration_text(expected)
    assert rows(recorded)["largest recorded peak of memory"] == si_text(3e6, "B")


def test_tables_without_times_tell_no_time_left(
    make_plan: Callable[..., Plan], tmp_path: Path
) -> None:
    planned = make_plan("[finetune]", "[0]")
    record_stages(planned, tmp_path)
    folder = tmp_path / planned.sweep.name
    tables = read_tables(folder)
    times = {name: None for name in PHASE_SECONDS}
    rows = [row | times for row in tables.stages.to_pylist()]
    stages = pa.Table.from_pylist(rows, tables.stages.schema)
    write_tables(Tables(tables.trials, tables.accuracy, stages), folder)
    names = [
        name for name, _ in recorded_rows(make_plan("[finetune]", "[1]"), read_durations(tmp_path))
    ]
    assert names == ["largest recorded peak of memory"]


def test_shares_of_a_gpu_are_read_from_the_records_of_earlier_runs(
    make_plan: Callable[..., Plan], tmp_path: Path
) -> None:
    assert read_gpu_shares(tmp_path) == {}
    sweep_plan = make_plan("[finetune, {name: ewc, lam: 1}, joint]", "[0]")
    record_stages(sweep_plan, tmp_path, [(0.1, None), (0.2, 0.9), (0.1, 0.5)])
    title = next(iter(sweep_plan.orders.values())).stages[0].benchmark.title
    assert read_gpu_shares(tmp_path) == {(title, "mlp", "finetune", True): 0.5}


def test_without_records_durations_are_assumed_and_said_to_be(
    make_plan: Callable[..., Plan],
) -> None:
    sweep_plan, durations = make_plan(seeds="[0]"), Durations()
    costs = [durations.cost(order) for order in sweep_plan.orders.values()]
    assert {cost.seconds for cost in costs} == {ASSUMED_SECONDS}
    assert durations.sources == {ASSUMED: 4}


def test_a_makespan_below_a_second_has_its_digits(make_plan: Callable[..., Plan]) -> None:
    sweep_plan = make_plan()
    short = run(sweep_plan, VirtualCluster(3, 1), lambda stage: 0.05)
    page = simulation_page("short", sweep_plan.sweep.resources, short, None, Durations())
    screen = Console(width=120, file=StringIO(), record=True)
    screen.print(page)
    words = " ".join(screen.export_text().replace("│", " ").split())
    assert "makespan 0.200 s" in words, "four stages of a chain"
    assert "faster than 0.200 s" in words
    assert " 0.0200 s 0 " in words, "the first step of the course"
    assert "computation 0.600 CPU-seconds" in words, "twelve stages"


def test_titles_of_plans_and_simulations_break_no_name_that_fits_a_line(
    make_plan: Callable[..., Plan],
) -> None:
    sweep_plan, name = make_plan(), "every_sweep_has_a_long_name_" + "x" * 52
    named = replace(sweep_plan, sweep=replace(sweep_plan.sweep, name=name))
    whole = run(sweep_plan, VirtualCluster(3, 1), lambda stage: 1.0)
    page = simulation_page(name, sweep_plan.sweep.resources, whole, None, Durations())
    for what, shown in (("plan", plan_table(named)), ("simulation", page)):
        screen = Console(width=80, file=StringIO(), record=True)
        screen.print(shown)
        first, second, *_ = screen.export_text().splitlines()
        assert (first, second) == (f"{what} of", name)


def test_one_of_a_kind_is_in_the_singular(make_plan: Callable[..., Plan]) -> None:
    sweep_plan = make_plan(seeds="[0]")
    cluster = VirtualCluster(1, 1, losses_per_hour=1.0)
    alone = run(sweep_plan, cluster, lambda stage: 0.25)
    page = simulation_page("one", sweep_plan.sweep.resources, alone, 1.0, Durations())
    screen = Console(width=120, file=StringIO(), record=True)
    screen.print(page)
    words = " ".join(screen.export_text().replace("│", " ").split())
    assert "cluster 1 node, 1 stage at a time on each" in words
    assert "computation 1 CPU-second " in words
    assert "failures 1 node an hour, seed 0," in words
    assert "lost to failures 0 nodes, 0 stages, 0 CPU-seconds" in words


def test_the_page_states_what_was_assumed(make_plan: Callable[..., Plan], tmp_path: Path) -> None:
    shown: list[Any] = []
    store = StageStore(str(tmp_path / "stages"), read_only=True)
    scenario = Assumptions(2, 1, 4, losses_per_hour=0.5, seed=7)
    simulate_sweep(make_plan().sweep, store, tmp_path / "out", scenario, shown.append)
    screen = Console(width=120, file=StringIO(), record=True)
    screen.print(*shown)
    page = " ".join(screen.export_text().replace("│", " ").split())
    for text in (
        "2 nodes, 4 stages at a time on each",
        "makespan 4 min 00 s",
        "computation 0.20 CPU-hours",
        "0.5 nodes an hour, seed 7, each replaced after 5 min 00 s",
        "100% assumed: 60 s, and the bytes of the network",
    ):
        assert text in page
    assert "budget" not in page, "the sweep has none"
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "stages").exists()


def test_a_network_that_no_memory_holds_is_named() -> None:
    network = create_component("network", "mlp", MLP.Config(hidden=(10**13,)))
    with pytest.raises(RepertoireError, match="network mlp: this machine has no memory for its"):
        assumed_cost(network, NetworkShape((1, 8, 8), 10, (0.0,), (1.0,)))


def test_a_sweep_with_means_is_simulated_with_the_trials_of_its_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    means = SWEEP.replace("METHODS", "[finetune, er]").replace("SEEDS", "[0, 1]") + (
        "means: {storage: {grid: [100 kB, 200 kB]}, compute: {grid: [2]}}\nbudget: {cpu_hours: 9}\n"
    )
    (tmp_path / "simulated.yaml").write_text(means)
    sweep, store = Sweep.load(tmp_path / "simulated.yaml"), StageStore(str(tmp_path / "stages"))
    scenario, shown = read_scenario("nodes=1,cpus=1"), list[Any]()
    with pytest.raises(RepertoireError, match="follow from prices, and 3 of these"):
        simulate_sweep(sweep, store, tmp_path / "out", scenario, shown.append)
    prices = missing_prices(solve_sweep(sweep, store))
    for order in price_plan(sweep, prices, store).orders.values():
        compute_order(order, store)
    planned, _ = plan_sweep(sweep, store, tmp_path / "out")
    simulate_sweep(sweep, store, tmp_path / "out", scenario, shown.append)
    screen = Console(width=120, file=StringIO(), record=True)
    screen.print(*shown)
    page = " ".join(screen.export_text().replace("│", " ").split())
    assert f"stages computed {len(planned.stages_to_run)} " in page
    assert "budget: not simulated" in page


def test_mistakes_on_the_command_line_take_a_line(
    answer: Callable[..., tuple[int, str]], make_plan: Callable[..., Plan]
) -> None:
    make_plan()
    for flags, problem in (
        (("--failures", "1/h"), "--failures needs --simulate"),
        (("--seed", "3"), "--seed needs --simulate"),
        (("--simulate", "nodes=2,cpus=2", "--trials"), "--trials lists what plan shows without"),
        (("--durations", "nowhere"), "no results here"),
        (("--simulate", "cpus=2", "--durations", "nowhere"), "no results here"),
        (("--simulate", "nodes=2,cpus=2", "--failures", "1e9/h"), "give at most 24/h for 2 nodes"),
        (("--simulate", "nodes=2,cpus=2", "--failures", ""), "--failures: must be the nodes lost"),
        (("--simulate", "nodes=99999999999999999999"), "from 1 to 1,000,000"),
        (("--simulate", "nodes=2,cpus=2", "--seed", "9" * 23), "--seed"),
    ):
        code, text = answer("plan", "simulated.yaml", *flags)
        assert (code, text.count("\n"), problem in text) == (2, 1, True)


def test_a_node_has_as_many_slots_as_stages_fit(make_plan: Callable[..., Plan]) -> None:
    sweep = make_plan().sweep
    half = replace(sweep, resources=replace(sweep.resources, cpus=2, gpus=0.5))
    many = float("inf")
    assert build_cluster(half, Assumptions(3, 8, many)) == VirtualCluster(3, 16)
    assert build_cluster(half, Assumptions(3, 8, 10)) == VirtualCluster(3, 5)
    with pytest.raises(RepertoireError, match=r"takes 2 CPUs and 0\.5 GPUs, more than a node"):
        build_cluster(half, Assumptions(3, 0, 16))
    with pytest.raises(RepertoireError, match="the CPUs of a node are needed"):
        build_cluster(sweep, Assumptions(3, 8, many))


def test_options_are_read_or_refused() -> None:
    assert read_nodes("nodes=100, gpus=8,cpus=16") == {"nodes": 100, "gpus": 8, "cpus": 16}
    assert (read_rate("2/h"), read_rate("12/d")) == (2.0, 0.5)
    huge = (f"nodes={MOST + 1}", "nodes=99999999999999999999", f"gpus={'9' * 5000}")
    wrong = ("nodes", "nodes=0", "nodes=1.5", "nodes=2,nodes=3", "node=3", "cpus=-1", "", *huge)
    assert read_nodes(f"nodes={MOST},gpus=0") == {"nodes": MOST, "gpus": 0}
    for text in wrong:
        with pytest.raises(RepertoireError, match="--simulate"):
            read_nodes(text)
    for text in ("", "1", "1/w", "x/h", "-1/h", "inf/h", "nan/h"):
        with pytest.raises(RepertoireError, match="--failures"):
            read_rate(text)


def test_a_search_task_by_task_is_refused_with_what_can_be_simulated(
    load: Callable[[str], Sweep], tmp_path: Path
) -> None:
    sweep = load(
        SWEEP.replace("METHODS", "[{name: ewc, lam: {grid: [1, 10]}}]").replace("SEEDS", "[0]")
        + "search: {algorithm: per_task}\n"
    )
    store = StageStore(str(tmp_path / "stages"), read_only=True)
    with pytest.raises(RepertoireError, match="a sweep without search can, and a search with"):
        simulate_sweep(sweep, store, tmp_path, read_scenario("nodes=2,cpus=2"), lambda page: None)
