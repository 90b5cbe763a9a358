"""Tables that take far more memory than their files tell are named before they are read."""

from __future__ import annotations

from io import BytesIO
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from random_tables import write_random

from dashboards.data.folders import open_folders
from orchestrator.errors import RepertoireError
from orchestrator.results.load import load
from orchestrator.results.pack.read import read_pack
from orchestrator.results.pack.write import write_pack
from orchestrator.results.tables import sizes
from orchestrator.results.tables.sizes import find_excess, memory_bytes
from orchestrator.results.tables.tables import read_tables

EXCESS = r"would take .* of memory, from a file of .*kB"


def repeat(values: dict[str, Any], rows: int, **options: Any) -> BytesIO:
    """The file of a table with equal rows, written from arrays that are small in memory."""
    arrays = [
        pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, "int32")), pa.array([value]))
        for value in values.values()
    ]
    schema = pa.schema([(name, pa.array([value]).type) for name, value in values.items()])
    table = pa.Table.from_arrays(arrays, names=list(values))
    plain = table.cast(schema) if options else table
    pq.write_table(plain, file := BytesIO(), compression="zstd", store_schema=False, **options)
    return file


@pytest.mark.parametrize(
    ("values", "rows", "options"),
    [
        ({f"c{i}": 1.5 for i in range(40)}, 200_000, {}),
        ({"text": "x" * 1_000_000}, 1_000, {}),
        (
            {"text": "x" * 20_000},
            2_000,
            {"use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY"}},
        ),
    ],
    ids=["rows", "a text of a dictionary", "a text by differences"],
)
def test_a_small_file_that_takes_much_memory_is_found_unread(
    values: dict[str, Any], rows: int, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "LARGE_BYTES", 30_000_000)
    file = repeat(values, rows, **options)
    taken = sum(len(v) if isinstance(v, str) else 8 for v in values.values()) * rows
    assert 300 * len(file.getvalue()) < taken
    before = pa.total_allocated_bytes()
    assert find_excess(file) is not None
    assert memory_bytes(file, 10**6, 30_000_000) >= taken
    assert pa.total_allocated_bytes() - before < 10**7


def test_the_texts_of_a_table_are_counted_as_often_as_they_occur() -> None:
    rows = ["ab", "c", "ab", None, "é"]
    pq.write_table(pa.table({"text": rows, "n": range(5)}), file := BytesIO())
    columns = memory_bytes(file, 10**6, inf)
    assert columns >= 2 * len(rows) * 8
    assert memory_bytes(file, 0, inf) - columns == 2 + 1 + 2 + 0 + 2
    assert memory_bytes(file, 0, 0) == columns


def test_the_tables_of_a_sweep_are_within_the_limits(tmp_path: Path) -> None:
    folder = write_random(tmp_path / "s")
    for name, table in vars(read_tables(folder)).items():
        file = folder / f"{name}.parquet"
        assert find_excess(file) is None
        fixed = sum(8 * len(table) for c in table.columns if not pa.types.is_string(c.type))
        assert memory_bytes(file, 0, inf) >= fixed > 0


@pytest.fixture
def bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sweep's folder whose accuracies are 200,000 equal rows, past a limit that is lowered."""
    monkeypatch.setattr(sizes, "LARGE_BYTES", 10**7)
    folder = write_random(tmp_path / "out" / "s")
    (folder / "sweep.yaml").write_text("name: s\n")
    table = pq.read_table(folder / "accuracy.parquet")
    equal = table.take(pa.array(np.zeros(200_000, "int64")))
    pq.write_table(equal, folder / "accuracy.parquet", compression="zstd")
    return folder


def test_no_command_reads_a_table_that_is_a_bomb(bomb: Path, tmp_path: Path) -> None:
    with pytest.raises(RepertoireError, match=rf"accuracy\.parquet {EXCESS}, which no run") as e:
        load(bomb)
    assert "\n" not in str(e.value)
    ((folder,), _) = open_folders([bomb])
    assert "accuracy" not in folder.tables
    assert "accuracy.parquet is damaged and left out" in " ".join(folder.notes)


def test_a_pack_with_a_bomb_is_refused(
    bomb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pack(bomb.parent, tmp_path / "x.zip", None)

    def refuse(problem: str, **options: Any) -> None:
        with pytest.raises(RepertoireError, match=problem):
            read_pack(tmp_path / "x.zip", tmp_path / "in", **options)
        assert not (tmp_path / "in").exists()

    refuse(rf"s/accuracy\.parquet in it {EXCESS}; nothing of it was taken in")
    monkeypatch.setattr(sizes, "LARGE_BYTES", 10**9)
    refuse(r"its tables would take \d{8} bytes of memory, more than 10000000", max_bytes=10**7)
