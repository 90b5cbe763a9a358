"""Rows of the three tables, from a chain and its records.

The metrics of a trial are null unless it is complete, since values after different numbers of tasks
are not comparable.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.columns import (
    CATEGORIES,
    CODE,
    INFERENCE,
    MEANS,
    MEANS_FLOPS,
    METHOD_LABEL,
    PEAK_STORAGE,
    SELECTABLE,
    STORAGE_BOUND,
    SUMMED,
)
from orchestrator.hashing import canonical_json
from orchestrator.results.metrics import R, metrics_after
from orchestrator.results.names.trial_ids import former_id
from orchestrator.results.r_matrix import build_r
from orchestrator.results.tables.schemas import IDENTITY, SPLITS, STAGES, TRIALS
from orchestrator.results.tables.steps_taken import dial_text, hyperparameter_json
from orchestrator.stages.record import Costs, Record, Score
from orchestrator.stages.storage.record_cache import Records

if TYPE_CHECKING:
    from orchestrator.stages.stage import Chain


MAX_DIGITS = 19  # of an integer that fits 64 bits, and one more
NO_SCORE = Score(accuracy=None, loss=None, n=0)
TRIAL_COLUMNS, STAGE_COLUMNS = TRIALS.names, STAGES.names
STORAGE_COLUMNS = {category: f"storage_{category}_bytes" for category in CATEGORIES}
Row = tuple[Any, ...]


def trial_row(
    chain: Chain, records: list[Record], store: Records, run_id: str | None, unfinished: str = ""
) -> Row:
    """Return the row of a chain in the trials table; see `schemas.TRIALS`.

    Args:
        chain: the chain.
        records: of its stages, as far as they are stored.
        store: has the stories of failed stages.
        run_id: of its MLflow run.
        unfinished: why it may be incomplete although nothing stopped it: the run has ended early.
    """
    status, story = _status(chain, records, store, unfinished)
    learned = [record for record in records if record.status == "complete"]
    row: dict[str, Any] = {name: getattr(chain, name, None) for name in (*IDENTITY, "num_tasks")}
    row |= {"status": status, "story": story, "mlflow_run_id": run_id}
    row |= {"tasks_done": max(len(learned) - 1, 0), "config": canonical_json(chain.config)}
    own = ("group", "candidate", "objective", CODE, *MEANS, METHOD_LABEL, STORAGE_BOUND)
    row |= {name: getattr(chain, name) for name in own}
    row["means_dial"] = dial_text(chain, records)
    row[MEANS_FLOPS] = sum(chain.means_flops) if chain.means_flops else None
    if status == "complete":
        row |= _metrics(chain, records)
    row |= _storage_columns(learned[-1].costs if learned else Costs())
    row[PEAK_STORAGE] = max((sum(record.costs.storage.values()) for record in learned), default=0)
    # All work of the chain, also of stages that were computed for another trial.
    row |= {name: sum(getattr(record.costs, name) for record in records) for name in SUMMED}
    row["peak_memory_bytes"] = max(
        (record.costs.peak_memory_bytes for record in records), default=0
    )
    row |= _late_costs(records, learned)
    row |= _worker_columns(records[-1]) if records else {}
    if status == "failed" and chain.keys:
        row |= store.failed_worker(chain.keys[len(records)])
    return tuple(map(row.get, TRIAL_COLUMNS))


def _late_costs(records: list[Record], learned: list[Record]) -> dict[str, Any]:
    """Return the largest working memory, the last inference, and energy and saved FLOPs in sum.

    Each is null where a stage has none: of a part of the stages it would look like less.
    """
    working = [record.costs.working_bytes for record in learned if record.after]
    energy = [record.costs.energy_joules for record in records]
    known, joules = ([v for v in values if v is not None] for values in (working, energy))
    row: dict[str, Any] = {n: getattr(learned[-1].costs, n) for n in INFERENCE} if learned else {}
    row["working_bytes"] = max(known) if known and len(known) == len(working) else None
    row["energy_joules"] = sum(joules) if joules and len(joules) == len(energy) else None
    saved = [r.costs.saved_flops for r in records if r.costs.saved_flops is not None]
    row["saved_flops"] = sum(saved) if saved else None
    return row


def _worker_columns(record: Record) -> dict[str, Any]:
    """Return the node, process and device of a stage."""
    pid = record.environment.get("pid", "")
    return {
        "node": record.environment.get("node"),
        "pid": int(pid) if pid.isdecimal() and len(pid) < MAX_DIGITS else None,
        "device": record.costs.device,
    }


def _metrics(chain: Chain, records: list[Record]) -> dict[str, float]:
    """Return the metrics of a complete trial: on validation data and, after a search, test data.

    A candidate of a search has none on test data, so that nothing can be selected by them.
    """
    arguments = chain.depth, chain.scenario
    validated = metrics_after(_r_matrix(chain, records, "validation"), *arguments)
    row = {f"val_{name}": validated[name] for name in SELECTABLE}
    return (
        row
        if chain.phase == "search"
        else row | metrics_after(_r_matrix(chain, records, "test"), *arguments)
    )


def _status(
    chain: Chain, records: list[Record], store: Records, unfinished: str
) -> tuple[str, str]:
    """Return a trial's status and the reason for it; empty if the trial is complete."""
    if chain.outcome is not None:
        return chain.outcome
    if records and records[-1].status == "diverged":
        return "diverged", records[-1].story
    if chain.decision:
        return "stopped", chain.decision
    if len(records) == len(chain.keys):
        return "complete", ""
    # The first missing stage failed if the store has its story; else it has not run.
    story = store.failure(chain.keys[len(records)])
    return ("stopped", unfinished) if story is None else ("failed", story)


