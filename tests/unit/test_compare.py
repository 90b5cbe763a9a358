"""The comparison: what is averaged, what never is, and how it prints."""

import csv
import io
import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from orchestrator.errors import UnknownName
from orchestrator.results.arrangement import sort_rows, values_with, with_columns
from orchestrator.results.best import with_best
from orchestrator.results.comparison import comparison
from orchestrator.results.ranking import with_ranks
from orchestrator.results.results import Results
from orchestrator.results.tables.config_columns import with_config_columns
from orchestrator.results.tables.schemas import TRIALS
from orchestrator.terminal.comparison.latex import LONG_NAME, label_names
from orchestrator.terminal.comparison.rendering import render, render_first

T_2 = 4.302652729749462  # Student's t, 2 degrees of freedom, 0.975
TEXT_FORMATS = ("table", "markdown", "latex")
NO_ROWS = pd.DataFrame()
# Columns asked for where a test has a whole row, which others may join by default.
ASKED = [
    "acc",
    "average_incremental_accuracy",
    "bwt",
    "fwt",
    "forgetting",
    "storage",
    "compute_flops",
]


def row(method: str = "ewc", seed: int = 0, acc: float = 0.8, **changes: Any) -> dict[str, Any]:
    """Return a row of the trials table; `config` is the method's hyperparameters."""
    hyperparameters = changes.pop("config", {})
    config = {"method": {"name": method, **hyperparameters}, "training": {"lr": 0.1}}
    result = {
        "sweep": "s",
        "trial_id": f"{method} {hyperparameters}",
        "phase": "evaluation",
        "status": "complete",
        "method": method,
        "benchmark": "split_digits",
        "scenario": "domain",
        "network": "mlp",
        "seed": seed,
        "num_tasks": 5,
        "config": json.dumps(config),
        "acc": acc,
        "bwt": -0.25,
        "fwt": 0.1,
        "forgetting": 0.25,
        "average_incremental_accuracy": 0.85,
        "learning_accuracy": 0.9,
        "storage_bytes": 1_500_000,
        "train_flops": 2e9,
        "consolidate_flops": 5e8,
        "train_seconds": 3.0,
        "consolidate_seconds": 1.0,
    }
    return result | changes


def results_of(rows: list[dict[str, Any]]) -> Results:
    trials = with_config_columns(pa.Table.from_pylist(rows, schema=TRIALS)).to_pandas()
    return Results(trials, NO_ROWS, NO_ROWS)


def compare(*rows: dict[str, Any], by: str = "method") -> pd.DataFrame:
    return comparison(results_of(list(rows)), by)


def three_seeds(**changes: Any) -> list[dict[str, Any]]:
    return [row(seed=seed, acc=acc, **changes) for seed, acc in enumerate((0.7, 0.8, 0.9))]


def test_a_configuration_is_its_mean_over_seeds_with_a_student_t_interval() -> None:
    (only,) = compare(*(row(seed=seed, acc=acc) for seed, acc in enumerate((1, 2, 3)))).to_dict(
        "records"
    )
    assert (only["acc_mean"], only["acc_std"], only["n"]) == (2, 1, 3)
    assert only["acc_ci95"] == pytest.approx(T_2 / np.sqrt(3), rel=1e-12)


def test_one_seed_has_no_interval() -> None:
    (only,) = compare(row()).to_dict("records")
    assert only["acc_mean"] == 0.8
    assert np.isnan(only["acc_ci95"])


def test_computation_is_training_and_consolidation_together() -> None:
    (only,) = compare(row()).to_dict("records")
    assert (only["compute_flops_mean"], only["seconds_mean"]) == (2.5e9, 4.0)


def test_configurations_of_a_method_are_rows_of_their_own_named_by_what_varies() -> None:
    configs = [{"lam": 10, "gamma": 0.9}, {"lam": 1000, "gamma": 0.9}]
    table = compare(row("finetune"), *(row(config=c, seed=s) for c in configs for s in (0, 1)))
    assert list(table.label) == ["finetune", "ewc lam=10", "ewc lam=1000"]
    assert list(table.n) == [1, 2, 2]


def test_a_hyperparameter_of_another_method_does_not_count_as_varying() -> None:
    table = compare(row("ewc", config={"lam": 10}), row("er", config={"memory_size": 100}))
    assert list(table.label) == ["ewc", "er"]


