"""A Ray on this machine in a process of its own, which starts beside the imports of a command.

Nothing heavy is imported here. The process ends, and its Ray with it, when this one does.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading

from orchestrator.errors import RepertoireError

ENVIRONMENT = {
    # No telemetry.
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "1",
    # Warnings about Ray Train, which is not used.
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    # The default of coming releases, about which Ray warns as long as it is not chosen.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
# Workers import what a stage runs when they start, which Ray has them do before there is a task.
# A runtime environment would say the same, but each worker would then be two starts of Python, and
# those that Ray starts in advance would be of no use.
PRELOAD = {"RAY_preload_python_modules": "orchestrator.backends.worker_imports"}
# Not from the current folder, where a module of the user's may have a name of Ray's.
COMMAND = [sys.executable, "-P", "-m", "orchestrator.backends.local_ray_process"]


class LocalRay:
    """Starts a Ray on this machine, at once; `address` waits until it can be joined.

    It has a process group of its own: a terminal that closes and `timeout` send their signal to a
    whole group, and a Ray that got it would end the stages that a command lets finish.
    """

    def __init__(self) -> None:
        self._address: str | None = None
        self._process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            process_group=0,
            env=ENVIRONMENT | os.environ | PRELOAD,
        )

    def address(self) -> str:
        """Return HOST:PORT of the head, once it answers.

        Raises:
            RepertoireError: Ray could not be started.
        """
        if self._address is None:
            assert self._process.stdout is not None
            line = self._process.stdout.readline()
            answer = json.loads(line) if line else {"error": "its process ended"}
            if "error" in answer:
                self.close()
                raise RepertoireError(f"Ray cannot be started on this machine: {answer['error']}")
            self._address = str(answer["address"])
        return self._address

    def close(self) -> None:
        """Let Ray end: at once if nothing has joined it, else for a second or two, in a thread."""
        if self._address is None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        threading.Thread(target=self._process.wait, daemon=True).start()
