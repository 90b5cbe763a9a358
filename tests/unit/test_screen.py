"""What a person sees of a running sweep, on a terminal and in a file."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from orchestrator.graph.progress import Progress
from orchestrator.results.units import duration_text
from orchestrator.terminal import screen
from orchestrator.terminal.console import PlainConsole
from orchestrator.terminal.screen import Display

HALF_WAY = Progress(trials=4, trials_done=1, to_go=6, executed=3, running=2, shared=5, failed=1)


def read_console(console: PlainConsole) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_terminal_shows_a_bar_and_the_line_that_a_file_gets() -> None:
    console = PlainConsole(file=io.StringIO(), force_terminal=True, width=160)
    with Display(console) as display:
        display.show(HALF_WAY)
        display.say("a [note] on [/this]")
    text = read_console(console)
    assert "3/9" in text
    assert "trials 1/4" in text
    assert "6 to go · 1 diverged" in text
    assert "a [note] on [/this]" in text


def test_a_narrow_terminal_cuts_the_line_and_keeps_the_count() -> None:
    console = PlainConsole(file=io.StringIO(), force_terminal=True, width=60)
    with Display(console) as display:
        display.show(HALF_WAY)
    assert "3/9" in read_console(console)


def test_a_file_gets_a_line_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(screen.time, "monotonic", lambda: now[0])
    console = PlainConsole(file=io.StringIO(), force_terminal=False)
    with Display(console) as display:
        for now[0] in (100.0, 104.0, 109.9, 110.0, 119.0):
            display.show(HALF_WAY)
    lines = read_console(console).splitlines()
    assert len(lines) == 2
    assert all("stages 3 done" in line for line in lines)


def test_verbose_prints_each_change_and_quiet_prints_nothing() -> None:
    end = replace(HALF_WAY, executed=4, to_go=5)
    for detail, lines in (("verbose", 2), ("quiet", 0)):
        console = PlainConsole(file=io.StringIO(), force_terminal=False, width=200)
        with Display(console, detail) as display:  # type: ignore[arg-type]
            for progress in (HALF_WAY, HALF_WAY, end):
                display.show(progress)
        assert len(read_console(console).splitlines()) == lines
        display.say("more")
        assert ("more" in read_console(console)) == (detail == "verbose")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (60, "1 min 00 s"),
        (3599, "59 min 59 s"),
        (7500, "2 h 05 min"),
        (float("inf"), "–"),
    ],
)
def test_a_duration_reads_as_a_person_writes_it(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