def test_what_varies_outside_the_method_is_named_with_its_section_only_if_it_must_be() -> None:
    def trial(rate: float, **hyperparameters: float) -> dict[str, Any]:
        config = {"method": {"name": "ewc", **hyperparameters}, "training": {"lr": rate}}
        return row() | {"config": json.dumps(config), "trial_id": str(config)}

    assert list(compare(trial(0.1), trial(0.01)).label) == ["ewc lr=0.1", "ewc lr=0.01"]
    both = compare(trial(0.1, lr=3.0), trial(0.01, lr=3.0), trial(0.01, lr=4.0))
    assert list(both.label) == [
        "ewc lr=3 training.lr=0.1",
        "ewc lr=3 training.lr=0.01",
        "ewc lr=4 training.lr=0.01",
    ]


def test_a_network_is_named_as_such() -> None:
    configs = [{"method": {"name": "ewc"}, "network": {"name": name}} for name in ("mlp", "cnn")]
    trials = [row() | {"config": json.dumps(c), "trial_id": str(c)} for c in configs]
    assert list(compare(*trials).label) == ["ewc network=mlp", "ewc network=cnn"]


def test_weights_are_named_by_the_first_digits_of_their_digest() -> None:
    networks = [{"name": "pretrained", "weights": {"digest": digit * 40}} for digit in "ab"]
    configs = [{"method": {"name": "ncm"}, "network": network} for network in networks]
    trials = [row() | {"config": json.dumps(c), "trial_id": str(c)} for c in configs]
    assert list(compare(*trials).label) == ["ewc weights=aaaaaaaa", "ewc weights=bbbbbbbb"]


def test_configurations_that_print_alike_are_told_apart_by_their_trial() -> None:
    configs = [{"lam": 0.12345678}, {"lam": 0.12345679}]
    table = compare(*(row(config=c, trial_id=f"t{i}") for i, c in enumerate(configs)))
    assert list(table.label) == ["ewc lam=0.123457 t0", "ewc lam=0.123457 t1"]


def test_labels_do_not_change_when_another_sweep_joins_and_collisions_get_an_addition() -> None:
    own = [row(config={"lam": lam}) for lam in (1, 2)]
    alone = compare(*own, row("er"))
    assert list(alone.label) == ["ewc lam=1", "ewc lam=2", "er"]
    # Another sweep varies something else, and has rows that would be called the same.
    rates = [
        row("er", sweep="t", trial_id=f"er {lr}")
        | {"config": json.dumps({"method": {"name": "er"}, "training": {"lr": lr}})}
        for lr in (0.5, 0.25)
    ]
    joined = compare(*own, row("er"), *rates)
    assert list(joined.label) == [*alone.label, "er lr=0.5", "er lr=0.25"]
    # By itself the second is `er`, as is that of the first sweep: it gets what tells it apart.
    joined = compare(*own, row("er"), rates[0])
    assert list(joined.label) == [*alone.label, "er lr=0.5"]
    assert list(compare(rates[0]).label) == ["er"]


@pytest.mark.parametrize("status", ["failed", "diverged", "stopped", "infeasible"])
def test_a_name_has_what_its_sweep_varies_though_no_other_row_is_complete(status: str) -> None:
    other = row("er", config={"memory_size": 5}, status=status)
    rows = [row("er", config={"memory_size": 24}), other]
    for results in (rows, rows[::-1]):
        table = compare(*results, row("er", sweep="t", config={"memory_size": 7}))
        assert list(table.label) == ["er memory_size=24", "er"]
    over = {*table.attrs["over_tables"].values()}
    assert over == {"er memory_size=24", "er"}
    # In a table of its own, and under another label, the other changes nothing.
    for apart in ({"scenario": "class"}, {"method_label": "mine"}):
        assert list(compare(rows[0], other | apart).label) == ["er"]


def test_a_label_of_the_sweep_file_names_its_rows_with_what_varies_below_it() -> None:
    ours = {"method_label": "ER (ours)"}
    rows = [row("er", config={"memory_size": m}) | ours for m in (10, 20)]
    table = compare(*rows, row("er"), row("ewc", method_label="A & B|x"))
    ours_of = [f"ER (ours) memory_size={size}" for size in (10, 20)]
    assert list(table.label) == [*ours_of, "er", "A & B|x"]
    assert ours_of[0] in render(table, width=120)
    assert r"A \& B\textbar{}x &" in render(table, "latex")
    assert r"| A & B\|x |" in render(table, "markdown")
    # In another table it is the same name, so that it can be ranked over both.
    both = compare(row("er") | ours, row("er", scenario="class") | ours)
    assert set(both.attrs["over_tables"].values()) == {"ER (ours)"}


