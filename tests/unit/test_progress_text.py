"""The line of progress, and lines of a terminal that are broken between words."""

from __future__ import annotations

import io

from rich.text import Text

from orchestrator.graph.progress import Progress
from orchestrator.terminal.console import PlainConsole, break_lines
from orchestrator.terminal.progress_text import progress_line

PATH = "/results/" + "x" * 40


def progress() -> Progress:
    result = Progress(phase="search", trials=12, asked_for=60)
    result.trials_done, result.executed, result.shared, result.running, result.to_go = 2, 8, 4, 1, 6
    result.failed, result.raised = 3, 2
    return result


def test_a_narrow_terminal_has_the_time_left_and_what_failed() -> None:
    whole = "searching · trials 2/12 · stages 8 done · 4 shared · 1 running · 6 to go · 2 failed"
    line = progress_line(progress())
    assert line.startswith(f"{whole} · 1 diverged · ETA ")
    assert progress_line(progress(), len(line)) == line
    assert "shared" not in progress_line(progress(), len(line) - 1)
    assert "running" in progress_line(progress(), len(line) - 1)
    narrow = "trials 2/12 · stages 8 done · 6 to go · 2 failed · 1 diverged · ETA "
    assert progress_line(progress(), 10).startswith(narrow)


def test_lines_are_broken_between_words_and_a_path_stays_whole() -> None:
    text = f"a table of results: {PATH} and more\nthe next  line"
    assert break_lines(Text(text), 20).plain.split("\n") == [
        "a table of results:",
        PATH,
        "and more",
        "the next  line",
    ]
    assert break_lines(Text(text), 200).plain == text


def test_a_file_gets_whole_lines_and_a_terminal_broken_ones() -> None:
    text = "one two three " * 10
    for terminal, lines in ((False, 1), (True, 3)):
        file = io.StringIO()
        PlainConsole(file=file, force_terminal=terminal, width=60).print_line(text)
        assert len(file.getvalue().splitlines()) == lines
