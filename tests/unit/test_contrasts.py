"""Comparisons across rows: what stands side by side, differences on common seeds, ranks, front."""

import json
import re
from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from orchestrator.errors import RepertoireError, UnknownName
from orchestrator.results.comparison import comparison
from orchestrator.results.contrasts import with_differences
from orchestrator.results.front import pareto, with_front
from orchestrator.results.ranking import with_ranks
from orchestrator.results.results import Results
from orchestrator.results.tables.config_columns import with_config_columns
from orchestrator.results.tables.schemas import TRIALS
from orchestrator.terminal.comparison.blocks import SHOWN
from orchestrator.terminal.comparison.rendering import render

pytestmark = pytest.mark.slow

TEXT_FORMATS = ("table", "markdown", "latex")
EPOCHS = {"training": {"epochs": 5}}
Row = dict[str, Any]


def seeds(method: str, acc: Sequence[float], sweep: str = "a", **changes: Any) -> list[Row]:
    """Return a row for each seed 0, 1, ... of one configuration."""
    config: dict[str, dict[str, Any]] = {
        "benchmark": {"name": "split_digits", "train_mask": "seen"},
        "network": {"name": "mlp", "hidden": [8]},
        "training": {"epochs": 1, "lr": 0.1},
        "method": {"name": method},
    }
    for section, values in changes.pop("config", {}).items():
        config[section] |= values
    text = json.dumps(config)
    first = changes.pop("first_seed", 0)
    result = {
        "sweep": sweep,
        "trial_id": f"{method}-{crc32(text.encode()):x}",
        "phase": "evaluation",
        "status": "complete",
        "method": method,
        "benchmark": "split_digits",
        "scenario": "domain",
        "network": "mlp",
        "num_tasks": 5,
        "config": text,
        "bwt": -0.2,
        "fwt": 0.1,
        "forgetting": 0.2,
        "average_incremental_accuracy": 0.85,
        "learning_accuracy": 0.9,
        "storage_bytes": 1000,
        "train_flops": 1e9,
        "consolidate_flops": 0.0,
        "train_seconds": 1.0,
        "consolidate_seconds": 0.0,
    }
    return [result | {"seed": seed, "acc": each} | changes for seed, each in enumerate(acc, first)]


def results_of(*rows: list[Row]) -> Results:
    flat = [row for part in rows for row in part]
    trials = with_config_columns(pa.Table.from_pylist(flat, schema=TRIALS)).to_pandas()
    return Results(trials, pd.DataFrame(), pd.DataFrame())


def compare(*rows: list[Row], **options: bool) -> pd.DataFrame:
    return comparison(results_of(*rows), **options)


def compare_pairs(*rows: list[Row], against: str | None = None) -> pd.DataFrame:
    results = results_of(*rows)
    table = with_differences(results, comparison(results), against)
    return table.set_index("label")


EWC, ER = seeds("ewc", (0.5, 0.6, 0.7)), seeds("er", (0.6, 0.8, 1.0))


# What stands side by side


def test_sweeps_of_one_protocol_share_a_table() -> None:
    other = seeds("er", (0.6,), sweep="b", config={"training": {"lr": 0.5}})
    for together in (False, True):
        table = compare(EWC, other, together=together)
        assert list(table.table) == [0, 0]
        assert table.attrs["apart"] == []
    assert list(table.label) == ["ewc", "er"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (EPOCHS, "training.epochs 1 (a), 5 (b)"),
        ({"training": {"iterations": 7}}, "training.iterations unset (a), 7 (b)"),
        ({"benchmark": {"train_mask": "all"}}, "benchmark.train_mask seen (a), all (b)"),
        ({"network": {"hidden": [9]}}, "network.hidden [8] (a), [9] (b)"),
    ],
)
def test_sweeps_of_other_masks_budgets_or_networks_are_refused_together(
    config: dict[str, Any], message: str
) -> None:
    other = seeds("er", (0.6,), sweep="b", config=config)
    with pytest.raises(RepertoireError, match=re.escape(message)) as refused:
        compare(EWC, other, together=True)
    assert "split_digits, domain-incremental, 5 tasks: " in str(refused.value)
    assert "--force" in str(refused.value)
    apart = compare(EWC, other)
    assert list(apart.table) == [0, 1]
    for format in TEXT_FORMATS:
        assert message in " ".join(re.sub(r"\\([_\[\]])", r"\1", render(apart, format)).split())


