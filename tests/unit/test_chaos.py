"""The storm's own parts: what it counts as lost and as wrong, and how its server misbehaves."""

from __future__ import annotations

import http.client
import socket
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from perf.chaos.faults import flip, replace_by_folder, truncate
from perf.chaos.flaky import Behaviour, FlakyServer
from perf.chaos.ground import FacilityMissing, use_facility
from perf.chaos.lab import count_differences


def test_a_row_that_is_missing_is_lost_and_one_with_another_value_is_wrong() -> None:
    calm = pd.DataFrame({"seed": [0, 1, 2, 3], "acc": [0.5, np.nan, 0.25, 1.0]})
    stormy = pd.DataFrame({"seed": [1, 2, 0], "acc": [np.nan, 0.25000000001, 0.5]})
    assert count_differences(calm, stormy, ["seed"]) == (1, 1)
    assert count_differences(calm, calm, ["seed"]) == (0, 0)
    nothing = stormy.assign(acc=np.nan)
    assert count_differences(stormy, nothing, ["seed"]) == (0, 2)


def test_damage_changes_a_file_and_nothing_else(tmp_path: Path) -> None:
    rng, file = np.random.default_rng(0), tmp_path / "record.json"
    file.write_bytes(bytes(range(256)))
    flip(file, rng)
    changed = np.frombuffer(file.read_bytes(), np.uint8) ^ np.arange(256, dtype=np.uint8)
    assert np.unpackbits(changed).sum() == 1
    truncate(file, rng)
    assert file.stat().st_size < 256
    replace_by_folder(file, rng)
    assert file.is_dir()


def test_only_a_facility_that_is_missing_or_refused_excuses_a_fault() -> None:
    refusal = "echo mount: /x: Permission denied. >&2; exit 32"
    for missing in (("no-such-command-here",), ("sh", "-c", refusal)):
        with pytest.raises(FacilityMissing):
            use_facility(*missing)
    with pytest.raises(subprocess.CalledProcessError):
        use_facility("sh", "-c", "echo mount: bad option >&2; exit 32")
    use_facility("true")


def status(server: FlakyServer) -> int:
    host, _, port = server.address.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=0.5)
    try:
        connection.request("PUT", "/x", b"abc")
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_server_forwards_answers_errors_closes_or_hangs() -> None:
    rng = np.random.default_rng(0)
    behind = FlakyServer(None, rng).start()  # answers 500 itself
    host, _, port = behind.address.removeprefix("http://").partition(":")
    server = FlakyServer((host, int(port)), rng).start()
    assert (status(server), behind.requests) == (500, 1)
    server.behaviour = Behaviour(errors=1.0, statuses=(503,))
    assert (status(server), behind.requests) == (503, 1)
    server.behaviour = Behaviour(away=True)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        status(server)
    server.behaviour = Behaviour(hang=True)
    with pytest.raises((TimeoutError, socket.timeout)):
        status(server)
    server.stop()
    behind.stop()
