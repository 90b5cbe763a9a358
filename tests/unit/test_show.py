"""`repertoire show`: which trial is meant, the grid, what is missing, and that it can be read."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from rich.console import Console, RenderableType
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.errors import RepertoireError, UnknownName
from orchestrator.results.colours import accuracy_colour, contrast_ratio, text_colour
from orchestrator.results.lookup import find_configuration, first_rows
from orchestrator.results.results import Results
from orchestrator.results.searches import searches
from orchestrator.results.tables.config_columns import with_config_columns
from orchestrator.results.tables.schemas import ACCURACY, STAGES, TRIALS
from orchestrator.results.tables.tables import Tables, write_tables
from orchestrator.terminal.console import PlainConsole
from orchestrator.terminal.grid import AccuracyGrid
from orchestrator.terminal.overview import overview
from orchestrator.terminal.trial_page import trial_page

pytestmark = pytest.mark.slow

# Accuracy on each of two tasks after 0, 1 and 2 tasks: ACC 0.7, BWT -0.3, FWT 0.1, forgetting 0.3.
R = ((0.1, 0.2), (0.9, 0.3), (0.6, 0.8))
Row = dict[str, Any]


def trial(trial_id: str = "ewc-12ab", seed: int = 0, lam: float = 1.0, **changes: Any) -> Row:
    result = {
        "sweep": "s",
        "trial_id": trial_id,
        "phase": "evaluation",
        "status": "complete",
        "method": "ewc",
        "benchmark": "split_digits",
        "scenario": "domain",
        "network": "mlp",
        "seed": seed,
        "num_tasks": 2,
        "tasks_done": 2,
        "story": "",
        "acc": 0.7,
        "bwt": -0.3,
        "fwt": 0.1,
        "forgetting": 0.3,
        "learning_accuracy": 0.85,
        "storage_bytes": 1,
        "train_flops": 1.0,
        "consolidate_flops": 0.0,
        "train_seconds": 1.0,
        "consolidate_seconds": 0.0,
        "config": json.dumps({"method": {"name": "ewc", "lam": lam}}),
    }
    return result | changes


def cells(row: Row, r: Any = R, splits: tuple[str, ...] = ("test",), shift: float = 0) -> list[Row]:
    """Return the accuracies of a trial, up to where it came."""
    keys = {name: row[name] for name in ("sweep", "trial_id", "seed")}
    return [
        keys | {"split": split, "after": after, "task": task, "accuracy": accuracy + shift}
        for split in splits
        for after, accuracies in enumerate(r[: row["tasks_done"] + 1])
        for task, accuracy in enumerate(accuracies, 1)
    ]


def tables_of(trials: list[Row], accuracy: list[Row]) -> Tables:
    table = with_config_columns(pa.Table.from_pylist(trials, schema=TRIALS))
    return Tables(table, pa.Table.from_pylist(accuracy, schema=ACCURACY), STAGES.empty_table())


def results_of(trials: list[Row], accuracy: list[Row]) -> Results:
    tables = tables_of(trials, accuracy)
    return Results(tables.trials.to_pandas(), tables.accuracy.to_pandas(), pd.DataFrame())


def results_from(*trials: Row) -> Results:
    return results_of(list(trials), [cell for row in trials for cell in cells(row)])


def print_page(page: RenderableType, width: int = 80, colours: bool = False) -> str:
    system = "truecolor" if colours else None
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=colours,
        color_system=system,  # type: ignore[arg-type]
    )
    with console.capture() as caught:
        console.print(page)
    return caught.get()


def words(results: Results, name: str, *options: Any, **named: Any) -> str:
    return " ".join(print_page(trial_page(results, name, *options, **named)).split())


def test_the_grid_has_every_cell_and_the_figures_are_those_worked_by_hand() -> None:
    page = words(results_from(trial()), "ewc-12ab")
    assert "ewc ewc-12ab (sweep s) split_digits, domain-incremental, 2 tasks" in page
    assert "accuracy on test data: seed 0" in page
    assert "task learned 1 2 0 0.10 0.20 1 0.90 0.30 2 0.60 0.80" in page
    assert "ACC 0.700 AIA 0.800 BWT -0.300 FWT 0.100 forgetting 0.300" in page


def test_several_seeds_are_averaged_and_one_can_be_chosen() -> None:
    rows = [trial(seed=0), trial(seed=1)]
    results = results_of(rows, [*cells(rows[0]), *cells(rows[1], shift=0.1)])
    both = words(results, "ewc")
    assert "mean of 2 seeds (0, 1)" in both
    assert "2 0.65 0.85" in both
    assert "ACC 0.750 ± 0.635" in both  # t_1(0.975) = 12.706, half-width 12.706 x 0.05
    assert "2 0.70 0.90 ACC 0.800" in words(results, "ewc", 1)
    with pytest.raises(UnknownName, match=r"unknown seed of ewc '7'; valid: 0, 1"):
        trial_page(results, "ewc", 7)


def test_a_trial_whose_seeds_are_of_several_sweeps_names_them_all() -> None:
    results = results_from(trial(seed=0), trial(seed=1, sweep="more"), trial(seed=2))
    assert "ewc ewc-12ab (sweeps s, more) split_digits" in words(results, "ewc")
    assert "ewc ewc-12ab (sweep more) split_digits" in words(results, "ewc", 1)


def test_the_other_split_can_be_shown() -> None:
    row = trial()
    results = results_of([row], [*cells(row), *cells(row, splits=("validation",), shift=0.1)])
    assert "validation data: seed 0" in words(results, "ewc", None, "validation")
    assert "2 0.70 0.90 ACC 0.800" in words(results, "ewc", None, "validation")
    with pytest.raises(UnknownName, match="did you mean 'validation'"):
        trial_page(results, "ewc", None, "validate")


@pytest.mark.parametrize("name", ["ewc-77cd", "ewc-7", "ewc lam=5"])
def test_a_trial_goes_by_its_id_the_beginning_of_it_or_its_label(name: str) -> None:
    results = results_from(trial(), trial("ewc-77cd", lam=5.0))
    assert "ewc lam=5 ewc-77cd" in words(results, name)


def test_an_id_that_begins_another_is_meant_when_given_in_full() -> None:
    assert "ewc-1 (sweep s)" in words(
        results_from(trial("ewc-1"), trial("ewc-12", lam=2.0)), "ewc-1"
    )


def test_a_name_that_fits_several_trials_lists_them() -> None:
    results = results_from(
        trial(), trial("ewc-12xx", lam=5.0), trial("ewc-12cd", lam=1.5, sweep="t")
    )
    with pytest.raises(RepertoireError) as refused:
        trial_page(results, "ewc-12")
    assert "ewc-12xx: ewc lam=5, split_digits, domain-incremental, 2 tasks (sweep s)" in str(
        refused.value
    )
    assert "fits 3 trials" in str(refused.value)


def test_words_that_fit_one_trial_show_it_and_no_label_hides_another() -> None:
    rows = [
        trial("ewc-aa", scenario="class"),
        trial("ewc-bb", scenario="task"),
        trial("ewc-cc", sweep="t", scenario="task", lam=5.0),
    ]
    results = results_from(*rows)
    # `ewc` is the label of the first two, and describes all three.
    with pytest.raises(RepertoireError, match="'ewc' fits 2 trials") as refused:
        trial_page(results, "ewc")
    assert "ewc-bb: ewc, split_digits, task-incremental, 2 tasks (sweep s)" in str(refused.value)
    assert "ewc-aa (sweep s)" in words(results, "ewc class")
    assert "ewc-cc (sweep t)" in words(results, "ewc t")
    assert "ewc-bb (sweep s)" in words(results, "ewc task lam=1")


def test_a_label_given_exactly_decides_before_words_that_describe() -> None:
    rows = [
        trial("er-aa", method="er"),
        trial("er-bb", method="er", lam=2.0, method_label="ER (ours)"),
    ]
    results = results_from(*rows)
    assert words(results, "er").startswith("er er-aa (sweep s)")
    assert words(results, "ER (ours)").startswith("ER (ours) er-bb (sweep s)")
    assert "er-bb (sweep s)" in words(results, "er lam=2")


def test_a_label_of_several_trials_lists_them_whatever_else_the_word_describes() -> None:
    for label in ("s", "Mine (ours)"):  # `s` is the sweep's name too
        rows = [
            trial("er-aa", method="er"),
            trial("ewc-bb", lam=1.0, method_label=label),
            trial("ewc-cc", lam=4.0, method_label=label, status="failed"),
        ]
        results = results_from(*rows)
        with pytest.raises(RepertoireError) as refused:
            trial_page(results, label)
        first, *listed, last = str(refused.value).splitlines()
        assert first == f"{label!r} fits 2 trials:"
        setting = "split_digits, domain-incremental, 2 tasks (sweep s)"
        assert listed == [
            f"  - ewc-bb: {label} lam=1, {setting}",
            f"  - ewc-cc: {label} lam=4, {setting}",
        ]
        assert last == "give the id of one, or more words: hyperparameters, scenario, sweep"
        assert words(results, f"domain {label} lam=4").startswith(f"{label} lam=4 ewc-cc (sweep s)")


def test_the_title_of_a_group_is_a_name_of_its_winner() -> None:
    space = {"phase": "search", "selected": False}
    won = {"selected": True}
    groups = (
        ("ewc", "A", (1.0, 2.0)),
        ("ewc #2", None, (3.0, 4.0)),
        ("ewc #3", None, (5.0, 6.0)),
    )
    rows = [
        trial(f"ewc-{lam}", lam=lam, group=group, method_label=label, **phase)
        for group, label, lams in groups
        for lam, phase in zip(lams, (won, space), strict=True)
    ]
    results = results_from(*rows)
    assert [outcome.group for outcome in searches(results)] == ["A", "ewc", "ewc #2"]
    for title, trial_id in (("A", "ewc-1.0"), ("ewc #2", "ewc-5.0")):
        assert find_configuration(results, title)["trial_id"] == trial_id
    # A number that no page prints is no name.
    with pytest.raises(UnknownName, match="unknown trial 'ewc #3'"):
        find_configuration(results, "ewc #3")


def test_a_description_finds_the_same_trial_whatever_else_the_folder_holds() -> None:
    alone, more = (
        results_from(trial()),
        results_from(trial(), trial("ewc-zz", lam=2.0), trial("er-1", method="er")),
    )
    for results in (alone, more):
        assert "ewc-12ab (sweep s)" in words(results, "ewc lam=1")


def test_the_class_of_a_method_of_ones_own_describes_it() -> None:
    results = results_from(trial(), trial("m-1", method="mine:Breaks"))
    assert find_configuration(results, "Breaks")["trial_id"] == "m-1"


def test_a_trial_is_found_by_its_name_in_the_earlier_sweep_and_in_the_later_one_alone() -> None:
    later = [trial(sweep="t"), trial("ewc-zz", sweep="t", lam=2.0)]
    planned = list(first_rows(results_from(*later)).label)  # as a plan of the later sweep has them
    both = results_from(trial(), *later)
    assert planned == ["ewc lam=1", "ewc lam=2"]
    assert list(first_rows(both).label) == ["ewc", "ewc lam=2"]
    for name in ("ewc", "ewc lam=1"):
        assert find_configuration(both, name)["trial_id"] == "ewc-12ab"


def test_a_trial_of_two_sweeps_is_shown_once_over_all_its_seeds() -> None:
    rows = [trial(seed=0), trial(seed=1), trial(seed=1, sweep="t"), trial(seed=2, sweep="t")]
    assert "mean of 3 seeds (0, 1, 2)" in words(results_from(*rows), "ewc")


def test_an_unknown_trial_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"did you mean 'ewc lam=5'\? valid: "):
        trial_page(results_from(trial(), trial("ewc-77cd", lam=5.0)), "ewc lam=6x")
    many = results_from(*(trial(f"ewc-{i:04}", lam=float(i)) for i in range(50)))
    with pytest.raises(UnknownName, match=r"did you mean 'ewc lam=7'\? a comparison by trial_id"):
        trial_page(many, "ewc lam7")


def test_an_unfinished_trial_shows_what_is_there_and_says_what_is_missing() -> None:
    row = trial(status="diverged", tasks_done=1, story="loss is NaN\nin step 3")
    page = words(results_from(row), "ewc")
    assert "1 0.90 0.30 2 – –" in page
    assert "after 1 of 2 tasks: ACC 0.900 AIA 0.900 BWT – FWT – forgetting –" in page
    assert "seed 0 diverged after 1 of 2 tasks: loss is NaN" in page
    assert "step 3" not in page


def test_seeds_that_did_not_finish_are_left_out_of_the_mean_and_named() -> None:
    page = words(results_from(trial(), trial(seed=1, status="stopped", tasks_done=1)), "ewc")
    assert "test data: seed 0 " in page
    assert "2 0.60 0.80 ACC 0.700" in page
    assert "seed 1 not finished after 1 of 2 tasks" in page
    reasons = {
        "not finished: interrupted": "seed 1 not finished after 1 of 2 tasks: interrupted",
        "stopped by asha": "seed 1 stopped after 1 of 2 tasks: stopped by asha",
    }
    for story, said in reasons.items():
        short = trial(seed=1, status="stopped", tasks_done=1, story=story)
        assert said in words(results_from(trial(), short), "ewc")


def test_a_trial_that_measured_nothing_says_so() -> None:
    row = trial(status="failed", tasks_done=0, story="no memory")
    page = words(results_of([row], []), "ewc")
    assert "nothing has been measured seed 0 failed after 0 of 2 tasks: no memory" in page


def test_seeds_that_failed_alike_are_one_line_and_the_traceback_is_shown_if_asked() -> None:
    story = "OSError: disk is full (mine.py:7, in loss)\n\nTraceback:\n  mine.py, line 7"
    rows = [trial(seed=s, status="failed", tasks_done=1, story=story) for s in (0, 1, 2)]
    rows.append(trial(seed=3, status="failed", tasks_done=1, story="KeyError: 3\n\nTraceback: b"))
    page = words(results_from(*rows), "ewc")
    assert page.count("disk is full") == 1
    assert "seeds 0, 1 and 2 failed after 1 of 2 tasks: OSError: disk is full (mine.py:7" in page
    assert "seed 3 failed after 1 of 2 tasks: KeyError: 3" in page
    assert "Traceback" not in page
    whole = words(results_from(*rows), "ewc", traceback=True)
    assert whole.count("Traceback: mine.py, line 7") == 1
    assert "Traceback: b" in whole


def test_a_traceback_is_whole_at_any_width() -> None:
    line = "    raise OSError('a line of the user that is longer than the terminal is wide') # end"
    story = f"OSError: x (mine.py:7, in loss)\n\nTraceback:\n{line}"
    results = results_from(trial(status="failed", tasks_done=1, story=story))
    for page in (trial_page(results, "ewc", traceback=True), overview(results, traceback=True)):
        console = PlainConsole(file=io.StringIO(), width=40)
        with console.capture() as caught:
            console.print(page)
        assert line in caught.get().split("\n")


def test_a_trial_of_several_tasks_that_failed_is_not_said_to_have_one() -> None:
    page = words(results_from(trial(status="failed", tasks_done=1, story="OSError: x")), "ewc")
    assert "FWT is undefined (–): only one task is learned so far, of 2" in page
    assert "when there is only one" not in page


def test_a_single_task_has_an_accuracy_and_no_transfer() -> None:
    row = trial(num_tasks=1, tasks_done=1)
    page = words(results_of([row], cells(row, ((0.1,), (0.9,)))), "ewc")
    assert "1 task " in page
    assert "ACC 0.900 AIA 0.900 BWT – FWT – forgetting –" in page
    assert "there is no transfer between tasks when there is only one" in page


def test_a_candidate_of_a_search_is_shown_on_validation_data_alone() -> None:
    row = trial(phase="search", acc=None, seed=100)
    results = results_of([row], cells(row, splits=("validation",)))
    assert "validation data, search phase: seed 100" in words(results, "ewc-12ab")
    with pytest.raises(RepertoireError, match="--split validation"):
        trial_page(results, "ewc-12ab", None, "test")


def test_a_winner_is_shown_as_it_was_evaluated_and_its_search_by_the_seed() -> None:
    rows = [trial(phase="search", acc=None, seed=100), trial(seed=0)]
    results = results_of(
        rows, [*cells(rows[0], splits=("validation",), shift=0.1), *cells(rows[1])]
    )
    assert "test data: seed 0" in words(results, "ewc")
    assert "validation data, search phase: seed 100" in words(results, "ewc", 100)


def test_a_winner_s_hyperparameters_are_shown() -> None:
    candidates = [
        trial(f"ewc-{lam}", 100, lam, phase="search", acc=None, group="ewc") for lam in (1.0, 10.0)
    ]
    winner = trial("ewc-10.0", 0, 10.0, selected=True, group="ewc")
    results = results_from(*candidates, winner)
    assert "chosen by the search: lam=10 accuracy on test" in words(results, "ewc-10.0")
    assert "chosen by the search" not in words(results, "ewc-1.0")


def test_a_winner_chosen_task_by_task_shows_a_value_for_each() -> None:
    config = {
        "method": {"name": "ewc", "lam": 1.0},
        "schedule": [{"method.lam": 1.0}, {"method.lam": 0.5}],
    }
    winner = trial(selected=True, group="ewc", config=json.dumps(config))
    assert "chosen by the search: lam=1, 0.5 " in words(results_from(winner), "ewc-12ab")


def test_a_winner_chosen_within_each_seed_shows_the_values_of_each() -> None:
    config = {
        "method": {"name": "ewc"},
        "selection": {"per_task": {"method.lam": [1, 10], "training.lr": [0.1]}},
    }
    seeds = [
        trial(seed=seed, selected=True, group="ewc", config=json.dumps(config)) for seed in range(3)
    ]
    stages = [
        {"trial_id": "ewc-12ab", "seed": seed, "after": after, "hyperparameters": json.dumps(point)}
        for seed, lams in enumerate(([10, 1], [1, 1], [10, 1]))
        for after, point in enumerate(
            [{}, *({"method.lam": lam, "training.lr": 0.1} for lam in lams)]
        )
    ]
    of_seeds = replace(results_from(*seeds), stages=pd.DataFrame(stages))
    line = "chosen by the search: seeds 0, 2: lam=10, 1 lr=0.1; seed 1: lam=1 lr=0.1 accuracy"
    assert line in words(of_seeds, "ewc-12ab")


@pytest.mark.parametrize(("num_tasks", "parts"), [(5, 1), (11, 1), (12, 2), (20, 2), (30, 3)])
def test_many_tasks_are_folded_to_fit_the_width(num_tasks: int, parts: int) -> None:
    r = np.random.default_rng(0).uniform(size=(num_tasks + 1, num_tasks))
    lines = print_page(AccuracyGrid(r)).splitlines()
    assert max(map(len, lines)) <= 80
    heads = [line.split()[1:] for line in lines if line.startswith("learned")]
    assert len(heads) == parts
    assert [int(task) for head in heads for task in head] == list(range(1, num_tasks + 1))
    assert len(set(map(len, heads))) <= 2
    last = [line.split()[1:] for line in lines if line.split()[:1] == [str(num_tasks)]]
    assert [cell for row in last[-parts:] for cell in row] == [f"{x:.2f}" for x in r[-1]]


def test_of_a_hundred_tasks_as_many_are_shown_as_fit() -> None:
    r = np.random.default_rng(0).uniform(size=(101, 100))
    head, *rows, blank, note = print_page(AccuracyGrid(r)).splitlines()[1:-1]
    shown = [int(task) for task in head.split()[1:]]
    assert (len(shown), shown[0], shown[-1], blank) == (11, 1, 100, "")
    assert [int(row.split()[0]) for row in rows] == [0, *shown]
    for row in rows:
        after, *cells = row.split()
        assert cells == [f"{r[int(after), task - 1]:.2f}" for task in shown]
    assert note.startswith("11 of 100 tasks")


def test_colour_goes_where_there_is_a_terminal_and_nowhere_else() -> None:
    page = AccuracyGrid(np.array(R))
    assert "\x1b" not in print_page(page)
    assert "\x1b[" in print_page(page, colours=True)


def test_ink_can_be_read_on_every_colour() -> None:
    papers = [accuracy_colour(x) for x in np.linspace(0, 1, 101)]
    assert min(contrast_ratio(text_colour(paper), paper) for paper in papers) >= 4.5
    assert contrast_ratio((0, 0, 0), (255, 255, 255)) == pytest.approx(21)


def test_the_command_prints_the_page_and_refuses_what_is_not_there(tmp_path: Path) -> None:
    row = trial()
    write_tables(tables_of([row], cells(row)), tmp_path / "s")
    result = CliRunner().invoke(app, ["show", str(tmp_path), "ewc-1", "--seed", "0"])
    assert result.exit_code == 0
    assert "ACC 0.700   AIA 0.800   BWT -0.300   FWT 0.100   forgetting 0.300" in result.output
    refused = CliRunner().invoke(app, ["show", str(tmp_path), "er"])
    assert isinstance(refused.exception, UnknownName)


def test_a_scenario_tells_trials_of_one_name_apart() -> None:
    results = results_from(trial(), trial("ewc-77cd", scenario="class"))
    assert "class-incremental" in words(results, "ewc", scenario="class")
    assert "domain-incremental" in words(results, "ewc", scenario="domain")
    with pytest.raises(UnknownName, match="scenario 'task'"):
        words(results, "ewc", scenario="task")


def test_several_folders_are_read_as_one_and_without_a_trial_there_is_an_overview(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    story = "OSError: disk is full (mine.py:7, in loss)\n\nTraceback: line 7"
    failed = [
        trial(f"er-{i}", seed, sweep="b", status="failed", tasks_done=1, story=story)
        for i in range(5)
        for seed in (0, 1)
    ]
    for name, rows in {"a": [trial(sweep="a")], "b": failed}.items():
        write_tables(
            tables_of(rows, [cell for row in rows for cell in cells(row)]), tmp_path / name
        )
    folders = [str(tmp_path / name) for name in ("a", "b")]
    both = CliRunner().invoke(app, ["show", *folders, "ewc-12ab"])
    assert "(sweep a)" in both.output
    page = " ".join(CliRunner().invoke(app, ["show", str(tmp_path)]).output.split())
    assert "a: 1 trial, 1 seed, 1 of 1 complete b: 5 trials, 2 seeds, 0 of 10 complete" in page
    # All that failed alike are one line, with the error and its place once.
    assert page.count("disk is full (mine.py:7, in loss)") == 1
    assert (
        "failed: ewc er-0 seeds 0 and 1, ewc er-1 seeds 0 and 1, ewc er-2 seeds 0 and 1 and 2"
        in page
    )
    hint = "tracebacks of what failed: repertoire show DIR --traceback"
    assert page.count(hint) == 1
    whole = CliRunner().invoke(app, ["show", str(tmp_path), "--traceback"]).output
    assert whole.count("Traceback: line 7") == 1
    assert hint not in whole
    assert hint not in CliRunner().invoke(app, ["show", folders[0]]).output


def test_a_sweep_is_counted_by_itself_where_another_has_the_same_trials(tmp_path: Path) -> None:
    shared = [trial(sweep="a"), trial(seed=1, sweep="a")]
    again = [row | {"sweep": "b"} for row in shared]
    # Complete in one sweep and not in the other: of the two rows the complete one is kept.
    unfinished = trial("er-1", sweep="b", status="failed", tasks_done=1, story="OSError: no")
    complete = trial("er-1", sweep="a")
    for name, rows in {"a": [*shared, complete], "b": [*again, unfinished]}.items():
        content = tables_of(rows, [cell for row in rows for cell in cells(row)])
        write_tables(content, tmp_path / name)
    page = CliRunner().invoke(app, ["show", str(tmp_path)]).output
    for name, line in {
        "a": "a: 2 trials, 2 seeds, 3 of 3 complete",
        "b": "b: 2 trials, 2 seeds, 2 of 3 complete",
    }.items():
        assert line in page
        assert line in CliRunner().invoke(app, ["show", str(tmp_path / name)]).output


def test_words_of_a_description_need_no_quotes_unless_they_name_no_trial(tmp_path: Path) -> None:
    rows = [trial(), trial("ewc-34cd", lam=2.0)]
    tables = tables_of(rows, [cell for row in rows for cell in cells(row)])
    write_tables(tables, tmp_path / "a")
    folder = str(tmp_path)
    quoted = CliRunner().invoke(app, ["show", folder, "ewc lam=2"])
    assert "ewc-34cd" in quoted.output
    assert CliRunner().invoke(app, ["show", folder, "ewc", "lam=2"]).output == quoted.output
    wrong = CliRunner().invoke(app, ["show", folder, "ewc", "lam=3"])
    assert isinstance(wrong.exception, RepertoireError)
    said = str(wrong.exception)
    assert "unknown trial 'ewc lam=3'" in said
    assert "ewc, lam=3 are no folders, so they were taken for one trial: quote its name" in said


def test_no_path_is_broken_in_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    path = "/scratch/" + "long-name-of-a-folder/" * 6 + "mine.py"
    row = trial(status="failed", tasks_done=1, story=f"OSError: no {path} (mine.py:7, in loss)")
    write_tables(tables_of([row], cells(row)), tmp_path / "s")
    for words_typed in (["show", str(tmp_path)], ["show", str(tmp_path), "ewc"]):
        assert path in CliRunner().invoke(app, words_typed).output
    file = tmp_path / ("long-name-of-a-folder" * 5)
    file.touch()
    refused = CliRunner().invoke(app, ["compare", str(file)])
    assert isinstance(refused.exception, RepertoireError)
    assert f"{str(file)!r} is a file" in str(refused.exception)


def test_where_a_trial_ran_and_the_end_of_the_log_of_one_that_failed() -> None:
    ran = {"node": "gpu-1", "pid": 77, "device": "NVIDIA H100"}
    log = "epoch 3\nCUDA error"
    failed = trial(seed=1, status="failed", tasks_done=1, story="ValueError: no", log=log, **ran)
    page = words(results_from(trial(seed=0, **ran | {"node": "gpu-2"}), failed), "ewc-12ab")
    assert "on gpu-2 (NVIDIA H100)" in page
    assert "ran on gpu-1, process 77, NVIDIA H100 the end of its log: epoch 3 CUDA error" in page
    assert "process" not in words(results_from(trial()), "ewc-12ab"), "tables of an earlier release"