def test_by_force_they_share_a_table_that_is_marked_wherever_it_goes() -> None:
    other = seeds("ewc", (0.6,), sweep="b", config=EPOCHS)
    table = compare(EWC, other, force=True)
    assert list(table.table) == [0, 0]
    # As within a sweep that varies them, in `test_what_a_sweep_varies_itself_stands_side_by_side`.
    assert list(table.label) == ["ewc epochs=1", "ewc epochs=5"]
    for format in TEXT_FORMATS:
        assert "NOT COMPARABLE: training.epochs 1 (a), 5 (b)" in render(table, format)
    (line,) = [line for line in render(table, "latex").splitlines() if "NOT COMPARABLE" in line]
    assert line.startswith(rf"\multicolumn{{{len(SHOWN) + 2}}}{{l}}{{")  # a label and n
    rows = json.loads(render(table, "json"))["rows"]
    assert {row["not_comparable"] for row in rows} == {"training.epochs 1 (a), 5 (b)"}


def test_other_settings_have_tables_of_their_own_which_is_said_unless_forced() -> None:
    other = seeds("er", (0.6,), sweep="b", scenario="task", num_tasks=2)
    table = compare(EWC, other, together=True)
    assert list(table.table) == [0, 1]
    assert table.attrs["apart"] == ["scenario domain (a), task (b)", "num_tasks 5 (a), 2 (b)"]
    forced = compare(EWC, other, force=True)
    assert list(forced.table) == [0, 0]
    assert set(forced.not_comparable) == {"scenario domain (a), task (b); num_tasks 5 (a), 2 (b)"}
    shown = render(forced, "markdown")
    assert "**split_digits (sweeps a, b)**" in shown
    # What tells rows apart; a table of one setting has it in its title.
    assert list(forced.label) == ["ewc scenario=domain num_tasks=5", "er scenario=task num_tasks=2"]
    assert list(table.label) == ["ewc", "er"]


def test_forced_rows_have_all_settings_once_and_their_hyperparameters_where_these_are_equal() -> (
    None
):
    grid = [
        seeds("ewc", (0.6,), scenario=scenario, config={"benchmark": {"scenario": scenario}})
        for scenario in ("class", "task")
    ]
    far = {"benchmark": {"scenario": "class"}, "training": {"lr": 0.5}}
    near = {"benchmark": {"scenario": "class"}, "training": {"lr": 0.1, "epochs": 5}}
    others = [
        seeds("ewc", (0.6,), sweep=sweep, scenario="class", config=config)
        for sweep, config in (("b", far), ("c", near))
    ]
    table = compare(*grid, *others, force=True)
    assert list(table.label) == [
        "ewc scenario=class epochs=1",
        "ewc scenario=task epochs=1",
        "ewc scenario=class epochs=1 lr=0.5",
        "ewc epochs=5 lr=0.1 scenario=class",
    ]


def test_a_forced_table_fits_the_terminal() -> None:
    rows = [
        seeds(method, (0.5, 0.6, 0.7), sweep=name, scenario=scenario, num_tasks=tasks)
        for method in ("finetune", "a_method:OfANameOfManyLetters")
        for name, scenario, tasks in (("a", "class", 5), ("a-second", "domain", 10))
    ]
    shown = render(with_differences(results_of(*rows), compare(*rows, force=True)), width=80)
    assert "NOT COMPARABLE: scenario class (a), domain (a-second); num_tasks 5 (a), 10" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_force_leaves_what_is_comparable_unmarked_and_benchmarks_apart() -> None:
    other = seeds("er", (0.6,), sweep="b", benchmark="permuted_digits")
    table = compare(EWC, ER, other, force=True)
    assert list(table.table) == [0, 0, 1]
    assert "not_comparable" not in table


