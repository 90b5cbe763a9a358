"""Grounds whose servers misbehave: MLflow, and a bucket on S3."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from perf.chaos.flaky import Behaviour, FlakyServer
from perf.chaos.ground import Ground
from perf.chaos.lab import Lab, pick

AWAY_SECONDS = 40.0


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
def bad_bucket(
    folder: Path, rng: np.random.Generator, with_results: bool = False
) -> Iterator[Ground]:
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
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
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
    uri = "s3://storm/" + folder.name + "/{out}?scheme=http&endpoint_override="
    host = server.address.removeprefix("http://")
    lab = Lab(folder, store=f"{uri.format(out='stages')}{host}", environment=keys)
    if with_results:
        lab.results, lab.tables = uri + host, f"{uri}{behind[0]}:{behind[1]}"
    yield Ground(lab, kind)
    for timer in timers:
        timer.cancel()
    server.stop()
    real.stop()


@contextmanager
def results_in_bad_bucket(folder: Path, rng: np.random.Generator) -> Iterator[Ground]:
    """Such a bucket that has the results too, of one machine or of another for each command."""
    with bad_bucket(folder, rng, with_results=True) as ground:
        if rng.random() < 0.5:
            ground.trouble += ", a machine for each command"
            # A process that sends to MLflow may still be reading.
            ground.relief = lambda: shutil.rmtree(ground.lab.copies, ignore_errors=True)
        yield ground
