"""`repertoire run` on a command line, in its own process."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import Popen

import pytest
from processes import ROOT, alive_after, descendants, finish, start

from orchestrator.results.load import load

pytestmark = [pytest.mark.ray, pytest.mark.timeout(400)]
SWEEP = """
name: lab
benchmark: {name: permuted_digits, scenario: domain, num_tasks: 2, samples_per_task: 32}
network: {name: mlp, hidden: [8]}
training: {batch_size: 16}
methods: ["alone:Mine", "package.own:Mine", finetune]
seeds: [0, 1]
"""
MINE = """
from pathlib import Path
from subprocess import Popen
from methods.finetune import Finetune
class Mine(Finetune):
    def begin_task(self, task):
        if task.index == 2:
            SECOND
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sweep with user-written methods beside it: in a module, and in a module of a package."""
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    (tmp_path / "methods").mkdir()  # shadows nothing, also where workers start
    (tmp_path / "methods" / "notes.txt").touch()
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    (tmp_path / "package" / "beside.py").write_text("SCALE = 1.0\n")
    own = "from package.beside import SCALE\n" + MINE.replace("SECOND", "self.scale = SCALE")
    (tmp_path / "package" / "own.py").write_text(own)
    (tmp_path / "alone.py").write_text(MINE.replace("SECOND", "raise ValueError('too shy')"))
    return tmp_path


def statuses(folder: Path) -> list[str]:
    return list(load(folder / "results" / "lab").trials["status"])


@pytest.fixture
def two_nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a Ray of two nodes with room for one stage each."""
    from ray.cluster_utils import Cluster

    # What workers of a cluster import must be installed there.
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    nodes = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    nodes.add_node(num_cpus=1)
    yield nodes.address
    nodes.shutdown()


@pytest.fixture
def one_node(one_ray: None) -> str:
    """The address of the Ray of all tests here, which runs already."""
    import ray

    return str(ray.get_runtime_context().gcs_address)


def compute_first(folder: Path, address: str) -> None:
    """Run the sweep for the first time: one of its methods fails at its second task."""
    code, out, err = finish(start(folder, "--address", address, tracked=False))
    assert (code, err) == (1, ""), out + err
    assert statuses(folder) == ["failed"] * 2 + ["complete"] * 4
    assert "failed: alone:Mine" in out
    assert "after 1 task: ValueError: too shy" in out
    assert "╭" not in out
    assert "Tune" not in out


def test_a_cluster_computes_what_a_user_wrote(folder: Path, one_node: str) -> None:
    # A stage takes both processors: another worker would take as long to start as all stages.
    (folder / "sweep.yaml").write_text(f"{SWEEP}resources: {{cpus: 2}}\n")
    compute_first(folder, one_node)


@pytest.mark.variant
def test_nodes_of_a_cluster_compute_what_was_edited_and_nothing_twice(
    folder: Path, two_nodes: str
) -> None:
    compute_first(folder, two_nodes)

    (folder / "alone.py").write_text(MINE.replace("SECOND", "pass"))
    (folder / "package" / "beside.py").write_text("SCALE = 2.0\n")
    code, out, err = finish(start(folder, "--address", two_nodes, tracked=False))
    assert (code, err) == (0, ""), out + err
    assert statuses(folder) == ["complete"] * 6
    # Both edits count: two tasks, two seeds, two methods; stage 0 and finetune are as they were.
    assert "8 stages computed" in out

    # All is in the store, so Ray is not imported; an import would load this module.
    (folder / "elsewhere" / "ray.py").write_text("raise SystemExit('ray was imported')\n")
    (folder / "alone.py").write_text(MINE.replace("SECOND", "pass  # a comment is no edit"))
    code, out, err = finish(start(folder, tracked=False))
    assert (code, err) == (0, ""), out + err
    assert "nothing to compute" in out
    assert "0 stages computed" in out


