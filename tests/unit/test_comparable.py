"""The trials of each surface: which sweeps are apart, and why."""

from __future__ import annotations

import pandas as pd

from orchestrator.results.pooling import pool_trials
from orchestrator.results.surface.comparable import FREE, SEPARATE, comparable_trials


def trial(benchmark: str, sweep: str, **config: object) -> dict[str, object]:
    setting = {"benchmark": benchmark, "scenario": "class", "num_tasks": 2}
    setting |= {"means_storage_bytes": 9.0, "means_compute": 1.0}
    trial = {"sweep": sweep, "trial_id": sweep, "method": "er", "seed": 0, "phase": "evaluation"}
    trial |= {"status": "complete"}
    return setting | trial | {f"config.benchmark.{name}": value for name, value in config.items()}


def test_a_surface_says_what_differs_in_its_own_setting_alone() -> None:
    """The title of the first setting, with a colon, begins that of the second."""
    longer = "digits, class-incremental, 2 tasks: again"
    trials = [
        *(trial("digits", f"a{value}", imbalance=value) for value in (0.1, 0.5)),
        *(trial(longer, f"b{value}", imbalance=1.0, validation=value) for value in (0.2, 0.3)),
    ]
    parts = list(comparable_trials(pool_trials(pd.DataFrame(trials)).trials))
    assert [part.sweeps for part in parts] == [("a0.1",), ("a0.5",), ("b0.2",), ("b0.3",)]
    reasons = (
        "benchmark.imbalance 0.1 (a0.1), 0.5 (a0.5)",
        "benchmark.validation 0.2 (b0.2), 0.3 (b0.3)",
    )
    assert [part.note for part in parts] == [SEPARATE.format(r) for r in reasons for _ in range(2)]


def test_sweeps_that_leave_different_budgets_free_have_no_cell_in_common() -> None:
    both, more, free = (trial("digits", name) for name in ("both", "more", "free"))
    more["means_storage_bytes"], free["means_storage_bytes"] = 8.0, None
    pooled = pool_trials(pd.DataFrame([both, free, more])).trials
    for force in (False, True):
        parts = list(comparable_trials(pooled, force=force))
        assert {part.sweeps: part.note for part in parts} == {
            ("both", "more"): FREE,
            ("free",): FREE,
        }
        assert len({part.title for part in parts}) == 2
    (alone,) = comparable_trials(pool_trials(pd.DataFrame([free])).trials)
    assert (alone.sweeps, alone.note) == ((), "")