def _storage_columns(costs: Costs) -> dict[str, int]:
    """Return bytes by category and in total; a user's own category counts in the total only."""
    storage = costs.storage
    by_category = {column: storage.get(name, 0) for name, column in STORAGE_COLUMNS.items()}
    total = sum(storage.values())
    without = total - storage.get("backbone", 0)
    return {"storage_bytes": total, "storage_without_backbone_bytes": without, **by_category}


def _r_matrix(chain: Chain, records: list[Record], split: str) -> R:
    """Return R [T+1, T] of a chain; rows after its last task are NaN."""
    rows = zip(records, chain.requests(), strict=False)
    cells = [
        (after, task, _score(record, key, split).accuracy)
        for after, (record, (_, measured)) in enumerate(rows)
        for task, key in enumerate(chain.task_keys, start=1)
        if key in measured
    ]
    columns = np.array(cells, dtype=object).reshape(-1, 3).T
    return build_r(columns[0], columns[1], columns[2], chain.num_tasks)


def _score(record: Record, task: str, split: str) -> Score:
    return record.evaluation[task].get(split, NO_SCORE)


def accuracy_rows(chain: Chain, records: list[Record]) -> Iterator[Row]:
    """Yield the rows of a chain in the accuracy table: each stage, task and split."""
    trial = (chain.sweep, chain.trial_id, chain.seed)
    # Candidates have no rows on test data, so that nothing can be selected by them.
    splits = ("validation",) if chain.phase == "search" else SPLITS
    for after, (record, (_, measured)) in enumerate(zip(records, chain.requests(), strict=False)):
        if record.status == "complete":
            tasks = [each for each in enumerate(chain.task_keys, 1) if each[1] in measured]
            for (task, key), split in product(tasks, splits):
                score = _score(record, key, split)
                yield (*trial, split, after, task, score.accuracy, score.loss, score.n)


def stage_row(chain: Chain, record: Record) -> Row:
    """Return the row of a stage in the stages table."""
    trial = {"sweep": chain.sweep, "trial_id": chain.trial_id, "seed": chain.seed}
    row = vars(record.costs) | vars(record) | trial | _storage_columns(record.costs)
    sweep, former, seed = record.computed_for
    # Only a stage that this very trial computed is no cached one.
    own = (sweep, seed) == (chain.sweep, chain.seed) and former in (
        chain.trial_id,
        former_id(chain.trial_id),
    )
    row["cached"] = not own
    row |= _worker_columns(record)
    if chain.hyperparameters:
        row["hyperparameters"] = hyperparameter_json(chain, record)
    if chain.means_flops and record.after:
        row[MEANS_FLOPS] = chain.means_flops[record.after - 1]
    return tuple(map(row.get, STAGE_COLUMNS))