@pytest.mark.parametrize("seed", [0, 1])
def test_a_label_wins_over_none_whatever_the_order_of_the_sweeps(seed: int) -> None:
    labelled = [
        row("er", sweep="zz", config={"memory_size": m}, method_label="mine") for m in (10, 20)
    ]
    plain = [row("er", seed, sweep="aa", config={"memory_size": m}) for m in (20, 30, 40)]
    for rows in ([*plain, *labelled], [*labelled, *plain]):
        by_trial = compare(*rows).set_index("trial_id")["label"]
        # Those of `aa` keep the names that they have without `zz`.
        assert by_trial.to_dict() == {
            "er {'memory_size': 10}": "mine memory_size=10",
            "er {'memory_size': 20}": "mine memory_size=20",
            "er {'memory_size': 30}": "er memory_size=30",
            "er {'memory_size': 40}": "er memory_size=40",
        }


def test_an_addition_does_not_change_when_a_third_sweep_has_the_name_too() -> None:
    def trial(sweep: str, **config: Any) -> dict[str, Any]:
        return row("er", sweep=sweep, config=config, method_label="ER (ours)")

    first, second = trial("z", size=6, policy="a"), trial("y", size=5, policy="a")
    third = [trial("x", size=6, policy="b", share=s) for s in (0.5, 0.25)]
    names = ["ER (ours)", "ER (ours) size=5"]
    assert list(compare(first, second).label) == names
    # One of the third is called as the second is by then: `size=5` was its addition.
    fourth = [trial("w", size=size, policy="c") for size in (5, 7)]
    joined = [*names, "ER (ours) share=0.5", "ER (ours) share=0.25"]
    assert list(compare(first, second, *third).label) == joined
    labels = list(compare(first, second, *third, *fourth).label)
    assert labels == [*joined, "ER (ours) size=5 policy=c", "ER (ours) size=7"]


def test_a_column_of_another_sweep_adds_no_section_to_a_name() -> None:
    def trial(method: str, rate: float, sweep: str, **more: float) -> dict[str, Any]:
        config = {"method": {"name": method, **more}, "training": {"lr": rate}}
        changes = {"config": json.dumps(config), "trial_id": str(config)}
        return row(method, sweep=sweep) | changes

    own = [trial("ewc", rate, "s") for rate in (0.1, 0.01)]
    joined = compare(*own, trial("mine", 0.1, "t", lr=3.0))
    assert list(joined.label) == ["ewc lr=0.1", "ewc lr=0.01", "mine"]


def sized_er(scenario: str, size: int, sweep: str = "z", label: str | None = None) -> Any:
    changes = {"method_label": label, "trial_id": f"{scenario} {size}"}
    return row("er", sweep=sweep, config={"memory_size": size}, scenario=scenario) | changes


@pytest.mark.parametrize("label", [None, "ER (ours)"])
def test_a_sweep_of_one_scenario_gives_a_configuration_no_second_name(label: str | None) -> None:
    both = [sized_er(scenario, size) for scenario in ("class", "task") for size in (10, 20)]
    alone = [sized_er("class", 10, "a", label) | {"seed": 1}]
    named = {10: label or "er", 20: "er memory_size=20"}
    table = compare(*alone, *both)
    shown = {(row.scenario, row.trial_id): row.label for row in table.itertuples()}
    expected = {
        (scenario, f"{scenario} {size}"): name
        for scenario in ("class", "task")
        for size, name in named.items()
    }
    assert shown == expected
    ranks = with_ranks(table)
    assert ranks["mean_rank"].notna().all()
    assert set(table.attrs["over_tables"].values()) == {*named.values()}
    # A sweep that was run after the other changes no name, unless it has the label.
    assert {*compare(*both, *alone).label} == {label or "er memory_size=10", "er memory_size=20"}


def test_what_a_name_of_one_table_gets_to_be_told_apart_is_in_its_names_of_all() -> None:
    both = [sized_er(scenario, 20) for scenario in ("class", "task")]
    assert [*compare(*both).label] == ["er", "er"]
    joined = compare(sized_er("class", 10, "a"), *both)
    assert [*joined.label] == ["er", "er memory_size=20", "er memory_size=20"]


def test_an_option_of_the_benchmark_is_in_the_names_of_its_own_table_alone() -> None:
    def trial(scenario: str, share: float) -> dict[str, Any]:
        config = {"method": {"name": "er"}, "benchmark": {"validation": share}}
        changes = {"trial_id": f"{scenario} {share}", "config": json.dumps(config)}
        return row("er", scenario=scenario) | changes

    table = compare(trial("class", 0.1), trial("class", 0.2), trial("task", 0.2))
    assert [*table.label] == ["er validation=0.1", "er validation=0.2", "er"]


