"""A computation in a copy of the process: its result, and what happens where there is none."""

from __future__ import annotations

import os
import signal

import pytest

from orchestrator.cli.process_copy import FEWEST, compute_in_copy


def test_a_long_computation_runs_in_another_process_and_a_short_one_in_this() -> None:
    with compute_in_copy(os.getpid, FEWEST) as find:
        assert find() != os.getpid()
    with compute_in_copy(os.getpid, FEWEST - 1) as find:
        assert find() == os.getpid()


def test_a_copy_that_ends_without_a_result_leaves_the_work_to_this_process() -> None:
    here = os.getpid()

    def compute() -> float:
        return 7.0 if os.getpid() == here else os._exit(9)

    with compute_in_copy(compute, FEWEST) as find:
        assert find() == 7.0


def test_a_copy_whose_result_is_not_wanted_is_ended() -> None:
    read, write = os.pipe()

    def compute() -> float:
        os.write(write, b"%d" % os.getpid())
        signal.pause()
        return 0.0

    with compute_in_copy(compute, FEWEST):
        pid = int(os.read(read, 20))
        os.kill(pid, 0)  # it lives
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    os.close(read)
    os.close(write)
