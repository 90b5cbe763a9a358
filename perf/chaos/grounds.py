"""Where a storm takes place: a Ray of its own, a cluster, a bucket, servers that misbehave."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil  # type: ignore[import-untyped]

from perf.chaos.faults import end
from perf.chaos.ground import Ground, use_facility
from perf.chaos.lab import Lab
from perf.chaos.servers import bad_bucket, bad_mlflow, results_in_bad_bucket
from perf.chaos.sweeps import SEARCH

CLOCK_BACK = """\
import time
_now = time.time
_start = _now()
time.time = lambda: _now() - (3600 if _now() - _start > {after} else 0)
"""
AS_A_USER = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
MEMORY_MARGIN = 3 * 2**30  # that other processes of the machine may take meanwhile


@contextmanager
def own_ray(folder: Path, rng: np.random.Generator) -> Iterator[Ground]:
    """A Ray that the command starts."""
    yield Ground(Lab(folder), "")


@contextmanager
def one_process(folder: Path, rng: np.random.Generator) -> Iterator[Ground]:
    """All stages in the driver."""
    yield Ground(Lab(folder, extra=["--backend", "inline"]), "", has_ray=False)


@contextmanager
def search(folder: Path, rng: np.random.Generator) -> Iterator[Ground]:
    """A sweep with a search before the evaluation."""
    yield Ground(Lab(folder, sweep=SEARCH), "")


@contextmanager
def ordinary_user(folder: Path, rng: np.random.Generator) -> Iterator[Ground]:
    """All stages in the driver, to which permissions apply even if it runs as root."""
    lab = Lab(folder, extra=["--backend", "inline"])
    if os.geteuid() == 0:
        lab.before = [*AS_A_USER]
        use_facility(*AS_A_USER, "true")
    yield Ground(lab, "", has_ray=False)


@contextmanager
def short_memory(folder: Path, rng: np.random.Generator) -> Iterator[Ground]:
    """A stage takes memory until Ray's monitor kills a worker."""
    memory, sign = psutil.virtual_memory(), folder / "greedy"
    limit = (memory.total - memory.available + MEMORY_MARGIN) / memory.total
    variables = {
        "RAY_memory_usage_threshold": f"{limit:.3f}",
        "RAY_memory_monitor_refresh_ms": "100",
        "STORM_GREEDY": str(sign),
    }
    lab = Lab(folder, environment=variables)
    after = rng.uniform(5.0, 15.0)
    timer = threading.Timer(after, sign.touch)
    timer.start()
    yield Ground(lab, f"a stage takes all memory after {after:.0f} s")
    timer.cancel()


@contextmanager
def clock_set_back(folder: Path, rng: np.random.Generator) -> Iterator[Ground]:
    """The clock of each process goes back an hour after some seconds."""
    after = round(rng.uniform(0.0, 12.0), 1)
    lab = Lab(folder)
    (folder / "sitecustomize.py").write_text(CLOCK_BACK.format(after=after), encoding="utf-8")
    yield Ground(lab, f"an hour back {after} s after each start")


@contextmanager
def full_disk(folder: Path, rng: np.random.Generator) -> Iterator[Ground]:
    """A store on a disk that is full before the sweep ends, and has room afterwards."""
    disk = folder.with_name(f"{folder.name}-disk")
    disk.mkdir()
    size = f"{rng.integers(80, 240)}k"
    use_facility("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk))
    try:
        room = ["mount", "-o", "remount,size=64m", str(disk)]
        yield Ground(
            Lab(folder, store=str(disk / "stages")),
            size,
            relief=lambda: subprocess.run(room, check=True),
        )
    finally:
        subprocess.run(["umount", "--lazy", disk], check=False)


@contextmanager
def cluster(folder: Path, rng: np.random.Generator) -> Iterator[Ground]:
    """A cluster of two nodes: one is killed in mid-run, and another is added."""
    from ray.cluster_utils import Cluster

    lab = Lab(folder)
    os.environ.update(lab.variables)  # of the nodes, whose workers compute the stages
    nodes = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    second = nodes.add_node(num_cpus=1)
    added: list[subprocess.Popen[bytes]] = []
    kill, add = (float(seconds) for seconds in rng.uniform(5.0, 25.0, 2))
    # Ray starts nodes from the main thread alone, so the third has a process of its own.
    start = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1"]
    actions: list[tuple[float, Callable[[], Any]]] = [
        (kill, lambda: nodes.remove_node(second, allow_graceful=False)),
        (add, lambda: added.append(subprocess.Popen([*start, f"--address={nodes.address}"]))),
    ]
    timers = [threading.Timer(seconds, action) for seconds, action in actions]
    for timer in timers:
        timer.start()
    lab.extra = ["--address", nodes.address]
    yield Ground(lab, f"node killed after {kill:.0f} s, added after {add:.0f} s", has_ray=False)
    for timer in timers:
        timer.join()
    for node in added:
        end(node)
    nodes.shutdown()  # type: ignore[no-untyped-call]


GROUNDS: dict[str, Callable[[Path, np.random.Generator], AbstractContextManager[Ground]]] = {
    "own Ray": own_ray,
    "inline": one_process,
    "ordinary user": ordinary_user,
    "search": search,
    "memory": short_memory,
    "clock set back": clock_set_back,
    "MLflow": bad_mlflow,
    "S3": bad_bucket,
    "results on S3": results_in_bad_bucket,
    "disk full": full_disk,
    "cluster": cluster,
}