def test_ranks_have_the_names_of_the_tables() -> None:
    trial = sized_er
    first = [
        each
        for scenario in ("class", "task")
        for each in (trial(scenario, 6, label="ER (ours)"), trial(scenario, 9))
    ]
    second = [trial(scenario, 5, "a", "ER (ours)") for scenario in ("class", "task")]
    table = compare(*first, *second)
    names = table["trial_id"].map(table.attrs["over_tables"])
    assert list(names) == list(table["label"])
    assert set(names) == {"ER (ours)", "er", "ER (ours) memory_size=5"}
    table = compare(*first, trial("task", 8))
    names = table["trial_id"].map(table.attrs["over_tables"])
    assert list(names) == ["ER (ours)", "er memory_size=9"] * 2 + ["er memory_size=8"]
    assert list(names) == list(table["label"])


def test_a_winner_s_hyperparameters_stand_below_the_table() -> None:
    candidates = [
        row(phase="search", config={"lam": lam}, seed=100, acc=None, group="ewc") for lam in (1, 10)
    ]
    winner = row(config={"lam": 10}, selected=True, group="ewc")
    table = compare(*candidates, winner, row("finetune"))
    assert list(table.label) == ["ewc", "finetune"]
    for format in TEXT_FORMATS:
        assert "chosen by the search: ewc: lam=10" in " ".join(render(table, format).split())
    assert json.loads(render(table, "json"))["chosen"] == {"ewc": "lam=10"}


def test_winners_of_two_scenarios_stand_below_the_tables_with_their_scenario() -> None:
    def trial(scenario: str, lam: float, **changes: Any) -> dict[str, Any]:
        method, benchmark = {"name": "ewc", "lam": lam}, {"scenario": scenario}
        changes |= {"config": json.dumps({"method": method, "benchmark": benchmark})}
        changes |= {"scenario": scenario, "group": f"ewc scenario={scenario}"}
        return row(trial_id=f"ewc {scenario} {lam}") | changes

    def searched(scenario: str, chosen: float) -> list[dict[str, Any]]:
        tried = [trial(scenario, lam, phase="search", seed=100, acc=None) for lam in (1, 10)]
        return [*tried, trial(scenario, chosen, selected=True)]

    table = compare(*searched("class", 1), *searched("task", 10))
    assert table.attrs["chosen"] == {"ewc (class)": "lam=1", "ewc (task)": "lam=10"}
    printed = render(table, "markdown")
    assert "chosen by the search: ewc (class): lam=1\n" in printed
    # The same in both needs no scenario.
    both = compare(*searched("class", 1), *searched("task", 1))
    assert both.attrs["chosen"] == {"ewc": "lam=1"}


@pytest.mark.parametrize(
    "other",
    [{"benchmark": "permuted_digits"}, {"scenario": "task"}, {"num_tasks": 2}],
)
def test_settings_are_never_averaged_nor_printed_in_one_table(other: dict[str, Any]) -> None:
    table = compare(row(), row(seed=1), row(seed=2, **other), row("er", seed=3))
    assert sorted(table.n) == [1, 1, 2]
    assert list(table.label) == ["ewc", "er", "ewc"]
    assert render(table, "markdown").count("| method |") == 2


def test_what_is_called_alike_is_told_apart_by_its_trial_whatever_sweeps_hold_it() -> None:
    rows = [
        row(config={"lam": lam}, trial_id=f"t{i}", sweep=sweep)
        for sweep in ("s", "s2")
        for i, lam in enumerate((0.12345678, 0.12345679))
    ]
    assert list(compare(*rows).label) == ["ewc lam=0.123457 t0", "ewc lam=0.123457 t1"]


def test_only_complete_trials_of_the_evaluation_phase_count_and_the_others_are_reported() -> None:
    left_out = [
        row(seed=1, acc=0.0, status="stopped"),
        row(seed=2, acc=0.0, status="stopped"),
        row(seed=3, acc=0.0, status="diverged"),
        row(seed=4, acc=0.0, phase="search"),
    ]
    table = compare(row(), *left_out)
    assert list(table.acc_mean) == [0.8]
    assert table.attrs["left_out"] == {"stopped": 2, "diverged": 1, "search phase": 1}
    for format in TEXT_FORMATS:
        notes = " ".join(render(table, format).split())
        assert "left out, by (trial, seed): 2 not finished, 1 diverged" in notes
        assert "not in the table: 1 run of candidates of the search" in notes
    assert json.loads(render(table, "json"))["left_out"] == table.attrs["left_out"]


