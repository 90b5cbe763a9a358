"""A search on Ray whose driver dies or is interrupted: what was computed and decided stands.

Drivers are processes of their own, connected to the one Ray of these tests; one starts its own.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any

import pandas as pd
import pytest
from processes import descendants, finish, start

from orchestrator.backends.inline import Inline
from orchestrator.cli.run_sweep import run_sweep
from orchestrator.graph.brake import Brake
from orchestrator.results.folder.places import open_store, results_folder
from orchestrator.results.folder.tabulator import Tabulator
from orchestrator.results.load import load
from orchestrator.sweep.sweep import Sweep

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]
SWEEP = """
name: lab
benchmark: {{name: split_digits, num_tasks: 5, samples_per_task: 40, scenario: task}}
network: {{name: mlp, hidden: [8]}}
training: {{batch_size: 8, iterations: 150, lr: {{loguniform: [1.0e-3, 1.0e-1]}}}}
methods: [{{name: ewc, lam: {{loguniform: [0.1, 1000]}}}}]
seeds: [0]
search: {search}
"""
NOT_FIGURES = ("seconds", "joules", "peak_memory", "mlflow_run_id", "pid")
Stages = dict[str, tuple[int, bytes]]


@pytest.fixture
def address(one_ray: None) -> str:
    import ray

    return str(ray.get_runtime_context().gcs_address)


def write(folder: Path, search: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "sweep.yaml").write_text(SWEEP.format(search=search))
    return folder


def straight(folder: Path, search: str) -> None:
    """Run the sweep in this process, from beginning to end."""
    sweep = Sweep.load(write(folder, search) / "sweep.yaml")
    out = folder / "results"
    tables = Tabulator((), open_store(out, None), results_folder(sweep, out))
    run_sweep(sweep, tables, Inline(), Brake())


def entries(folder: Path) -> list[dict[str, Any]]:
    path = folder / "results" / "lab" / "search.jsonl"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def stages(folder: Path) -> Stages:
    """Key -> when its record was written, and what it says."""
    records = (folder / "results" / "stages").glob("??/*/record.json")
    return {path.parent.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in records}


def trials(folder: Path, phase: str = "search") -> pd.DataFrame:
    table = load(folder / "results" / "lab").trials
    return table[table["phase"] == phase]


def figures(folder: Path) -> dict[str, pd.DataFrame]:
    tables = vars(load(folder / "results" / "lab"))
    return {
        name: table.drop(columns=[c for c in table if any(part in c for part in NOT_FIGURES)])
        for name, table in tables.items()
        if isinstance(table, pd.DataFrame)
    }


@contextmanager
def running(folder: Path, *extra: str, group: bool = False) -> Iterator[Popen[str]]:
    command = start(folder, *extra, group=group)
    started: dict[int, str] = {}
    try:
        yield command
    finally:
        if command.poll() is None:
            started = descendants(command.pid)
            command.kill()
            command.communicate()
        for pid in started:
            if Path(f"/proc/{pid}").exists():
                os.kill(pid, signal.SIGKILL)


def until(command: Popen[str], condition: Callable[[], bool]) -> None:
    while not condition():
        assert command.poll() is None, command.communicate()
        time.sleep(0.02)


def kill_when(folder: Path, address: str, condition: Callable[[], bool]) -> Stages:
    """Kill a driver with SIGKILL once something is so; return the stages that are stored then."""
    with running(folder, "--address", address) as command:
        until(command, condition)
        command.kill()
        command.communicate()
    time.sleep(2)  # Ray ends the driver's tasks; a stage may finish before that
    return stages(folder)


def resume(folder: Path, address: str) -> str:
    with running(folder, "--address", address) as command:
        code, out, err = finish(command)
    assert (code, err) == (0, ""), out + err
    return out


def have_same_files(before: Stages, now: Stages) -> bool:
    return all(now.get(key) == files for key, files in before.items())


@pytest.mark.storm
def test_a_killed_search_ends_with_the_tables_of_one_that_was_not(
    tmp_path: Path, address: str
) -> None:
    search = "{algorithm: random, num_trials: 6}"
    straight(tmp_path / "straight", search)
    killed = write(tmp_path / "killed", search)
    before = kill_when(killed, address, lambda: len(stages(killed)) >= 8)
    points = entries(killed)
    assert 8 <= len(before) < 31
    out = resume(killed, address)
    # Six candidates of six stages on the search's seed; stage 0 is theirs together.
    assert f"Search: 36 stages asked for, {31 - len(before)} computed." in out
    assert have_same_files(before, stages(killed))
    assert entries(killed)[: len(points)] == points
    resumed, straight_run = figures(killed), figures(tmp_path / "straight")
    for name in ("accuracy", "trials", "stages"):
        pd.testing.assert_frame_equal(resumed[name], straight_run[name], check_exact=True)


@pytest.mark.storm
def test_with_asha_every_decision_before_a_kill_stands_and_nothing_is_done_twice(
    tmp_path: Path, address: str
) -> None:
    # All candidates score 1 after two tasks; with a reduction of 2 there is a rung after four.
    scheduler = "{name: asha, reduction_factor: 2}"
    folder = write(
        tmp_path / "asha", f"{{algorithm: random, num_trials: 8, scheduler: {scheduler}}}"
    )

    def decided() -> bool:
        used = [entry.get("decision") for entry in entries(folder)]
        return used.count("stop") >= 1 and len(used) >= 13  # the group, eight points, and more

    before = kill_when(folder, address, decided)
    used = entries(folder)
    resume(folder, address)
    now = entries(folder)
    assert now[: len(used)] == used
    assert have_same_files(before, stages(folder))
    # No candidate is drawn or decided about twice at a depth.
    steps = [(e["number"], e.get("after"), "point" in e) for e in now if "number" in e]
    assert len(steps) == len(set(steps))
    table = trials(folder).set_index("candidate")
    assert set(table["status"]) == {"complete", "stopped"}
    assert sorted(table.index) == list(range(8))
    stopped = {e["number"]: e["after"] for e in now if e.get("decision") == "stop"}
    assert {e["number"] for e in used if e.get("decision") == "stop"} <= stopped.keys()
    for number, after in stopped.items():
        row = table.loc[number]
        assert (row["status"], row["tasks_done"]) == ("stopped", after)
        assert row["story"].startswith(f"stopped by asha after {after} task")
    complete = table.drop(index=list(stopped))
    assert set(complete["tasks_done"]) == {5}
    (winner,) = complete.index[complete["selected"]]
    assert complete["objective"].idxmax() == winner
    evaluated = trials(folder, "evaluation")
    assert list(evaluated["status"]) == ["complete"]
    assert list(evaluated["trial_id"]) == [table.loc[winner]["trial_id"]]


@pytest.mark.storm
def test_one_ctrl_c_finishes_what_runs_says_what_is_missing_and_leaves_no_failure(
    tmp_path: Path, address: str
) -> None:
    folder = write(tmp_path / "halted", "{algorithm: random, num_trials: 8}")
    with running(folder, group=True) as command:  # a Ray of its own, as a person has it
        until(command, lambda: len(stages(folder)) >= 6)
        os.killpg(command.pid, signal.SIGINT)
        code, out, err = finish(command)
    assert (code, err) == (1, ""), out + err
    (missing,) = [line for line in out.splitlines() if "interrupted" in line]
    left = missing.removeprefix("interrupted; the search has ").partition(" ")[0]
    assert missing.endswith("stages to go at most, and the same command continues")
    assert 0 < int(left) <= 48 - 6
    assert list((folder / "results").glob("stages/??/*/failure.json")) == []
    assert "failed" not in out
    before = stages(folder)
    assert 6 <= len(before) < 41
    progress = json.loads((folder / "results" / "lab" / "progress.json").read_text())
    assert (progress["over"], progress["complete"], progress["phase"]) == (True, False, "search")

    out = resume(folder, address)
    assert f"Search: 48 stages asked for, {41 - len(before)} computed." in out
    assert have_same_files(before, stages(folder))
    assert set(trials(folder)["status"]) == {"complete"}
    assert list(trials(folder, "evaluation")["status"]) == ["complete"]
