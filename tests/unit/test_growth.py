"""Growth of costs with the number of tasks, and FLOPs against seconds, by hand."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_surface import surface

from dashboards import charts
from dashboards.charts.agreement import agreement_sentences
from dashboards.charts.growth import growth_table
from dashboards.charts.method_styles import method_styles
from dashboards.report import means_captions
from orchestrator.results.agreement import measured_costs, rank_agreements
from orchestrator.results.bodies import subtract_bodies, sweeps_apart
from orchestrator.results.growth import fit_growth

pytestmark = pytest.mark.slow


def test_a_line_goes_through_the_last_half_and_on() -> None:
    # The first tasks fill what is not there yet; from task 4 on it is 10 + 2 T.
    fit = fit_growth(np.array([5.0, 9, 17, 18, 20, 22]))
    assert (fit.kind, fit.tasks) == ("linear", 3)
    assert (fit.start, fit.slope) == pytest.approx((10, 2))
    assert fit.cost(100) == pytest.approx(210)
    assert fit.num_tasks_above(29.5) == 10  # 10 + 2 * 9 = 28, 10 + 2 * 10 = 30
    assert fit.misfit == pytest.approx(0, abs=1e-9)


def test_a_constant_is_the_mean_of_what_differs_as_tasks_do() -> None:
    fit = fit_growth(np.array([40.0, 98, 102, 100]))
    assert (fit.kind, fit.cost(50), fit.slope, fit.num_tasks_above(1)) == ("constant", 100, 0, None)
    assert fit.misfit == pytest.approx(0.02)
    assert fit_growth(np.array([7.0])).cost(9) == 7
    assert fit_growth(np.zeros(4)).cost(9) == 0


def test_what_bends_is_said_to_be_no_line_and_what_falls_stays() -> None:
    fit = fit_growth(np.array([1.0, 4, 16, 64, 256, 1024]))
    assert fit.kind == "not linear"
    tasks = np.array([4.0, 5, 6])
    slope, start = np.polyfit(tasks, [64, 256, 1024], 1)
    off = np.abs(np.array([64, 256, 1024]) - start - slope * tasks).max()
    assert fit.misfit == pytest.approx(off / np.mean([64, 256, 1024]))
    falling = fit_growth(np.array([9.0, 8, 6, 4]))
    assert (falling.kind, falling.cost(1000)) == ("falling", 4)


def costs() -> pd.DataFrame:
    """Return a memory that grows by 10 kB a task, and one configuration that does not grow."""
    tasks = np.arange(1, 7)
    return pd.concat(
        pd.DataFrame(
            {
                "label": label,
                "means_storage_bytes": 100_000.0,
                "storage_limit_bytes": np.nan,
                "compute_limit_flops": np.nan,
                "storage_fixed_bytes": 20_000,
                "storage_bound_bytes": np.nan,
                "body_apart": False,
                "after": tasks,
                "storage_bytes": start + slope * tasks,
                "compute_flops": 1e6 * tasks if slope else 1e6,
            }
        )
        for label, start, slope in (("er", 20_000, 10_000), ("<b>ewc", 50_000, 0))
    )


def test_growth_is_drawn_as_measured_and_extrapolated_with_its_formula() -> None:
    figure = charts.growth(costs(), 50)
    measured, line = (trace for trace in figure.data[:2])
    assert (measured.name, list(measured.y)) == ("er", [30e3, 40e3, 50e3, 60e3, 70e3, 80e3])
    assert list(line.x) == [4, 50]
    assert list(line.y) == pytest.approx([60e3, 520e3])
    assert line.hovertext[0] == "10 kB x T + 20 kB"
    assert "&lt;b&gt;ewc" in {trace.name for trace in figure.data}
    drawn = surface(np.zeros((3, 1, 1, 1)), names=("joint", "ewc", "er"))
    beside = charts.growth(costs(), 50, drawn)
    style = method_styles(drawn)[2]
    assert beside.data[0].line.color == style.color != figure.data[0].line.color
    beside = charts.growth(costs(), 50, columns=2)
    titles = [beside.layout[f"xaxis{n}"].title.text for n in ("", 2)]
    assert titles == ["T: number of tasks"] * 2
    assert [figure.layout[f"xaxis{n}"].title.text for n in ("", 2)] == [None, titles[0]]
    table = growth_table(costs(), 50).set_index("configuration")
    assert table.loc["er", "bytes"] == "10 kB x T + 20 kB"
    assert table.loc["er", "bytes are"] == "linear over the last 3"
    assert table.loc["er", "bytes at T = 50"] == "520 kB"
    assert table.loc["er", "above its budget from T"] == "9"  # 20 + 80 = 100 is not above it
    assert table.loc["<b>ewc", "FLOPs at T = 50"] == "1 MFLOP"
    assert table.loc["<b>ewc", "above its budget from T"] == "–"
    caption = means_captions.growth(costs(), 50, "100 kB and 4 x")
    assert caption.startswith(
        "At 100 kB and 4 x. Bytes grow with 1 of 2 configurations, most with er: 10 kB x T + "
        "20 kB, above the budget of 100 kB from T = 9 on. FLOPs per task grow with 1 of 2 "
        "configurations, most with er: 1 MFLOP x T, 50 MFLOP with 50 tasks. "
    )
    assert "80 kB with 6 tasks." in means_captions.growth(costs(), 6, "")


def test_a_memory_that_is_solved_for_grows_to_the_budget_and_no_further() -> None:
    """10 T + 20 kB is 100 kB at T = 8; joint grows by less, and alone passes 100 kB, at T = 12."""
    joint = costs()[:6].assign(label="joint", storage_bytes=8_000 * np.arange(1, 7) + 10_000)
    both = pd.concat([costs().assign(storage_limit_bytes=100_000.0), joint])
    line = charts.growth(both, 50).data[1]
    assert list(line.x) == pytest.approx([4, 8, 50])
    assert list(line.y) == pytest.approx([60e3, 100e3, 100e3])
    table = growth_table(both, 50).set_index("configuration")
    assert table.loc["er", "bytes"] == "10 kB x T + 20 kB, at most 100 kB"
    assert table.loc["er", "bytes at T = 50"] == "100 kB"
    assert table["above its budget from T"].to_dict() == {"er": "–", "<b>ewc": "–", "joint": "12"}
    assert means_captions.growth(both, 50, "").startswith(
        "Bytes grow with 2 of 3 configurations (1 up to a bound), most with "
        "joint: 8 kB x T + 10 kB, above the budget of 100 kB from T = 12 on. "
    )
    alone = means_captions.growth(both[both["label"] == "er"], 50, "")
    assert "er: 10 kB x T + 20 kB, at most 100 kB, 100 kB with 50 tasks." in alone


@pytest.mark.parametrize("apart", [True, False])
def test_a_budget_is_compared_with_the_bytes_that_count_against_it(apart: bool) -> None:
    """A body of 90 kB beside 10 T + 5 kB: apart it leaves 100 kB until T = 10, counted T = 1."""
    sizes = 95_000 + 10_000 * np.arange(1, 7)
    rows = costs()[:6].drop(columns="body_apart")
    rows = rows.assign(storage_bytes=sizes, storage_without_backbone_bytes=sizes - 90_000)
    means = {"storage_bytes": 100_000, **({"backbone": "apart"} if apart else {})}
    config = json.dumps({"selection": {"means": means}})
    table = with_bodies((100_000, None, 0)).assign(config=config)
    counted = subtract_bodies(rows.assign(sweep="a"), table)
    (row,) = growth_table(counted, 50).to_dict("records")
    assert row["above its budget from T"] == ("10" if apart else "1")
    caption = means_captions.growth(counted, 50, "")
    assert f"above the budget of 100 kB from T = {'10' if apart else '1'} on" in caption
    assert ("without a frozen body" in caption) == apart
    old = rows.assign(sweep="a", storage_without_backbone_bytes=None)
    assert subtract_bodies(old, table)["storage_bytes"].tolist() == sizes.tolist()


def with_bodies(*trials: tuple[int, int | None, int]) -> pd.DataFrame:
    """Return trials of sweeps a, b, ... with 100 kB and a body of 90 kB, as earlier tables.

    Args:
        trials: the bytes that each carries, those of its memory solved for, and those in it.
    """
    table = pd.DataFrame(trials, columns=["storage_bytes", "memory", "storage_buffer_bytes"])
    dials = [{} if pd.isna(size) else {"method.memory_bytes": size} for size in table["memory"]]
    return table.assign(
        sweep=[*"abcdef"[: len(table)]],
        means_storage_bytes=100_000.0,
        means_dial=[json.dumps(dial) for dial in dials],
        storage_backbone_bytes=90_000.0,
        config="{}",
    )


def test_a_trial_of_earlier_tables_shows_that_its_body_is_apart() -> None:
    """Beside the body and 5 kB of its own 100 kB leave a memory of 95 kB apart, and 5 kB counted.

    a is above its budget as it is, b once its memory is full; c would then be at it, d is below.
    """
    table = with_bodies((105_000, None, 0), (97_000, 95_000, 2_000), (97_000, 5_000, 2_000))
    table = pd.concat([table, with_bodies((100_000, None, 0)).assign(sweep="d")])
    assert sweeps_apart(table) == {"a", "b"}
    assert not sweeps_apart(table.assign(storage_backbone_bytes=None)), "no body"
    assert sweeps_apart(table.assign(sweep="a")) == {"a"}


def trials() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    flops = draw.uniform(1e6, 1e9, 20)
    return pd.DataFrame(
        {
            "sweep": "s",
            "benchmark": "split_digits",
            "scenario": "class",
            "num_tasks": 5,
            "method": ["er", "ewc"] * 10,
            "trial_id": "t",
            "seed": range(20),
            "phase": "evaluation",
            "status": ["complete"] * 19 + ["infeasible"],
            "device": ["cpu"] * 12 + ["cuda"] * 8,
            "train_flops": flops,
            "consolidate_flops": 0.0,
            "train_seconds": flops / 1e8 * draw.uniform(0.5, 2, 20),
            "consolidate_seconds": 0.0,
        }
    )


def test_flops_are_ranked_against_seconds_on_each_device() -> None:
    measured = measured_costs(trials())
    assert len(measured) == 19, "an infeasible trial took no time"
    on_cpu, on_gpu = rank_agreements(measured)
    assert [(a.device, a.n) for a in (on_cpu, on_gpu)] == [("cpu", 12), ("cuda", 7)]
    ranks = measured[measured["device"] == "cpu"][["compute_flops", "seconds"]].rank()
    assert on_cpu.rho == pytest.approx(stats.pearsonr(*ranks.to_numpy().T).statistic)
    lines = agreement_sentences(measured)
    assert f"correlation of FLOPs and seconds is {on_cpu.rho:.3f} over 12 trials" in lines[0]
    alone = agreement_sentences(measured[:1])
    assert alone == ["On cpu: 1 trial with too few different costs to rank."]


def test_a_point_is_at_the_flops_and_seconds_of_its_trial() -> None:
    measured = measured_costs(trials())
    figure = charts.agreement(measured)
    assert [trace.name for trace in figure.data] == ["er", "ewc"]
    for trace in figure.data:
        own = measured[measured["method"] == trace.name]
        assert list(trace.x) == list(own["compute_flops"])
        assert list(trace.y) == list(own["seconds"])
    assert (figure.layout.xaxis.type, figure.layout.yaxis.type) == ("log", "log")
    assert "No complete trial" in charts.agreement(measured[:0]).layout.annotations[0].text
