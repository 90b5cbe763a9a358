"""Commands that serve pages end all that they started."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from processes import alive_after, descendants

PATIENCE_SECONDS = 120.0  # of a machine that does other things

pytestmark = [pytest.mark.storm, pytest.mark.timeout(4 * PATIENCE_SECONDS)]


@pytest.mark.parametrize(
    ("command", "page", "number"),
    [
        ("dashboard", "_stcore/health", signal.SIGTERM),
        ("dashboard", "_stcore/health", signal.SIGINT),
        ("ui", "health", signal.SIGTERM),
    ],
)
def test_a_signal_ends_the_server_of_a_command_and_all_its_children(
    command: str, page: str, number: signal.Signals, tmp_path: Path
) -> None:
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun/sweep.yaml").touch()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    words = [sys.executable, "-m", "orchestrator.cli", command, str(tmp_path), "--port", port]
    served = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_answer(f"http://127.0.0.1:{port}/{page}", served)
        children = descendants(served.pid)
        assert children
        served.send_signal(number)
        assert served.wait(PATIENCE_SECONDS) == 0
    finally:
        served.kill()
        served.wait()
    assert not alive_after(children, PATIENCE_SECONDS)


def wait_for_answer(url: str, server: subprocess.Popen[bytes]) -> None:
    """Wait until a server answers; fail if it ends."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        assert server.poll() is None
        assert time.monotonic() < deadline
        try:
            urllib.request.urlopen(url, timeout=PATIENCE_SECONDS).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
