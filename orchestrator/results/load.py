"""Reads the tables of several sweeps as one, with equal ids for equal configurations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa

from orchestrator.columns import CODE, METHOD_LABEL
from orchestrator.results.names.identity import common_trial_ids
from orchestrator.results.pooling import ALSO_IN, LABELLED_IN, pool_trials
from orchestrator.results.results import Results
from orchestrator.results.sweep_sizes import SIZES, sweep_sizes
from orchestrator.results.tables.config_columns import with_config_columns
from orchestrator.results.tables.sweep_folders import (
    distinct_names,
    sort_by_first_run,
    sweep_folders,
)
from orchestrator.results.tables.tables import Tables, read_tables

TRIAL_KEY = ["sweep", "trial_id", "seed"]


def load(*folders: str | Path) -> Results:
    """Return the results of sweep folders, or of folders of sweep folders, as one.

    Each (trial, seed) has one row; the column `also_in` names the other sweeps that have it. Sweeps
    of one name in several folders get different names. Rows are in the order in which the sweeps
    were first run.

    Raises:
        RepertoireError: a folder has no tables, a table is damaged, or two folders have different
            values of one (trial, seed).
    """
    paths = [path for folder in folders for path in sweep_folders(Path(folder))]
    # A folder that is given twice counts once.
    paths = sort_by_first_run({path.resolve(): path for path in paths}.values())
    parts = [read_tables(path) for path in paths]
    names = distinct_names(list(map(_sweep_name, parts, paths)), paths)
    parts = [_rename_sweep(part, name) for part, name in zip(parts, names, strict=True)]
    parts = _rename_trials(parts)
    trials = pa.concat_tables([part.trials for part in parts])
    accuracy = pa.concat_tables([part.accuracy for part in parts]).to_pandas()
    stages = pa.concat_tables([part.stages for part in parts]).to_pandas()
    by_name = dict(zip(names, paths, strict=True))
    unpooled = trials.to_pandas()
    pool = pool_trials(unpooled, by_name, computed_trials(stages))
    # The types of config.* depend on all values, so they are chosen for the rows that are kept.
    kept = with_config_columns(trials.filter(pa.array(pool.counts))).to_pandas()
    if not pool.counts.all():
        # The other tables lose the rows of the same trials and seeds.
        out = trials.filter(pa.array(~pool.counts)).to_pandas()
        accuracy, stages = _drop_trials(accuracy, out), _drop_trials(stages, out)
    shared = [METHOD_LABEL, LABELLED_IN] if LABELLED_IN in pool.trials else []
    columns = {name: pool.trials[name].to_numpy() for name in (ALSO_IN, *shared)}
    kept = kept.assign(**columns)
    kept.attrs[SIZES] = sweep_sizes(unpooled)
    return Results(kept, accuracy, stages, pool.notes)


def computed_trials(stages: pd.DataFrame) -> pd.DataFrame:
    """Return the (sweep, trial_id, seed) of which a stage was computed for that sweep itself."""
    return stages.loc[stages["cached"].eq(False), TRIAL_KEY].drop_duplicates()


def _sweep_name(tables: Tables, folder: Path) -> str:
    return str(tables.trials["sweep"][0]) if len(tables.trials) else folder.name


def _rename_sweep(tables: Tables, sweep: str) -> Tables:
    if not len(tables.trials) or str(tables.trials["sweep"][0]) == sweep:
        return tables
    return Tables(*(_replace_sweep(table, sweep) for table in vars(tables).values()))


def _replace_sweep(table: pa.Table, sweep: str) -> pa.Table:
    at = table.schema.get_field_index("sweep")
    return table.set_column(at, "sweep", pa.array([sweep] * len(table), pa.string()))


def _rename_trials(parts: list[Tables]) -> list[Tables]:
    """Return the tables of several sweeps with equal ids for equal configurations."""
    columns = [part.trials.select(["sweep", "trial_id", "config", CODE]) for part in parts]
    # Within one sweep, equal configurations have equal ids and equal code already.
    names = common_trial_ids(pa.concat_tables(columns).to_pandas()) if len(parts) > 1 else {}
    if not names:
        return parts
    return [
        Tables(*(_replace_ids(table, names) for table in vars(part).values())) for part in parts
    ]


def _replace_ids(table: pa.Table, names: Mapping[tuple[str, str], str]) -> pa.Table:
    pairs = zip(table["sweep"].to_pylist(), table["trial_id"].to_pylist(), strict=True)
    ids = [names.get(pair, pair[1]) for pair in pairs]
    at = table.schema.get_field_index("trial_id")
    return table.set_column(at, "trial_id", pa.array(ids, pa.string()))


def _drop_trials(table: pd.DataFrame, out: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table without those of the (sweep, trial, seed) in `out`."""
    keys, out_keys = (pd.MultiIndex.from_frame(rows[TRIAL_KEY]) for rows in (table, out))
    dropped = keys.isin(out_keys)
    return table[~dropped].reset_index(drop=True)
