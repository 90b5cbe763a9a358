"""Where a running sweep stands: what is counted, and what is left for a dashboard."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
import search_lab as lab

from orchestrator.graph import progress as module
from orchestrator.graph.events import ChainAdvanced, ChainEnded, RunStage, SlotsChanged
from orchestrator.graph.progress import Progress
from orchestrator.graph.progress_file import ProgressFile, read_first_run
from orchestrator.graph.wanted_stages import WantedStages
from orchestrator.stages.outcomes import ParentLost, StageDiverged, StageDone, StageFailed

FIELDS = {
    "phase": str,
    "trials": int,
    "trials_done": int,
    "asked_for": int,
    "shared": int,
    "executed": int,
    "to_go": int,
    "unreachable": int,
    "running": list,
    "failed": int,
    "computed": int,
    "raised": int,
    "started_at": float,
    "first_started_at": float,
    "updated_at": float,
    "over": bool,
    "complete": bool,
}


def read(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "progress.json").read_text())
    return content


def test_a_stage_that_raised_is_not_computed() -> None:
    progress = Progress()
    for news in (StageDone("a"), StageDiverged("b", ""), StageFailed("c", "")):
        progress.count(RunStage(news.key))
        progress.count(news)
    assert (progress.executed, progress.num_computed, progress.raised) == (3, 2, 1)
    content = progress.to_json()
    assert (content["computed"], content["failed"], content["raised"]) == (2, 2, 1)


def test_news_is_counted_as_it_comes() -> None:
    steps = [
        (RunStage("a"), (1, 0, 4, 0)),
        (RunStage("b"), (2, 0, 4, 0)),
        (SlotsChanged(2), (2, 0, 4, 0)),
        (StageDone("a"), (1, 1, 3, 0)),
        (StageDone("a"), (1, 1, 3, 0)),
        (ChainAdvanced(("t", 0), 1), (1, 1, 3, 0)),
        (StageFailed("b", ""), (0, 2, 2, 1)),
        (RunStage("c"), (1, 2, 2, 1)),
        (ParentLost("c"), (0, 2, 2, 1)),
        (RunStage("c"), (1, 2, 2, 1)),
        (StageDiverged("c", ""), (0, 3, 1, 2)),
    ]
    progress = Progress(to_go=4)
    for news, counts in steps:
        progress.count(news)
        assert counts == (progress.running, progress.executed, progress.to_go, progress.failed)


def test_a_trial_is_done_when_its_last_seed_is() -> None:
    progress = Progress(_waiting={"t": {0, 1}, "u": {0}})
    done = []
    for chain in (("t", 1), ("x", 0), ("t", 1), ("u", 0), ("t", 0)):
        progress.count(ChainEnded(chain, "complete"))
        done.append(progress.trials_done)
    assert done == [0, 0, 0, 1, 2]


def test_stages_that_no_chain_can_reach_any_more_are_not_to_go() -> None:
    chains = {("t", 0): "abcd", ("t", 1): "abcef", ("u", 0): "agh"}
    progress = Progress(to_go=8, _wanted=WantedStages(chains))
    counts = []
    for news in (
        StageDone("a"),
        StageFailed("g", ""),
        ChainEnded(("u", 0), "failed"),  # h is lost
        StageDone("b"),
        StageDone("c"),
        StageDiverged("d", ""),
        ChainEnded(("t", 0), "diverged"),  # what it shares with the other seed is not
        StageDone("e"),
        StageDone("f"),
        ChainEnded(("t", 1), "complete"),
    ):
        progress.count(news)
        counts.append((progress.to_go, progress.unreachable))
    assert counts == [
        *[(7, 0), (6, 0), (5, 1)],
        *[(4, 1), (3, 1), (2, 1), (2, 1)],
        *[(1, 1), (0, 1), (0, 1)],
    ]
    assert progress.num_missing == 8 - progress.executed == 1


def test_a_stage_that_two_chains_want_is_lost_with_the_last() -> None:
    progress = Progress(to_go=3, _wanted=WantedStages({("t", 0): "abc", ("u", 0): "abc"}))
    progress.count(StageFailed("a", ""))
    for chain, expected in ((("t", 0), (2, 0)), (("u", 0), (0, 2))):
        progress.count(ChainEnded(chain, "failed"))
        assert (progress.to_go, progress.unreachable) == expected


def test_no_more_is_to_go_than_nothing() -> None:
    progress = Progress(to_go=0)
    progress.count(StageDone("a"))
    assert progress.to_go == 0


def test_the_seconds_to_go_follow_from_the_rate_since_the_first_stage_was_submitted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    progress = Progress(to_go=6, started=40.0)  # Ray took a minute to start
    for key in "ab":
        progress.count(RunStage(key))
    assert progress.eta_seconds() is None
    now[0] = 130.0
    for key in "ab":
        progress.count(StageDone(key))
    assert progress.eta_seconds() == 30 / 2 * 4


def test_a_dashboard_finds_each_field_with_its_type(tmp_path: Path) -> None:
    progress = Progress(phase="search", trials=3, asked_for=9, shared=2, to_go=5)
    for news in (RunStage("0123456789"), RunStage("abcdefghij"), StageDone("0123456789")):
        progress.count(news)
    ProgressFile(tmp_path).show(progress)
    content = read(tmp_path)
    assert content.keys() == FIELDS.keys() | {"eta_seconds", "events", "store"}
    assert {name: type(content[name]) for name in FIELDS} == FIELDS
    assert type(content["eta_seconds"]) is float
    assert content["running"] == ["abcdefgh"]
    assert (content["trials"], content["executed"], content["to_go"]) == (3, 1, 4)
    assert abs(content["updated_at"] - time.time_ns() / 1e9) < 60
    assert content["started_at"] <= content["updated_at"]
    assert not content["over"]


def test_it_is_written_at_most_once_a_second_and_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [50.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    progress, file, files = Progress(to_go=9, started=50.0), ProgressFile(tmp_path), []
    for step in range(6):
        now[0] = 50 + 0.4 * step
        progress.count(StageDone(str(step)))
        file.show(progress)
        files.append(read(tmp_path)["executed"])
    assert files == [1, 1, 1, 4, 4, 4]
    file.close(progress, complete=False)
    assert (read(tmp_path)["executed"], read(tmp_path)["over"]) == (6, True)
    assert [path.name for path in tmp_path.iterdir()] == ["progress.json"]


def test_the_time_of_the_first_run_is_kept(tmp_path: Path) -> None:
    assert read_first_run(tmp_path) is None
    # That of an older release is the last run's, which the next one keeps.
    (tmp_path / "progress.json").write_text(json.dumps({"started_at": 12.5}))
    for _ in range(2):
        ProgressFile(tmp_path).close(Progress(), complete=True)
        assert (read(tmp_path)["first_started_at"], read_first_run(tmp_path)) == (12.5, 12.5)
    assert read(tmp_path)["started_at"] > 12.5


@pytest.mark.parametrize("text", ["", "[]", '{"first_started_at": "1"}', '{"started_at": NaN}'])
def test_a_damaged_file_tells_no_first_run(tmp_path: Path, text: str) -> None:
    (tmp_path / "progress.json").write_text(text)
    assert read_first_run(tmp_path) is None
    ProgressFile(tmp_path).close(Progress(), complete=True)
    assert read_first_run(tmp_path) == read(tmp_path)["started_at"]


def test_a_reader_never_meets_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = ProgressFile(tmp_path)
    file.close(Progress(), complete=False)
    met: list[dict[str, Any]] = []
    replace = os.replace

    def replace_and_read(source: Path, target: Path) -> None:
        met.append(read(tmp_path))  # all is written elsewhere first
        replace(source, target)

    monkeypatch.setattr(os, "replace", replace_and_read)
    file.close(Progress(trials=7), complete=True)
    assert [content["trials"] for content in met] == [0]
    assert read(tmp_path)["trials"] == 7


def test_a_finished_sweep_says_that_it_is_over_and_complete(tmp_path: Path) -> None:
    lab.run(tmp_path)
    content = read(tmp_path / "results" / "lab")
    assert (content["phase"], content["over"], content["complete"]) == ("evaluation", True, True)
    assert (content["trials"], content["trials_done"], content["to_go"], content["running"]) == (
        1,
        1,
        0,
        [],
    )
    assert (content["asked_for"], content["executed"], content["shared"]) == (3, 3, 0)


def test_a_search_that_was_cut_short_says_so(tmp_path: Path) -> None:
    outcome = lab.run(tmp_path, budget="{stages: 3}")
    assert outcome.search is not None
    assert outcome.search.executed == 3
    assert not outcome.complete
    # Three candidates ask for three stages each; stage 0 and the inert task 1 are shared.
    assert (outcome.search.trials, outcome.search.asked_for) == (3, 9)
    assert not read(tmp_path / "results" / "lab")["complete"]
