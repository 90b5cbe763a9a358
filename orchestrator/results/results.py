"""Results: three Parquet tables that are a pure function of a sweep's chains and the store.

`collect` reads the chains from the store, `write` puts the tables in a folder, `load` opens one
folder or many. Nothing here keeps state, so the tables can be rebuilt at any time, byte for byte.

A chain's stages count up to the first that is missing or diverged. The metrics and `val_acc` of a
trial are null unless it is complete: values at different depths must never be compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import stdtrit

from orchestrator.columns import CATEGORIES, SELECTABLE
from orchestrator.columns import METRICS as METRICS
from orchestrator.errors import RepertoireError, UnknownName
from orchestrator.hashing import canonical, plain
from orchestrator.results.matrix import r_of_cells
from orchestrator.results.metrics import R, all_after
from orchestrator.results.naming import former_id, with_id
from orchestrator.results.pareto import DEFAULT, on_front
from orchestrator.results.pooling import ALSO_IN, pooled
from orchestrator.results.tables import ACCURACY as ACCURACY
from orchestrator.results.tables import (
    IDENTITY,
    SUMMED,
    distinct_names,
    read,
    sweep_folders,
    table_of,
    with_config_columns,
)
from orchestrator.results.tables import STAGES as STAGES
from orchestrator.results.tables import TRIALS as TRIALS
from orchestrator.results.tables import Tables as Tables
from orchestrator.results.tables import write as write
from orchestrator.stages.known_records import Records
from orchestrator.stages.record import Costs, Record, Score, Wanted
from orchestrator.sweep.objective import Mode

if TYPE_CHECKING:
    from orchestrator.stages.stage import Chain

SPLITS = ("validation", "test")
SETTING = ["sweep", "benchmark", "scenario", "num_tasks"]  # what must agree to be compared
UNSCORED = Score(accuracy=None, loss=None, n=0)
Row = tuple[Any, ...]
Known = dict[Wanted, Record]


@dataclass(frozen=True, eq=False)
class Results:
    """The tables of one sweep or of several, as data frames.

    Attributes:
        trials, accuracy, stages: the tables; each (trial, seed) once.
        notes: what was left out because it was held more than once.
    """

    trials: pd.DataFrame
    accuracy: pd.DataFrame
    stages: pd.DataFrame
    notes: tuple[str, ...] = ()

    def r_matrix(
        self, trial_id: str, seed: int, split: str = "test", sweep: str | None = None
    ) -> R:
        """Return R [T+1, T] of a trial on a seed, NaN where there is no accuracy.

        Raises:
            UnknownName: no such trial or seed.
            RepertoireError: several sweeps have it, and `sweep` does not say which.
        """
        trial = self._only_trial(trial_id, seed, sweep)
        mine = _at(self.accuracy, trial["trial_id"], seed, trial["sweep"])
        cells = self.accuracy[mine & (self.accuracy["split"] == split)]
        return r_of_cells(cells["after"], cells["task"], cells["accuracy"], trial["num_tasks"])

    def _only_trial(self, trial_id: str, seed: int, sweep: str | None) -> pd.Series[Any]:
        trial = self.trials[with_id(self.trials["trial_id"], trial_id)]
        if trial.empty:
            raise UnknownName("trial", trial_id, self.trials["trial_id"].unique())
        trial_id = trial["trial_id"].iloc[0]
        found = trial[_at(trial, trial_id, seed, sweep)]
        if found.empty:
            raise UnknownName(
                f"seed of trial {trial_id}", str(seed), trial["seed"].astype(str).unique()
            )
        if found["sweep"].nunique() > 1:
            names = ", ".join(sorted(found["sweep"].unique()))
            raise RepertoireError(
                f"trial {trial_id} seed {seed} is in several sweeps: {names}; pass sweep="
            )
        return found.iloc[0]

    def summary(self) -> pd.DataFrame:
        """Return a row per trial: its complete seeds n and, of each metric, mean and spread.

        The columns are those of `over_seeds`. Trials without a complete seed are left out.
        """
        done = self.trials[self.trials["status"] == "complete"]
        return per_configuration(done, METRICS, ["phase"])

    def pareto(
        self, metrics: Sequence[str] = DEFAULT, modes: Sequence[Mode] | None = None
    ) -> pd.DataFrame:
        """Return the trials that no other of their setting beats in every respect, a row each.

        Args:
            metrics: columns of `trials`, or compute_flops: training and consolidation.
            modes: "max" or "min" for each; by default costs and forgetting are made small.
        """
        trials = self.trials
        done = trials[(trials["phase"] == "evaluation") & (trials["status"] == "complete")]
        done = done.assign(compute_flops=done["train_flops"] + done["consolidate_flops"])
        table = per_configuration(done, metrics)
        return table[on_front(table, metrics, modes, SETTING[1:])].reset_index(drop=True)


def per_configuration(
    trials: pd.DataFrame, values: Iterable[str], more: Sequence[str] = ()
) -> pd.DataFrame:
    """Return a row per configuration over its seeds, whatever sweeps they are in.

    Args:
        trials: rows of the trials table, each (trial, seed) once.
        values: columns of it.
        more: columns that split a configuration.

    Returns:
        `sweep` (the first that holds it), the rest of SETTING, `more`, `method`, `trial_id`, and
        the columns of `over_seeds`.
    """
    by = [*SETTING[1:], *more, "method", "trial_id"]
    table = over_seeds(trials, by, values)
    first = trials.drop_duplicates(by)["sweep"]
    table.insert(0, "sweep", first.to_numpy())
    return table


def over_seeds(trials: pd.DataFrame, by: list[str], values: Iterable[str]) -> pd.DataFrame:
    """Return a row per group, in order of appearance: the names `by`, the count `n`, the values.

    Each value gives `<value>_mean`, `<value>_std` and `<value>_ci95`, the half-width of the
    95% Student-t interval of the mean. The last two are NaN at n = 1.
    """
    values = list(values)
    groups = trials.groupby(by, sort=False, dropna=False)
    of, n = groups.ngroup().to_numpy(np.int64), groups.size()
    numbers = trials[values].to_numpy(dtype=float)
    count = n.to_numpy(dtype=float)[:, None]
    mean = _sums(numbers, of, len(n)) / count
    squares = _sums((numbers - mean[of]) ** 2, of, len(n))
    with np.errstate(invalid="ignore", divide="ignore"):
        std = np.sqrt(squares / (count - 1))
    ci95 = stdtrit(np.maximum(count - 1, 1), 0.975) * std / np.sqrt(count)
    figures = np.stack([mean, std, ci95], axis=2).reshape(len(n), 3 * len(values))
    parts = [f"{value}_{part}" for value in values for part in ("mean", "std", "ci95")]
    table = n.rename("n").reset_index()
    return pd.concat([table, pd.DataFrame(figures, columns=parts, dtype=float)], axis="columns")


def _sums(
    values: NDArray[np.float64], groups: NDArray[np.integer[Any]], num: int
) -> NDArray[np.float64]:
    """Return the sums of rows by group, shape [num, columns]; NaN where any value is."""
    return np.stack([np.bincount(groups, column, num) for column in values.T], axis=1)


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


def load(*folders: str | Path) -> Results:
    """Open sweep folders, or folders that hold sweep folders, as one.

    Each (trial, seed) is there once, however many folders hold it; `also_in` names the others.
    Sweeps of one name in several folders get names that tell them apart.

    Raises:
        RepertoireError: a folder holds no tables, a table is damaged, or two folders have different
            values of one (trial, seed).
    """
    paths = [path for folder in folders for path in sweep_folders(Path(folder))]
    paths = list({path.resolve(): path for path in paths}.values())
    parts = [read(path) for path in paths]
    names = distinct_names(list(map(_sweep_of, parts, paths)), paths)
    parts = [_named(part, name) for part, name in zip(parts, names, strict=True)]
    trials = pa.concat_tables([part.trials for part in parts])
    pool = pooled(trials.to_pandas(), dict(zip(names, paths, strict=True)))
    # The types of config.* depend on all rows, so the columns are made for those at hand.
    kept = with_config_columns(trials.filter(pa.array(pool.counts))).to_pandas()
    accuracy = pa.concat_tables([part.accuracy for part in parts]).to_pandas()
    stages = pa.concat_tables([part.stages for part in parts]).to_pandas()
    if not pool.counts.all():
        out = trials.filter(pa.array(~pool.counts)).to_pandas()
        accuracy, stages = _without(accuracy, out), _without(stages, out)
    also_in = pool.trials[ALSO_IN].to_numpy()
    return Results(kept.assign(**{ALSO_IN: also_in}), accuracy, stages, pool.notes)


def _sweep_of(tables: Tables, folder: Path) -> str:
    return str(tables.trials["sweep"][0]) if len(tables.trials) else folder.name


def _named(tables: Tables, sweep: str) -> Tables:
    """Return the tables under another name of the sweep."""
    if not len(tables.trials) or str(tables.trials["sweep"][0]) == sweep:
        return tables
    return Tables(*(_with_sweep(table, sweep) for table in vars(tables).values()))


def _with_sweep(table: pa.Table, sweep: str) -> pa.Table:
    at = table.schema.get_field_index("sweep")
    return table.set_column(at, "sweep", pa.array([sweep] * len(table), pa.string()))


def _without(table: pd.DataFrame, out: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table that are of none of the (sweep, trial, seed) of `out`."""
    key = ["sweep", "trial_id", "seed"]
    dropped = pd.MultiIndex.from_frame(table[key]).isin(pd.MultiIndex.from_frame(out[key]))
    return table[~dropped].reset_index(drop=True)


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
            (keys, tasks) for keys, tasks in reached
            if depth < len(keys) and _goes_on(known.get((keys[depth], tasks)))
        ]  # fmt: skip
        depth += 1
    return known


