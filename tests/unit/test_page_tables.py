"""Widths of the tables on the dashboard's pages, and the HTML with which a visit begins."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import pytest

from dashboards.data.candidates import round_labels
from dashboards.first_page import AT_ROOT, read_first_page
from dashboards.pages.choices import first_choice
from dashboards.pages.equal_means import MOST_LINES, first_labels
from dashboards.pages.leaderboard import readable_table
from dashboards.pages.leaderboard_widths import COSTS, SMALLEST, leaderboard_widths
from dashboards.pages.live import readable_statuses
from dashboards.pages.live_rows import time_text
from dashboards.pages.search import colours_text
from dashboards.pages.tables import (
    LINE,
    MOST_HEIGHT,
    ROW,
    TABLE_WIDTH,
    TITLES,
    WRAPPED,
    fitted_widths,
    least_widths,
    needed_widths,
    row_height,
    table_height,
)
from dashboards.pages.wording import reason_left_out
from orchestrator.columns import SHOWN_METRICS

pytestmark = [pytest.mark.slow, pytest.mark.pages]


def test_the_widest_columns_share_what_the_others_leave() -> None:
    needs, least = {"name": 500, "formula": 300, "n": 40}, {"name": 100, "formula": 60, "n": 25}
    assert fitted_widths(needs, least, 440) == {"name": 200, "formula": 200, "n": 40}
    assert fitted_widths(needs, least, 840) == needs


def test_a_column_is_as_wide_as_its_title_even_where_there_is_no_room() -> None:
    assert fitted_widths({"a": 90, "b": 50}, {"a": 80, "b": 50}, 100) == {"a": 80, "b": 50}


def test_a_row_has_the_lines_of_its_longest_text_up_to_five() -> None:
    assert [row_height(lines) for lines in (0.4, 1, 1.1)] == [ROW, ROW, WRAPPED]
    assert row_height(3.2) - row_height(2.7) == LINE
    assert row_height(9) == row_height(5)


def ranked(label: str, fwt: float | None = 0.1) -> pd.DataFrame:
    """Return a row of the comparison."""
    means = dict.fromkeys((f"{name}_mean" for name in SHOWN_METRICS), 0.5)
    return pd.DataFrame([{"label": label, **means, "fwt_mean": fwt}])


@pytest.mark.parametrize("label", ["ewc", "er memory_size=200", "a name of 78 characters" * 4])
@pytest.mark.parametrize("fwt", [0.1, None])
def test_a_leaderboard_cuts_no_column_and_leaves_room_for_names(
    label: str, fwt: float | None
) -> None:
    widths = leaderboard_widths(ranked(label, fwt))
    others = sum(widths.metrics.values()) + sum(COSTS.values()) + SMALLEST
    assert widths.name + others == TABLE_WIDTH
    letter = 5.5  # of lower case, on the screen
    lines = 1 if widths.row == ROW else max(2, (widths.row - ROW) // LINE + 1)
    assert (widths.name - 16) * lines >= letter * len(label)
    assert widths.name >= 190 or lines == 1
    # Whole means and intervals are 83 pixels wide, means alone 44, with 8 on either side.
    assert widths.metrics["acc"] >= (99 if lines == 1 else 60)


@pytest.mark.parametrize("label", ["er", "ewc"])
def test_the_title_of_the_names_is_whole_where_all_names_are_short(label: str) -> None:
    assert leaderboard_widths(ranked(label)).name >= 6 * len("configuration") + 16


def test_names_too_long_for_the_leaderboard_keep_what_tells_them_apart() -> None:
    method = "mymethods:" + "ReplayWithAVeryLongName" * 3
    names = [f"{method} weight_of_the_memory_in_the_loss={weight}" for weight in (1, 2)]
    rows = pd.concat([ranked(name) for name in [*names, "er"]], ignore_index=True)
    rows = rows.assign(n=3).reindex(columns=[*rows, "n", *configured_columns()])
    widths = leaderboard_widths(rows)
    first, second, er = readable_table(rows, widths.letters)["configuration"]
    assert max(len(first), len(second)) <= widths.letters < len(names[0])
    assert first.endswith("=1")
    assert second == f"{first[:-1]}2"
    assert er == "er"


def configured_columns() -> list[str]:
    """Return the columns of the comparison that `ranked` lacks."""
    return [f"{name}_ci95" for name in SHOWN_METRICS] + [f"{name}_mean" for name in COSTS]


def test_no_word_is_broken_where_a_table_is_too_wide() -> None:
    table = pd.DataFrame(
        {"configuration": ["er memory_size=200"], "bytes are": ["constant over the last 3"]}
    )
    least = least_widths(table)
    letter, space = 7, 16  # on the screen, in pixels
    assert least["configuration"] >= letter * len("memory_size=200") + space
    assert least["bytes are"] < needed_widths(table)["bytes are"]
    endless = least_widths(pd.DataFrame({"name": ["a" * 500]}))
    assert endless["name"] < TABLE_WIDTH / 3


def test_rows_of_the_leaderboard_have_three_lines_at_most() -> None:
    assert leaderboard_widths(ranked("a name of 22 letters " * 20)).row == ROW + 2 * LINE


def test_a_time_of_another_day_has_its_date() -> None:
    now = datetime.now().astimezone()
    assert time_text(now) == f"{now:%H:%M:%S}"
    assert time_text(datetime(2001, 2, 3, 4, 5, tzinfo=now.tzinfo)).startswith("03 ")


def test_trials_that_run_or_wait_are_not_told_to_be_stopped() -> None:
    counts = {"phase": "evaluation", "status": ["complete", "not finished"], "n": [1, 6]}
    table = readable_statuses(pd.DataFrame(counts))
    told = [text.partition(":")[0] for text in table["status"]]
    assert (told, list(table["trials, a seed each"])) == (["complete", "not finished"], [1, 6])
    assert reason_left_out("stopped") == "not finished: still running, or interrupted"
    assert reason_left_out("failed") == "failed"


def test_candidates_have_three_digits_of_each_real_number_and_whole_numbers_whole() -> None:
    rows = pd.DataFrame(
        {
            "sweep": "s",
            "group": "ewc",
            "config.method.lam": [682086.24, 100.0, 0.50011, 0.50012],
            "config.training.lr": [0.006631842, 0.1, 1.23456e-07, 1.23456e-07],
            "config.method.memory_size": [1234567, 5, 5, 5],
        }
    )
    rows["label"] = [
        f"ewc lam={lam:g} memory_size={size} lr={lr:g} v=1.2.3"
        for lam, lr, size in rows.iloc[:, 2:].itertuples(index=False)
    ]
    assert round_labels(rows)["label"].tolist() == [
        "ewc lam=682000 memory_size=1234567 lr=0.00663 v=1.2.3",
        "ewc lam=100 memory_size=5 lr=0.1 v=1.2.3",
        # They would be alike.
        "ewc lam=0.50011 memory_size=5 lr=1.23456e-07 v=1.2.3",
        "ewc lam=0.50012 memory_size=5 lr=1.23456e-07 v=1.2.3",
    ]


def test_the_colours_of_candidates_are_explained_and_those_that_none_has_are_not() -> None:
    rows = pd.DataFrame({"objective": [0.5, 0.7], "selected": [False, False]})
    scale = "From light and thin to dark and thick: the objective, from low to high."
    assert colours_text(rows, "objective") == scale
    ended = pd.DataFrame({"objective": [0.5, None], "selected": [True, False]})
    assert colours_text(ended, "objective") == (
        'Thick and orange: a winner. Grey, to "not known": stopped before it had an objective.'
    )


def test_the_best_of_each_method_is_shown_before_the_second_best_of_any() -> None:
    methods = ["er"] * 4 + ["ewc"] * 2 + ["joint"]
    accuracies = [0.2, 0.8, 0.5, 0.9, 0.3, 0.4, None]
    rows = pd.DataFrame({"method": methods, "acc_mean": accuracies})
    assert first_choice(rows, 2) == [3, 5]
    assert first_choice(rows, 3) == [3, 5, 6]
    assert first_choice(rows, 5) == [1, 3, 4, 5, 6]
    assert first_choice(rows, 9) == list(range(7))


def test_growth_is_drawn_first_of_the_best_of_each_method() -> None:
    num = 2 * MOST_LINES
    names = [f"er {i}" for i in range(num)] + ["ewc"]
    compared = pd.DataFrame({"trial_id": names, "method": ["er"] * num + ["ewc"]})
    compared["acc_mean"] = [i / num for i in range(num)] + [0.0]
    costs = pd.DataFrame({"trial_id": names * 2, "label": names * 2})
    assert first_labels(costs, compared) == [*names[num + 1 - MOST_LINES : num], "ewc"]


def test_the_server_is_named_before_any_script_of_streamlit_is_loaded() -> None:
    html = read_first_page()
    assert html.count(AT_ROOT) == 1
    assert html.index(AT_ROOT) < html.index("<script", html.index(AT_ROOT) + len(AT_ROOT))
    assert html.index(AT_ROOT) < html.index('src="./static/js')


def test_a_table_shows_all_of_its_rows_unless_they_are_many() -> None:
    assert table_height(5, 75) == TITLES + 5 * 75
    most = (MOST_HEIGHT - TITLES) // ROW
    assert table_height(most, ROW) == TITLES + most * ROW
    assert table_height(most + 1, ROW) == MOST_HEIGHT