def test_what_a_sweep_varies_itself_stands_side_by_side() -> None:
    table = compare(EWC, seeds("ewc", (0.6,), config=EPOCHS), together=True)
    assert list(table.table) == [0, 0]
    assert list(table.label) == ["ewc epochs=1", "ewc epochs=5"]


def test_two_sweeps_that_vary_the_same_are_comparable_and_one_that_varies_less_is_not() -> None:
    both = [
        seeds(method, (0.5,), sweep=sweep, config=config)
        for sweep, method in (("a", "ewc"), ("b", "er"))
        for config in ({}, EPOCHS)
    ]
    assert set(compare(*both, together=True).table) == {0}
    with pytest.raises(RepertoireError, match=r"training.epochs 1 or 5 \(a\), 1 \(b\)"):
        compare(*both[:3], together=True)


def test_a_configuration_of_two_sweeps_is_one_row_over_all_its_seeds() -> None:
    later = seeds("ewc", (0.6, 0.7, 0.8), sweep="b", first_seed=1)
    table = compare(EWC, ER, later)
    assert list(table.label) == ["ewc", "er"]
    assert list(table.n) == [4, 3]
    assert table.acc_mean[0] == pytest.approx((0.5 + 0.6 + 0.7 + 0.8) / 4)
    assert list(table.sweeps) == ["a, b", "a"]
    assert table.attrs["pooled"] == [
        "2 rows are not counted, since several sweeps have the (trial, seed): a, b"
    ]
    assert "(sweeps a, b)" in render(table, "markdown")
    assert "several sweeps have the (trial, seed): a, b" in render(table, "markdown")


def test_a_copy_is_no_evidence() -> None:
    alone = compare_pairs(EWC, ER, against="ewc")
    copy = [each | {"sweep": "copy"} for each in EWC + ER]
    table = compare_pairs(EWC, ER, copy, against="ewc")
    for name in ("acc_p", "acc_p_holm", "acc_diff_low", "n_common"):
        assert table.at["er", name] == alone.at["er", name]


def test_a_finished_copy_counts_and_not_the_one_that_was_stopped() -> None:
    stopped = [each | {"status": "stopped", "acc": None, "tasks_done": 1} for each in EWC]
    finished = [each | {"sweep": "copy", "tasks_done": 5} for each in EWC]
    table = compare(stopped, finished)
    assert list(table.n) == [3]
    assert table.attrs["left_out"] == {}


def test_other_values_of_one_trial_and_seed_are_refused_naming_both() -> None:
    other = seeds("ewc", (0.5, 0.6, 0.71), sweep="b")
    with pytest.raises(RepertoireError, match=r"seed 2, acc: 0.7 in a, 0.71 in b"):
        compare(EWC, other)


def test_holm_does_not_count_a_configuration_of_two_sweeps_twice() -> None:
    alone = compare_pairs(EWC, ER, seeds("si", (0.9, 0.4, 0.6)), against="ewc")
    again = [each | {"sweep": "b"} for each in ER]
    table = compare_pairs(EWC, ER, seeds("si", (0.9, 0.4, 0.6)), again, against="ewc")
    assert table.at["er", "acc_p_holm"] == alone.at["er", "acc_p_holm"]


def test_sweeps_that_hold_one_configuration_share_its_table_and_what_varies_is_said() -> None:
    wider = seeds("ewc", (0.55,), sweep="b", config=EPOCHS)
    table = compare(EWC, ER, [each | {"sweep": "b"} for each in EWC], wider, together=True)
    assert list(table.table) == [0, 0, 0]
    # Every row of the table says its epochs, of whatever method.
    assert list(table.label) == ["ewc", "er", "ewc epochs=5"]
    (line,) = table.attrs["varied"]
    assert line.endswith("training.epochs 1 (a), 1 or 5 (b)")
    assert "varied by a sweep, so different within a table" in render(table, "markdown")


# Differences


