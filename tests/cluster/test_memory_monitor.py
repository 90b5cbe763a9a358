"""A stage that takes all memory, under Ray's own memory monitor, in processes of its own."""

from __future__ import annotations

import platform
from pathlib import Path

import psutil
import pytest
from processes import finish, start

from orchestrator.results.load import load

pytestmark = [pytest.mark.ray, pytest.mark.storm, pytest.mark.timeout(600)]
SWEEP = """
name: lab
benchmark: {name: split_digits, num_tasks: 2, samples_per_task: 32}
network: {name: mlp, hidden: [8]}
methods: ["greedy:Greedy", finetune]
seeds: [0]
"""
# Takes a tenth of a GiB at a time up to eight, so that the monitor sees it grow; then it waits.
GREEDY = """
import time
from methods.finetune import Finetune
class Greedy(Finetune):
    def begin_task(self, task):
        if task.index == 2:
            print("taking memory", flush=True)
            taken = []
            for _ in range(80):
                taken.append(b"x" * 2**27)
                time.sleep(0.05)
            time.sleep(120)
"""
MARGIN = 4 * 2**30  # of memory that others on this machine may take meanwhile


def test_a_stage_that_takes_all_memory_fails_alone_and_the_others_are_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = psutil.virtual_memory()
    if memory.available < MARGIN + 8 * 2**30:
        pytest.skip("too little memory is free")
    limit = (memory.total - memory.available + MARGIN) / memory.total
    monkeypatch.setenv("RAY_memory_usage_threshold", f"{limit:.3f}")
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "100")
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    (tmp_path / "greedy.py").write_text(GREEDY)
    code, out, err = finish(start(tmp_path), seconds=500)
    assert (code, err) == (1, ""), out + err
    assert "ran out of memory; it is retried once, alone on a node" in out
    trials = load(tmp_path / "results" / "lab").trials.set_index("method")
    assert trials.loc["finetune", "status"] == "complete"
    greedy = trials.loc["greedy:Greedy"]
    assert greedy["status"] == "failed"
    story = greedy["story"].splitlines()[0]
    assert story.startswith("out of memory: killed 2 times; it asked for 1 CPUs and 0 GPUs and had")
    assert (greedy["node"], greedy["log"]) == (platform.node(), "taking memory")
