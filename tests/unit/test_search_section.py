"""The search and budget sections of a sweep: what a right one means, how a wrong one is answered.

The fixtures `load`, `mistakes` and `answer` are in conftest.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.sweep.group_names import group_titles
from orchestrator.sweep.objective.expression import OBJECTIVE_NAMES
from orchestrator.sweep.options import RunBudget
from orchestrator.sweep.search_section.algorithms import Grid, Optuna, PerTask, Random
from orchestrator.sweep.search_section.schedulers import Asha, Fifo, Pbt
from orchestrator.sweep.search_section.search import CustomClass
from orchestrator.sweep.sweep import Sweep

Load = Callable[[str], Sweep]
RIGHT = {
    "name": "right",
    "benchmark": "{name: split_digits, scenario: task}",
    "network": "{name: mlp, hidden: [8]}",
    "training": "{lr: 0.1}",
    "methods": "[{name: ewc, lam: {loguniform: [1, 1000]}}]",
    "seeds": "[0, 1]",
    "search": "{algorithm: random}",
}
GRIDS = "[{name: ewc, lam: {grid: [1, 10]}}]"
CONDITIONAL = "{{optimizer: {{choice: [sgd, adam]}}, momentum: {{uniform: [0, 0.9], {}}}}}"


def text_of(**changes: str | None) -> str:
    return "".join(f"{k}: {v}\n" for k, v in {**RIGHT, **changes}.items() if v is not None)


# --- what a right one means ----------------------------------------------------------------------


def test_all_but_the_algorithm_may_be_left_out(load: Load) -> None:
    sweep = load(text_of())
    assert sweep.search is not None
    assert (sweep.search.algorithm, sweep.search.scheduler) == (Random(), Fifo())
    assert (sweep.search.num_trials, sweep.search.parallel) == (20, 4)
    assert (sweep.search.objective.metrics, sweep.search.objective.modes) == (("acc",), ("max",))
    assert sweep.search.on_tasks is None
    assert sweep.budget == RunBudget(gpu_hours=None, cpu_hours=None, stages=None, wall=None)
    assert load(text_of(search=None, methods=GRIDS)).search is None


@pytest.mark.parametrize(
    ("seeds", "search", "expected"),
    [
        ("[0, 1]", "{algorithm: random}", (2,)),
        ("[7, 3]", "{algorithm: random}", (8,)),
        ("[7, 3]", "{algorithm: random, seeds: [5, 4]}", (5, 4)),
        ("[7, 3]", "{algorithm: random, on_tasks: 3}", (7, 3)),
        ("[7, 3]", "{algorithm: random, on_tasks: 3, seeds: [7, 9]}", (7, 9)),
        ("[7, 3]", "{algorithm: per_task}", (7, 3)),
    ],
)
def test_candidates_run_on_seeds_that_no_result_is_reported_on(
    load: Load, seeds: str, search: str, expected: tuple[int, ...]
) -> None:
    methods = GRIDS if "per_task" in search else RIGHT["methods"]
    options = load(text_of(seeds=seeds, search=search, methods=methods)).search
    assert options is not None
    assert options.seeds == expected


def test_algorithm_and_scheduler_take_their_options(load: Load) -> None:
    text = "{algorithm: {name: optuna, startup: 3}, scheduler: {name: asha, grace_tasks: 2}}"
    search = load(text_of(search=text)).search
    assert search is not None
    assert search.algorithm == Optuna(startup=3, multivariate=False)
    assert search.scheduler == Asha(grace_tasks=2, reduction_factor=3.0)


def test_a_class_of_tune_is_named_by_module_and_class(load: Load) -> None:
    name = "ray.tune.schedulers:AsyncHyperBandScheduler"
    search = load(
        text_of(search=f"{{algorithm: random, scheduler: {{name: '{name}', max_t: 5}}}}")
    ).search
    assert search is not None
    assert search.scheduler == CustomClass(name, {"max_t": 5})


def test_a_grid_runs_all_its_points_unless_fewer_are_asked_for(load: Load) -> None:
    whole = load(text_of(search="{algorithm: grid}", methods=GRIDS)).search
    part = load(text_of(search="{algorithm: grid, num_trials: 1}", methods=GRIDS)).search
    assert whole is not None
    assert part is not None
    assert (whole.algorithm, whole.num_trials, part.num_trials) == (Grid(), None, 1)


def test_several_metrics_have_each_their_usual_direction(load: Load) -> None:
    search = load(text_of(search="{algorithm: random, metric: [acc, storage_bytes]}")).search
    assert search is not None
    assert search.objective.modes == ("max", "min")


def test_grids_are_compared_and_not_searched(load: Load) -> None:
    methods = "[finetune, {name: ewc, lam: {uniform: [1, 2]}, normalise: {grid: [true, false]}}]"
    sweep = load(text_of(methods=methods, training="{lr: {grid: [0.1, 0.2]}}"))
    assert [trial.method.name for trial in sweep.trials] == ["finetune"] * 2
    assert [group.name for group in sweep.groups] == [
        "ewc lr=0.1 normalise=true",
        "ewc lr=0.2 normalise=true",
        "ewc lr=0.1 normalise=false",
        "ewc lr=0.2 normalise=false",
    ]
    assert all(list(group.space) == ["method.lam"] for group in sweep.groups)


@pytest.mark.parametrize("algorithm", ["grid", "per_task"])
def test_grids_are_searched_where_the_algorithm_tries_all_of_them(
    load: Load, algorithm: str
) -> None:
    sweep = load(
        text_of(
            search=f"{{algorithm: {algorithm}}}",
            training="{lr: {grid: [0.1, 0.2]}}",
            methods="[finetune, {name: ewc, lam: {grid: [1, 10]}}]",
        )
    )
    assert sweep.trials == ()
    assert {group.name: list(group.space) for group in sweep.groups} == {
        "finetune": ["training.lr"],
        "ewc": ["training.lr", "method.lam"],
    }


def test_what_has_no_space_is_evaluated_as_it_is(load: Load) -> None:
    sweep = load(text_of(methods="[joint, {name: ewc, lam: {uniform: [1, 2]}}, {name: ewc}]"))
    assert [trial.method.name for trial in sweep.trials] == ["joint", "ewc"]
    assert [group.name for group in sweep.groups] == ["ewc"]
    assert all(trial.seeds == (0, 1) for trial in sweep.trials)


def test_groups_of_one_method_are_told_apart_by_what_differs_and_else_by_number(
    load: Load,
) -> None:
    methods = """[{name: ewc, lam: {uniform: [1, 2]}, mode: online},
        {name: ewc, lam: {uniform: [1, 2]}, mode: offline},
        {name: si, c: {uniform: [1, 2]}}, {name: si, c: {uniform: [3, 4]}}]"""
    names = [group.name for group in load(text_of(methods=methods)).groups]
    assert names == ["ewc mode=online", "ewc mode=offline", "si", "si #2"]


def test_the_title_of_a_group_has_its_label_and_a_number_only_beside_its_like(load: Load) -> None:
    methods = """[{name: si, label: "SI #2 (ours)", c: {uniform: [1, 2]}},
        {name: si, c: {uniform: [3, 4]}}, {name: si, c: {uniform: [5, 6]}}]"""
    groups = load(text_of(methods=methods)).groups
    assert [group.name for group in groups] == ["si", "si #2", "si #3"]
    assert [group.title for group in groups] == ["SI #2 (ours)", "si", "si #2"]


def test_the_number_of_a_group_stands_before_what_is_searched_of_the_benchmark() -> None:
    names = ["ewc order=1", "ewc order=2", "ewc #2 order=1", "ewc #2 order=2"]
    assert group_titles([(name, "ewc", None) for name in names]) == names
    labels = ["A", "A", None, None]
    given = [(name, "ewc", label) for name, label in zip(names, labels, strict=True)]
    assert group_titles(given) == ["A order=1", "A order=2", "ewc order=1", "ewc order=2"]


def test_spaces_are_searched_in_every_section(load: Load) -> None:
    sweep = load(
        text_of(
            benchmark="{name: split_digits, scenario: task, num_tasks: {choice: [2, 5]}}",
            network="{name: mlp, hidden: {choice: [[4], [8, 8]]}}",
            training="{lr: {loguniform: [1.0e-3, 1]}, epochs: {randint: [1, 3]}}",
        )
    )
    (group,) = sweep.groups
    assert list(group.space) == [
        "benchmark.num_tasks",
        "network.hidden",
        "training.lr",
        "training.epochs",
        "method.lam",
    ]
    point = {
        "benchmark.num_tasks": 2,
        "network.hidden": [8, 8],
        "training.lr": 0.5,
        "training.epochs": 3,
        "method.lam": 7.0,
    }
    trial = group.build_trial(point, (4,))
    assert (trial.benchmark.num_tasks, trial.network.config.hidden) == (2, (8, 8))
    assert (trial.training.lr, trial.training.epochs, trial.method.config.lam) == (0.5, 3, 7.0)
    assert group.stratum(point) == "num_tasks=2"


def test_a_condition_holds_where_another_place_has_a_value(load: Load) -> None:
    (group,) = load(text_of(training=CONDITIONAL.format("when: {optimizer: sgd}"))).groups
    assert group.describe()["training.momentum"] == {
        "uniform": [0, 0.9],
        "when": {"training.optimizer": ["sgd"]},
    }
    trial = group.build_trial({"training.optimizer": "adam", "method.lam": 1.0}, (0,))
    assert trial.training.momentum == 0.0


def test_a_budget_is_read_and_is_part_of_no_key(load: Load) -> None:
    budget = "{gpu_hours: 1.5, cpu_hours: 2, stages: 30, wall: 0.5}"
    sweep = load(text_of(budget=budget))
    assert sweep.budget == RunBudget(gpu_hours=1.5, cpu_hours=2.0, stages=30, wall=0.5)
    one, other = (
        load(text_of(methods="[ewc]", search=None)),
        load(text_of(methods="[ewc]", search=None, budget=budget)),
    )
    assert list(one.chains()) == list(other.chains())


def test_settings_say_how_they_are_given_in_a_file(load: Load) -> None:
    search = load(
        text_of(search="{algorithm: {name: per_task, margin: 0.1}}", methods=GRIDS)
    ).search
    assert search is not None
    assert search.algorithm == PerTask(margin=0.1)
    assert search.is_per_task
    pbt = load(text_of(search="{algorithm: random, scheduler: {name: pbt, quantile: 0.5}}")).search
    assert pbt is not None
    assert pbt.scheduler == Pbt(every_tasks=1, quantile=0.5, resample=0.25)


# --- what is wrong with a wrong one --------------------------------------------------------------


def ewc(lam: str) -> str:
    return f"[{{name: ewc, lam: {lam}}}]"


def on(**fields: str) -> str:
    return text_of(benchmark=json.dumps({"name": "split_digits", "scenario": "task"} | fields))


NEVER = "has no meaning for per_task, which selects at each task within each seed; leave it out"
WRONG = {
    "a space over a hyperparameter that is none": (
        text_of(methods="[finetune, {name: ewc, lamm: {uniform: [1, 2]}}]"),
        "methods[1].lamm: unknown key 'lamm'; did you mean 'lam'? valid: gamma, ",
    ),
    "an unknown algorithm": (
        text_of(search="{algorithm: randon}"),
        "search.algorithm: unknown algorithm 'randon'; did you mean 'random'? valid: a_module:",
    ),
    "an unknown scheduler": (
        text_of(search="{algorithm: random, scheduler: ahsa}"),
        "search.scheduler: unknown scheduler 'ahsa'; did you mean 'asha'? valid: a_module:AClass,",
    ),
    "a kind of space misspelt": (
        text_of(methods=ewc("{unifrom: [1, 2]}")),
        "methods[0].lam: unknown kind of space 'unifrom'; did you mean 'uniform'? valid: choice,",
    ),
    "something else beside a space": (
        text_of(methods=ewc("{uniform: [1, 2], step: 3}")),
        "methods[0].lam: unknown kind of space 'step'; valid: choice, grid,",
    ),
    "two kinds of space": (
        text_of(methods=ewc("{uniform: [1, 2], loguniform: [1, 2]}")),
        "methods[0].lam: one kind of space is needed, given uniform and loguniform",
    ),
    "a range that is no range": (
        text_of(methods=ewc("{loguniform: [0, 2]}")),
        "methods[0].lam: loguniform low must be above 0, since",
    ),
    "an unknown option of a scheduler": (
        text_of(search="{algorithm: random, scheduler: {name: asha, grace: 1}}"),
        "search.scheduler.grace: unknown key 'grace'; did you mean 'grace_tasks'?",
    ),
    "a wrong option of a scheduler": (
        text_of(search="{algorithm: random, scheduler: {name: asha, grace_tasks: 0}}"),
        "search.scheduler.grace_tasks: must be at least 1, given 0",
    ),
    "a reduction that reduces nothing": (
        text_of(search="{algorithm: random, scheduler: {name: hyperband, reduction_factor: 1}}"),
        "search.scheduler.reduction_factor: must be above 1, given 1.0",
    ),
    "more than all of a population": (
        text_of(search="{algorithm: random, scheduler: {name: pbt, quantile: 0.6}}"),
        "search.scheduler.quantile: must be above 0 and at most 0.5, given 0.6",
    ),
    "an unknown option of an algorithm": (
        text_of(search="{algorithm: {name: optuna, start: 3}}"),
        "search.algorithm.start: unknown key 'start'; did you mean 'startup'?",
    ),
    "an algorithm without a name": (
        text_of(search="{algorithm: {startup: 3}}"),
        'search.algorithm: a name is needed, given {"startup": 3}; valid: grid, hyperopt,',
    ),
    "no algorithm": (text_of(search="{num_trials: 3}"), "search.algorithm: is missing"),
    "an algorithm that is a number": (
        text_of(search="{algorithm: 3}"),
        "search.algorithm: must be text, or keys and values, given 3",
    ),
    "a section that is a list": (
        text_of(search="[random]"),
        'search: must be keys and values, given ["random"]',
    ),
    "a section that is empty": (text_of(search=""), "search: must be keys and values, given null"),
    "a misspelt key": (
        text_of(search="{algorithm: random, num_trial: 3}"),
        "search.num_trial: unknown key 'num_trial'; did you mean 'num_trials'?",
    ),
    "an empty grid to be searched": (
        text_of(search="{algorithm: grid}", methods=ewc("{grid: []}")),
        "methods[0].lam: grid is a list of at least one value, given []",
    ),
    "an empty grid to be compared": (
        text_of(methods=ewc("{grid: []}"), training="{lr: {loguniform: [0.1, 1]}}"),
        'methods[0].lam: a grid is a list of at least one value, given {"grid": []}',
    ),
    "a value twice": (
        text_of(methods=ewc("{choice: [1, 2, 1]}")),
        "methods[0].lam: choice names 1 twice",
    ),
    "a grid without an end": (
        text_of(search="{algorithm: grid}"),
        "methods[0].lam: a loguniform has no end; this algorithm tries every value of a grid",
    ),
    "selection at each task without an end": (
        text_of(search="{algorithm: per_task}"),
        "methods[0].lam: a loguniform has no end; this algorithm tries every value of a grid",
    ),
    "nothing to search": (
        text_of(methods="[ewc]"),
        "search: there is nothing to search, no hyperparameter has a space",
    ),
    "nothing to search but grids": (
        text_of(methods=GRIDS),
        "search: there is nothing to search, no hyperparameter has a space; grids are compared, un",
    ),
    "the same search twice": (
        text_of(methods="[{name: ewc, lam: {choice: [1, 2]}}, {name: ewc, lam: {choice: [1, 2]}}]"),
        "methods[1]: the same search as methods[0]",
    ),
    "a space without a search": (
        text_of(search=None),
        "methods[0].lam: a loguniform needs a search; add search: {algorithm: random}",
    ),
    "an unknown metric": (
        text_of(search="{algorithm: random, metric: accuracy}"),
        "search.metric: unknown name 'accuracy'; did you mean 'acc'? "
        f"valid: {', '.join(sorted(OBJECTIVE_NAMES))}",
    ),
    "an unknown mode": (
        text_of(search="{algorithm: random, mode: maximum}"),
        "search.mode: must be max or min, given 'maximum'; did you mean 'max'?",
    ),
    "backward transfer of one task": (
        text_of(
            search="{algorithm: random, metric: bwt}",
            benchmark="{name: split_digits, scenario: task, num_tasks: 1}",
        ),
        "search.metric: bwt needs 2 tasks or more, given 1",
    ),
    "backward transfer of a first task": (
        text_of(search="{algorithm: random, metric: acc - forgetting, on_tasks: 1}"),
        "search.metric: forgetting needs 2 tasks or more, given 1",
    ),
    "backward transfer of one task of a space": (
        text_of(
            search="{algorithm: random, metric: bwt}",
            benchmark="{name: split_digits, scenario: task, num_tasks: {choice: [5, 1]}}",
        ),
        "search.metric: bwt needs 2 tasks or more, given 1",
    ),
    "forward transfer of classes that were not met": (
        text_of(
            search="{algorithm: random, metric: fwt}",
            benchmark="{name: split_digits, scenario: class}",
        ),
        "search.metric: fwt is undefined for ewc: a class-incremental head cannot predict",
    ),
    "a budget of no stages": (
        text_of(budget="{stages: 0}"),
        "budget.stages: must be above 0, or left out for no limit, given 0",
    ),
    "a budget of no time": (
        text_of(budget="{wall: 0}"),
        "budget.wall: must be above 0, or left out for no limit, given 0.0",
    ),
    "a negative budget": (
        text_of(budget="{gpu_hours: -1}"),
        "budget.gpu_hours: must be above 0, or left out for no limit, given -1.0",
    ),
    "an endless budget": (
        text_of(budget="{cpu_hours: .inf}"),
        "budget.cpu_hours: must be finite, given inf",
    ),
    "a budget of half a stage": (
        text_of(budget="{stages: 1.5}"),
        "budget.stages: must be a whole number, given 1.5",
    ),
    "an unknown budget": (
        text_of(budget="{stagse: 1}"),
        "budget.stagse: unknown key 'stagse'; did you mean 'stages'?",
    ),
    "no candidates": (
        text_of(search="{algorithm: random, num_trials: 0}"),
        "search.num_trials: must be at least 1, given 0",
    ),
    "more candidates than can be planned": (
        text_of(search="{algorithm: random, num_trials: 1000001}"),
        "search.num_trials: must be at most 1,000,000, given 1000001",
    ),
    "a boolean for a number of candidates": (
        text_of(search="{algorithm: random, num_trials: true}"),
        "search.num_trials: must be a whole number, given true",
    ),
    "no tasks": (
        text_of(search="{algorithm: random, on_tasks: 0}"),
        "search.on_tasks: must be at least 1, given 0",
    ),
    "more tasks than there are": (
        text_of(search="{algorithm: random, on_tasks: 6}"),
        "search.on_tasks: 6 is more than the 5 tasks",
    ),
    "nobody at a time": (
        text_of(search="{algorithm: random, parallel: 0}"),
        "search.parallel: must be at least 1, given 0",
    ),
    "a seed of both": (
        text_of(search="{algorithm: random, seeds: [2, 1]}"),
        "search.seeds: 1 is also in seeds; a winner reported on the seeds it won on would look",
    ),
    "no seed": (
        text_of(search="{algorithm: random, seeds: []}"),
        "search.seeds: must be at least one number, each of at least 0 and given once, given []",
    ),
    "a seed twice": (
        text_of(search="{algorithm: random, seeds: [5, 5]}"),
        "search.seeds: must be at least one number, each of at least 0 and given once, given [5, 5",
    ),
    "seeds of a selection at each task": (
        text_of(search="{algorithm: per_task, seeds: [5]}", methods=GRIDS),
        f"search.seeds: {NEVER}",
    ),
    "a scheduler of a selection at each task": (
        text_of(search="{algorithm: per_task, scheduler: asha}", methods=GRIDS),
        f"search.scheduler: {NEVER}",
    ),
    "a metric of a selection at each task": (
        text_of(search="{algorithm: per_task, metric: bwt}", methods=GRIDS),
        f"search.metric: {NEVER}",
    ),
    "tasks that change at each task": (
        text_of(
            search="{algorithm: per_task}",
            methods=GRIDS,
            benchmark="{name: split_digits, scenario: task, num_tasks: {grid: [2, 5]}}",
        ),
        "benchmark.num_tasks: this search changes values from task to task, but it is fixed",
    ),
    "a margin of everything": (
        text_of(search="{algorithm: {name: per_task, margin: 1}}", methods=GRIDS),
        "search.algorithm.margin: must be in [0, 1), given 1.0",
    ),
    "a population drawn by optuna": (
        text_of(search="{algorithm: optuna, scheduler: pbt}"),
        "search.scheduler: pbt draws its candidates itself; use algorithm: random",
    ),
    "a population on different tasks": (
        text_of(
            search="{algorithm: random, scheduler: pbt}",
            benchmark="{name: split_digits, scenario: task, num_tasks: {choice: [2, 5]}}",
        ),
        "benchmark.num_tasks: this search changes values from task to task, but it is fixed",
    ),
    "a population of different networks": (
        text_of(
            search="{algorithm: random, scheduler: pbt}",
            network="{name: mlp, hidden: {choice: [[4], [8]]}}",
        ),
        "network.hidden: this search changes values from task to task, but it is fixed",
    ),
    "a population with conditions": (
        text_of(
            search="{algorithm: random, scheduler: pbt}",
            training=CONDITIONAL.format("when: {optimizer: sgd}"),
        ),
        "training.momentum: a condition cannot hold from task to task; leave out when",
    ),
    "a population on some of the tasks": (
        text_of(search="{algorithm: random, scheduler: pbt, on_tasks: 2}"),
        "search.on_tasks: pbt changes hyperparameters over all tasks; leave it out",
    ),
    "early stopping without one order": (
        text_of(search="{algorithm: random, metric: [acc, bwt], scheduler: asha}"),
        "search.scheduler: several metrics give no single order; leave it out",
    ),
    "a range that begins too low": (
        text_of(methods=ewc("{uniform: [-1, 1]}")),
        "methods[0].lam: must be at least 0 and finite, given -1.0",
    ),
    "a range that ends too high": (
        text_of(training="{lr: 0.1, momentum: {uniform: [0, 1.5]}, optimizer: sgd}"),
        "training.momentum: must be in [0, 1), given 1.5",
    ),
    "a grid of which one value is wrong": (
        text_of(search="{algorithm: grid}", methods=ewc("{grid: [1, -1]}")),
        "methods[0].lam: must be at least 0 and finite, given -1.0",
    ),
    "a grid of tasks of which one is wrong": (
        text_of(
            search="{algorithm: grid}",
            methods=GRIDS,
            benchmark="{name: split_digits, scenario: task, num_tasks: {grid: [5, 3]}}",
        ),
        "benchmark.num_tasks: 3 does not divide the 10 classes of digits; valid: 1, 2, 5, 10",
    ),
    "no validation data": (
        text_of(benchmark="{name: split_digits, scenario: task, validation: 0}"),
        "search: needs validation data to select on; give benchmark.validation a share",
    ),
    "no validation data somewhere in a space": (
        text_of(benchmark="{name: split_digits, scenario: task, validation: {choice: [0.1, 0]}}"),
        "search: needs validation data to select on; give benchmark.validation a share",
    ),
    "an algorithm of no module": (
        text_of(search="{algorithm: 'nowhere:Searcher'}"),
        "search.algorithm: algorithm 'nowhere:Searcher' cannot be imported: ModuleNotFoundError",
    ),
    "a scheduler of no module": (
        text_of(search="{algorithm: random, scheduler: 'nowhere:Scheduler'}"),
        "search.scheduler: scheduler 'nowhere:Scheduler' cannot be imported: ModuleNotFoundError",
    ),
    "a scheduler that its module lacks": (
        text_of(search="{algorithm: random, scheduler: 'filelock:Scheduler'}"),
        "search.scheduler: scheduler 'filelock:Scheduler': no class 'Scheduler' in /",
    ),
    "an algorithm that suggests nothing": (
        text_of(search="{algorithm: 'filelock:FileLock'}"),
        "search.algorithm: filelock:FileLock is no Searcher of Ray Tune: it has no suggest()",
    ),
    "a scheduler that decides nothing": (
        text_of(search="{algorithm: random, scheduler: 'filelock:FileLock'}"),
        "search.scheduler: filelock:FileLock is no TrialScheduler of Ray Tune: it has no on_trial",
    ),
    "a condition on what has no space": (
        text_of(training="{optimizer: sgd, momentum: {uniform: [0, 1], when: {optimizer: sgd}}}"),
        "training.momentum.when: 'optimizer' is no space of this section above it; there is none",
    ),
    "a condition on what comes later": (
        text_of(
            training="{lr: {uniform: [0.1, 1], when: {optimizer: sgd}}, "
            "optimizer: {choice: [sgd, adam]}}"
        ),
        "training.lr.when: 'optimizer' is no space of this section above it; there is none",
    ),
    "a condition on what is misspelt": (
        text_of(training=CONDITIONAL.format("when: {optimzer: sgd}")),
        "training.momentum.when: 'optimzer' is no space of this section above it; did you mean 'o",
    ),
    "a condition that never holds": (
        text_of(training=CONDITIONAL.format("when: {optimizer: [sdg]}")),
        'training.momentum.when: \'optimizer\' is never "sdg"; valid: ["sgd", "adam"]',
    ),
    "a condition without a place": (
        text_of(training=CONDITIONAL.format("when: sgd")),
        "training.momentum.when: must be keys and values, given sgd",
    ),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_section_is_answered_with_the_place_and_what_is_valid(
    mistakes: Callable[[str], list[str]], text: str, message: str
) -> None:
    (only,) = mistakes(text)
    assert only.startswith(message)


def test_reals_for_what_is_a_whole_number_are_told_at_both_ends(
    mistakes: Callable[[str], list[str]],
) -> None:
    assert mistakes(text_of(training="{epochs: {uniform: [1, 3]}}")) == [
        "training.epochs: must be a whole number, given 1.0",
        "training.epochs: must be a whole number, given 3.0",
    ]


def test_no_mistake_hides_another(mistakes: Callable[[str], list[str]]) -> None:
    text = text_of(
        search="{algorithm: random, num_trials: 0, metrics: acc}",
        budget="{stages: 0, wall: -1}",
        methods="[{name: ewc, lam: {uniform: [2, 1]}}, {name: si, x: {uniform: [1, 2]}}]",
    )
    places = [line.partition(": ")[0] for line in mistakes(text)]
    assert sorted(places) == [
        "budget.stages",
        "budget.wall",
        "methods[0].lam",
        "methods[1].x",
        "search.metrics",
        "search.num_trials",
    ]


# --- the command line ----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("text", [text for text, _ in WRONG.values()], ids=WRONG.keys())
def test_the_user_s_mistake_ends_with_code_2_and_leaves_nothing(
    answer: Callable[..., tuple[int, str]], tmp_path: Path, text: str
) -> None:
    (tmp_path / "wrong.yaml").write_text(text, encoding="utf-8")
    for command in ("plan", "run"):
        code, err = answer(command, "wrong.yaml")
        assert code == 2
        assert err.startswith("repertoire: wrong.yaml: 1 mistake\n  - ")
        assert len(err.splitlines()) == 2
        assert [path.name for path in tmp_path.iterdir()] == ["wrong.yaml"]


# --- values that are numbers to YAML 1.1, or to no library ----------------------------------------


@pytest.mark.parametrize(
    ("section", "text", "expected"),
    [
        (
            "seeds",
            "[010]",
            'seeds[0]: must be a whole number, given "010"; a number has no leading',
        ),
        ("budget", "{wall: 1:30}", 'budget.wall: must be a number, given "1:30"; write it without'),
        ("mlflow", "{experiment: ''}", "mlflow.experiment: must be a name, or left out, given ''"),
        (
            "mlflow",
            "{experiment: ' '}",
            "mlflow.experiment: must be a name, or left out, given ' '",
        ),
        ("mlflow", "{uri: ''}", "mlflow.uri: must be an address, or left out"),
        ("mlflow", "{uri: 'sqlite:///~/m.db'}", "mlflow.uri: must be a path without '~'"),
        (
            "training",
            "{num_threads: 100000}",
            "training.num_threads: must be at most 1024, given 100000",
        ),
        (
            "search",
            "{algorithm: random, scheduler: 'ray.tune.schedulers:ResourceChangingScheduler'}",
            "search.scheduler: ray.tune.schedulers:ResourceChangingScheduler changes the resources "
            "of trials, and those of a sweep are fixed; valid: fifo, asha, hyperband, median, pbt",
        ),
    ],
)
def test_a_value_that_no_one_means_is_refused_with_what_is_valid(
    mistakes: Callable[[str], tuple[str, ...]], section: str, text: str, expected: str
) -> None:
    (line,) = mistakes(text_of(**{section: text}))
    assert line.startswith(expected)


@pytest.mark.parametrize(
    ("seeds", "expected"),
    [([0, 2**63 - 1], 2**63 - 2), ([2**63 - 2], 2**63 - 1), ([2**63 - 1, 2**63 - 2], 2**63 - 3)],
)
def test_the_default_seed_of_a_search_fits_64_bits(
    load: Load, seeds: list[int], expected: int
) -> None:
    search = load(text_of(seeds=str(seeds))).search
    assert search is not None
    assert search.seeds == (expected,)


def test_an_own_method_that_raises_when_it_is_built_is_no_mistake_of_the_search(
    load: Load, tmp_path: Path
) -> None:
    lines = (
        "from methods.ewc import EWC",
        "class Picky(EWC):",
        "    def __init__(self, network, config, outlook):",
        "        super().__init__(network, config, outlook)",
        "        if config.lam > 50: raise KeyError('too strong')",
    )
    (tmp_path / "picky_method.py").write_text("\n".join(lines))
    sweep = load(
        "name: s\nbenchmark: {name: split_digits, num_tasks: 2}\nseeds: [0]\n"
        "methods: [{name: 'picky_method:Picky', lam: {grid: [10, 100]}}]\n"
        "search: {algorithm: per_task}\n"
    )
    assert len(sweep.groups) == 1  # its stages fail, and say why
