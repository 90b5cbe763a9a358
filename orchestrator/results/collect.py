"""The three tables of a sweep, computed from its chains and the records of the store.

The rows of a chain end with its first stage that is missing or diverged. The metrics of a trial
are null unless it is complete, since values after different numbers of tasks are not comparable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from orchestrator.columns import CATEGORIES, SELECTABLE, SUMMED
from orchestrator.graph.collector import pause_collector
from orchestrator.hashing import canonical_json, to_json
from orchestrator.results.cells import build_r_from_rows
from orchestrator.results.metrics import R, metrics_after
from orchestrator.results.naming import former_id
from orchestrator.results.tables import (
    ACCURACY,
    IDENTITY,
    SPLITS,
    STAGES,
    TRIALS,
    Tables,
    build_table,
    with_config_columns,
)
from orchestrator.stages.record import Costs, Record, RecordRequest, Score
from orchestrator.stages.storage.record_cache import Records

if TYPE_CHECKING:
    from orchestrator.stages.stage import Chain

NO_SCORE = Score(accuracy=None, loss=None, n=0)
TRIAL_COLUMNS, STAGE_COLUMNS = TRIALS.names, STAGES.names
STORAGE_COLUMNS = {category: f"storage_{category}_bytes" for category in CATEGORIES}
Row = tuple[Any, ...]
RecordsByKey = dict[RecordRequest, Record]


@pause_collector()
def collect_tables(
    chains: Sequence[Chain],
    store: Records,
    run_ids: Mapping[str, str] | None = None,
) -> Tables:
    """Return the tables of chains, from the records that are in the store now.

    Args:
        chains: the chains of the sweep, in the order of their rows.
        store: the store of the records.
        run_ids: `run_name` of a chain -> id of its MLflow run.
    """
    records_by_key = _read_records(chains, store)
    trials: list[Row] = []
    accuracy: list[Row] = []
    stages: list[Row] = []
    for chain in chains:
        records = _chain_records(chain, records_by_key)
        trials.append(_trial_row(chain, records, store, (run_ids or {}).get(run_name(chain))))
        accuracy.extend(_accuracy_rows(chain, records))
        stages.extend(_stage_row(chain, record) for record in records)
    return Tables(
        trials=with_config_columns(build_table(trials, TRIALS)),
        accuracy=build_table(accuracy, ACCURACY),
        stages=build_table(stages, STAGES),
    )


def run_name(chain: Chain) -> str:
    """Return the name of a chain's MLflow run; a candidate of a search has a run of its own."""
    return f"{chain.trial_id} search" if chain.phase == "search" else chain.trial_id


def _read_records(chains: Sequence[Chain], store: Records) -> RecordsByKey:
    """Read the records of chains, one depth at a time, up to the first missing or diverged one."""
    reached = [(chain.keys, frozenset(chain.task_keys)) for chain in chains]
    records_by_key: RecordsByKey = {}
    depth = 0
    while reached:
        wanted = {(keys[depth], tasks): None for keys, tasks in reached if depth < len(keys)}
        records_by_key |= store.records(one for one in wanted if one not in records_by_key)
        reached = [
            (keys, tasks)
            for keys, tasks in reached
            if depth < len(keys) and _is_complete(records_by_key.get((keys[depth], tasks)))
        ]
        depth += 1
    return records_by_key


def _is_complete(record: Record | None) -> bool:
    return record is not None and record.status == "complete"


def _chain_records(chain: Chain, records_by_key: RecordsByKey) -> list[Record]:
    """Return a chain's records before the first missing one, or up to the first diverged one."""
    task_keys = frozenset(chain.task_keys)
    records: list[Record] = []
    for key in chain.keys:
        record = records_by_key.get((key, task_keys))
        if record is None:
            break
        records.append(record)
        if record.status == "diverged":
            break
    return records


def _trial_row(chain: Chain, records: list[Record], store: Records, run_id: str | None) -> Row:
    status, story = _status(chain, records, store)
    learned = [record for record in records if record.status == "complete"]
    row: dict[str, Any] = {name: getattr(chain, name, None) for name in (*IDENTITY, "num_tasks")}
    row |= {"status": status, "story": story, "mlflow_run_id": run_id}
    row |= {"tasks_done": max(len(learned) - 1, 0), "config": canonical_json(chain.config)}
    row |= {name: getattr(chain, name) for name in ("group", "candidate", "objective")}
    if status == "complete":
        row |= _metrics(chain, records)
    row |= _storage_columns(learned[-1].costs if learned else Costs())
    row |= {name: sum(getattr(record.costs, name) for record in records) for name in SUMMED}
    row["peak_memory_bytes"] = max(
        (record.costs.peak_memory_bytes for record in records), default=0
    )
    row["device"] = records[-1].costs.device if records else None
    return tuple(map(row.get, TRIAL_COLUMNS))


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


def _status(chain: Chain, records: list[Record], store: Records) -> tuple[str, str]:
    """Return a trial's status and the reason for it; empty if the trial is complete."""
    if records and records[-1].status == "diverged":
        return "diverged", records[-1].story
    if chain.decision:
        return "stopped", chain.decision
    if len(records) == len(chain.keys):
        return "complete", ""
    story = store.failure(chain.keys[len(records)])
    return ("stopped", "") if story is None else ("failed", story)


def _storage_columns(costs: Costs) -> dict[str, int]:
    """Return bytes by category and in total; a user's own category counts in the total only."""
    storage = costs.storage
    by_category = {column: storage.get(name, 0) for name, column in STORAGE_COLUMNS.items()}
    return {"storage_bytes": sum(storage.values()), **by_category}


def _r_matrix(chain: Chain, records: list[Record], split: str) -> R:
    """Return R [T+1, T] of a chain; rows after its last task are NaN."""
    rows = ([_score(r, key, split).accuracy for key in chain.task_keys] for r in records)
    return build_r_from_rows(list(rows), chain.num_tasks)


def _score(record: Record, task: str, split: str) -> Score:
    return record.evaluation[task].get(split, NO_SCORE)


def _accuracy_rows(chain: Chain, records: list[Record]) -> Iterator[Row]:
    trial = (chain.sweep, chain.trial_id, chain.seed)
    splits = ("validation",) if chain.phase == "search" else SPLITS
    for after, record in enumerate(records):
        if record.status == "complete":
            for (task, key), split in product(enumerate(chain.task_keys, 1), splits):
                score = _score(record, key, split)
                yield (*trial, split, after, task, score.accuracy, score.loss, score.n)


def _stage_row(chain: Chain, record: Record) -> Row:
    trial = {"sweep": chain.sweep, "trial_id": chain.trial_id, "seed": chain.seed}
    row = vars(record.costs) | vars(record) | trial | _storage_columns(record.costs)
    sweep, former, seed = record.computed_for
    own = (sweep, seed) == (chain.sweep, chain.seed) and former in (
        chain.trial_id,
        former_id(chain.trial_id),
    )
    row["cached"] = not own
    row["node"] = record.environment.get("node")
    if chain.hyperparameters:
        row["hyperparameters"] = canonical_json(to_json(chain.hyperparameters[record.after]))
    return tuple(map(row.get, STAGE_COLUMNS))
