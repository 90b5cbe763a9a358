"""Prices of storage, computation and predictions: their sum, and the best method for each price."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from orchestrator.columns import HOUR_SECONDS
from orchestrator.errors import RepertoireError
from orchestrator.results.intervals import Floats
from orchestrator.results.surface.surface import Surface
from orchestrator.results.surface.winners import tie_mask

# Unit -> bytes, and FLOPs.
STORAGE_UNITS = {"MB-month": 1e6, "GB-month": 1e9, "TB-month": 1e12}
FLOP_UNITS = {"GFLOP": 1e9, "TFLOP": 1e12, "PFLOP": 1e15, "EFLOP": 1e18}
GPU_HOUR = "GPU-hour"
MONTH = "month"
MOST = 1e30  # of a price or a number of the text: their products are far from an overflow
NAMES = ("storage", "compute", "months", "predictions")
EXAMPLE = "storage=0.02/GB-month,compute=2/GPU-hour,months=12,predictions=1e6/month"


@dataclass(frozen=True)
class Prices:
    """What storage and computation cost, in one currency.

    Attributes:
        storage: of a byte for a month.
        compute: of a FLOP, or of a second if `by_time`.
        by_time: whether computation is paid by the measured time instead of by FLOPs.
        months: for how long the most that is carried is kept, and predictions are served.
        predictions: examples that are predicted in a month, each for the price of its computation.
    """

    storage: float = 0.0
    compute: float = 0.0
    by_time: bool = False
    months: float = 1.0
    predictions: float = 0.0


@dataclass(frozen=True)
class PricedWinner:
    """The most accurate method from a price on, up to the price of the next winner.

    Attributes:
        price: of its trial.
        method: its number.
        place: numbers of the storage and the computation of its cell.
        ties: the methods that are not told apart from it, itself first: (method, storage,
            computation), each in its most accurate cell for this price or less.
    """

    price: float
    method: int
    place: tuple[int, int]
    ties: tuple[tuple[int, int, int], ...]


def parse_prices(text: str) -> Prices:
    """Return the prices of a text such as EXAMPLE.

    What is not named costs nothing; what is carried is kept for one month, and nothing is
    predicted.

    Raises:
        RepertoireError: a name, a unit or a number is none, everything is free, or months is 0.
    """
    given: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (word.strip() for word in part.partition("="))
        if name not in NAMES or not equals:
            valid = ", ".join(f"{each}=" for each in NAMES)
            raise price_error(text, f"`{part}` is none of {valid}")
        if name in given:
            raise price_error(text, f"{name} is given twice")
        given[name] = value
    storage, _ = unit_price(text, "storage", given, STORAGE_UNITS)
    compute, unit = unit_price(text, "compute", given, {**FLOP_UNITS, GPU_HOUR: HOUR_SECONDS})
    if not storage and not compute:
        raise price_error(text, "nothing has a price above 0")
    months = price_number(text, "months", given["months"]) if "months" in given else 1.0
    if not months:
        raise price_error(
            text, "months takes a number above 0: with 0 nothing is kept or predicted"
        )
    predictions = read_predictions(text, given)
    if predictions and not compute:
        raise price_error(text, "predictions are paid by the price of compute, which is not given")
    return Prices(storage, compute, unit == GPU_HOUR, months, predictions)


def read_predictions(text: str, given: dict[str, str]) -> float:
    """Return the number of predictions in a month; 0 if it is not given."""
    if "predictions" not in given:
        return 0.0
    number, _, unit = (word.strip() for word in given["predictions"].partition("/"))
    if unit != MONTH:
        raise price_error(text, f"the number of predictions is per {MONTH}, not `{unit}`")
    return price_number(text, "predictions", number)


def unit_price(
    text: str, name: str, given: dict[str, str], units: dict[str, float]
) -> tuple[float, str]:
    """Return the price of one byte, FLOP or second, and the unit it was given in."""
    if name not in given:
        return 0.0, ""
    number, _, unit = (word.strip() for word in given[name].partition("/"))
    if unit not in units:
        raise price_error(text, f"the price of {name} is per {', '.join(units)}, not `{unit}`")
    return price_number(text, name, number) / units[unit], unit


def price_number(text: str, name: str, number: str) -> float:
    """Return a number from 0 to MOST."""
    try:
        value = float(number)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= MOST:
        raise price_error(text, f"{name} takes a number from 0 to {MOST:g}, not `{number}`")
    return value


def price_error(text: str, why: str) -> RepertoireError:
    """Return the error of prices that cannot be read."""
    return RepertoireError(f"--prices {text}: {why}; for example --prices {EXAMPLE}")


def trial_prices(surface: Surface, prices: Prices) -> Floats:
    """Return the price of a trial of each cell [M, A, B]; NaN where not every seed is complete.

    It is the mean over the seeds of what each pays, which has three parts: the most bytes carried
    after any task, for `months`, since there must be room for them; all training and consolidation;
    and the predictions after the last task. A budget that a method leaves unused costs nothing.
    """
    used = surface.seconds if prices.by_time else surface.spent
    if prices.predictions:
        each = surface.prediction_seconds if prices.by_time else surface.prediction_flops
        used = used + prices.predictions * prices.months * each
    price = prices.storage * prices.months * surface.carried + prices.compute * used
    return np.where(np.isfinite(surface.mean), price.mean(axis=-1), np.nan)


def price_winners(surface: Surface, prices: Prices) -> Iterator[PricedWinner]:
    """Yield the winner at each price at which it changes, from the cheapest trial on.

    A winner is the most accurate method of all cells for this price or less. Of equal accuracy the
    cheaper one is it.
    """
    price, mean = trial_prices(surface, prices), surface.mean
    places = [(int(m), int(a), int(b)) for m, a, b in np.argwhere(np.isfinite(price))]
    order = sorted(places, key=lambda at: (price[at], -mean[at]))
    best = -np.inf
    for number, at in enumerate(order):
        if mean[at] > best:
            best = mean[at]
            ties = find_ties(surface, at, order[: number + 1])
            yield PricedWinner(float(price[at]), at[0], (at[1], at[2]), ties)


def find_ties(
    surface: Surface, winner: tuple[int, int, int], affordable: list[tuple[int, int, int]]
) -> tuple[tuple[int, int, int], ...]:
    """Return the methods not significantly worse than a winner, each in its best cell."""
    mean = surface.mean
    best_of: dict[int, tuple[int, int, int]] = {}
    for at in sorted(affordable, key=lambda at: -mean[at]):
        best_of.setdefault(at[0], at)
    rows = [winner, *(at for method, at in best_of.items() if method != winner[0])]
    tied = tie_mask(np.array([surface.values[at] for at in rows]))
    return tuple(at for at, same in zip(rows, tied, strict=True) if same)