@pytest.mark.variant
def test_an_address_where_no_ray_is_is_told_at_once(folder: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, but nothing listens
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        code, out, err = finish(start(folder, "--address", address))
    assert code == 2, out + err
    assert err.startswith(f"repertoire: Ray cannot be reached at {address}: ")
    assert len(err.splitlines()) == 1


@pytest.mark.storm
def test_a_run_interrupted_twice_keeps_finished_stages_and_leaves_no_process(folder: Path) -> None:
    (folder / "marks").mkdir()
    slow = f"Path({str(folder)!r}, 'marks', str(task.index)).touch(); import time; time.sleep(600)"
    (folder / "alone.py").write_text(MINE.replace("SECOND", slow))
    command = start(folder)
    try:
        interrupt_and_check(command, folder)
    finally:
        command.kill()
        command.communicate()


def interrupt_and_check(command: Popen[str], folder: Path) -> None:
    while not any((folder / "marks").iterdir()):
        assert command.poll() is None, command.communicate()
        time.sleep(0.1)
    started = descendants(command.pid)
    assert any("raylet" in what for what in started.values())
    command.send_signal(signal.SIGINT)
    time.sleep(3)
    assert command.poll() is None, "the first waits for the stages that run"
    command.send_signal(signal.SIGINT)
    code, out, err = finish(command)
    assert code == 1, out + err
    assert (
        err
        == "repertoire: interrupted; what was computed is kept, and the same command continues\n"
    )
    trials = load(folder / "results" / "lab").trials
    own_trials = trials[trials["method"] == "alone:Mine"]
    assert set(own_trials["status"]) == {"stopped"}
    assert own_trials["tasks_done"].max() == 1
    assert not alive_after(started)


@pytest.mark.storm
@pytest.mark.parametrize("backend", ["ray", "inline"])
@pytest.mark.parametrize(
    ("number", "reason"), [(signal.SIGTERM, "terminated"), (signal.SIGHUP, "hung up")]
)
def test_a_signal_to_the_whole_group_lets_what_runs_finish_and_says_what_is_left(
    folder: Path, number: signal.Signals, reason: str, backend: str
) -> None:
    (folder / "marks").mkdir()
    slow = f"Path({str(folder)!r}, 'marks', str(task.index)).touch(); import time; time.sleep(5)"
    (folder / "alone.py").write_text(MINE.replace("SECOND", slow))
    command = start(folder, "--backend", backend, group=True)
    try:
        while not any((folder / "marks").iterdir()):
            assert command.poll() is None, command.communicate()
            time.sleep(0.1)
        started = descendants(command.pid)
        os.killpg(command.pid, number)  # as `timeout` and a closed terminal do
        code, out, err = finish(command)
    finally:
        command.kill()
        command.communicate()
    assert (code, err) == (1, ""), out + err
    assert "finishing the stages that run; a second signal stops at once" in out
    assert "retried" not in out
    (left,) = [line for line in out.splitlines() if line.startswith(f"{reason}; ")]
    assert left.endswith(" are to go, and the same command continues")
    assert "failed" not in statuses(folder)
    assert not alive_after(started)


@pytest.mark.storm
def test_a_run_whose_head_node_is_lost_says_so_and_keeps_what_was_computed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "40")
    slow = "import time; time.sleep(600)"
    (folder / "alone.py").write_text(MINE.replace("SECOND", slow))
    command = start(folder)
    started: dict[int, str] = {}
    try:
        while not list((folder / "results").glob("stages/??/*/record.json")):
            assert command.poll() is None, command.communicate()
            time.sleep(0.1)
        started = descendants(command.pid)
        (head,) = [pid for pid, what in started.items() if "gcs_server" in what.split(" ")[0]]
        os.kill(head, signal.SIGKILL)
        code, out, err = finish(command)
    finally:
        command.kill()
        command.communicate()
        for pid in started:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    assert code == 1, out + err
    assert "does not answer; waiting" in out
    (line,) = err.splitlines()
    assert line.startswith("repertoire: the head of the Ray cluster at ")
    assert line.endswith("what was computed is kept, and the same command continues")
    assert "stopped" in statuses(folder)