def test_the_differences_of_three_seeds_are_those_worked_by_hand() -> None:
    # 0.1, 0.2, 0.3: mean 0.2, t = 2 sqrt(3), p = 1 - sqrt(12/14) by two degrees of freedom.
    table = compare_pairs(EWC, ER, against="ewc")
    assert table.at["er", "acc_diff"] == pytest.approx(0.2)
    half = 4.302652729749462 * 0.1 / np.sqrt(3)
    assert table.at["er", "acc_diff_low"] == pytest.approx(0.2 - half)
    assert table.at["er", "acc_diff_high"] == pytest.approx(0.2 + half)
    assert table.at["er", "acc_p"] == pytest.approx(1 - np.sqrt(12 / 14))
    assert table.at["er", "acc_p_holm"] == table.at["er", "acc_p"]
    assert table.at["er", "n_common"] == 3
    assert np.isnan(table.at["ewc", "acc_diff"])
    assert list(table.against) == ["ewc", "ewc"]
    assert not table.against_best.any()


def test_unless_one_is_named_rows_are_held_against_the_best() -> None:
    table = compare_pairs(EWC, ER)
    assert list(table.against) == ["er", "er"]
    assert table.against_best.all()
    assert table.at["ewc", "acc_diff"] == pytest.approx(-0.2)


def test_only_common_seeds_count() -> None:
    late = seeds("er", (0.9, 0.9, 0.9), first_seed=2)
    table = compare_pairs(EWC, late, against="ewc")
    assert table.at["er", "n_common"] == 1
    assert table.at["er", "acc_diff"] == pytest.approx(0.2)
    never = compare_pairs(EWC, seeds("er", (0.9,), first_seed=9), against="ewc")
    assert never.at["er", "n_common"] == 0
    assert np.isnan(never.at["er", "acc_diff"])


def test_p_values_are_corrected_for_the_rows_of_their_own_table() -> None:
    third = seeds("si", (0.9, 0.4, 0.6))
    elsewhere = [each | {"scenario": "task"} for each in EWC + ER]
    table = compare_pairs(EWC, ER, third, elsewhere, against="ewc")
    here = table[table.scenario == "domain"]
    smaller, larger = sorted(here["acc_p"].dropna())
    assert sorted(here["acc_p_holm"].dropna()) == pytest.approx(
        [2 * smaller, max(2 * smaller, larger)]
    )
    other = table[table.scenario == "task"].loc["er"]
    assert other["acc_p_holm"] == other["acc_p"]


def test_a_row_can_be_named_by_its_trial_and_an_unknown_one_is_refused() -> None:
    trial = str(EWC[0]["trial_id"])
    assert set(compare_pairs(EWC, ER, against=trial).against) == {"ewc"}
    with pytest.raises(UnknownName, match="did you mean 'ewc'"):
        compare_pairs(EWC, ER, against="ewcc")


def test_a_table_without_the_named_row_compares_nothing() -> None:
    elsewhere = seeds("si", (0.9, 0.8), scenario="task")
    results = results_of(EWC, ER, elsewhere)
    table = with_differences(results, comparison(results), "ewc")
    assert table["against"].isna().tolist() == [False, False, True]
    assert render(table, "markdown").count("paired by seed") == 1


def test_differences_are_printed_with_interval_and_corrected_p() -> None:
    results = results_of(EWC, ER)
    table = with_differences(results, comparison(results), "ewc")
    markdown, latex = render(table, "markdown"), render(table, "latex")
    assert "**ACC minus that of ewc, paired by seed**" in markdown
    assert "| method | ΔACC | 95% interval | p | p (Holm) | n |" in markdown
    assert "| er | 0.200 | [-0.048, 0.448] | 0.074 | 0.074 | 3 |" in markdown
    assert r"er & 0.200 & $[-0.048, 0.448]$ & 0.074 & 0.074 & 3 \\" in latex
    assert r"method & $\Delta$ACC & 95\% interval & p & p (Holm) & n \\" in latex
    assert "Holm: corrected for the number of rows" in markdown
    best = render(with_differences(results, comparison(results)), "markdown")
    assert (
        "corrected for all pairs of rows, since the row was chosen as the best of the same" in best
    )


