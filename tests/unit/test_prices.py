"""Prices of storage and computation, by hand: of a trial, and the best method for each price."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from test_surface import surface
from typer.testing import CliRunner

from dashboards.data.means import read_costs, read_surfaces, select_surface
from dashboards.data.scope import EVERYTHING
from dashboards.data.warehouse import Warehouse
from dashboards.report import means_captions
from orchestrator.cli.app import app, main
from orchestrator.errors import RepertoireError
from orchestrator.results.intervals import Floats
from orchestrator.results.load import load
from orchestrator.results.surface.prices import (
    Prices,
    parse_prices,
    price_winners,
    trial_prices,
)
from orchestrator.results.surface.surface import Surface, surfaces
from orchestrator.results.tables.config_columns import with_config_columns
from orchestrator.results.tables.schemas import ACCURACY, STAGES, TRIALS
from orchestrator.results.tables.tables import Tables, write_tables
from orchestrator.results.units import distinct_numbers
from orchestrator.terminal.price_tables import winner_rows
from orchestrator.terminal.surface_findings import findings

NOISE = np.array([0.0, 0.01, -0.01, 0.02, 0.0])


def on_seeds(figures: list[list[float]]) -> Floats:
    """Return figures of methods and storages at one computation, alike on all seeds."""
    return np.array(figures)[..., None, None] * np.ones(len(NOISE))


def market() -> Surface:
    """Return methods a, b, c on 2 x 1 cells: bytes and FLOPs are 1 to 8 G and P."""
    mean = np.array([[0.5, 0.6], [0.8, 0.3], [0.799, np.nan]])
    values = mean[..., None, None] + NOISE
    values[2, 0] = mean[2, 0] + NOISE[::-1]
    carried = on_seeds([[1.0, 2.0], [3.0, 4.0], [2.0, 8.0]]) * 1e9
    spent = on_seeds([[1.0, 1.0], [2.0, 2.0], [4.0, 4.0]]) * 1e15
    return surface(values, carried=carried, spent=spent, seconds=spent / 1e15 * 3600)


def test_a_trial_pays_for_its_bytes_by_the_month_and_for_its_flops() -> None:
    # 0.5 per GB and month for 2 months, 3 per PFLOP: 1 GB + 1 PFLOP = 1 + 3, 3 GB + 2 = 3 + 6.
    prices = parse_prices("storage=0.5/GB-month, compute=3/PFLOP, months=2")
    expected = [[[4.0], [5.0]], [[9.0], [10.0]], [[14.0], [np.nan]]]
    np.testing.assert_allclose(trial_prices(market(), prices), expected)
    by_time = parse_prices("compute=2/GPU-hour")
    assert by_time.by_time
    np.testing.assert_allclose(trial_prices(market(), by_time)[:2, 0, 0], [2.0, 4.0])


def test_a_price_is_the_mean_of_what_each_seed_pays() -> None:
    """One seed carries 1 GB and computes 4 PFLOP, the other 3 GB and 2: 5 each at 1, not 7."""
    carried, spent = np.array([1e9, 3e9]), np.array([4e15, 2e15])
    lab = surface(
        [[[[0.5, 0.7]]]], carried=carried[None, None, None], spent=spent[None, None, None]
    )
    assert trial_prices(lab, Prices(storage=1e-9, compute=1e-15)).tolist() == [[[5.0]]]
    (winner,) = price_winners(lab, Prices(storage=1e-9, compute=3e-15))
    assert winner.price == (13 + 9) / 2


def test_predictions_are_a_third_price_and_change_who_wins() -> None:
    """b serves 1,000 predictions for 1 TFLOP, a for 10: in two months of a million, 2 and 20 P."""
    flops = on_seeds([[1e10, 1e10], [1e9, np.nan], [1e9, 1e9]])
    priced = replace(market(), prediction_flops=flops, prediction_seconds=flops / 1e12)
    prices = parse_prices("compute=3/PFLOP, months=2, predictions=1e6/month")
    expected = [[[3 + 60.0], [3 + 60.0]], [[6 + 6.0], [np.nan]], [[12 + 6.0], [np.nan]]]
    np.testing.assert_allclose(trial_prices(priced, prices), expected)
    served = [priced.methods[w.method] for w in price_winners(priced, prices)]
    trained = [
        priced.methods[w.method] for w in price_winners(priced, replace(prices, predictions=0))
    ]
    assert (served, trained) == (["b"], ["a", "b"])
    # By time: a millisecond each, 2,000 seconds in two months, besides two hours of training.
    by_time = parse_prices("compute=3.6/GPU-hour, months=2, predictions=1e6/month")
    assert trial_prices(priced, by_time)[1, 0, 0] == pytest.approx(2 * 3.6 + 2)


def test_a_prediction_takes_the_seconds_for_a_flop_that_evaluation_took(tmp_path: Path) -> None:
    (drawn,) = surfaces(load(means_folder(tmp_path / "s")))
    # 2 MFLOP a prediction, where 4 GFLOP of evaluation took a second: half a millisecond.
    np.testing.assert_allclose(drawn.prediction_flops[0, :, 0], 2e6)
    np.testing.assert_allclose(drawn.prediction_seconds[0, :, 0], 0.5e-3)
    assert np.isnan(drawn.prediction_flops[1]).all()


def test_a_winner_is_the_best_that_the_price_buys() -> None:
    drawn = market()
    # Prices are 2, 3, 5, 6 and 6 of a, a, b, b and c.
    winners = list(price_winners(drawn, Prices(storage=1e-9, compute=1e-15)))
    actual = [(round(w.price, 9), drawn.methods[w.method], w.place) for w in winners]
    assert actual == [(2, "a", (0, 0)), (3, "a", (1, 0)), (5, "b", (0, 0))]
    assert [w.ties for w in winners] == [((0, 0, 0),), ((0, 1, 0),), ((1, 0, 0),)]


def test_prices_of_a_table_have_the_digits_that_tell_them_apart() -> None:
    """10^9 predictions of 142 FLOP cost 0.142, and trials of 2, 5 and 8 GFLOP that much more."""
    assert distinct_numbers([0.1421, 0.1422, 2.0]) == ["0.1421", "0.1422", "2"]
    assert distinct_numbers([0.5, 0.5]) == ["0.5", "0.5"]
    carried, served = on_seeds([[0.0], [0.0], [0.0]]), on_seeds([[1.0], [1.0], [1.0]]) * 142
    spent = on_seeds([[2.0], [5.0], [8.0]]) * 1e9
    means = np.array([0.3, 0.5, 0.8])[:, None, None, None] + NOISE
    served = dict.fromkeys(("prediction_flops", "prediction_seconds"), served)
    lab = surface(means, carried=carried, spent=spent, **served)
    prices = parse_prices("compute=1/PFLOP, predictions=1e12/month")
    rows = winner_rows(lab, list(price_winners(lab, prices)))
    assert [row[0] for row in rows] == ["0.142002", "0.142005", "0.142008"]


def test_a_dearer_trial_is_tied_only_where_it_can_be_paid() -> None:
    drawn = market()
    # Only bytes cost: a 1, then c at 2, which is as good as b at 3 but for noise.
    winners = list(price_winners(drawn, Prices(storage=1e-9)))
    names = [[drawn.methods[m] for m, _, _ in w.ties] for w in winners]
    assert [w.price for w in winners] == [1.0, 2.0, 3.0]
    assert names == [["a"], ["c"], ["b", "c"]]


def test_the_report_says_what_the_cheapest_and_the_most_accurate_trial_cost() -> None:
    """a carries 1 GB and computes 1 PFLOP, b 3 GB and 2; a price of 1 each is 2 and 5."""
    prices = Prices(storage=1e-9, compute=1e-15)
    caption = means_captions.prices(market(), prices, list(price_winners(market(), prices)))
    assert re.match(
        r"The cheapest trial costs 2: a at .*, ACC 0\.504 ± 0\.014\. The most accurate costs 5, "
        r"2\.5 times as much: b at .*, ACC 0\.804 ± 0\.014\. At 1 a GB-month and 1 a PFLOP\. ",
        caption,
    )
    assert "No cell is complete" in means_captions.prices(market(), prices, [])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("storage=0.02/GB", "the price of storage is per MB-month, GB-month, TB-month, not `GB`"),
        ("compute=2/hour", "GPU-hour, not `hour`"),
        ("compute=-2/PFLOP", "a number from 0 to 1e+30, not `-2`"),
        ("storage=nan/GB-month", "a number from 0 to 1e+30, not `nan`"),
        ("storage=1e308/GB-month", "storage takes a number from 0 to 1e+30, not `1e308`"),
        ("compute=1/PFLOP,months=1e31", "months takes a number from 0 to 1e+30, not `1e31`"),
        ("compute=2/PFLOP,months=0", "months takes a number above 0"),
        ("compute=2/PFLOP,months=x", "months takes a number from 0 to 1e+30, not `x`"),
        (
            "energy=2/kWh",
            "`energy=2/kWh` is none of storage=, compute=, months=, predictions=",
        ),
        (
            "compute=2/PFLOP,predictions=1e6",
            "the number of predictions is per month, not ``",
        ),
        (
            "storage=2/GB-month,predictions=1e6/month",
            "predictions are paid by the price of compute, which is not given",
        ),
        ("compute=2/PFLOP,compute=3/PFLOP", "compute is given twice"),
        ("storage=0/GB-month", "nothing has a price above 0"),
        ("", "nothing has a price above 0"),
    ],
)
def test_prices_that_are_none_are_refused_with_what_is_valid(text: str, why: str) -> None:
    with pytest.raises(RepertoireError, match="for example --prices storage=") as error:
        parse_prices(text)
    assert why in str(error.value)


def test_the_largest_prices_do_not_overflow() -> None:
    """1e60 predictions of 1e15 FLOPs each, at 1e21 a FLOP, cost 1e96; all else is far less."""
    prices = parse_prices(
        "storage=1e30/GB-month,compute=1e30/GFLOP,months=1e30,predictions=1e30/month"
    )
    served = replace(market(), prediction_flops=np.full(market().values.shape, 1e15))
    complete = np.isfinite(served.mean)
    assert trial_prices(served, prices)[complete] == pytest.approx(1e96)


def means_folder(folder: Path, config: str = "{}") -> Path:
    """Write the tables of a sweep with means: er in two cells on two seeds, joint fits neither."""
    trials = [
        {
            "sweep": folder.name,
            "trial_id": f"{method}-{size}{config}",
            "phase": "evaluation",
            "status": "complete" if method == "er" else "infeasible",
            "method": method,
            "benchmark": "split_digits",
            "scenario": "class",
            "network": "mlp",
            "num_tasks": 2,
            "tasks_done": 2 if method == "er" else 0,
            "seed": seed,
            "config": config,
            "means_storage_bytes": size,
            "means_compute": 1.0,
            "means_dial": "{}",
        }
        | (
            {
                "acc": 0.5 + size / 1e5 + seed / 100,
                "storage_bytes": size,
                "train_flops": 1e12,
                "consolidate_flops": 0.0,
                "inference_flops": 2e6,
                "eval_flops": 4e9,
                "eval_seconds": 1.0,
                "train_seconds": 1.8,
                "consolidate_seconds": 0.0,
            }
            if method == "er"
            else {}
        )
        for method in ("er", "joint")
        for size in (10_000, 20_000)
        for seed in (0, 1)
    ]
    tables = Tables(
        with_config_columns(pa.Table.from_pylist(trials, TRIALS)),
        pa.Table.from_pylist([], ACCURACY),
        pa.Table.from_pylist([], STAGES),
    )
    write_tables(tables, folder)
    return folder


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (["--format", "csv"], "--format"),
        (["--sort", "acc", "--columns", "acc"], "--sort, --columns"),
        (["--by", "trial_id", "--pareto"], "--by, --pareto"),
        (["--against", "er", "--sort", "n"], "--against, --sort"),
    ],
)
@pytest.mark.parametrize("extra", [["--means"], ["--prices", "compute=1/TFLOP"]])
def test_options_of_a_table_do_not_go_with_means(
    tmp_path: Path, options: list[str], wrong: str, extra: list[str]
) -> None:
    error = CliRunner().invoke(app, ["compare", str(tmp_path), *extra, *options]).exception
    assert isinstance(error, RepertoireError)  # exit code 2, see the test of prices below
    assert set(wrong.split(", ")) == set(re.findall(r"--\w+", str(error))) - {extra[0]}


def test_compare_prints_who_wins_for_how_much(tmp_path: Path) -> None:
    folder = str(means_folder(tmp_path / "s"))
    words = ["compare", folder, "--prices"]
    answer = CliRunner().invoke(app, [*words, "storage=100/MB-month,compute=1/TFLOP"])
    assert answer.exit_code == 0, answer.output
    lines = [line.split() for line in answer.output.splitlines() if " er " in line]
    assert [(line[0], line[-1] if "±" not in line[-2] else line[-3]) for line in lines] == [
        ("2", "0.605"),
        ("3", "0.705"),
    ]
    answer = CliRunner().invoke(app, [*words, "compute=1/TFLOP,predictions=1e6/month"])
    # 1 TFLOP of training, and a million predictions of 2 MFLOP.
    assert [line.split()[0] for line in answer.output.splitlines() if " er " in line] == ["3"]
    assert "1e+06 predictions a month are served" in " ".join(answer.output.split())
    answer = CliRunner().invoke(app, [*words, "compute=2/GPU-hour"])
    assert "0.001" in answer.output
    assert "hours on the device" in " ".join(answer.output.split())


@pytest.mark.parametrize("option", [["--means"], ["--prices", "compute=1/TFLOP"]])
def test_sweeps_that_are_not_comparable_share_no_surface(tmp_path: Path, option: list[str]) -> None:
    """Plain `compare` and the surfaces refuse the same sweeps in the same words."""
    folders = [
        str(means_folder(tmp_path / name, f'{{"benchmark": {{"imbalance": {value}}}}}'))
        for name, value in (("a", 0.1), ("b", 0.5))
    ]
    plain, refused = (
        CliRunner().invoke(app, ["compare", *folders, *more]).exception for more in ([], option)
    )
    assert isinstance(refused, RepertoireError)
    assert str(refused) == str(plain)
    difference = "benchmark.imbalance 0.1 (a), 0.5 (b)"
    assert difference in str(refused)
    forced = CliRunner().invoke(app, ["compare", *folders, *option, "--force"])
    words = " ".join(forced.output.split())
    assert words.count(f"NOT COMPARABLE: {difference}") == 1


def test_a_page_parts_the_surfaces_of_sweeps_that_are_not_comparable(tmp_path: Path) -> None:
    for name, value in (("a", 0.1), ("b", 0.5), ("c", 0.5)):
        means_folder(tmp_path / name, f'{{"benchmark": {{"imbalance": {value}}}}}')
    warehouse = Warehouse.open(tmp_path)
    drawn = read_surfaces(warehouse, EVERYTHING)
    assert [each.sweeps for each in drawn] == [("a",), ("b", "c")]
    assert [each.title.partition(" (")[2] for each in drawn] == ["sweep a)", "sweeps b, c)"]
    difference = "benchmark.imbalance 0.1 (a), 0.5 (b, c)"
    assert all(difference in next(findings(each)) for each in drawn)
    costs = read_costs(warehouse, EVERYTHING)
    of_sweeps = [set(select_surface(costs, each)["sweep"]) for each in drawn]
    assert of_sweeps[0] == {"a"}
    assert {"b"} <= of_sweeps[1] <= {"b", "c"}


def test_compare_refuses_prices_that_are_none_with_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(means_folder(tmp_path / "s"))
    monkeypatch.setattr("sys.argv", ["repertoire", "compare", folder, "--prices", "compute=2"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "the price of compute is per GFLOP" in capsys.readouterr().err
