"""Where a storm takes place: a Ray of its own, a cluster, a bucket, servers that misbehave."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perf.chaos.faults import end
from perf.chaos.flaky import Behaviour, FlakyServer
from perf.chaos.lab import Lab, pick

CLOCK_BACK = """\
import time
_now = time.time
_start = _now()
time.time = lambda: _now() - (3600 if _now() - _start > {after} else 0)
"""
AWAY_SECONDS = 40.0


@dataclass
class Ground:
    """A lab, and what happens around it.

    Attributes:
        lab: the lab. trouble: what was drawn, for the reader.
        relief: called when a command has ended, before the next; None: nothing to relieve.
        has_ray: whether the command starts a Ray of its own.
    """

    lab: Lab
    trouble: str
    relief: Callable[[], object] | None = None
    has_ray: bool = True


@contextmanager
def own_ray(folder: Path, rng: np.random.Generator) -> Iterator[Ground]:
    """A Ray that the command starts."""
    yield Ground(Lab(folder), "")


@contextmanager
def one_process(folder: Path, rng: np.random.Generator) -> Iterator[Ground]:
    """All stages in the driver."""
    yield Ground(Lab(folder, extra=["--backend", "inline"]), "", has_ray=False)


@contextmanager
def clock_set_back(folder: Path, rng: np.random.Generator) -> Iterator[Ground]:
    """The clock of each process goes back an hour after some seconds."""
    after = round(rng.uniform(0.0, 12.0), 1)
    lab = Lab(folder)
    (folder / "sitecustomize.py").write_text(CLOCK_BACK.format(after=after), encoding="utf-8")
    yield Ground(lab, f"an hour back {after} s after each start")


@contextmanager
def bad_mlflow(folder: Path, rng: np.random.Generator) -> Iterator[Ground]:
    """An MLflow server that is dead, hangs or answers 500."""
    kind = pick(rng, ["dead", "hanging", "answering 500"])
    server = FlakyServer(None, rng, Behaviour(hang=kind == "hanging")).start()
    if kind == "dead":
        server.stop()
    yield Ground(Lab(folder, environment={"MLFLOW_TRACKING_URI": server.address}), kind)
    if kind != "dead":
        server.stop()


@contextmanager
def bad_bucket(folder: Path, rng: np.random.Generator) -> Iterator[Ground]:
    """A store on S3 that is away for 40 s, slow, or answers 500 or 503 to one request in five."""
    import boto3  # type: ignore[import-untyped]
    from moto.server import ThreadedMotoServer

    keys = {
        "AWS_ACCESS_KEY_ID": "me",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    os.environ.update(keys)
    real = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    real.start()
    behind = real.get_host_and_port()
    boto3.client("s3", endpoint_url="http://{}:{}".format(*behind)).create_bucket(Bucket="storm")
    kind = pick(rng, [f"away for {AWAY_SECONDS:.0f} s", "slow", "500 and 503 to one in five"])
    behaviours = {"slow": Behaviour(delay=0.3), "500 and 503 to one in five": Behaviour(errors=0.2)}
    server = FlakyServer(behind, rng, behaviours.get(kind, Behaviour())).start()
    timers = []
    if kind not in behaviours:
        start = rng.uniform(8.0, 20.0)
        for seconds, behaviour in (
            (start, Behaviour(away=True)),
            (start + AWAY_SECONDS, Behaviour()),
        ):
            timers.append(threading.Timer(seconds, setattr, (server, "behaviour", behaviour)))
            timers[-1].start()
    host = server.address.removeprefix("http://")
    uri = f"s3://storm/{folder.name}?endpoint_override={host}&scheme=http"
    yield Ground(Lab(folder, store=uri, environment=keys), kind)
    for timer in timers:
        timer.cancel()
    server.stop()
    real.stop()


@contextmanager
def full_disk(folder: Path, rng: np.random.Generator) -> Iterator[Ground]:
    """A store on a disk that is full before the sweep ends, and has room afterwards."""
    disk = folder.with_name(f"{folder.name}-disk")
    disk.mkdir()
    size = f"{rng.integers(80, 240)}k"
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk], check=True)
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
    "clock set back": clock_set_back,
    "MLflow": bad_mlflow,
    "S3": bad_bucket,
    "disk full": full_disk,
    "cluster": cluster,
}