def test_an_empty_comparison_stays_empty() -> None:
    results = results_of([each | {"status": "failed"} for each in EWC])
    table = with_ranks(with_differences(results, comparison(results)))
    assert "no complete trial" in render(with_front(table), "table")


# Ranks and front


def test_ranks_over_settings_are_those_worked_by_hand() -> None:
    accuracies = {"domain": (0.9, 0.8, 0.7), "task": (0.5, 0.9, 0.5), "class": (0.3, 0.2, 0.1)}
    rows = [
        seeds(method, (acc,), scenario=scenario)
        for scenario, row in accuracies.items()
        for method, acc in zip(("er", "ewc", "si"), row, strict=True)
    ]
    only_here = seeds("gem", (0.99,), scenario="domain")
    table = with_ranks(compare(*rows, only_here))
    means = table.drop_duplicates("label").set_index("label")["mean_rank"]
    assert means["er"] == pytest.approx((1 + 2.5 + 1) / 3)
    assert means["ewc"] == pytest.approx((2 + 1 + 2) / 3)
    assert means["si"] == pytest.approx((3 + 2.5 + 3) / 3)
    assert np.isnan(means["gem"])
    printed = render(table, "markdown")
    assert "**Mean rank by ACC over 3 tables**" in printed
    assert "| er | 1.50 | 1, 2.5, 1 |" in printed
    assert "1 that are not in every table have no rank" in printed


def test_what_varies_in_one_table_of_a_sweep_is_in_the_names_of_all() -> None:
    weak, strong = {"method": {"lam": 1.0}}, {"method": {"lam": 9.0}}
    table = with_ranks(
        compare(
            seeds("er", (0.9,), scenario="class"),
            seeds("ewc", (0.5,), scenario="class", config=strong),
            seeds("er", (0.6,), scenario="task"),
            seeds("ewc", (0.8,), scenario="task", config=strong),
            seeds("ewc", (0.7,), scenario="task", config=weak),
        )
    )
    assert set(table["label"]) == {"er", "ewc lam=9", "ewc lam=1"}
    printed = render(table, "markdown")
    assert "| er | 1.50 | 1, 2 |" in printed
    assert "| ewc lam=9 | 1.50 | 2, 1 |" in printed
    assert "1 that are not in every table have no rank" in printed


def test_one_table_has_no_mean_ranks() -> None:
    table = with_ranks(compare(EWC, ER))
    assert table["mean_rank"].isna().all()
    assert "rank" not in render(table, "markdown")


def test_the_front_is_marked_in_each_table_and_is_what_pareto_returns() -> None:
    rows = [EWC, ER, seeds("joint", (0.9,), storage_bytes=9000), seeds("si", (0.1,), first_seed=3)]
    table = with_front(compare(*rows), ["acc", "storage_bytes"])
    # er and ewc cost the same and their intervals overlap; si's one seed is below both.
    assert list(table.label[table.front]) == ["ewc", "er", "joint"]
    printed = render(table, "markdown")
    assert r"| er\* |" in printed
    assert "Pareto front of acc, storage_bytes" in printed
    assert list(pareto(results_of(*rows), ["acc", "storage_bytes"]).label) == list(table.label[:3])
    narrow = [seeds("ewc", (0.5, 0.51, 0.52)), seeds("er", (0.8, 0.81, 0.82))]
    front = with_front(compare(*narrow, seeds("si", (0.79, 0.8, 0.81))), ["acc", "storage_bytes"])
    assert list(front.label[front.front]) == ["er", "si"]
    assert "| ewc |" in render(front, "markdown")
    assert list(pareto(results_of(*narrow), ["acc"], ["min"]).label) == ["ewc"]


def test_all_of_it_fits_80_columns() -> None:
    rows = [
        seeds("generative_replay", (0.5, 0.6, 0.8), scenario=s, config={"training": {"lr": lr}})
        for s in ("task", "domain")
        for lr in (0.1, 0.01, 0.003)
    ]
    results = results_of(*rows)
    table = with_front(with_ranks(with_differences(results, comparison(results))))
    printed = render(table, "table")
    assert max(map(len, printed.splitlines())) <= 80
    assert "…" not in printed
