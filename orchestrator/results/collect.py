"""The three tables as a pure function of a sweep's chains and the store.

A chain's stages count up to the first that is missing or diverged. The metrics and `val_acc` of a
trial are null unless it is complete: values at different depths must never be compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from orchestrator.collector import collector_paused
from orchestrator.columns import CATEGORIES, SELECTABLE, SUMMED
from orchestrator.hashing import canonical, plain
from orchestrator.results.matrix import r_of_rows
from orchestrator.results.metrics import R, all_after
from orchestrator.results.naming import former_id
from orchestrator.results.schema import ACCURACY, IDENTITY, SPLITS, STAGES, TRIALS
from orchestrator.results.tables import Tables, table_of, with_config_columns
from orchestrator.stages.known_records import Records
from orchestrator.stages.record import Costs, Record, Score, Wanted

if TYPE_CHECKING:
    from orchestrator.stages.stage import Chain

UNSCORED = Score(accuracy=None, loss=None, n=0)
TRIAL_COLUMNS, STAGE_COLUMNS = TRIALS.names, STAGES.names
STORAGE_COLUMNS = {category: f"storage_{category}_bytes" for category in CATEGORIES}
Row = tuple[Any, ...]
Known = dict[Wanted, Record]


@collector_paused()
def collect(
    chains: Sequence[Chain],
    store: Records,
    run_ids: Mapping[str, str] | None = None,
) -> Tables:
    """Return the tables of chains as the store knows them now.

    Args:
        chains: the sweep's, in its order.
        store: where the records are.
        run_ids: `run_name` -> MLflow run id, of the trials that have one.
    """
    known = _read_records(chains, store)
    trials: list[Row] = []
    accuracy: list[Row] = []
    stages: list[Row] = []
    for chain in chains:
        records = _records(chain, known)
        trials.append(_trial_row(chain, records, store, (run_ids or {}).get(run_name(chain))))
        accuracy.extend(_accuracy_rows(chain, records))
        stages.extend(_stage_row(chain, record) for record in records)
    return Tables(
        trials=with_config_columns(table_of(trials, TRIALS)),
        accuracy=table_of(accuracy, ACCURACY),
        stages=table_of(stages, STAGES),
    )


def run_name(chain: Chain) -> str:
    """Return what a chain's run in MLflow goes by; a candidate has one of its own."""
    return f"{chain.trial_id} search" if chain.phase == "search" else chain.trial_id


def _read_records(chains: Sequence[Chain], store: Records) -> Known:
    """Read the records of chains, those of one depth at a time.

    A chain is followed up to its first record that is missing or diverged.
    """
    reached = [(chain.keys, frozenset(chain.task_keys)) for chain in chains]
    known: Known = {}
    depth = 0
    while reached:
        wanted = {(keys[depth], tasks): None for keys, tasks in reached if depth < len(keys)}
        known |= store.records(one for one in wanted if one not in known)
        reached = [
            (keys, tasks)
            for keys, tasks in reached
            if depth < len(keys) and _is_complete(known.get((keys[depth], tasks)))
        ]
        depth += 1
    return known


def _is_complete(record: Record | None) -> bool:
    return record is not None and record.status == "complete"


def _records(chain: Chain, known: Known) -> list[Record]:
    """Return the chain's records up to the first that is missing or diverged, that one included."""
    task_keys = frozenset(chain.task_keys)
    records: list[Record] = []
    for key in chain.keys:
        record = known.get((key, task_keys))
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
    row |= {"tasks_done": max(len(learned) - 1, 0), "config": canonical(chain.config)}
    row |= {name: getattr(chain, name) for name in ("group", "candidate", "objective")}
    if status == "complete":
        row |= _metrics(chain, records)
    row |= _storage(learned[-1].costs if learned else Costs())
    row |= {name: sum(getattr(record.costs, name) for record in records) for name in SUMMED}
    row["peak_memory_bytes"] = max(
        (record.costs.peak_memory_bytes for record in records), default=0
    )
    row["device"] = records[-1].costs.device if records else None
    return tuple(map(row.get, TRIAL_COLUMNS))


def _metrics(chain: Chain, records: list[Record]) -> dict[str, float]:
    """Return what a complete trial reached: on validation data, and on test data if it may be told.

    A candidate of a search is told by validation alone, so that nobody can choose by anything else.
    """
    arguments = chain.depth, chain.scenario
    validated = all_after(_r(chain, records, "validation"), *arguments)
    row = {f"val_{name}": validated[name] for name in SELECTABLE}
    return (
        row if chain.phase == "search" else row | all_after(_r(chain, records, "test"), *arguments)
    )


def _status(chain: Chain, records: list[Record], store: Records) -> tuple[str, str]:
    """Return the trial's status and, where something went wrong, the story of it."""
    if records and records[-1].status == "diverged":
        return "diverged", records[-1].story
    if chain.decision:
        return "stopped", chain.decision
    if len(records) == len(chain.keys):
        return "complete", ""
    story = store.failure(chain.keys[len(records)])
    return ("stopped", "") if story is None else ("failed", story)


def _storage(costs: Costs) -> dict[str, int]:
    """Return bytes by category and their sum; one of a user's own counts in the sum alone."""
    held = costs.storage
    by_category = {column: held.get(name, 0) for name, column in STORAGE_COLUMNS.items()}
    return {"storage_bytes": sum(held.values()), **by_category}


def _r(chain: Chain, records: list[Record], split: str) -> R:
    """Return R up to the chain's end; rows of tasks beyond it are NaN."""
    rows = ([_score(r, key, split).accuracy for key in chain.task_keys] for r in records)
    return r_of_rows(list(rows), chain.num_tasks)


def _score(record: Record, task: str, split: str) -> Score:
    return record.evaluation[task].get(split, UNSCORED)


def _accuracy_rows(chain: Chain, records: list[Record]) -> Iterator[Row]:
    whose = (chain.sweep, chain.trial_id, chain.seed)
    splits = ("validation",) if chain.phase == "search" else SPLITS
    for after, record in enumerate(records):
        if record.status == "complete":
            for (task, key), split in product(enumerate(chain.task_keys, 1), splits):
                score = _score(record, key, split)
                yield (*whose, split, after, task, score.accuracy, score.loss, score.n)


def _stage_row(chain: Chain, record: Record) -> Row:
    whose = {"sweep": chain.sweep, "trial_id": chain.trial_id, "seed": chain.seed}
    row = vars(record.costs) | vars(record) | whose | _storage(record.costs)
    sweep, former, seed = record.computed_for
    own = (sweep, seed) == (chain.sweep, chain.seed) and former in (
        chain.trial_id,
        former_id(chain.trial_id),
    )
    row["cached"] = not own
    row["node"] = record.environment.get("node")
    if chain.hyperparameters:
        row["hyperparameters"] = canonical(plain(chain.hyperparameters[record.after]))
    return tuple(map(row.get, STAGE_COLUMNS))