@pytest.mark.parametrize("format", TEXT_FORMATS)
def test_nothing_to_compare_is_said(format: str) -> None:
    table = compare(row(status="failed"))
    assert table.empty
    assert "no complete trial of the evaluation phase" in render(table, format)
    assert "1 failed" in render(table, format)


def test_rows_by_trial_are_called_after_the_trial() -> None:
    assert list(compare(row(trial_id="abc"), by="trial_id").label) == ["abc"]


def test_rows_by_a_config_column_are_ordered_by_its_value_and_still_not_averaged() -> None:
    rows = [row(config={"lam": lam, "gamma": gamma}) for lam in (100, 3) for gamma in (0.5, 1.0)]
    table = compare(*rows, by="config.method.lam")
    assert list(table.label) == [
        "ewc lam=3 gamma=0.5",
        "ewc lam=3 gamma=1",
        "ewc lam=100 gamma=0.5",
        "ewc lam=100 gamma=1",
    ]


def test_a_column_can_be_given_in_short() -> None:
    rows = [row(config={"lam": lam}) for lam in (100, 3)]
    in_short, in_full = compare(*rows, by="lam"), compare(*rows, by="config.method.lam")
    assert list(in_short.label) == list(in_full.label) == ["ewc lam=3", "ewc lam=100"]


def test_an_unknown_column_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"did you mean 'config\.method\.lam'"):
        compare(row(config={"lam": 1}), by="config.method.lan")


def test_an_unknown_format_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'markdown'"):
        render(compare(row()), "markdwn")


def test_markdown_shows_interval_units_and_count() -> None:
    printed = render(with_columns(compare(*three_seeds()), ASKED), "markdown")
    interval = f"0.800 ± {T_2 * 0.1 / np.sqrt(3):.3f}"
    zero = "± 0.000"
    cells = [
        "ewc",
        interval,
        f"0.850 {zero}",
        f"-0.250 {zero}",
        f"0.100 {zero}",
        f"0.250 {zero}",
        "1.50 MB",
        "2.50",
        "3",
    ]
    assert f"| {' | '.join(cells)} |" in printed.splitlines()


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"),
        (512, "512 B"),
        (99_400, "99.4 kB"),
        (1_000_000, "1 MB"),
        (47_040_000, "47.0 MB"),
        (2e9, "2 GB"),
    ],
)
def test_storage_is_shown_in_decimal_units(size: float, shown: str) -> None:
    assert f"| {shown} |" in render(compare(row(storage_bytes=int(size))), "markdown")


@pytest.mark.parametrize(
    ("flops", "unit", "shown"),
    [
        (0, "GFLOP", "0"),
        (1e5, "kFLOP", "100"),
        (1.234e9, "GFLOP", "1.23"),
        (1.2345e13, "GFLOP", "12,345"),
    ],
)
def test_computation_is_shown_in_gflop_or_less_to_three_digits(
    flops: float, unit: str, shown: str
) -> None:
    table = compare(row(train_flops=flops, consolidate_flops=0.0))
    printed = render(table, "markdown")
    assert f"| compute ({unit}) |" in printed
    assert f"| {shown} |" in printed
    assert f"compute ({unit})" in render(table, "latex")


def test_a_value_that_rounds_to_zero_has_no_sign() -> None:
    assert "-0.000" not in render(compare(row(bwt=-0.0001)), "markdown")


def test_undefined_is_a_dash_in_tables_and_null_in_json_and_its_reason_is_given() -> None:
    table = compare(row(scenario="class", fwt=None))
    assert "| – |" in render(table, "markdown")
    assert " & -- & " in render(table, "latex")
    (only,) = json.loads(render(table, "json"))["rows"]
    assert only["fwt_mean"] is None
    for format in TEXT_FORMATS:
        assert "a class-incremental head cannot predict" in " ".join(render(table, format).split())


def test_undefined_transfer_in_another_scenario_is_put_to_the_method() -> None:
    assert "cannot score a task before learning it" in render(compare(row(fwt=None)), "markdown")


def test_csv_and_json_hold_the_raw_numbers() -> None:
    table = compare(*three_seeds())
    (from_csv,) = csv.DictReader(io.StringIO(render(table, "csv")))
    (from_json,) = json.loads(render(table, "json"))["rows"]
    for name in ("acc_mean", "acc_ci95", "storage_bytes_mean", "compute_flops_mean"):
        assert float(from_csv[name]) == from_json[name] == table[name][0]
    assert from_json["n"] == 3


