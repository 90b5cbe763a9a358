"""The cell of the candidates of a search, which all have its dials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from orchestrator.columns import INFEASIBLE
from orchestrator.errors import RepertoireError
from orchestrator.sweep.means.cells import Cell, PriceList, describe_budgets, solve_cell
from orchestrator.sweep.means.storage import BackboneBytes
from orchestrator.sweep.trial import Trial

# Options of a training that change no FLOP and no byte, so that they need no price of their own.
FREE = ("lr", "momentum", "weight_decay", "clip", "label_smoothing")


def solve_candidates(
    examples: Sequence[Trial],
    storage: int | None,
    compute: float | None,
    prices: PriceList,
    backbone: BackboneBytes = "counted",
    search_seeds: tuple[int, ...] = (),
) -> Cell:
    """Return the cell of the candidates of a search at a pair of budgets.

    Its dials are those of the first example; those of the others must be the same.

    Args:
        examples: trials at representative points of the space, one field varied at a time.
        storage: in bytes; None: free.
        compute: in epochs of fine-tuning; None: free.
        prices: returns the prices of a price trial; raises Unpriced where they are not known yet.
        backbone: whether a frozen body counts against the storage.
        search_seeds: those of the search, on which budgets are met too.

    Raises:
        RepertoireError: a field that is searched changes the dials.
    """
    first = examples[0]
    cell = solve_cell(first, storage, compute, prices, backbone, search_seeds)
    if cell.outcome is not None:
        return cell
    missing = {trial.identity: trial for trial in cell.prices}
    for example in distinct_costs(examples):
        other = solve_cell(example, storage, compute, prices, backbone, search_seeds)
        missing |= {trial.identity: trial for trial in other.prices}
        cell = replace(cell, price_flops={**cell.price_flops, **other.price_flops})
        if have_different_dials(cell, other):
            raise RepertoireError(describe_difference(cell, other))
    return replace(cell, prices=tuple(missing.values()))


def distinct_costs(examples: Sequence[Trial]) -> list[Trial]:
    """Return the examples after the first, one for each different cost."""
    first = examples[0]
    free = {name: getattr(first.training, name) for name in FREE}
    alike = [replace(each, training=replace(each.training, **free)) for each in examples]
    return list(
        {each.identity: each for each in alike if each.identity != alike[0].identity}.values()
    )


def have_different_dials(one: Cell, other: Cell) -> bool:
    """Return whether the dials of two cells differ, as far as they are known."""
    if other.outcome is not None:  # a candidate that fails or diverges is no matter of means
        return other.outcome[0] == INFEASIBLE
    return one.memory != other.memory or bool(
        one.steps
        and other.steps
        and (one.steps != other.steps or one.step_budgets != other.step_budgets)
    )


def describe_difference(one: Cell, other: Cell) -> str:
    """Return the message for a field that is searched and changes the dials."""
    place, values = varied_field(one.trial, other.trial)
    # Of the first seed on which they differ, or any if bytes do.
    seeds = [seed for seed in one.steps if one.steps[seed] != other.steps.get(seed)] or [*one.steps]
    seed, name = (seeds[0] if seeds else None), place.rpartition(".")[2]
    pairs = zip(values, ((one, other), (other, one)), strict=True)
    dials = [f"{name} {value} {describe_dials(*pair, seed)}" for value, pair in pairs]
    return (
        f"methods: {one.trial.method.name} searches {place} under equal means, and what the means "
        f"allow depends on it: at {describe_budgets(one)} {'; '.join(dials)}. Candidates of a "
        f"search have the same dials: give {place} as a grid, so that each value has cells of its "
        "own"
    )


def varied_field(one: Trial, other: Trial) -> tuple[str, tuple[object, object]]:
    """Return the field in which two trials differ, by place, and its values."""
    for section, fields in one.config.items():
        others = other.config[section]
        for name, value in fields.items():
            if section not in ("selection", "schedule") and value != others.get(name):
                return f"{section}.{name}", (value, others.get(name))
    raise ValueError("the trials have the same configuration")


def describe_dials(cell: Cell, other: Cell, seed: int | None) -> str:
    """Return the dials of a cell that another does not have: "has 800 B of memory".

    Args:
        cell: a cell.
        other: whose dials differ, or that does not fit.
        seed: whose steps are named; None: none has any.
    """
    if cell.outcome is not None:
        return f"does not fit: {cell.outcome[1]}"
    in_files = cell.trial.method.config.with_examples(1) is not None
    unit = "examples" if in_files else "B"
    dials = []
    if cell.memory is not None and (other.outcome or cell.memory != other.memory):
        dials.append(f"{cell.memory:,} {unit} of memory")
    if seed is not None and cell.steps:
        where = "" if len({*cell.steps.values()}) == 1 else f" of seed {seed}"
        steps = f"{', '.join(map(str, cell.steps[seed]))} steps on the tasks{where}"
        dials.append(describe_growth(cell, seed, steps) if cell.step_budgets else steps)
    return f"has {' and '.join(dials)}" if dials else "fits"


def describe_growth(cell: Cell, seed: int, steps: str) -> str:
    """Return the fewest steps as text, with what the last task costs before anything grows."""
    last = cell.step_budgets[seed][-1].price
    return (
        f"at least {steps} (the last: {last.flops(1):,} FLOP for a step and consolidation, and "
        "what has grown)"
    )
