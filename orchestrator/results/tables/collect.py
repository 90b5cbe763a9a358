"""The three tables of a sweep, computed from its chains and the records of the store.

The rows of a chain end with its first stage that is missing or diverged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from orchestrator.results.tables.chain_records import chain_records, read_records
from orchestrator.results.tables.config_columns import with_config_columns
from orchestrator.results.tables.rows import Row, accuracy_rows, stage_row, trial_row
from orchestrator.results.tables.schemas import ACCURACY, STAGES, TRIALS
from orchestrator.results.tables.tables import Tables, build_table
from orchestrator.stages.collector import pause_collector
from orchestrator.stages.storage.record_cache import Records

if TYPE_CHECKING:
    from orchestrator.stages.stage import Chain


@pause_collector()
def collect_tables(
    chains: Sequence[Chain],
    store: Records,
    run_ids: Mapping[str, str] | None = None,
    unfinished: str = "",
) -> Tables:
    """Return the tables of chains, from the records that are in the store now.

    Args:
        chains: the chains of the sweep, in the order of their rows.
        store: the store of the records.
        run_ids: `run_name` of a chain -> id of its MLflow run.
        unfinished: why a trial may be incomplete although nothing stopped it.
    """
    records_by_key = read_records(chains, store)
    trials: list[Row] = []
    accuracy: list[Row] = []
    stages: list[Row] = []
    for chain in chains:
        records = chain_records(chain, records_by_key)
        run_id = (run_ids or {}).get(run_name(chain))
        trials.append(trial_row(chain, records, store, run_id, unfinished))
        accuracy.extend(accuracy_rows(chain, records))
        stages.extend(stage_row(chain, record) for record in records)
    return Tables(
        trials=with_config_columns(build_table(trials, TRIALS)),
        accuracy=build_table(accuracy, ACCURACY),
        stages=build_table(stages, STAGES),
    )


def run_name(chain: Chain) -> str:
    """Return the name of a chain's MLflow run; a candidate of a search has a run of its own."""
    return f"{chain.trial_id} search" if chain.phase == "search" else chain.trial_id