def test_a_label_that_names_what_a_search_chose_stands_alone_below_the_table() -> None:
    winners = [row(config={"lam": lam}, selected=True, group=f"of {lam}") for lam in (1, 10)]
    candidate = row(phase="search", config={"lam": 1}, seed=100, acc=None, group="of 1")
    printed = render(compare(candidate, *winners), width=120)
    assert "chosen by the search: ewc lam=10\n" in printed


def test_names_too_long_for_a_page_have_lines_in_latex() -> None:
    name = "replay_of_stored_examples_with_a_reservoir"
    assert len(name) > LONG_NAME
    printed = render(compare(row("er", method_label=name), row("finetune")), "latex")
    assert r"\begin{tabular}{p{0.3\linewidth}r" in printed
    assert r"\raggedright replay\_\allowbreak{}of\_\allowbreak{}stored" in printed


def test_latex_breaks_long_words_of_names_and_captions_at_marks_and_capitals() -> None:
    parts = "mymethods:|Replay|Of|Examples|That|The|Network|Forgot lam=1"
    name, broken = parts.replace("|", ""), parts.replace("|", r"\allowbreak{}")
    table = compare(row(method_label=name, sweep="one_sweep_of_a_long_name"))
    printed = render(table, "latex")
    assert rf"\raggedright {broken} & " in printed
    assert r"(sweep one\_\allowbreak{}sweep\_\allowbreak{}of\_\allowbreak{}a\_" in printed


def test_letters_that_pdflatex_lacks_are_commands_or_named_as_needing_another_program() -> None:
    printed = render(
        compare(row(method_label="λ≤2 Ωµ"), row("er", method_label="Größe “é”…")), "latex"
    )
    assert r"$\lambda$$\leq$2 $\Omega$µ & " in printed
    assert "Größe “é”… & " in printed
    assert "LuaLaTeX" not in printed
    assert "% needs LuaLaTeX or XeLaTeX" in render(compare(row(method_label="再生")), "latex")


def test_latex_uses_booktabs_and_escapes_names() -> None:
    rows = [row(config={"memory_size": m}, seed=s) for m in (100, 500) for s in (0, 1)]
    printed = render(with_columns(compare(*rows), ASKED), "latex")
    for command in (r"\toprule", r"\midrule", r"\bottomrule", r"\begin{tabular}{lrrrrrrrr}"):
        assert command in printed
    assert (
        r"ewc memory\_size=100 & $0.800 \pm 0.000$ & $0.850 \pm 0.000$ & $-0.250 \pm 0.000$"
        in printed
    )
    assert all(line.startswith("%") or "±" not in line for line in printed.splitlines())


def test_latex_of_a_name_is_no_option_of_the_line_before_it_and_shows_all_its_characters() -> None:
    labels = {"er": "[2pt] a", "si": "*b", "ewc": 'c>d|e"f'}
    rows = [row(method, method_label=label) for method, label in labels.items()]
    printed = render(compare(*rows), "latex")
    assert "\n{}[2pt] a & " in printed
    assert "\n{}*b & " in printed
    assert "\nc\\textgreater{}d\\textbar{}e''f & " in printed


def test_a_latex_table_wider_than_a_page_is_scaled_to_it() -> None:
    narrow, wide = (
        render(with_columns(compare(*three_seeds()), columns), "latex")
        for columns in (["acc"], ["acc", "bwt", "fwt", "learning_accuracy", "forgetting"])
    )
    assert "resizebox" not in narrow
    assert r"\usepackage{booktabs}" in narrow
    scaled = wide.index(r"\resizebox{\linewidth}{!}{%")
    assert r"\usepackage{booktabs,graphicx}" in wide
    assert scaled < wide.index(r"\begin{tabular}")
    assert wide.index("\n}\n") == wide.index(r"\end{tabular}") + len(r"\end{tabular}")


def test_latex_has_a_caption_and_a_label_of_its_own_for_each_table() -> None:
    rows = [*three_seeds(), *three_seeds(scenario="class")]
    printed = render(compare(*rows), "latex")
    captions = re.findall(r"\\caption{(.*)}", printed)
    assert captions[0].startswith(r"split\_digits, domain-incremental, 5 tasks (sweep s). $\pm$ is")
    assert printed.count(r"\begin{table}") == printed.count(r"\end{table}") == len(captions) == 2
    assert len(set(re.findall(r"\\label{tab:([a-z0-9-]+)}", printed))) == 2
    assert label_names(["A: b", "a b", "c"]) == ["a-b", "a-b--2", "c"]


