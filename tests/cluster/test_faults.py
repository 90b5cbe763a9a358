"""Each fault with real processes, at a moment drawn from a printed seed: the tables are the same.

`STORM_SEED=N` repeats the moments of a run.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import numpy as np
import pytest

from perf.chaos.faults import FAULTS, NEED_RAY, NEED_USER
from perf.chaos.ground import FacilityMissing
from perf.chaos.grounds import GROUNDS
from perf.chaos.lab import Lab, run_calm
from perf.chaos.rounds import plan_fault, run_round
from perf.chaos.sweeps import SEARCH, SWEEP

pytestmark = [pytest.mark.storm, pytest.mark.ray, pytest.mark.timeout(900)]
FAULTLESS = ("own Ray", "inline", "ordinary user", "search")
SEED = int(os.environ.get("STORM_SEED", secrets.randbelow(10**6)))
# The faults of a command, on a Ray of its own where they need one; and the grounds that are faults.
CASES = [
    *(
        ("own Ray" if name in NEED_RAY or name.startswith("driver") else "inline", name)
        for name in FAULTS
        if name not in NEED_USER
    ),
    *(("ordinary user", name) for name in sorted(NEED_USER)),
    ("search", "driver killed"),
    *((ground, None) for ground in GROUNDS if ground not in FAULTLESS),
]


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Lab]:
    folder = tmp_path_factory.mktemp("storm")
    return {
        sweep: run_calm(folder / f"calm{number}", sweep)
        for number, sweep in enumerate((SWEEP, SEARCH))
    }


@pytest.mark.parametrize(("ground", "fault"), CASES, ids=lambda case: str(case).replace(" ", "-"))
def test_a_sweep_that_suffered_a_fault_ends_with_the_tables_of_an_undisturbed_run(
    tmp_path: Path, calm: dict[str, Lab], ground: str, fault: str | None
) -> None:
    rng = np.random.default_rng([SEED, CASES.index((ground, fault))])
    try:
        with GROUNDS[ground](tmp_path / "round", rng) as place:
            faults = [plan_fault(fault, rng)] if fault else []
            report = run_round(place, faults, rng, calm[place.lab.sweep])
    except FacilityMissing as error:
        pytest.skip(f"not possible here: {error}")
    story = f"STORM_SEED={SEED}: {report}"
    assert (report.counts["lost"], report.counts["wrong"]) == (0, 0), story
    assert report.codes[-1] == 0, story
    if fault == "the same sweep started twice" and report.events:
        assert "beside: results ended with 2" in report.events, story  # it has one writer
