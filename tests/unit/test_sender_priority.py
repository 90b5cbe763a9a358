"""What sends to MLflow gives way to stages, also where the kernel divides time among sessions."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.tracking import __main__ as sender


@pytest.mark.parametrize(("leads", "expected"), [(True, "5"), (False, "/autogroup-7 nice 0")])
def test_the_sender_lowers_its_own_session_and_no_other(
    leads: bool, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    autogroup, niceness = tmp_path / "autogroup", list[int]()
    autogroup.write_text("/autogroup-7 nice 0")
    monkeypatch.setattr(sender, "AUTOGROUP", autogroup)
    monkeypatch.setattr(os, "nice", niceness.append)
    monkeypatch.setattr(os, "getsid", lambda pid: os.getpid() if leads else os.getpid() + 1)
    sender.give_way()
    assert (niceness, autogroup.read_text()) == ([15], expected)


def test_a_kernel_without_autogroups_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "AUTOGROUP", tmp_path / "none" / "autogroup")
    monkeypatch.setattr(os, "nice", lambda increment: increment)
    monkeypatch.setattr(os, "getsid", lambda pid: os.getpid())
    sender.give_way()
    assert not (tmp_path / "none").exists()
