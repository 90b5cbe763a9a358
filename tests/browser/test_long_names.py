"""Names of 80 characters on a narrow screen: what has no room says so, and is there whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner
from visitor import Visitor

from dashboards.long_names import CELL, CHOSEN, LIST, OPTION, TEXT
from orchestrator.cli.app import app

SOLID, BLANKS = "a_memory_of_few_images_" * 4, "a memory of more images " * 4
SWEEP = f"""\
name: {"long_" * 15}names
benchmark: {{name: split_digits, num_tasks: 2, samples_per_task: 32}}
network: {{name: mlp, hidden: [8]}}
training: {{epochs: 1, batch_size: 32}}
methods:
  - {{name: er, memory_size: 20, label: {SOLID[:80]}}}
  - {{name: er, memory_size: 40, label: {BLANKS[:80]}}}
seeds: [0]
"""
CUT = """boxes => boxes.filter(box => box.scrollWidth > box.clientWidth)
    .map(box => getComputedStyle(box).textOverflow)"""
HIDDEN = "boxes => boxes.filter(box => box.scrollHeight > box.clientHeight + 1).length"


@pytest.fixture(scope="module")
def long_names(spare: Path) -> Iterator[None]:
    """A sweep of long names beside the other one."""
    (spare / "long.yaml").write_text(SWEEP)
    words = ["run", str(spare / "long.yaml"), "--out", str(spare), "--backend", "inline"]
    try:
        result = CliRunner().invoke(app, words, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        yield
    finally:
        for path in spare.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


@pytest.mark.usefixtures("long_names")
def test_a_name_without_room_ends_in_an_ellipsis_and_is_whole_under_the_mouse(
    narrow: Visitor,
) -> None:
    narrow.open("R matrix")
    chosen = narrow.page.get_by_role("combobox", name="Trial")
    chosen.click()
    options = narrow.page.locator(OPTION)
    assert options.evaluate_all(CUT) == ["ellipsis"] * 2
    option = options.filter(has_text=SOLID[:80])
    option.hover()
    assert str(option.get_attribute("title")).startswith(f"{SOLID[:80]} · split_digits")
    option.click()
    narrow.settle()
    chosen.blur()
    assert narrow.page.locator(LIST).evaluate_all(CUT) == ["ellipsis"]
    chosen.hover()
    assert chosen.get_attribute("title") == chosen.input_value()


@pytest.mark.usefixtures("long_names")
def test_chosen_names_are_seen_whole(narrow: Visitor) -> None:
    narrow.open("Forgetting")
    narrow.page.set_viewport_size({"width": 400, "height": 900})
    narrow.page.get_by_role("combobox", name="Table").click()
    narrow.page.get_by_role("option").filter(has_text="long_names").click()
    names = narrow.page.locator(f"{CHOSEN} [data-tag] > span")
    names.filter(has_text=SOLID[:80]).wait_for()
    names.filter(has_text="joint").wait_for(state="detached")
    assert set(names.all_text_contents()) == {SOLID[:80], BLANKS[:80].strip()}
    assert names.evaluate_all(CUT) == []
    assert narrow.page.locator(CHOSEN).evaluate_all(HIDDEN) == 0


@pytest.mark.usefixtures("long_names")
def test_names_in_the_last_events_wrap_and_words_and_times_do_not(narrow: Visitor) -> None:
    narrow.open("Live")
    narrow.page.get_by_role("combobox", name="Sweep", exact=True).click()
    narrow.page.get_by_role("option").filter(has_text="long_names").click()
    narrow.page.locator(CELL).filter(has_text=SOLID[:80]).first.wait_for()
    assert narrow.page.locator(f"{CELL} > {TEXT}").evaluate_all(CUT) == []
    lines = "boxes => boxes.map(box => Math.round(box.clientHeight / 21))"
    times = narrow.page.locator(f"{CELL}:first-child > {TEXT}")
    assert set(times.evaluate_all(lines)) == {1}
    done = narrow.page.locator(f"{CELL} > {TEXT}").filter(has_text="complete")
    assert set(done.evaluate_all(lines)) == {1}
