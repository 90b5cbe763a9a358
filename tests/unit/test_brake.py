"""The brake: what a budget lets start, and what Ctrl-C does."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest
from stub_clock import Clock

from orchestrator.graph.brake import Brake
from orchestrator.graph.events import ChainAdvanced, RunStage, SlotsChanged
from orchestrator.graph.signals import REASONS, end_on_signal, pull_on_signal
from orchestrator.stages.outcomes import StageDone, StageFailed
from orchestrator.sweep.options import Resources, RunBudget


def test_without_a_budget_nothing_is_limited(clock: Clock) -> None:
    brake = Brake()
    for i in range(1000):
        brake.count(RunStage(str(i)))
        brake.count(StageDone(str(i)))
    clock.now += 1e9
    assert (brake.reason, brake.stages_left) == (None, None)


def test_stages_count_when_they_start() -> None:
    brake = Brake(RunBudget(stages=2))
    left = [brake.stages_left]
    for news in (
        SlotsChanged(3),
        RunStage("a"),
        ChainAdvanced(("t", 0), 1),
        StageDone("a"),
        StageFailed("b", ""),
        RunStage("c"),
    ):
        brake.count(news)
        left.append(brake.stages_left)
    assert left == [2, 2, 1, 1, 1, 1, 0]
    assert brake.reason == "the budget is spent (stages: 2)"


def test_hours_on_the_clock_are_counted_from_the_start(clock: Clock) -> None:
    brake = Brake(RunBudget(wall=0.5))
    clock.now += 1799.9
    assert (brake.reason, brake.stages_left) == (None, None)
    clock.now += 0.1
    assert (brake.reason, brake.stages_left) == ("the budget is spent (wall: 0.5)", 0)
    clock.now -= 1000  # who was stopped stays stopped
    assert brake.stages_left == 0


@pytest.mark.parametrize(
    ("budget", "resources", "seconds_at_most"),
    [
        (RunBudget(cpu_hours=1), Resources(), 3600),
        (RunBudget(cpu_hours=1), Resources(cpus=4), 900),
        (RunBudget(cpu_hours=1), Resources(cpus=0.5, gpus=1), 7200),
        (RunBudget(gpu_hours=1), Resources(cpus=4, gpus=1), 3600),
        (RunBudget(gpu_hours=0.5), Resources(gpus=0.25), 7200),
        (RunBudget(gpu_hours=0.5, cpu_hours=1), Resources(cpus=2, gpus=0.5), 1800),
    ],
)
def test_hours_are_those_of_finished_stages_times_what_a_stage_takes(
    budget: RunBudget, resources: Resources, seconds_at_most: float
) -> None:
    took = {"a": seconds_at_most - 1.0, "b": 1.0, "c": 5.0}
    brake = Brake(budget, resources, took.__getitem__)
    brake.count(StageDone("a"))
    assert brake.reason is None
    brake.count(RunStage("b"))
    assert brake.reason is None
    brake.count(StageDone("b"))
    assert brake.reason is not None
    assert brake.stages_left == 0


def test_hours_of_gpus_are_never_spent_without_any() -> None:
    brake = Brake(RunBudget(gpu_hours=0.001), Resources(), lambda key: 1e9)
    brake.count(StageDone("a"))
    assert brake.reason is None


def test_how_long_a_stage_took_is_only_looked_up_where_it_matters() -> None:
    def never(key: str) -> float:
        raise AssertionError("looked up")

    Brake(RunBudget(stages=3, wall=1), Resources(), never).count(StageDone("a"))


def test_the_first_reason_is_told() -> None:
    brake = Brake(RunBudget(stages=1))
    brake.pull("interrupted")
    brake.count(RunStage("a"))
    brake.pull("again")
    assert (brake.reason, brake.stages_left) == ("interrupted", 0)


# --- Ctrl-C --------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _signals_are_heard() -> Iterator[None]:
    """A shell's background processes ignore some signals from the start."""
    heard = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    heard[signal.SIGHUP] = signal.SIG_DFL
    before = {number: signal.signal(number, handler) for number, handler in heard.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_the_first_interrupt_pulls_the_brake_and_the_second_ends_the_block() -> None:
    brake, messages, went_on = Brake(), list[str](), list[str]()
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), pull_on_signal(brake, messages.append):  # noqa: PT012
        interrupt()
        went_on.append("after the first")
        assert (brake.reason, brake.stages_left) == ("interrupted", 0)
        interrupt()
        went_on.append("after the second")
    assert went_on == ["after the first"]
    assert messages == ["finishing the stages that run; Ctrl-C again stops at once"]
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    ("number", "reason"), [(signal.SIGTERM, "terminated"), (signal.SIGHUP, "hung up")]
)
def test_a_batch_system_s_signal_drains_and_any_second_signal_ends_the_block(
    number: signal.Signals, reason: str
) -> None:
    brake, messages = Brake(), list[str]()
    before = {each: signal.getsignal(each) for each in REASONS}
    with pytest.raises(KeyboardInterrupt), pull_on_signal(brake, messages.append):  # noqa: PT012
        os.kill(os.getpid(), number)
        assert (brake.reason, brake.stages_left) == (reason, 0)
        interrupt()
    assert messages == ["finishing the stages that run; a second signal stops at once"]
    assert {each: signal.getsignal(each) for each in REASONS} == before


def test_a_hang_up_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        brake = Brake()
        with pull_on_signal(brake, lambda line: None):
            os.kill(os.getpid(), signal.SIGHUP)
        assert brake.reason is None
    finally:
        signal.signal(signal.SIGHUP, before)


def test_after_the_block_an_interrupt_is_what_it_was() -> None:
    brake = Brake()
    with pull_on_signal(brake, lambda line: None):
        pass
    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert brake.reason is None


@pytest.mark.parametrize("number", REASONS)
def test_before_and_after_stages_run_a_signal_ends_the_block_and_says_which(number: int) -> None:
    before, brake, ended = signal.getsignal(number), Brake(), list[str]()
    with pytest.raises(KeyboardInterrupt, match=REASONS[number]), end_on_signal():  # noqa: PT012
        with pull_on_signal(brake, lambda line: None):
            os.kill(os.getpid(), number)  # pulls the brake alone
        ended.append("the stages")
        os.kill(os.getpid(), number)
        ended.append("the block")
    assert (ended, brake.reason) == (["the stages"], REASONS[number])
    assert signal.getsignal(number) is before


def test_in_another_thread_nothing_is_changed() -> None:
    before, inside = signal.getsignal(signal.SIGINT), list[object]()

    def enter() -> None:
        with pull_on_signal(Brake(), lambda line: None):
            inside.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert inside == [before]
