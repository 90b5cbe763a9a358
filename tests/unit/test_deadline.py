"""A time that no stage may outlast: how it is given, and what still starts before it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.cli.until import first_end_time, job_end_time, parse_moment, parse_span
from orchestrator.graph.brake import Brake
from orchestrator.graph.deadline import MARGIN, Deadline
from orchestrator.graph.driver import drive
from orchestrator.graph.events import ChainWanted, Event, RunStage
from orchestrator.results.load import load
from orchestrator.stages.outcomes import StageDone

NOON = datetime.fromisoformat("2026-11-26T12:00:00+00:00")
LAST_MOMENT = "9999-12-31T23:59-12:00"  # of the calendar: in other zones it is after it


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("18:30", "2026-11-26T18:30:00+00:00"),
        ("09:15", "2026-11-27T09:15:00+00:00"),
        ("2026-12-01T18:30", "2026-12-01T18:30:00+00:00"),
        ("2026-12-01T18:30+02:00", "2026-12-01T18:30:00+02:00"),
        ("2h30m", "2026-11-26T14:30:00+00:00"),
        ("15 min", "2026-11-26T12:15:00+00:00"),
        ("1d 90s", "2026-11-27T12:01:30+00:00"),
    ],
)
def test_a_time_of_day_a_date_or_a_span_is_a_moment(text: str, expected: str) -> None:
    assert parse_moment(text, NOON) == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "18",
        "2h30",
        "3 months",
        "25:00",
        "-5m",
        "1e9h",
        "999999d",
        LAST_MOMENT,
    ],
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert parse_moment(text, NOON) is None
    assert parse_span(text) is None


def test_the_end_of_a_slurm_job_counts_unless_it_is_past_and_the_earlier_time_wins() -> None:
    ends = str(int(NOON.timestamp()) + 3600)
    job = job_end_time({"SLURM_JOB_END_TIME": ends}, NOON)
    assert job is not None
    assert job.describe(NOON) == "12:59 (the end of the Slurm job)"
    assert first_end_time(None, {"SLURM_JOB_END_TIME": ends}, NOON) == job
    for text in ("", "later", "12", "9" * 14, str(int(NOON.timestamp()))):
        assert job_end_time({"SLURM_JOB_END_TIME": text}, NOON) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [("soon", "is not a time; give 18:30"), ("2020-01-01", "has passed; give a time to come")],
)
def test_a_mistaken_time_is_refused(
    answer: Callable[..., tuple[int, str]], text: str, problem: str
) -> None:
    code, err = answer("run", "sweep.yaml", "--until", text)
    assert code == 2
    assert problem in " ".join(err.replace("│", " ").split())


def order(key: str, method: str = "ewc", after: int = 1, parent: str | None = None) -> Any:
    stage = SimpleNamespace(
        benchmark=SimpleNamespace(title="split_digits"),
        network=SimpleNamespace(name="mlp"),
        method=SimpleNamespace(name=method),
        after=after,
        parent=parent,
    )
    return SimpleNamespace(key=key, stages=(stage,))


def test_a_stage_fits_if_the_longest_of_its_kind_would_end_in_time() -> None:
    seconds = {"a": 10.0, "b": 20.0, "c": 50.0}
    orders = {"a": order("a"), "b": order("b"), "c": order("c", "joint")}
    now = [0.0]
    deadline = Deadline(100.0, "18:30", seconds.__getitem__, lambda: now[0])
    deadline.count(ChainWanted(("t", 0), (), stored=frozenset(orders)))
    now[0] = 100 - 20 * MARGIN
    assert deadline.has_time_for(order("d"), orders)
    assert not deadline.has_time_for(order("e", "joint"), orders)
    assert not deadline.has_time_for(order("f", "never seen"), orders), (
        "the longest of any kind counts"
    )
    now[0] += 0.1
    assert not deadline.has_time_for(order("g"), orders)
    assert deadline.has_time_for(order("h", after=0), orders), (
        "nothing is known of stages without training"
    )
    now[0] = 100.0
    assert not deadline.has_time_for(order("i", after=0), orders)
    assert deadline.held == {"e", "f", "g", "i"}


def test_siblings_that_end_together_take_the_time_of_all() -> None:
    deadline = Deadline(100.0, "18:30", lambda key: 30.0, lambda: 0.0)
    orders = {"a": order("a")}
    deadline.count(ChainWanted(("t", 0), (), stored=frozenset(orders)))
    fits = [
        deadline.has_time_for(order(name), orders, together)
        for together, name in enumerate("bcde", 1)
    ]
    assert fits == [n * 30 * MARGIN <= 100 for n in (1, 2, 3, 4)] == [True, True, True, False]


def test_durations_of_this_run_count() -> None:
    now = [0.0]
    deadline = Deadline(100.0, "18:30", lambda key: 60.0, lambda: now[0])
    assert deadline.has_time_for(order("a"), {})
    deadline.count(StageDone("a", "scored"))
    assert deadline.has_time_for(order("b"), {}), "scoring is not training"
    deadline.count(StageDone("b"))
    now[0] = 50.0
    assert not deadline.has_time_for(order("c"), {})
    assert deadline.reason == "no other stage would end by 18:30"


class Sequence:
    """Computes stages one after the other; each takes as long as its method says."""

    def __init__(self, now: list[float], seconds: dict[str, float]) -> None:
        self.now, self.seconds, self.done = now, seconds, list[str]()
        self._submitted: list[Any] = []

    def slots(self) -> int:
        return 1

    def submit(self, submitted: Any) -> None:
        self._submitted.append(submitted)

    def wait(self) -> list[Event]:
        key = self._submitted.pop().key
        self.now[0] += self.seconds[key[0]]
        self.done.append(key)
        return [StageDone(key)]


class Wanted:
    """Wants chains of four stages of two methods: `l` takes long, `s` is short."""

    def __init__(self) -> None:
        chains = {name: [f"{name}{i}" for i in range(4)] for name in ("l", "s")}
        self.orders = {key: order(key, name) for name, keys in chains.items() for key in keys}
        self._chains = [
            ChainWanted((name, 0), tuple(zip(keys, [None, *keys], strict=False)))
            for name, keys in chains.items()
        ]

    def begin(self) -> list[Event]:
        return list(self._chains)

    def handle(self, news: object) -> list[Event]:
        return []


def test_shorter_stages_still_start_and_the_run_ends_when_none_fits() -> None:
    now, seconds = [0.0], {"l": 30.0, "s": 5.0}
    workers = Sequence(now, seconds)
    deadline = Deadline(75.0, "18:30", lambda key: seconds[key[0]], lambda: now[0])
    brake, started = Brake(deadline=deadline), list[str]()
    drive(
        Wanted(),
        workers,
        lambda news: started.append(news.key) if isinstance(news, RunStage) else None,
        brake,
    )
    assert now[0] <= 75
    assert started == workers.done
    assert sorted(workers.done) == ["l0", "l1", "s0", "s1"]
    assert brake.reason == "no other stage would end by 18:30"


SWEEP = """
name: lab
benchmark: {name: split_digits, num_tasks: 2, samples_per_task: 16}
network: {name: mlp, hidden: [4]}
methods: [{name: ewc, lam: LAM}]
seeds: [0]
"""
SEARCH = "search: {algorithm: random, num_trials: 2}\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "left"),
    [
        (SWEEP.replace("LAM", "{grid: [1, 10]}"), "4 stages of 2 trials are to go"),
        (SWEEP.replace("LAM", "{loguniform: [1, 10]}") + SEARCH, "the search has 6 stages to go"),
    ],
)
def test_a_run_at_the_end_of_its_job_starts_nothing_and_the_same_command_goes_on(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
    left: str,
) -> None:
    from orchestrator.cli.run import RunOptions, run

    (tmp_path / "sweep.yaml").write_text(text)
    command = (tmp_path / "sweep.yaml", tmp_path / "out", None, RunOptions("inline"))
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(time.time_ns() // 10**9 + 30))
    assert run(*command) == 1
    out = capsys.readouterr().out
    assert "no stage starts that would not end by" in out
    (line,) = [line for line in out.splitlines() if line.startswith("no other stage would end by")]
    assert "(the end of the Slurm job)" in line
    assert left in line
    assert line.endswith("and the same command continues")
    monkeypatch.delenv("SLURM_JOB_END_TIME")
    assert run(*command) == 0
    assert set(load(tmp_path / "out").trials["status"]) == {"complete"}
