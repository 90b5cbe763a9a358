"""What cannot be met is refused when a sweep is planned, with the sum that shows it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from test_means import FORWARD, LAST, MODEL, STEP, solve, write_means

from orchestrator.cli.app import main
from orchestrator.errors import RepertoireError

pytestmark = pytest.mark.slow

DATA = 2 * 64 * 65  # bytes of all images with their labels
EPOCH = 64 * STEP  # FLOPs of fine-tuning a task
REFUSED = {
    "a budget below the bare model": (
        ("[finetune, er]", "{storage: 1 kB, compute: 2}"),
        [
            f"{name} at 1,000 B: it carries model {MODEL:,} B, which is {MODEL - 1000:,} B above"
            for name in ("finetune", "er")
        ],
    ),
    "a unit that is none": (
        ("[finetune]", "{storage: 3 parsecs}"),
        ["means.storage: must be a number of bytes above 0", "GiB, given 3 parsecs"],
    ),
    "computation below a pass": (
        ("[finetune]", "{compute: 0.5}"),
        [
            f"0.5 x {EPOCH:,} FLOP, a pass over task 1, = {EPOCH // 2:,} FLOP, which is "
            f"{EPOCH // 2:,} FLOP below it"
        ],
    ),
    "a method without a dial that fits no cell": (
        ("[joint]", "{storage: {grid: [5 kB, 6 kB]}, compute: 2}"),
        [
            f"joint at {size:,} B: it carries model {MODEL:,} B + raw data {DATA:,} B = "
            f"{MODEL + DATA:,} B, which is {MODEL + DATA - size:,} B above {size:,} B"
            for size in (5000, 6000)
        ],
    ),
}


Plan = Callable[[Path], tuple[object, str]]


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Plan:
    """Return a function from a sweep file to the exit code of its plan, and what it prints."""

    def run(file: Path) -> tuple[object, str]:
        words = ["plan", str(file), "--out", str(file.parent / "results")]
        monkeypatch.setattr(sys, "argv", ["repertoire", *words])
        with pytest.raises(SystemExit) as caught:
            main()
        return caught.value.code, " ".join("".join(capsys.readouterr()).split())

    return run


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_met_is_refused_by_a_plan_with_the_sum(
    tmp_path: Path, plan: Plan, kind: str
) -> None:
    (methods, means), sums = REFUSED[kind]
    code, text = plan(write_means(tmp_path, methods, means))
    assert code == 2
    assert [each for each in sums if each not in text] == []


def test_a_method_that_fits_no_cell_beside_others_that_do_is_said_with_the_sum(
    tmp_path: Path, plan: Plan
) -> None:
    code, text = plan(write_means(tmp_path, "[finetune, joint]", "{storage: 5 kB}"))
    assert code == 0, "others have a surface"
    assert "means: fit no cell: joint" in text
    assert f"{MODEL + DATA:,} B, which is {MODEL + DATA - 5000:,} B above 5,000 B" in text


def test_a_consolidation_that_is_too_dear_is_refused_once_prices_are_counted(
    tmp_path: Path, plan: Plan
) -> None:
    """The exact Fisher of 5 labels: see ENDINGS of the tests of means. Steps take 4 examples."""
    file, message = write_means(tmp_path, "[ewc]", "{compute: 1}"), "no method fits its means"
    code, text = plan(file)
    assert code == 0
    assert "once they are counted it is known which cells fit their computation" in text
    with pytest.raises(RepertoireError, match=message):
        solve(tmp_path, "[ewc]", "{compute: 1}")
    code, text = plan(file)
    assert code == 2
    fisher = 64 * (2 * FORWARD + 5 * LAST) + FORWARD
    step = 4 * STEP
    assert f"one step {step:,} FLOP + consolidation {fisher:,} FLOP = {step + fisher:,}" in text
    assert f"which is {step + fisher - EPOCH:,} FLOP above {EPOCH:,} FLOP" in text