def test_bold_is_the_best_and_what_does_not_differ_from_it_clearly_by_the_paired_test() -> None:
    # On each seed er is behind by 0.1 give or take 0.001, si by 0.1 give or take 0.2.
    behind = {"ewc": (0, 0, 0), "er": (0.099, 0.1, 0.101), "si": (-0.1, 0.1, 0.3)}
    rows = [
        row(method, seed, 0.8 - lost, fwt=None, forgetting=0.25 + 0.1 * (method == "si"))
        for method, by_seed in behind.items()
        for seed, lost in enumerate(by_seed)
    ]
    table = with_columns(compare(*rows), ASKED)
    marked = with_best(results_of(rows), table)
    assert list(marked.acc_best) == [True, False, True]
    assert list(marked.forgetting_best) == [True, True, False]  # the least, and equal to it
    assert not marked.fwt_best.any()
    assert "| si | **0.700 ±" in render(marked, "markdown")
    assert "| er | 0.700 ±" in render(marked, "markdown")
    assert r"er & $0.700 \pm 0.002$" in render(marked, "latex")
    assert r"ewc & $\mathbf{0.800 \pm 0.000}$" in render(marked, "latex")
    assert "bold is the best" in render(marked, "markdown")
    assert "bold" not in render(table, "markdown")
    assert "bold" not in render(marked)  # plain text has no bold figures
    assert not with_best(results_of(rows[:3]), compare(*rows[:3])).acc_best.any()  # one row alone


def test_rows_are_sorted_best_first_within_their_table_and_undefined_last() -> None:
    accs = {"ewc": 0.5, "er": 0.9, "si": 0.7}
    table = compare(
        *(row(m, acc=acc, storage_bytes=int(100 * acc)) for m, acc in accs.items()),
        row("lwf", fwt=None),
        row("mas", scenario="task", acc=0.95),
    )
    for name, order in {
        "acc": ["er", "lwf", "si", "ewc", "mas"],
        "Storage": ["ewc", "si", "er", "lwf", "mas"],
        "method": ["er", "ewc", "lwf", "si", "mas"],
        "fwt": ["ewc", "er", "si", "lwf", "mas"],
    }.items():
        assert list(sort_rows(table, name).label) == order
    with pytest.raises(UnknownName, match="did you mean 'acc'"):
        sort_rows(table, "accc")


def test_the_name_and_the_number_of_seeds_may_be_among_the_columns_asked_for() -> None:
    text = render(with_columns(compare(row()), ["method", "acc", "n"]), "markdown")
    assert text.splitlines()[2].split("|")[1:-1] == [" method ", " ACC ", " n "]


def test_columns_that_are_asked_for_are_those_printed_in_every_format() -> None:
    table = with_columns(compare(*three_seeds()), ["time", "la", "acc"])
    assert "| method | time (s) | LA | ACC | n |" in render(table, "markdown")
    assert "FWT" not in render(table)
    header = render(table, "csv").splitlines()[0].split(",")
    assert {"label", "n", "acc_mean", "seconds_mean", "learning_accuracy_ci95"} <= {*header}
    assert not [name for name in header if name.startswith(("bwt", "storage", "compute"))]
    assert "bwt_mean" not in json.loads(render(table, "json"))["rows"][0]
    with pytest.raises(UnknownName, match="column of a comparison 'accuracy'"):
        with_columns(table, ["accuracy"])


def test_storage_without_a_frozen_body_is_averaged_where_it_is_asked_for() -> None:
    body = {"storage_backbone_bytes": 1_000_000, "storage_without_backbone_bytes": 500_000}
    names = ["storage", "storage_without_backbone_bytes", "Backbone"]
    results = results_of(three_seeds(**body))
    table = with_columns(comparison(results, values=values_with(names)), names)
    printed = render(table, "markdown")
    assert "| method | storage | storage without backbone | backbone | n |" in printed
    assert "| ewc | 1.50 MB | 500 kB | 1 MB | 3 |" in printed
    # A release that did not count it.
    absent = dict.fromkeys(body)
    table = comparison(results_of(three_seeds(**absent)), values=values_with(names))
    assert "| – | – | 3 |" in render(with_columns(table, names), "markdown")
    assert "storage_backbone_bytes_mean" not in compare(*three_seeds(**body))


