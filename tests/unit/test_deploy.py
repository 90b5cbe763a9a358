"""The files of deploy/: valid for what reads them, and the Slurm script run with stand-ins."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from orchestrator.cli.app import run_command
from orchestrator.errors import CONTINUES

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
SCHEMA = ROOT / "tests" / "deploy" / "rayjob.schema.json"
SCRIPT = DEPLOY / "slurm.sh"


def read(name: str) -> dict[str, Any]:
    content = yaml.safe_load((DEPLOY / name).read_text())
    assert isinstance(content, dict)
    return content


def pinned_version(package: str) -> str:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return next(line.partition("==")[2] for line in lines if line.startswith(f"{package}=="))


def test_the_job_of_kuberay_has_fields_that_its_types_have() -> None:
    schema, job = json.loads(SCHEMA.read_text()), read("rayjob.yaml")
    jsonschema.validate(job, schema)
    assert job["spec"]["rayClusterSpec"]["rayVersion"] == pinned_version("ray")
    for wrong in (
        {"entryPoint": "x"},
        {"ttlSecondsAfterFinished": "600"},
        {"submissionMode": "K8sJob"},
        {"deletionStrategy": {"onSuccess": {"policy": "DeleteSelf"}}},  # both or rules
        {"rayClusterSpec": {**job["spec"]["rayClusterSpec"], "autoscalerOption": {}}},
        {"rayClusterSpec": {**job["spec"]["rayClusterSpec"], "headGroupSpec": {"template": {}}}},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**job, "spec": {**job["spec"], **wrong}}, schema)


def pod_templates() -> list[dict[str, Any]]:
    """The pods of the job, as objects that Kubernetes has a schema for."""
    cluster = read("rayjob.yaml")["spec"]["rayClusterSpec"]
    groups = (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])
    kind = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "pod"}}
    return [{**kind, "template": group["template"]} for group in groups]


@pytest.mark.parametrize("version", ["1.25", "1.37"])  # the first and the last with a schema
def test_the_pods_of_the_job_are_valid_for_kubernetes(version: str) -> None:
    for pod in pod_templates():
        assert kubernetes_validate.validate(pod, version, strict=True) == version


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("volumeMount", [], "volumeMount"),
        ("image", 3, "3 is not"),
        ("resources", {"limits": {"cpu": ["2"]}}, r"\['2'\] is not"),
        ("envFrom", [{"secretRef": {"key": "bucket"}}], "key"),
        ("volumeMounts", [{"name": "data"}], "mountPath"),
    ],
)
def test_a_slip_in_a_pod_is_found(field: str, value: Any, problem: str) -> None:
    pod = pod_templates()[0]
    pod["template"]["spec"]["containers"][0][field] = value
    with pytest.raises(kubernetes_validate.ValidationError, match=problem):
        kubernetes_validate.validate(pod, "1.37", strict=True)


def test_every_volume_of_the_job_is_one_that_its_pod_has() -> None:
    cluster = read("rayjob.yaml")["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        named = {volume["name"] for volume in pod["volumes"]}
        mounted = {each["name"] for c in pod["containers"] for each in c["volumeMounts"]}
        assert mounted == named


def test_the_cluster_file_is_one_that_ray_up_takes() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    content = read("ray-cluster.yaml")
    validate_config(prepare_config(content))
    with pytest.raises(jsonschema.ValidationError):
        validate_config(prepare_config({**content, "min_worker": 2}))
    types = content["available_node_types"]
    assert content["head_node_type"] in types
    assert types["head"]["resources"] == {"CPU": 0}


def test_the_files_give_options_that_the_command_has() -> None:
    import inspect

    known = {f"--{name.replace('_', '-')}" for name in inspect.signature(run_command).parameters}
    for path in DEPLOY.iterdir():
        words = path.read_text().replace("#", " ").split()
        starts = [i for i, word in enumerate(words) if word.strip("\"'").endswith("repertoire")]
        for start in starts:
            if words[start + 1 : start + 2] == ["run"]:
                options = [w.strip("\"'") for w in words[start : start + 12] if w.startswith("--")]
                assert set(options) <= known, path.name


def test_the_image_has_the_files_that_an_installation_takes() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    copied = {w for line in lines if line.startswith("COPY") for w in line.split()[2:-1]}
    assert {"pyproject.toml", "constraints.txt", "orchestrator", "methods", "dashboards"} <= copied
    assert all((ROOT / name).exists() for name in copied)
    (install,) = [line for line in lines if line.startswith("RUN pip install")]
    extras = install.partition("'.[")[2].partition("]'")[0].split(",")
    offered = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"cluster", "gpu"} == set(extras) <= offered["optional-dependencies"].keys()
    # Ray imports these in the server of its jobs, to which a RayJob and `ray job submit` speak.
    (server,) = offered["optional-dependencies"]["cluster"]
    assert server.startswith("ray[default,")
    for package in ("aiohttp", "aiohttp-cors", "grpcio", "opencensus", "prometheus_client"):
        assert pinned_version(package)
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert {line[1:] for line in ignored if line.startswith("!")} == copied


def test_the_script_reads_the_lines_that_the_command_prints() -> None:
    text = SCRIPT.read_text()
    assert CONTINUES in text
    subprocess.run(["bash", "-n", str(SCRIPT)], check=True)


STAND_INS = {
    "scontrol": 'case $1 in show) echo one; echo two;; requeue) echo "requeue $2" >>"$LOG";; esac',
    "srun": 'while [[ $1 == -* ]]; do shift; done; exec "$@"',
    "hostname": "echo 127.0.0.1 10.0.0.1",
    "ray": (
        'echo "ray $*" >>"$LOG"; case $1 in health-check) ;; '
        '*) sleep 60 & trap "kill $!; exit 0" TERM; wait;; esac'
    ),
    "repertoire": (
        'trap "echo drained >>$LOG; terminated=1" TERM; echo "repertoire $*" >>"$LOG"; '
        "for i in $(seq 200); do [[ -n ${terminated:-} || -n ${AT_ONCE:-} ]] && break; "
        'sleep 0.05; done; echo "$SAYS"; exit $CODE'
    ),
}


def start(folder: Path, says: str, code: int, **more: str) -> subprocess.Popen[str]:
    """Run the script as Slurm would on two nodes, with stand-ins for all that it calls."""
    for name, text in STAND_INS.items():
        (folder / name).write_text(f"#!/usr/bin/env bash\n{text}\n")
        (folder / name).chmod(0o755)
    environment = os.environ | {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "LOG": str(folder / "log"),
        "SLURM_JOB_ID": "4711",
        "SLURM_JOB_NODELIST": "one,two",
        "SLURM_CPUS_PER_TASK": "3",
        "SAYS": says,
        "CODE": str(code),
        **more,
    }
    command = ["bash", str(SCRIPT), "a sweep.yaml", "--out", "/shared"]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def await_line(log: Path, begin: str) -> None:
    for _ in range(200):
        if log.exists() and any(each.startswith(begin) for each in log.read_text().splitlines()):
            return
        time.sleep(0.05)
    raise AssertionError(f"no {begin}: {log.read_text() if log.exists() else ''}")


@pytest.mark.parametrize(
    ("says", "code"),
    [
        (f"terminated; 3 stages are to go, {CONTINUES}", 1),
        ("", 143),  # the signal came while Python was starting
    ],
)
def test_a_job_that_is_terminated_drains_and_is_queued_again(
    tmp_path: Path, says: str, code: int
) -> None:
    job = start(tmp_path, says, code)
    await_line(tmp_path / "log", "repertoire")
    job.send_signal(signal.SIGTERM)
    output, _ = job.communicate(timeout=30)
    lines = (tmp_path / "log").read_text().splitlines()
    assert job.returncode == 0
    assert says in output
    head = next(line for line in lines if line.startswith("ray start --head"))
    assert "--node-ip-address=10.0.0.1" in head, "not the loopback address"
    assert "--temp-dir=/tmp/r4711" in head
    assert "--num-cpus=3" in head
    port = head.partition("--port=")[2].split()[0]
    assert any(f"--address=10.0.0.1:{port}" in line for line in lines)  # the second node
    run = f"repertoire run a sweep.yaml --out /shared --address 10.0.0.1:{port}"
    assert run in lines
    assert lines[-2:] == ["drained", "requeue 4711"]


@pytest.mark.parametrize(
    ("says", "code", "more", "queued"),
    [
        ("0 trials failed", 0, {}, False),
        ("failed: ewc-1", 1, {}, False),
        ("1 mistake", 2, {}, False),
        ("killed by another", 143, {}, False),
        (f"2 stages are to go, {CONTINUES}\n4 stages computed.", 1, {}, True),
        (f"2 stages are to go, {CONTINUES}\n0 stages computed.", 1, {}, False),
        (
            f"2 stages are to go, {CONTINUES}\n4 stages computed.",
            1,
            {"SLURM_RESTART_COUNT": "50"},
            False,
        ),
    ],
)
def test_a_job_is_queued_again_only_while_that_helps(
    tmp_path: Path, says: str, code: int, more: dict[str, str], queued: bool
) -> None:
    job = start(tmp_path, says, code, AT_ONCE="1", **more)
    output, _ = job.communicate(timeout=30)
    assert says in output
    assert ("requeue 4711" in (tmp_path / "log").read_text()) is queued
    assert job.returncode == (0 if queued else code)
