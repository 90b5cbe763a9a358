"""The prices of the page Equal means: the sum of all costs, and the best method for each price."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboards import charts
from dashboards.charts.quantities import short_label
from dashboards.page import Page
from orchestrator.columns import HOUR_SECONDS
from orchestrator.results.surface.prices import FLOP_UNITS, Prices, price_winners
from orchestrator.results.surface.surface import Surface
from orchestrator.terminal.price_tables import winner_rows

# Steps of a slider, in some currency.
STEPS = [0.0, *(float(f"{m}e{e}") for e in range(-3, 4) for m in (1, 2, 5))]
BY = {"PFLOP": FLOP_UNITS["PFLOP"], "GPU-hour": HOUR_SECONDS}
NUMBERS = (0.0, *(float(f"1e{e}") for e in range(3, 13)))
WIDTH = 300  # of a slider, in pixels


def show_prices(page: Page, surface: Surface, metric: str) -> None:
    """Draw the metric against the price that the sliders make of bytes and FLOPs."""
    st.subheader("Prices")
    prices = choose_prices()
    if not prices.storage and not prices.compute:
        st.info("Everything is free. Move a slider to give storage or computation a price.")
        return
    page.chart(charts.price_chart(surface, prices, metric), "price chart")
    heads = ("from price", "best", "at", short_label(metric), "not told apart")
    rows = winner_rows(surface, list(price_winners(surface, prices)))
    st.dataframe(pd.DataFrame(rows, columns=list(heads)), hide_index=True, key="price table")
    st.caption(
        "A trial pays for the most bytes that it carries after any task, for as many months as "
        "they are kept, for all training and consolidation, and for the predictions of these "
        "months; by GPU-hour, for the measured time on the device that ran it, of predictions for "
        "that of evaluation."
    )


def choose_prices() -> Prices:
    """Return the prices that the user chose, which the address keeps."""
    with st.container(horizontal=True):
        unit = str(st.selectbox("Pay by", list(BY), key="pay-by", width=130, bind="query-params"))
        compute = price_slider(f"Price of a {unit}", "compute-price", 2.0)
        storage = price_slider("Price of a GB-month", "storage-price", 0.02)
        months = st.number_input(
            "Months kept", 0.0, 1200.0, 12.0, key="months", width=130, bind="query-params"
        )
        predictions = price_slider("Predictions a month", "predictions", 0.0, NUMBERS)
    return Prices(storage / 1e9, compute / BY[unit], unit == "GPU-hour", float(months), predictions)


def price_slider(
    label: str, key: str, first: float, steps: Sequence[float] = tuple(STEPS)
) -> float:
    """Return the value that the user chose, of some steps."""
    return float(
        st.select_slider(
            label,
            steps,
            first,
            format_func=lambda x: f"{x:g}",
            key=key,
            width=WIDTH,
            bind="query-params",
        )
    )