def test_flops_that_features_saved_are_averaged_where_they_are_asked_for() -> None:
    for name in ("saved_flops", "saved"):
        rows = [*three_seeds(saved_flops=2e9), *three_seeds(method="er", saved_flops=None)]
        table = comparison(results_of(rows), values=values_with([name]))
        printed = render(with_columns(table, ["acc", name]), "markdown")
        assert "| method | ACC | saved (GFLOP) | n |" in printed
        assert printed.count("| 2 | 3 |") == printed.count("| – | 3 |") == 1


@pytest.mark.parametrize("width", [80, 120, 200])
def test_a_name_of_80_characters_is_wrapped_and_no_number_is(width: int) -> None:
    name = "mypackage.methods." + "a" * 62
    rows = [*three_seeds(), *three_seeds(method=name)]
    table = with_columns(compare(*rows), ["acc", "bwt", "forgetting", "storage"])
    lines = render(table, width=width).splitlines()
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert "…" not in text
    assert text.count("0.800") == text.count("-0.250") == 2
    inline = f"0.800 ± {T_2 * 0.1 / np.sqrt(3):.3f}"
    assert (inline in text) == (width > 80)


def test_columns_that_do_not_fit_make_the_table_wider_and_lose_no_digit() -> None:
    every = ["acc", "aia", "bwt", "fwt", "forgetting", "la", "storage", "computation", "time"]
    printed = render(with_columns(compare(*three_seeds()), every), width=80)
    assert max(map(len, printed.splitlines())) > 80
    assert "…" not in printed
    assert "2.50" in printed


def test_a_bracket_in_a_label_is_printed_as_it_is() -> None:
    rows = [row(config={"hidden": hidden}) for hidden in ([4], [8, 8])]
    printed = render(compare(*rows), "table", width=200)
    assert "ewc hidden=[4]" in printed
    assert "ewc hidden=[8,8]" in printed


def test_a_table_keeps_within_its_width_and_loses_nothing() -> None:
    table = compare(*three_seeds(), *three_seeds(method="er", config={"memory_size": 2000}))
    narrow, wide = render(table, width=80), render(table, width=140)
    assert max(map(len, narrow.splitlines())) <= 80
    interval = f"± {T_2 * 0.1 / np.sqrt(3):.3f}"
    assert f"0.800 {interval}" in wide
    assert narrow.count("0.800") == narrow.count(interval) == wide.count(interval) == 2
    assert "…" not in narrow


def test_the_first_rows_are_those_of_the_whole_table_and_the_others_are_counted() -> None:
    table = compare(*(row(config={"lam": lam}) for lam in range(1, 8)))
    first = render_first(table, "repertoire compare results", limit=5)
    assert re.findall(r"lam=(\d)", first) == ["1", "2", "3", "4", "5"]
    assert first.endswith("\n2 further rows: repertoire compare results\n")
    assert render_first(table, "repertoire compare results", limit=7) == render(table)


def test_what_varies_in_a_table_is_looked_up_once_for_all_of_its_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from orchestrator.results.names import naming

    calls: list[int] = []
    varying = naming.varying_columns

    def count(rows: pd.DataFrame, columns: list[str]) -> list[str]:
        calls.append(len(rows))
        return varying(rows, columns)

    monkeypatch.setattr(naming, "varying_columns", count)
    rows = pd.DataFrame(
        {"sweep": "s", "method": "ewc", "trial_id": [f"ewc-{i}" for i in range(50)]}
    ).assign(**{"config.method.lam": range(50), "config.network.hidden": [8] * 50})
    config = ["config.method.lam", "config.network.hidden"]
    names = naming.labels(rows, "method", config, ["sweep"], config)
    assert names == [f"ewc lam={i}" for i in range(50)]
    # Of all rows, what names and the table may have; then the table, and its only method.
    assert calls == [50, 50, 50, 50]


def test_a_narrow_terminal_leaves_a_column_out_before_it_breaks_a_label() -> None:
    rows = [row("er", seed, config={"memory_size": size}) for seed in (1, 2) for size in (50, 200)]
    wide, narrow = (render(compare(*rows), width=width) for width in (200, 80))
    for text in (wide, narrow):
        assert "er memory_size=200 " in text
    assert max(map(len, narrow.splitlines())) <= 80
    headers = [next(line for line in text.splitlines() if "ACC" in line) for text in (wide, narrow)]
    assert ["AIA" in header for header in headers] == [True, False]
    notes = [re.search(r"\bAIA\b.*: in a wider terminal", text) for text in (wide, narrow)]
    assert [note is not None for note in notes] == [False, True]
