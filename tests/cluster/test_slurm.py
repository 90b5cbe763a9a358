"""deploy/slurm.sh with a real Ray and the real command; Slurm's own commands are stand-ins."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.results.load import load

pytestmark = [pytest.mark.ray, pytest.mark.storm, pytest.mark.timeout(400)]
SCRIPT = Path(__file__).parents[2] / "deploy" / "slurm.sh"
STAND_INS = {
    "scontrol": 'case $1 in show) echo here;; *) echo "scontrol $*";; esac',
    "srun": 'while [[ $1 == -* ]]; do shift; done; exec "$@"',
    "hostname": "echo 127.0.0.1",
}
SWEEP = """
name: allocated
benchmark: {name: split_digits, num_tasks: 2, samples_per_task: 16}
network: {name: mlp, hidden: [4]}
methods: [finetune]
seeds: [0, 1]
"""


def test_an_allocation_runs_a_sweep_and_leaves_nothing_behind(tmp_path: Path) -> None:
    for name, text in STAND_INS.items():
        (tmp_path / name).write_text(f"#!/usr/bin/env bash\n{text}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    number = str(os.getpid())
    environment = os.environ | {
        "PATH": f"{tmp_path}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "SLURM_JOB_ID": number,
        "SLURM_JOB_NODELIST": "here",
        "SLURM_CPUS_PER_TASK": "1",
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db",
    }
    job = subprocess.run(
        ["bash", str(SCRIPT), str(tmp_path / "sweep.yaml"), "--out", str(tmp_path / "out")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=380,
        check=False,
    )
    assert job.returncode == 0, job.stdout + job.stderr
    assert "requeue" not in job.stdout
    assert set(load(tmp_path / "out").trials["status"]) == {"complete"}
    assert not Path(f"/tmp/r{number}").exists()
