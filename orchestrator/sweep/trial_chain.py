"""The chain of one (trial, seed): its row in the results, and its stages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orchestrator.hashing import canonical_json
from orchestrator.stages.stage import Chain, Stage
from orchestrator.sweep.measured_rows import MeasuredRows, restrict_to_rows
from orchestrator.sweep.trial import Trial, drop_places
from orchestrator.sweep.trial_code import trial_code


def trial_chain(
    sweep: str, trial: Trial, seed: int, phase: str = "evaluation", **more: Any
) -> tuple[Chain, tuple[Stage, ...]]:
    """Return the row of one (trial, seed) in the results, and its stages.

    Args:
        sweep: name of the sweep.
        trial: the trial.
        seed: one of its seeds.
        phase: "search" or "evaluation".
        more: further fields of `Chain`; with `outcome` the chain has no stages. `up_to`, the tasks
            after which the chain ends; `steps`, the stages of the trial on the seed if they are
            known, since their keys take time; `rows`, those of R to measure in full (all);
            `unset`, the places of hyperparameters without a value, which a search was to choose.
    """
    steps = more.pop("steps", None) or trial.stages(seed)
    code = canonical_json(trial_code(trial, steps))
    task_keys, means = steps[0].task_keys, trial.selection.get("means", {})
    schedule = trial.schedule_on(seed)
    up_to = more.pop("up_to", trial.benchmark.num_tasks)
    rows: MeasuredRows = more.pop("rows", "all")
    unset: Iterable[str] = more.pop("unset", ())
    steps = () if more.get("outcome") else restrict_to_rows(rows, steps)[: up_to + 1]
    chain = Chain(
        sweep=sweep,
        trial_id=trial.trial_id,
        phase=phase,
        seed=seed,
        method=trial.method.name,
        benchmark=trial.benchmark.title,
        scenario=trial.benchmark.scenario,
        network=trial.network.name,
        num_tasks=trial.benchmark.num_tasks,
        config=drop_places(trial.config, unset),
        keys=tuple(step.key for step in steps),
        task_keys=task_keys,
        measured=() if rows == "all" else tuple(frozenset(step.task_keys) for step in steps),
        scores_unseen=trial.method.cls.scores_unseen,
        hyperparameters=(({}, *schedule) if schedule else ()),
        code=code,
        means_storage_bytes=means.get("storage_bytes"),
        means_compute=means.get("compute"),
        method_label=trial.label or None,
        means_dial=canonical_json(dict(trial.dial_on(seed))) if means else None,
        means_flops=trial.budgets.get(seed, ()),
        storage_bound_bytes=trial.storage_bound,
        **{"selected": False, **more},
    )
    return chain, steps
