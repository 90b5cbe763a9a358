"""The code of trials in the tables: different code is a row, or a table, of its own."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from random_tables import random_tables

from dashboards.data.warehouse import Warehouse
from methods.ewc import EWC
from orchestrator.results.comparison import comparison
from orchestrator.results.contrasts import with_differences
from orchestrator.results.folder.places import open_store
from orchestrator.results.load import load
from orchestrator.results.lookup import find_configuration
from orchestrator.results.names.code_texts import code_texts
from orchestrator.results.names.identity import common_trial_ids
from orchestrator.results.names.trial_ids import unnumbered_id
from orchestrator.results.tables.collect import collect_tables
from orchestrator.results.tables.tables import Tables, write_tables
from orchestrator.stages.storage.record_cache import RecordCache
from orchestrator.sweep.sweep import Sweep

pytestmark = pytest.mark.slow

A, B, C = "a" * 16, "b" * 16, "c" * 16


def write_sweep(
    folder: Path, er: str | None, network: str = "1", first_seed: int = 0, draw: int = 0
) -> Path:
    """Write tables of two seeds; of `er` and the network with some code; None: of no known code."""
    tables = random_tables(np.random.default_rng(draw), folder.name, seeds=2, complete=1.0)
    parts = [shift_seeds(table, first_seed) for table in vars(tables).values()]
    if er is None:
        parts[0] = parts[0].drop_columns(["code"])
    else:
        codes = [
            json.dumps(
                {
                    "method": f"m:Er/{er}" if method == "er" else f"{method}/1",
                    "network": f"mlp/{network}",
                    "learner": "1",
                    "benchmark": "1",
                }
            )
            for method in parts[0]["method"].to_pylist()
        ]
        at = parts[0].schema.get_field_index("code")
        parts[0] = parts[0].set_column(at, "code", pa.array(codes, pa.string()))
    write_tables(Tables(*parts), folder)
    return folder


def shift_seeds(table: pa.Table, by: int) -> pa.Table:
    seeds = pa.array([seed + by for seed in table["seed"].to_pylist()], pa.int64())
    return table.set_column(table.schema.get_field_index("seed"), "seed", seeds)


def rows_of(*folders: Path) -> dict[str, int]:
    """Return label -> number of seeds of `er`."""
    table = comparison(load(*folders))
    rows = table[table["method"] == "er"]
    return dict(zip(rows["label"], rows["n"], strict=True))


def test_seeds_computed_with_different_code_are_two_rows_that_say_so(tmp_path: Path) -> None:
    folders = write_sweep(tmp_path / "a", A), write_sweep(tmp_path / "b", B, first_seed=2)
    assert rows_of(*folders) == {"er": 2, "er code bbbbbbbb": 2}
    table = comparison(load(*folders))
    # The other methods have equal code, and are averaged over the seeds of both sweeps.
    assert list(table["n"][table["method"] != "er"]) == [4, 4, 4]
    assert table["table"].nunique() == 1
    compared = with_differences(load(*folders), table, "er code bbbbbbbb")
    assert list(compared["n_common"][compared["method"] == "er"]) == [0, 2]
    assert find_configuration(load(*folders), "er code bbbbbbbb")["sweeps"] == ["b"]


def test_the_sweep_that_was_run_first_keeps_its_names(tmp_path: Path) -> None:
    folders = {
        "b": write_sweep(tmp_path / "b", B),
        "a": write_sweep(tmp_path / "a", A, first_seed=2),
        "c": write_sweep(tmp_path / "c", C, first_seed=4),
    }
    # Without a time, in the order of the folders' names.
    assert rows_of(tmp_path) == {"er": 2, "er code bbbbbbbb": 2, "er code cccccccc": 2}
    for at, (name, folder) in enumerate(folders.items()):
        (folder / "progress.json").write_text(json.dumps({"first_started_at": float(at)}))
        expected = ["er", "er code aaaaaaaa", "er code cccccccc"][: at + 1]
        ran = [folders[each] for each in [*folders][: at + 1]]
        for given in (ran, ran[::-1]):
            assert list(rows_of(*given)) == expected, name
    table, shown = comparison(load(tmp_path)), Warehouse.open(tmp_path).comparison
    columns = ["label", "table", "n", "sweeps"]
    pd.testing.assert_frame_equal(table[columns], shown[columns])
    assert list(table.loc[table["method"] == "er", "sweeps"]) == ["b", "a", "c"]


def test_a_built_in_whose_version_was_raised_between_two_releases(tmp_path: Path) -> None:
    folders = write_sweep(tmp_path / "a", "1"), write_sweep(tmp_path / "b", "2", first_seed=2)
    assert rows_of(*folders) == {"er": 2, "er version 2": 2}


def test_equal_code_is_pooled_and_named_by_no_code(tmp_path: Path) -> None:
    folders = write_sweep(tmp_path / "a", A), write_sweep(tmp_path / "b", A, first_seed=2)
    assert rows_of(*folders) == {"er": 4}


def test_one_trial_and_seed_with_different_code_in_two_folders_is_no_copy(tmp_path: Path) -> None:
    folders = write_sweep(tmp_path / "a", A), write_sweep(tmp_path / "b", B, "2", draw=1)
    results = load(*folders)
    assert results.notes == ()
    assert len(results.trials) == len(load(folders[0]).trials) + len(load(folders[1]).trials)
    table = comparison(results)
    assert list(table["n"]) == [2] * 8
    assert table["table"].nunique() == 2


def test_networks_with_different_code_are_in_different_tables_which_say_why(tmp_path: Path) -> None:
    folders = write_sweep(tmp_path / "a", A, B), write_sweep(tmp_path / "b", A, C, first_seed=2)
    table = comparison(load(*folders))
    assert list(table.groupby("table")["n"].agg(list)) == [[2] * 4, [2] * 4]
    assert table.attrs["apart"] == [
        "split_digits, task-incremental, 3 tasks: network code mlp/bbbbbbbb (a), mlp/cccccccc (b)"
    ]
    assert rows_of(*folders) == {"er": 2}
    forced = comparison(load(*folders), force=True)
    assert "network code" in forced["not_comparable"].iloc[0]
    assert list(forced["label"][forced["method"] == "er"]) == [
        "er",
        "er network code cccccccc",
    ]


def test_tables_without_the_column_are_pooled_with_any_one_code(tmp_path: Path) -> None:
    old, first, second = (
        write_sweep(tmp_path / "old", None),
        write_sweep(tmp_path / "a", A, first_seed=2),
        write_sweep(tmp_path / "b", B, first_seed=4),
    )
    assert rows_of(old) == {"er": 2}
    assert rows_of(old, first) == {"er": 4}
    assert rows_of(first, old) == {"er": 4}
    # Which of two codes the old seeds were computed with is not known.
    assert rows_of(old, first, second) == {
        "er": 2,
        "er code aaaaaaaa": 2,
        "er code bbbbbbbb": 2,
    }
    warehouse = Warehouse.open(old, first, second)
    shown = warehouse.comparison[["label", "table", "n"]]
    table = comparison(load(old, first, second))
    pd.testing.assert_frame_equal(table[["label", "table", "n"]], shown)
    assert not warehouse.older


def test_each_code_of_a_configuration_has_an_id_of_its_own() -> None:
    rows = pd.DataFrame(
        [(sweep, "er-0123456789abcdef", "{}", sweep) for sweep in "abca"],
        columns=["sweep", "trial_id", "config", "code"],
    )
    assert common_trial_ids(rows) == {
        ("b", "er-0123456789abcdef"): "er-0123456789abcdef~2",
        ("c", "er-0123456789abcdef"): "er-0123456789abcdef~3",
    }
    assert unnumbered_id("er-0123456789abcdef~3") == "er-0123456789abcdef"


@pytest.mark.parametrize("text", ["", "[", "[1]", "7", '{"method": {"x": 1}}'])
def test_code_that_somebody_else_wrote_is_read_whatever_it_is(text: str) -> None:
    rows = pd.DataFrame({"code": [text, '{"method": "er/2"}', '{"method": "er/3"}']})
    assert list(code_texts(rows))[1:] == [" version 2", " version 3"]


SWEEP = """\
name: own
benchmark: {name: split_digits, num_tasks: 2, samples_per_task: 24}
network: {name: 'nets:Net', hidden: [4]}
methods: ['mine:Mine', ewc]
seeds: [0]
"""
FILES = {
    "mine.py": "from methods.ewc import EWC\nfrom helper import SCALE\n\n"
    "class Mine(EWC):\n    scale = SCALE\n",
    "helper.py": "SCALE = 1.0\n",
    "nets.py": "from orchestrator.networks.mlp import MLP\n\nclass Net(MLP):\n    pass\n",
    "sweep.yaml": SWEEP,
}


def codes_of(folder: Path, **edits: str) -> tuple[list[str], list[dict[str, str]]]:
    """Return the ids and the codes of the trials of a sweep, as its table has them."""
    for name, text in {**FILES, **{f"{k}.py": v for k, v in edits.items()}}.items():
        (folder / name).write_text(text, encoding="utf-8")
    sweep = Sweep.load(folder / "sweep.yaml")
    chains = [chain for chain, _ in sweep.chains()]
    trials = collect_tables(chains, RecordCache(open_store(folder, None))).trials
    return trials["trial_id"].to_pylist(), list(map(json.loads, trials["code"].to_pylist()))


def test_the_code_of_each_part_changes_with_that_part_and_no_id_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, (own, ewc) = codes_of(tmp_path)
    assert own["method"].startswith("mine:Mine/")
    assert ewc["method"] == f"ewc/{EWC.version}"
    edited_ids, (edited, same) = codes_of(tmp_path, helper="SCALE = 3.0\n")
    assert (edited_ids, same) == (ids, ewc)
    assert {part for part in own if own[part] != edited[part]} == {"method"}
    net = FILES["nets.py"].replace("pass", "width = 2")
    _, (other, other_ewc) = codes_of(tmp_path, nets=net)
    assert {part for part in own if own[part] != other[part]} == {"network"}
    assert other_ewc["network"] == other["network"] != ewc["network"]
    commented = f"# A remark.\n{FILES['helper.py']}"
    assert codes_of(tmp_path, helper=commented) == (ids, [own, ewc])
    monkeypatch.setattr(EWC, "version", EWC.version + 1)
    _, (_, raised) = codes_of(tmp_path)
    assert raised["method"] == f"ewc/{EWC.version}"
