"""The front of a comparison, seen by eye."""

import pandas as pd
import pytest

from orchestrator.errors import RepertoireError, UnknownName
from orchestrator.results.pareto import default_modes, front_mask

TABLE = pd.DataFrame(
    {
        "scenario": ["class", "class", "class", "task", "class"],
        "acc_mean": [0.9, 0.8, 0.5, 0.4, None],
        "forgetting_mean": [0.1, 0.2, 0.0, 0.9, 0.0],
        "storage_bytes_mean": [100, 100, 10, 1000, 1],
        "seconds_mean": [1.0, 2.0, 3.0, 4.0, 0.1],
    },
    index=[7, 3, 5, 2, 0],
)


def test_the_front_is_the_one_seen_by_eye() -> None:
    assert front_mask(TABLE, ["acc", "storage_bytes"]).tolist() == [True, False, True, False, False]
    assert front_mask(TABLE, ["acc"]).tolist() == [True, False, False, False, False]
    assert list(front_mask(TABLE, ["acc"]).index) == [7, 3, 5, 2, 0]


def test_each_table_has_a_front_of_its_own() -> None:
    front = front_mask(TABLE, ["acc", "storage_bytes"], within=["scenario"])
    assert front.tolist() == [True, False, True, True, False]


def test_modes_can_be_turned() -> None:
    assert front_mask(TABLE, ["acc"], ["min"]).tolist() == [False, False, False, True, False]


def test_costs_and_forgetting_are_usually_small_and_all_else_large() -> None:
    metrics = ["acc", "bwt", "learning_accuracy", "forgetting", "storage_buffer_bytes"]
    more = ["compute_flops", "train_seconds", "seconds", "samples"]
    assert default_modes(metrics + more) == ("max",) * 3 + ("min",) * 6


def test_an_empty_table_has_an_empty_front() -> None:
    assert front_mask(TABLE[:0], ["acc"], within=["scenario"]).empty


def test_mistakes_are_refused_with_what_is_valid() -> None:
    with pytest.raises(UnknownName, match="did you mean 'storage_bytes'"):
        front_mask(TABLE, ["acc", "storage_byte"])
    with pytest.raises(UnknownName, match="did you mean 'max'"):
        front_mask(TABLE, ["acc"], ["maximum"])  # type: ignore[list-item]
    for metrics, modes in (([], None), (["acc", "seconds"], ["max"])):
        with pytest.raises(RepertoireError, match="a mode for each"):
            front_mask(TABLE, metrics, modes)  # type: ignore[arg-type]
