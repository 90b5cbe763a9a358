"""Lines on how candidates ended early, and the names in lines on trials that fell short."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from orchestrator.errors import suggest
from orchestrator.results.early_ends import describe_early_ends
from orchestrator.terminal.failures import group_endings, trials_line


def candidate(status: str, tasks_done: float, story: str | None) -> dict[str, Any]:
    return {"status": status, "tasks_done": tasks_done, "story": story}


def stopped(tasks: int, value: str) -> dict[str, Any]:
    return candidate("stopped", tasks, f"stopped by asha after {tasks} tasks with acc {value}")


def test_candidates_that_a_scheduler_stopped_are_counted_by_task_with_their_values() -> None:
    rows = [stopped(4, "0.91"), stopped(2, "0.8103"), candidate("complete", 5, None)]
    rows += [stopped(2, "0.5086"), stopped(2, "0.62")]
    assert list(describe_early_ends(rows)) == [
        "3 stopped by asha after 2 tasks with acc 0.5086 to 0.8103",
        "1 stopped by asha after 4 tasks with acc 0.91",
    ]


def test_other_ends_have_their_place_and_reason_once() -> None:
    error = "OSError: disk is full (mine.py:7, in loss)\nTraceback ..."
    rows = [candidate("failed", 1, error), candidate("failed", 1, error)]
    rows += [candidate("stopped", 3, "stopped by median after 3 tasks")]
    rows += [candidate("stopped", float("nan"), "stopped, since for the first 3 candidates none")]
    rows += [candidate("stopped", 0, "not finished: the run was interrupted")]
    assert list(describe_early_ends(rows)) == [
        "1 stopped early: stopped, since for the first 3 candidates none",
        "1 not finished after 0 tasks: the run was interrupted",
        "2 failed after 1 task: OSError: disk is full (mine.py:7, in loss)",
        "1 stopped by median after 3 tasks",
    ]


def test_failures_that_differ_in_the_address_of_an_object_alone_are_one_line() -> None:
    places = ("0x7fefd41c8d40", "0x7fefd41c8e50")
    stories = [f"ValueError: no room for <object at {place}> (mine.py:1)" for place in places]
    rows = [candidate("failed", 1, story) for story in stories]
    assert list(describe_early_ends(rows)) == [f"2 failed after 1 task: {stories[0]}"]


def test_failures_that_differ_in_a_number_alone_are_one_line() -> None:
    stories = [f"ValueError: alpha {value} is too large (mine2.py:15, in loss)" for value in "123"]
    rows = [candidate("failed", 1, story) for story in (*stories, "KeyError: 'x' (mine2.py:9)")]
    rows.append(candidate("failed", 1, stories[0].replace("15", "16")))
    assert list(describe_early_ends(rows)) == [
        f"3 failed after 1 task: {stories[0]}",
        "1 failed after 1 task: KeyError: 'x' (mine2.py:9)",
        f"1 failed after 1 task: {stories[0].replace('15', '16')}",
    ]
    about = {"trial_id": "er-01", "phase": "evaluation", "num_tasks": 5}
    seeds = [{**row, **about, "seed": n} for n, row in enumerate(rows)]
    assert [len(alike) for alike in group_endings(seeds)] == [3, 1, 1]
    line = trials_line(seeds[:3])
    assert line.endswith("1 is too large (mine2.py:15, in loss) (others have other numbers)")


@pytest.mark.parametrize(("label", "name"), [({"label": "ER (ours)"}, "ER (ours)"), ({}, "er-01")])
def test_a_failure_is_named_by_the_label_of_its_trial(label: dict[str, str], name: str) -> None:
    about = {"trial_id": "er-01", "phase": "evaluation", "num_tasks": 5, **label}
    rows = pd.DataFrame([{**candidate("failed", 1, "no"), **about, "seed": n} for n in (0, 1)])
    line = trials_line(rows.to_dict("records"))
    assert line == f"failed: {name} seeds 0 and 1 after 1 task: no"


def test_a_name_that_is_half_alike_is_suggested_only_if_it_begins_alike() -> None:
    assert suggest("lmbda", ["lam", "lr"]).startswith("did you mean 'lam'?")
    assert suggest("bogus", ["backend", "out"]) == "valid: backend, out"
