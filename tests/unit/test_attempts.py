"""Queries on tables that another process replaces while they are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dashboards.data.attempts import ATTEMPTS, answer_query
from orchestrator.errors import RepertoireError

pytestmark = [pytest.mark.slow, pytest.mark.pages]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a table that can be read."""
    write(path := tmp_path / "trials.parquet", 0)
    return path


def write(path: Path, value: int) -> None:
    """Replace a table by another, as a running sweep does."""
    pq.write_table(pa.table({"x": [value]}), path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def question(file: Path, failures: int, replaces: bool = True) -> Callable[[], int]:
    """Return a query that fails some times, each because the table is replaced under it."""
    count = iter(range(failures))

    def ask() -> int:
        for number in count:
            if replaces:
                write(file, number)
            raise duckdb.IOException("Could not read enough bytes from file")
        return 7

    return ask


def test_a_query_whose_table_is_replaced_is_asked_again(file: Path) -> None:
    assert answer_query(question(file, ATTEMPTS - 1), [file]) == 7


def test_a_table_that_is_replaced_at_each_attempt_is_named_and_not_said_to_be_damaged(
    file: Path,
) -> None:
    with pytest.raises(RepertoireError, match="replaced while they were read") as raised:
        answer_query(question(file, ATTEMPTS), [file])
    assert str(file) in str(raised.value)
    assert "damaged" not in str(raised.value)


def test_an_error_of_a_query_whose_tables_stay_is_its_own(file: Path) -> None:
    with pytest.raises(duckdb.IOException):
        answer_query(question(file, ATTEMPTS, replaces=False), [file])


def test_a_damaged_table_is_named_at_the_first_attempt(file: Path) -> None:
    file.write_bytes(b"PAR1 no more")
    with pytest.raises(RepertoireError, match=r"damaged, so not shown: .*trials\.parquet"):
        answer_query(question(file, 1, replaces=False), [file])
