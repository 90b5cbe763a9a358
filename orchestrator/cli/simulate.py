"""`repertoire plan --simulate`: a sweep on a cluster that does not exist."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from orchestrator.backends import factory
from orchestrator.backends.nodes import Demand, Node
from orchestrator.cli.process_copy import compute_in_copy
from orchestrator.columns import HOUR_SECONDS
from orchestrator.errors import RepertoireError, suggest
from orchestrator.graph.plan import Plan, plan
from orchestrator.graph.simulation import find_makespan, remove_failures, simulate
from orchestrator.graph.virtual_workers import REPLACEMENT_SECONDS, VirtualCluster
from orchestrator.results.durations import Durations, read_durations
from orchestrator.search.create import create_study
from orchestrator.search.per_task import PerTaskStudy
from orchestrator.stages.storage.store import StageStore
from orchestrator.sweep.options import RunBudget
from orchestrator.sweep.solve_means import missing_prices, solve_sweep
from orchestrator.sweep.sweep import Sweep
from orchestrator.terminal.simulation_page import simulation_page

CLUSTER_FIELDS = ("nodes", "gpus", "cpus")
MOST = 1_000_000  # nodes, and processors or GPUs of one
HOURS = {"h": 1.0, "d": 24.0}
EXAMPLE = "nodes=100,gpus=8,cpus=16"
NO_BUDGET = "budget: not simulated; a run starts no further stage once it is spent"


@dataclass(frozen=True)
class Assumptions:
    """What a simulation assumes.

    Attributes:
        nodes: number of nodes.
        gpus, cpus: of each; infinite if the number does not matter.
        losses_per_hour: nodes that are lost in an hour, in the whole cluster.
        seed: of the losses.
        durations: a results folder with records of stages; None: durations are assumed.
    """

    nodes: int
    gpus: float
    cpus: float
    losses_per_hour: float = 0.0
    seed: int = 0
    durations: Path | None = None


def read_scenario(
    nodes: str, failures: str | None = None, seed: int = 0, durations: Path | None = None
) -> Assumptions:
    """Return the scenario of the options of `repertoire plan`.

    Raises:
        RepertoireError: an option is not valid.
    """
    counts = read_nodes(nodes)
    number, rate = counts.get("nodes", 1), 0.0 if failures is None else read_rate(failures)
    if rate > (most := number * HOUR_SECONDS / REPLACEMENT_SECONDS):
        raise RepertoireError(
            f"--failures: {failures} loses each node more often than it is replaced, after "
            f"{REPLACEMENT_SECONDS / 60:g} min; give at most {most:g}/h for {number} nodes"
        )
    return Assumptions(
        nodes=number,
        gpus=counts.get("gpus", 0),
        # Left out, CPUs limit nothing; `build_cluster` asks for them where stages take no GPU.
        cpus=counts.get("cpus", math.inf),
        losses_per_hour=rate,
        seed=seed,
        durations=durations,
    )


def read_nodes(text: str) -> dict[str, int]:
    """Return {"nodes", "gpus", "cpus"} of a description such as nodes=100,gpus=8.

    Raises:
        RepertoireError: it is none.
    """
    counts: dict[str, int] = {}
    for part in text.split(","):
        name, _, number = (word.strip() for word in part.partition("="))
        if name not in CLUSTER_FIELDS:
            raise RepertoireError(
                f"--simulate: unknown part {name!r}; {suggest(name, CLUSTER_FIELDS)}"
            )
        least = 0 if name == "gpus" else 1
        # A number of thousands of digits is not converted.
        count = int(number) if number.isdecimal() and len(number) <= len(str(MOST)) else -1
        if not least <= count <= MOST or name in counts:
            raise RepertoireError(
                f"--simulate: {part.strip()[:40]!r} must be a whole number from {least} to "
                f"{MOST:,}, given once; example: {EXAMPLE}"
            )
        counts[name] = count
    return counts


def read_rate(text: str) -> float:
    """Return the losses in an hour of a rate such as 1/h or 2/d.

    Raises:
        RepertoireError: it is none.
    """
    number, _, unit = text.partition("/")
    try:
        rate = float(number) / HOURS[unit.strip()]
    except (ValueError, KeyError):
        rate = math.nan
    if not 0 <= rate < math.inf:
        raise RepertoireError(
            f"--failures: must be the nodes lost in an hour or a day, such as 1/h or 0.5/d, given "
            f"{text!r}"
        )
    return rate


def simulate_sweep(
    sweep: Sweep,
    store: StageStore,
    folder: Path,
    scenario: Assumptions,
    show: Callable[[object], None],
) -> None:
    """Simulate the stages that a sweep lacks, and show what they take.

    Raises:
        RepertoireError: a stage does not fit on a node, or which stages there are depends on
            results.
    """
    cluster = build_cluster(sweep, scenario)
    sweep = solve_with_prices(sweep, store)
    whole_plan, notes = plan_candidates(sweep, store, folder)
    durations = read_durations(scenario.durations) if scenario.durations else Durations()
    costs = {key: durations.cost(order) for key, order in whole_plan.orders.items()}
    # The driver has no more stages submitted at once, on a cluster that does not grow.
    limit = Demand().stages
    calm = partial(find_makespan, whole_plan, costs, remove_failures(cluster), limit)
    with compute_in_copy(calm, len(costs) if cluster.losses_per_hour else 0) as find_undisturbed:
        result = simulate(whole_plan, costs, cluster, limit)
        undisturbed = find_undisturbed() if cluster.losses_per_hour else None
    show(simulation_page(sweep.name, sweep.resources, result, undisturbed, durations))
    for note in (*notes, *([] if sweep.budget == RunBudget() else [NO_BUDGET])):
        show(note)


def solve_with_prices(sweep: Sweep, store: StageStore) -> Sweep:
    """Return a sweep with the trials of its cells; itself if it has no means.

    Raises:
        RepertoireError: a price that decides the trials is not in the store.
    """
    solved = solve_sweep(sweep, store)
    if unpriced := len(missing_prices(solved)):
        raise RepertoireError(
            f"--simulate: the trials of {sweep.name} follow from prices, and {unpriced} of these "
            "are not in the store. repertoire run computes prices first; once it has, the sweep "
            "can be simulated. repertoire plan without --simulate says what the prices take"
        )
    return solved


def build_cluster(sweep: Sweep, scenario: Assumptions) -> VirtualCluster:
    """Return the cluster of a scenario with the slots that a node has for the sweep's stages.

    Raises:
        RepertoireError: no stage fits on a node, or the number of CPUs is needed and unknown.
    """
    needs = {"num_cpus": sweep.resources.cpus, "num_gpus": sweep.resources.max_gpus}
    if math.isinf(scenario.cpus) and not sweep.resources.gpus:
        raise RepertoireError(
            f"--simulate: stages of this sweep take {sweep.resources.cpus:g} CPUs and no GPU, so "
            f"the CPUs of a node are needed: {EXAMPLE}"
        )
    node = Node("virtual", scenario.cpus, scenario.gpus, 0.0)
    if not (slots := node.capacity(needs)):
        raise RepertoireError(
            f"--simulate: a stage takes {needs['num_cpus']:g} CPUs and {needs['num_gpus']:g} GPUs, "
            f"more than a node with {scenario.cpus:g} CPUs and {scenario.gpus:g} GPUs has"
        )
    return VirtualCluster(scenario.nodes, slots, scenario.losses_per_hour, scenario.seed)


def plan_candidates(sweep: Sweep, store: StageStore, folder: Path) -> tuple[Plan, list[str]]:
    """Return the plan of a sweep with the candidates of its search, and notes on these.

    Raises:
        RepertoireError: the candidates of a task depend on the results of the one before.
    """
    study = create_study(sweep, store, folder, factory, read_only=True)
    if study is None:
        return plan(sweep, store), []
    if isinstance(study, PerTaskStudy):
        raise RepertoireError(
            "--simulate: a search task by task asks for stages depending on the results of earlier "
            "ones, so it cannot be simulated; a sweep without search can, and a search with "
            "another algorithm. repertoire plan without --simulate gives an upper bound of its "
            "stages"
        )
    study.begin()
    candidates = study.chains(finished=False)
    return plan(sweep, store, candidates), [
        f"search: {len(candidates)} rows of candidates that are drawn before any result is known, "
        "each to its full depth. Not included: candidates drawn later, the evaluation of winners"
    ]
