"""The tables: what is in them, and that they are a pure function of chains and store."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestrator.columns import LATE_COSTS, METRICS
from orchestrator.errors import RepertoireError, UnknownName
from orchestrator.results.comparison import comparison
from orchestrator.results.load import load
from orchestrator.results.lookup import find_configuration
from orchestrator.results.results import Results
from orchestrator.results.tables.collect import collect_tables
from orchestrator.results.tables.tables import Tables, write_tables
from orchestrator.stages.costs import CATEGORIES
from orchestrator.stages.record import Costs, Record, Score
from orchestrator.stages.stage import Chain
from orchestrator.stages.storage.record_cache import RecordCache

TASKS = ("task a", "task b", "task c")
CONFIG: dict[str, Any] = {
    "benchmark": {"name": "split_digits", "order": "natural"},
    "network": {"name": "mlp", "hidden": [400, 400]},
    "training": {"lr": 0.001, "epochs": 1},
    "method": {"name": "ewc", "lam": 10},
}
TRIALS = [
    "sweep",
    "trial_id",
    "phase",
    "selected",
    "status",
    "method",
    "benchmark",
    "scenario",
    "network",
    "seed",
    "tasks_done",
    "num_tasks",
    "config",
    "acc",
    "bwt",
    "fwt",
    "forgetting",
    "learning_accuracy",
    "val_acc",
    "storage_bytes",
    *(f"storage_{category}_bytes" for category in CATEGORIES if category != "backbone"),
    "train_flops",
    "consolidate_flops",
    "eval_flops",
    "train_seconds",
    "eval_seconds",
    "peak_memory_bytes",
    "device",
    "mlflow_run_id",
]
ACCURACY = ["sweep", "trial_id", "seed", "split", "after", "task", "accuracy", "loss", "n"]
STAGES = ["sweep", "trial_id", "seed", "after", "key", "parent", "cached", "storage_bytes"]


class MemoryStore:
    """A stage store in memory that counts what it is asked."""

    def __init__(self) -> None:
        self.stored: dict[str, Record] = {}
        self.failures: dict[str, str] = {}
        self.asked: list[str] = []

    def record(self, key: str, task_keys: Iterable[str]) -> Record | None:
        self.asked.append(key)
        record = self.stored.get(key)
        covered = record and (
            record.status == "diverged" or set(task_keys) <= record.evaluation.keys()
        )
        return record if covered else None

    def records(
        self, requests: Iterable[tuple[str, frozenset[str]]]
    ) -> dict[tuple[str, frozenset[str]], Record]:
        read = {one: self.record(*one) for one in requests}
        return {one: record for one, record in read.items() if record is not None}

    def failed_worker(self, key: str) -> dict[str, Any]:
        return {}

    def failure(self, key: str) -> str | None:
        return self.failures.get(key)


def chain_of(trial_id: str = "t1", seed: int = 0, **changes: Any) -> Chain:
    chain = Chain(
        sweep="s",
        trial_id=trial_id,
        phase="evaluation",
        selected=False,
        seed=seed,
        method="ewc",
        benchmark="split_digits",
        scenario="domain",
        network="mlp",
        num_tasks=3,
        config=CONFIG,
        keys=tuple(f"{trial_id}-{seed}-{after}" for after in range(4)),
        task_keys=TASKS,
    )
    return replace(chain, **changes)


def record_of(chain: Chain, after: int, **changes: Any) -> Record:
    rng = np.random.default_rng([chain.seed, after])
    scores = {
        key: {
            split: Score(accuracy=rng.random(), loss=1.5, n=7) for split in ("validation", "test")
        }
        for key in chain.task_keys
    }
    costs = Costs(
        storage={"model": 100, "importance": 10 * after},
        train_flops=1000 * after,
        consolidate_flops=after,
        eval_flops=5,
        samples=50 * after,
        train_seconds=0.5,
        consolidate_seconds=0.25,
        eval_seconds=0.125,
        peak_memory_bytes=1000 - after,
        device="cpu",
    )
    record = Record(
        key=chain.keys[after],
        parent=chain.keys[after - 1] if after else None,
        after=after,
        status="complete",
        costs=costs,
        evaluation=scores,
        environment={"node": "here"},
        computed_for=("s", chain.trial_id, chain.seed),
    )
    return replace(record, **changes)


def fill(store: MemoryStore, chain: Chain, upto: int = 3) -> None:
    for after in range(upto + 1):
        store.stored[chain.keys[after]] = record_of(chain, after)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "s"


def results_of(chains: list[Chain], store: MemoryStore, folder: Path) -> Results:
    write_tables(collect_tables(chains, store, {"t1": "run-1"}), folder)
    return load(folder)


def trial(results: Results) -> pd.Series:
    (row,) = results.trials.to_dict("records")
    return pd.Series(row)


def test_the_trials_table_has_the_columns_of_the_contract_in_order(store: MemoryStore) -> None:
    names = collect_tables([chain_of()], store).trials.column_names
    fixed = [name for name in names if not name.startswith("config.")]
    assert fixed[: len(TRIALS)] == TRIALS
    assert names.index("config.benchmark.name") == names.index("config") + 1


def test_the_accuracy_and_stages_tables_have_the_columns_of_the_contract(
    store: MemoryStore,
) -> None:
    tables = collect_tables([], store)
    assert tables.accuracy.column_names == ACCURACY
    assert tables.stages.column_names[: len(STAGES)] == STAGES
    assert {"train_flops", "eval_seconds", "device", "node"} <= set(tables.stages.column_names)


def test_types_do_not_depend_on_what_the_columns_hold(store: MemoryStore) -> None:
    empty = collect_tables([chain_of()], store)
    fill(store, chain_of())
    full = collect_tables([chain_of()], store)
    for name in ("trials", "accuracy", "stages"):
        assert getattr(empty, name).schema == getattr(full, name).schema


def test_metrics_of_the_trials_table_follow_from_the_accuracy_table(
    store: MemoryStore, folder: Path
) -> None:
    chains = [chain_of(seed=seed) for seed in range(4)]
    for chain in chains:
        fill(store, chain)
    results = results_of(chains, store, folder)
    for row in results.trials.itertuples():
        own = results.accuracy.query("trial_id == @row.trial_id and seed == @row.seed")
        r = own[own.split == "test"].pivot(index="after", columns="task", values="accuracy")
        bwt = np.mean([r.loc[3, i] - r.loc[i, i] for i in (1, 2)])
        fwt = np.mean([r.loc[i - 1, i] - r.loc[0, i] for i in (2, 3)])
        forgetting = np.mean([r.loc[i:2, i].max() - r.loc[3, i] for i in (1, 2)])
        learning = np.mean([r.loc[i, i] for i in (1, 2, 3)])
        validation = own[(own.split == "validation") & (own.after == 3)].accuracy.mean()
        expected = [r.loc[3].mean(), bwt, fwt, forgetting, learning, validation]
        given = [row.acc, row.bwt, row.fwt, row.forgetting, row.learning_accuracy, row.val_acc]
        assert given == pytest.approx(expected, abs=1e-12)
        seen = np.mean([r.loc[k, 1:k].mean() for k in (1, 2, 3)])
        assert row.average_incremental_accuracy == pytest.approx(seen, abs=1e-12)


def test_accuracy_on_the_tasks_seen_counts_tasks_or_examples_alike(
    store: MemoryStore, folder: Path
) -> None:
    fill(store, chain_of(), upto=3)
    results = results_of([chain_of()], store, folder)
    stages, r = results.incremental_accuracy("t1", 0), results.r_matrix("t1", 0)
    sizes = results.accuracy.query("split == 'test' and after == 3")["n"].to_numpy()
    assert stages["after"].tolist() == [1, 2, 3]
    for k in (1, 2, 3):
        assert stages["by_task"][k - 1] == pytest.approx(r[k, :k].mean())
        assert stages["by_example"][k - 1] == pytest.approx(np.average(r[k, :k], weights=sizes[:k]))
    assert stages["by_task"].mean() == pytest.approx(trial(results).average_incremental_accuracy)


def test_r_matrix_puts_each_score_at_its_after_and_task(store: MemoryStore, folder: Path) -> None:
    chain = chain_of()
    fill(store, chain)
    results = results_of([chain], store, folder)
    for split in ("validation", "test"):
        r = results.r_matrix("t1", 0, split)
        for after, key in enumerate(chain.keys):
            scores = store.stored[key].evaluation
            assert list(r[after]) == [scores[task][split].accuracy for task in TASKS]


def test_a_chain_reads_the_shared_scores_in_its_own_order_of_tasks(
    store: MemoryStore, folder: Path
) -> None:
    chain = chain_of()
    fill(store, chain)
    turned = replace(chain, trial_id="turned", task_keys=TASKS[::-1])
    results = results_of([chain, turned], store, folder)
    assert (results.r_matrix("turned", 0) == results.r_matrix("t1", 0)[:, ::-1]).all()


def test_a_method_that_cannot_score_unseen_tasks_leaves_null_and_undefined_transfer(
    store: MemoryStore, folder: Path
) -> None:
    chain = chain_of(scores_unseen=False)
    fill(store, chain)
    unscored = {split: Score(accuracy=None, loss=None, n=7) for split in ("validation", "test")}
    for after in (1, 2):
        record = store.stored[chain.keys[after]]
        hidden = {key: unscored for key in TASKS[after:]}
        store.stored[record.key] = replace(record, evaluation={**record.evaluation, **hidden})
    results = results_of([chain], store, folder)
    upper = results.accuracy.query("0 < after < task")
    assert upper.accuracy.isna().all()
    assert (upper.n == 7).all()
    assert np.isnan(trial(results).fwt)
    assert trial(results).acc == pytest.approx(results.r_matrix("t1", 0)[3].mean())


def test_rows_are_in_the_order_of_chains_then_after_then_task(
    store: MemoryStore, folder: Path
) -> None:
    chains = [chain_of("z"), chain_of("a", seed=1), chain_of("a", seed=0)]
    for chain in chains:
        fill(store, chain, upto=1)
    results = results_of(chains, store, folder)
    assert list(zip(results.trials.trial_id, results.trials.seed, strict=True)) == [
        ("z", 0),
        ("a", 1),
        ("a", 0),
    ]
    rows = results.accuracy.query("trial_id == 'z' and split == 'test'")
    assert list(zip(rows.after, rows.task, strict=True)) == [
        (a, t) for a in (0, 1) for t in (1, 2, 3)
    ]
    assert list(results.stages.after) == [0, 1] * 3


def test_the_same_chains_and_store_give_the_same_bytes(store: MemoryStore, tmp_path: Path) -> None:
    chains = [chain_of(seed=seed) for seed in range(3)]
    for chain in chains:
        fill(store, chain, upto=2 + chain.seed % 2)
    for attempt in ("first", "second"):
        write_tables(collect_tables(chains, store), tmp_path / attempt)
    for name in ("trials", "accuracy", "stages"):
        first, second = (
            (tmp_path / a / f"{name}.parquet").read_bytes() for a in ("first", "second")
        )
        assert first == second


def test_tables_that_were_deleted_come_back_with_the_same_bytes(
    store: MemoryStore, folder: Path
) -> None:
    fill(store, chain_of())
    write_tables(collect_tables([chain_of()], store), folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for path in folder.iterdir():
        path.unlink()
    write_tables(collect_tables([chain_of()], store), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert set(before) == {"trials.parquet", "accuracy.parquet", "stages.parquet"}


def test_tables_written_and_loaded_are_the_tables_collected(
    store: MemoryStore, folder: Path
) -> None:
    fill(store, chain_of())
    tables = collect_tables([chain_of()], store)
    write_tables(tables, folder)
    loaded = load(folder)
    for name in ("trials", "accuracy", "stages"):
        frame = getattr(loaded, name).drop(columns="also_in", errors="ignore")
        pd.testing.assert_frame_equal(frame, getattr(tables, name).to_pandas())


def test_a_write_that_fails_leaves_the_old_table_and_no_litter(
    store: MemoryStore, folder: Path
) -> None:
    tables = collect_tables([chain_of()], store)
    write_tables(tables, folder)
    before = (folder / "trials.parquet").read_bytes()
    with pytest.raises((TypeError, AttributeError)):
        write_tables(replace(tables, trials="not a table"), folder)
    assert (folder / "trials.parquet").read_bytes() == before
    assert len(list(folder.iterdir())) == 3


def test_a_complete_trial_has_learned_all_tasks(store: MemoryStore, folder: Path) -> None:
    fill(store, chain_of())
    row = trial(results_of([chain_of()], store, folder))
    assert (row.status, row.tasks_done, row.story, row.mlflow_run_id) == (
        "complete",
        3,
        "",
        "run-1",
    )


def test_a_trial_that_lacks_a_stage_is_stopped_and_its_metrics_are_undefined(
    store: MemoryStore, folder: Path
) -> None:
    fill(store, chain_of(), upto=2)
    results = results_of([chain_of()], store, folder)
    row = trial(results)
    assert (row.status, row.tasks_done) == ("stopped", 2)
    assert row[[*METRICS, "val_acc"]].isna().all()
    assert np.isnan(results.r_matrix("t1", 0)[3]).all()
    assert not np.isnan(results.r_matrix("t1", 0)[:3]).any()


def test_a_trial_whose_next_stage_failed_tells_the_story(store: MemoryStore, folder: Path) -> None:
    fill(store, chain_of(), upto=1)
    store.failures[chain_of().keys[2]] = "out of memory"
    row = trial(results_of([chain_of()], store, folder))
    assert (row.status, row.story, row.tasks_done) == ("failed", "out of memory", 1)


def test_a_diverged_stage_has_costs_and_no_accuracy(store: MemoryStore, folder: Path) -> None:
    chain = chain_of()
    fill(store, chain)
    store.stored[chain.keys[2]] = record_of(chain, 2, status="diverged", story="nan", evaluation={})
    results = results_of([chain], store, folder)
    row = trial(results)
    assert (row.status, row.story, row.tasks_done) == ("diverged", "nan", 1)
    assert list(results.stages.after) == [0, 1, 2]
    assert results.accuracy.after.max() == 1
    assert row.storage_bytes == 110
    assert row.train_flops == results.stages.train_flops.sum() == 3000


def test_a_trial_nothing_was_computed_for_costs_nothing(store: MemoryStore, folder: Path) -> None:
    results = results_of([chain_of()], store, folder)
    row = trial(results)
    assert (row.status, row.tasks_done, row.storage_bytes, row.train_flops) == ("stopped", 0, 0, 0)
    assert results.stages.empty
    assert np.isnan(results.r_matrix("t1", 0)).all()


def test_storage_is_of_the_last_stage_and_the_sum_of_its_categories(
    store: MemoryStore, folder: Path
) -> None:
    fill(store, chain_of())
    row = trial(results_of([chain_of()], store, folder))
    assert (row.storage_model_bytes, row.storage_importance_bytes, row.storage_buffer_bytes) == (
        100,
        30,
        0,
    )
    assert row.storage_bytes == sum(row[f"storage_{category}_bytes"] for category in CATEGORIES)


def test_costs_are_summed_over_stages_and_peak_memory_is_the_largest(
    store: MemoryStore, folder: Path
) -> None:
    fill(store, chain_of())
    results = results_of([chain_of()], store, folder)
    row = trial(results)
    assert (row.train_flops, row.consolidate_flops, row.eval_flops) == (6000, 6, 20)
    assert (row.train_seconds, row.consolidate_seconds, row.eval_seconds) == (2.0, 1.0, 0.5)
    assert (row.samples, row.peak_memory_bytes, row.device) == (300, 1000, "cpu")
    for name in ("train_flops", "train_seconds", "samples"):
        assert results.stages[name].sum() == row[name]


def test_working_memory_is_the_largest_inference_the_last_and_energy_the_sum(
    store: MemoryStore, folder: Path
) -> None:
    chain = chain_of()
    fill(store, chain)
    for after, held in enumerate((None, 70, 90, 80)):
        record = store.stored[chain.keys[after]]
        more = {"working_bytes": held, "inference_flops": 10 * after, "inference_bytes": after}
        costs = replace(record.costs, **more, energy_joules=0.5)
        store.stored[chain.keys[after]] = replace(record, costs=costs)
    row = trial(results_of([chain], store, folder))
    assert (row.working_bytes, row.inference_flops, row.inference_bytes) == (90, 30, 3)
    assert row.energy_joules == 2.0


def test_peak_storage_is_the_most_after_any_task_though_a_memory_shrinks(
    store: MemoryStore, folder: Path
) -> None:
    chain = chain_of()
    fill(store, chain)
    for after, buffer in enumerate((0, 50, 90, 20)):
        record = store.stored[chain.keys[after]]
        costs = replace(record.costs, storage={"model": 100, "buffer": buffer})
        store.stored[chain.keys[after]] = replace(record, costs=costs)
    results = results_of([chain], store, folder)
    row = trial(results)
    assert (row.storage_bytes, row.peak_storage_bytes) == (120, 190)
    assert row.peak_storage_bytes == results.stages["storage_bytes"].max()


def test_costs_that_an_older_release_did_not_count_are_null_and_not_0(
    store: MemoryStore, folder: Path
) -> None:
    chain = chain_of()
    fill(store, chain)
    results = results_of([chain], store, folder)
    for table in (results.trials, results.stages):
        assert table[[*LATE_COSTS]].isna().all(axis=None)
    record = store.stored[chain.keys[2]]
    part = replace(record.costs, working_bytes=1, energy_joules=1.0)
    store.stored[chain.keys[2]] = replace(record, costs=part)
    row = trial(results_of([chain], store, folder))  # a part of the stages tells nothing of all
    assert np.isnan(row.working_bytes)
    assert np.isnan(row.energy_joules)


def test_a_stage_is_cached_for_all_but_the_one_it_was_computed_for(
    store: MemoryStore, folder: Path
) -> None:
    owner = chain_of()
    fill(store, owner)
    sharer = replace(chain_of("t2"), keys=(*owner.keys[:2], "t2-2", "t2-3"))
    store.stored["t2-2"] = record_of(sharer, 2)
    results = results_of([owner, sharer], store, folder)
    cached = results.stages.groupby("trial_id").cached.apply(list)
    assert cached["t1"] == [False] * 4
    assert cached["t2"] == [True, True, False]
    assert set(results.stages.node) == {"here"}
    assert results.stages.parent.isna()[0]
    assert results.stages.parent[1] == owner.keys[0]


def test_a_shared_record_is_read_once(store: MemoryStore) -> None:
    owner = chain_of()
    fill(store, owner)
    collect_tables([owner, replace(owner, trial_id="t2"), replace(owner, trial_id="t3")], store)
    assert sorted(store.asked) == sorted(owner.keys)


def test_a_second_collect_reads_only_what_is_new(store: MemoryStore) -> None:
    chain = chain_of()
    fill(store, chain, upto=1)
    known = RecordCache(store)
    collect_tables([chain], known)
    fill(store, chain)
    store.asked.clear()
    again = collect_tables([chain], known)
    assert store.asked == list(chain.keys[2:])
    assert again.trials.equals(collect_tables([chain], store).trials)


def test_a_record_read_for_no_task_answers_for_the_tasks_that_it_scores(
    store: MemoryStore,
) -> None:
    chain = chain_of()
    fill(store, chain)
    known = RecordCache(store)
    known.records((key, frozenset[str]()) for key in chain.keys)
    store.asked.clear()
    assert collect_tables([chain], known).stages.equals(collect_tables([chain], store).stages)
    assert store.asked == list(chain.keys)  # by the second alone
    store.asked.clear()
    assert known.records([(chain.keys[0], frozenset({"another task"}))]) == {}
    assert store.asked == [chain.keys[0]]


def config_column(
    name: str, values: list[Any], store: MemoryStore
) -> tuple[pa.DataType, list[Any]]:
    chains = [
        chain_of(f"t{i}", config={"method": {} if value is ... else {"x": value}})
        for i, value in enumerate(values)
    ]
    column = collect_tables(chains, store).trials[name]
    return column.type, column.to_pylist()


@pytest.mark.parametrize(
    ("values", "kind", "stored"),
    [
        ([1, 2], pa.int64(), [1, 2]),
        ([1, 0.5], pa.float64(), [1.0, 0.5]),
        ([True, False], pa.bool_(), [True, False]),
        (["a", None], pa.string(), ["a", None]),
        ([..., 3], pa.int64(), [None, 3]),
        ([[400, 400], [10]], pa.string(), ["[400,400]", "[10]"]),
        (["natural", [2, 1]], pa.string(), ["natural", "[2,1]"]),
        ([1, "all", True], pa.string(), ["1", "all", "true"]),
        ([None, None], pa.string(), [None, None]),
    ],
)
def test_a_config_column_has_one_type(
    values: list[Any], kind: pa.DataType, stored: list[Any], store: MemoryStore
) -> None:
    assert config_column("config.method.x", values, store) == (kind, stored)


def test_folders_are_opened_as_one_and_their_config_columns_agree(
    store: MemoryStore, tmp_path: Path
) -> None:
    write_tables(collect_tables([chain_of(config={"method": {"lam": 1}})], store), tmp_path / "one")
    other = chain_of(sweep="s2", trial_id="t2", config={"method": {"lam": "auto", "gamma": 0.5}})
    write_tables(collect_tables([other], store), tmp_path / "two")
    together = load(tmp_path)
    assert list(together.trials.sweep) == ["s", "s2"]
    assert list(together.trials["config.method.lam"]) == ["1", "auto"]
    pd.testing.assert_frame_equal(together.trials, load(tmp_path / "one", tmp_path / "two").trials)


def test_copies_of_a_folder_count_once_and_seeds_of_two_folders_add_up(
    store: MemoryStore, tmp_path: Path
) -> None:
    chains = [chain_of(seed=seed) for seed in range(3)]
    for chain in chains:
        fill(store, chain)
    for name, part in (("c1", chains[:2]), ("c1copy", chains[:2]), ("c2", chains[1:])):
        write_tables(collect_tables(part, store), tmp_path / name / "s")
    copy = load(tmp_path / "c1", tmp_path / "c1copy")
    assert list(copy.trials["seed"]) == [0, 1]
    assert list(copy.trials["also_in"]) == ["s (c1copy)"] * 2
    assert copy.notes == (
        "2 rows are not counted, since several sweeps have the (trial, seed): s (c1), s (c1copy)",
    )
    alone = load(tmp_path / "c1")
    assert (len(copy.accuracy), len(copy.stages)) == (len(alone.accuracy), len(alone.stages))
    np.testing.assert_array_equal(copy.r_matrix("t1", 1), alone.r_matrix("t1", 1))
    both = load(tmp_path / "c1", tmp_path / "c2")
    assert list(both.trials["seed"]) == [0, 1, 2]
    assert list(both.trials["sweep"]) == ["s (c1)", "s (c1)", "s (c2)"]
    assert both.summary()["n"].tolist() == [3]


def test_a_trial_of_release_0_1_and_of_this_one_are_one_configuration_over_two_folders(
    store: MemoryStore, tmp_path: Path
) -> None:
    now = {"method": {"name": "ewc", "lam": 1, "penalise_head": None}}
    former, other = ({"method": {"name": "ewc", "lam": lam}} for lam in (1, 2))
    chains = {
        "now": [chain_of(LONG, seed=seed, config=now) for seed in (1, 2)],
        "former": [chain_of("ewc-01234567", seed=seed, config=former) for seed in (0, 1)],
        "collides": [chain_of("ewc-01234567", seed=0, config=other)],
    }
    for name, part in chains.items():
        for chain in part:
            fill(store, chain)
        write_tables(collect_tables(part, store), tmp_path / name / "s")
    results = load(tmp_path / "now", tmp_path / "former", tmp_path / "collides")
    by_id = results.trials.groupby("trial_id")["seed"].agg(sorted).to_dict()
    assert by_id == {LONG: [0, 1, 2], "ewc-01234567": [0]}
    assert comparison(results).set_index("label")["n"].to_dict() == {"ewc": 3, "ewc lam=2": 1}
    assert set(results.accuracy["trial_id"]) == set(results.stages["trial_id"]) == set(by_id)
    assert results.r_matrix(LONG, 0).shape == (4, 3)


def test_the_same_folder_given_twice_is_one(store: MemoryStore, tmp_path: Path) -> None:
    write_tables(collect_tables([chain_of()], store), tmp_path / "s")
    results = load(tmp_path, tmp_path / "s")
    assert (list(results.trials["sweep"]), results.notes) == (["s"], ())


def test_other_values_of_one_trial_and_seed_in_two_folders_are_refused_with_both_paths(
    store: MemoryStore, tmp_path: Path
) -> None:
    fill(store, chain_of())
    tables = collect_tables([chain_of()], store)
    at = tables.trials.schema.get_field_index("acc")
    other = tables.trials.set_column(at, tables.trials.schema.field(at), [[0.5]])
    write_tables(tables, tmp_path / "here" / "s")
    write_tables(Tables(other, tables.accuracy, tables.stages), tmp_path / "there" / "s")
    with pytest.raises(RepertoireError, match=r"t1 seed 0, acc: .* in .*here/s, 0.5 in .*there/s"):
        load(tmp_path / "here", tmp_path / "there")


def test_a_trial_complete_in_one_folder_and_diverged_in_another_is_refused(
    store: MemoryStore, tmp_path: Path
) -> None:
    fill(store, chain_of())
    tables = collect_tables([chain_of()], store)
    at = tables.trials.schema.get_field_index("status")
    for status, folder in (("complete", "here"), ("diverged", "there"), ("failed", "else")):
        trials = tables.trials.set_column(at, tables.trials.schema.field(at), [[status]])
        write_tables(Tables(trials, tables.accuracy, tables.stages), tmp_path / folder / "s")
    with pytest.raises(RepertoireError, match=r"t1 seed 0: complete in .*here/s, diverged in .*th"):
        load(tmp_path / "here", tmp_path / "there")
    assert len(load(tmp_path / "here", tmp_path / "else").trials) == 1  # a failure is no value


@pytest.mark.parametrize("content", [b"", b"PAR1 no more"])
def test_an_empty_or_damaged_table_is_named_with_the_remedy(
    store: MemoryStore, tmp_path: Path, content: bytes
) -> None:
    write_tables(collect_tables([chain_of()], store), tmp_path / "s")
    (tmp_path / "s" / "accuracy.parquet").write_bytes(content)
    with pytest.raises(
        RepertoireError, match=r"accuracy\.parquet is empty or damaged; repertoire r"
    ):
        load(tmp_path)


def test_a_folder_named_like_a_partition_adds_no_column(store: MemoryStore, tmp_path: Path) -> None:
    write_tables(collect_tables([chain_of()], store), tmp_path / "lr=0.1")
    assert "lr" not in load(tmp_path).trials.columns


def test_a_folder_without_tables_is_refused_with_the_next_command(tmp_path: Path) -> None:
    with pytest.raises(RepertoireError, match=r"no trials\.parquet .* repertoire run SWEEP --out"):
        load(tmp_path)


def test_an_unknown_trial_or_seed_is_named(store: MemoryStore, folder: Path) -> None:
    results = results_of([chain_of()], store, folder)
    with pytest.raises(UnknownName, match="unknown trial 't9'; valid: t1"):
        results.r_matrix("t9", 0)
    with pytest.raises(UnknownName, match="unknown seed of trial t1 '5'"):
        results.r_matrix("t1", 5)


def test_a_trial_of_several_sweeps_must_say_which(store: MemoryStore, folder: Path) -> None:
    chain = chain_of()
    fill(store, chain)
    results = results_of(
        [chain, replace(chain, sweep="other", benchmark="b2", keys=("none",) * 4)], store, folder
    )
    with pytest.raises(RepertoireError, match="several sweeps: other, s; pass sweep="):
        results.r_matrix("t1", 0)
    assert np.isnan(results.r_matrix("t1", 0, sweep="other")).all()
    assert not np.isnan(results.r_matrix("t1", 0, sweep="s")).any()


def test_the_summary_is_over_the_complete_seeds_of_a_trial(
    store: MemoryStore, folder: Path
) -> None:
    chains = [chain_of(seed=seed) for seed in range(4)]
    for chain in chains:
        fill(store, chain, upto=3 if chain.seed < 3 else 2)
    results = results_of(chains, store, folder)
    (row,) = results.summary().to_dict("records")
    values = results.trials.acc.dropna()
    assert (row["n"], len(values)) == (3, 3)
    assert row["acc_mean"] == pytest.approx(values.mean())
    assert row["acc_std"] == pytest.approx(values.std())
    assert row["acc_ci95"] == pytest.approx(4.302652729749462 * values.std() / np.sqrt(3))


def test_undefined_is_null_on_disk(store: MemoryStore, folder: Path) -> None:
    fill(store, chain_of(scenario="class"))
    write_tables(collect_tables([chain_of(scenario="class")], store), folder)
    column = pq.read_table(folder / "trials.parquet")["fwt"]
    assert column.null_count == 1


LONG = "ewc-0123456789abcdef"


def test_a_stage_that_release_0_1_computed_for_a_trial_is_not_cached_for_it(
    store: MemoryStore, folder: Path
) -> None:
    fill(store, chain_of("ewc-01234567"))
    assert not results_of([chain_of(LONG)], store, folder).stages.cached.any()
    assert results_of([chain_of("ewc-01234568ffffffff")], store, folder).stages.cached.all()


@pytest.mark.parametrize(("written", "given"), [(LONG, "ewc-01234567"), ("ewc-01234567", LONG)])
def test_a_trial_is_found_by_its_id_of_release_0_1_and_by_its_present_one(
    store: MemoryStore, folder: Path, written: str, given: str
) -> None:
    fill(store, chain_of(written))
    results = results_of([chain_of(written)], store, folder)
    np.testing.assert_array_equal(results.r_matrix(given, 0), results.r_matrix(written, 0))
    assert find_configuration(results, given)["trial_id"] == written
    with pytest.raises(UnknownName):
        results.r_matrix("ewc-01234568", 0)