def _goes_on(record: Record | None) -> bool:
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
    row |= {"tasks_done": max(len(learned) - 1, 0), "config": canonical(plain(chain.config))}
    row |= {name: getattr(chain, name) for name in ("group", "candidate", "objective")}
    if status == "complete":
        row |= _metrics(chain, records)
    row |= _storage(learned[-1].costs if learned else Costs())
    row |= {name: sum(getattr(record.costs, name) for record in records) for name in SUMMED}
    row["peak_memory_bytes"] = max(
        (record.costs.peak_memory_bytes for record in records), default=0
    )
    row["device"] = records[-1].costs.device if records else None
    return tuple(row.get(name) for name in TRIALS.names)


def _metrics(chain: Chain, records: list[Record]) -> dict[str, float]:
    """Return what a complete trial reached: on validation data, and on test data if it may be told.

    A candidate of a search is told by validation alone, so that nobody can choose by anything else.
    """
    told = chain.depth, chain.scenario
    validated = all_after(_r(chain, records, "validation"), *told)
    row = {f"val_{name}": validated[name] for name in SELECTABLE}
    return row if chain.phase == "search" else row | all_after(_r(chain, records, "test"), *told)


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
    by_category = {f"storage_{name}_bytes": costs.storage.get(name, 0) for name in CATEGORIES}
    return {"storage_bytes": sum(costs.storage.values()), **by_category}


def _r(chain: Chain, records: list[Record], split: str) -> R:
    """Return R up to the chain's end; rows of tasks beyond it are NaN."""
    cells = [
        (after, task, _score(record, key, split).accuracy)
        for after, record in enumerate(records)
        for task, key in enumerate(chain.task_keys, 1)
    ]
    after, task, accuracy = zip(*cells, strict=True)
    return r_of_cells(after, task, accuracy, chain.num_tasks)


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
        chain.trial_id, former_id(chain.trial_id),
    )  # fmt: skip
    row["cached"] = not own
    row["node"] = record.environment.get("node")
    if chain.hyperparameters:
        row["hyperparameters"] = canonical(plain(chain.hyperparameters[record.after]))
    return tuple(row.get(name) for name in STAGES.names)


def _at(table: pd.DataFrame, trial_id: str, seed: int, sweep: str | None) -> pd.Series[bool]:
    rows = (table["trial_id"] == trial_id) & (table["seed"] == seed)
    return rows if sweep is None else rows & (table["sweep"] == sweep)
