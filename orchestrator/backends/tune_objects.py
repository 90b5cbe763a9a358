"""Spaces and schedulers of a sweep as objects of Ray Tune, and Tune's values as points."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ray import tune
from ray.tune.schedulers import (
    AsyncHyperBandScheduler,
    HyperBandScheduler,
    MedianStoppingRule,
    PopulationBasedTraining,
)

from orchestrator.errors import RepertoireError
from orchestrator.hashing import to_json
from orchestrator.stages.code.classes import import_class
from orchestrator.sweep.search_section.schedulers import Asha, HyperBand, Median, Pbt
from orchestrator.sweep.search_section.search import CustomClass
from orchestrator.sweep.spaces.domain_kinds import count_steps, value_at_step
from orchestrator.sweep.spaces.domains import Domain, Point

TIME = "training_iteration"


def to_tune_domain(domain: Domain) -> Any:
    """Return a domain of Tune's; its ranges of whole numbers exclude their upper end.

    A stepped range becomes a range of step numbers, since Tune's steps count from 0 rather than
    from the lower end, and are reals.
    """
    low, high = domain.args[0], domain.args[-1]
    if domain.is_finite:
        return tune.choice(list(range(len(domain.args))))
    if domain.kind == "quniform":
        return tune.randint(0, count_steps(domain.args) + 1)
    if domain.kind in ("randint", "lograndint"):
        return getattr(tune, domain.kind)(low, high + 1)
    return getattr(tune, domain.kind)(*domain.args)


def decode_point(suggested: Mapping[str, Any], space: Mapping[str, Domain]) -> Point:
    """Return a suggestion as a point in plain values, without domains whose condition fails."""
    point: Point = {}
    for place, domain in space.items():
        value = suggested[place]
        with suppress(AttributeError):
            value = value.item()  # of NumPy
        if domain.is_finite:
            value = domain.args[int(value)]
        elif domain.kind == "quniform":
            value = value_at_step(domain.args, int(value))
        elif domain.kind in ("randint", "lograndint"):
            value = int(value)
        if domain.is_active(point):
            point[place] = to_json(value)
    return point


def to_mutation(domain: Domain) -> Any:
    """Return the values that PBT resamples a hyperparameter from; the draw is clipped later."""
    if domain.is_finite:
        return list(domain.args)
    return tune.uniform(*domain.args[:2]) if domain.kind == "quniform" else to_tune_domain(domain)


def clip(domain: Domain, value: Any) -> Any:
    """Return the value of a domain that is nearest to `value`."""
    if domain.is_finite:
        return value
    value = min(max(value, domain.args[0]), domain.args[1])
    if domain.kind == "quniform":
        low, _, step = domain.args
        number = min(round((value - low) / step), count_steps(domain.args))
        return value_at_step(domain.args, number)
    return round(value) if domain.kind in ("randint", "lograndint") else value


def create_tune_scheduler(options: Any, space: Mapping[str, Domain], goal: int) -> Any:
    """Return Tune's scheduler with the options of a sweep."""
    if isinstance(options, Asha):
        return AsyncHyperBandScheduler(
            time_attr=TIME,
            max_t=goal,
            grace_period=min(options.grace_tasks, goal),
            reduction_factor=options.reduction_factor,
        )
    if isinstance(options, HyperBand):
        return HyperBandScheduler(TIME, max_t=goal, reduction_factor=options.reduction_factor)
    if isinstance(options, Median):
        return MedianStoppingRule(
            TIME, grace_period=options.grace_tasks, min_samples_required=options.min_trials
        )
    if isinstance(options, Pbt):
        mutations = {place: to_mutation(domain) for place, domain in space.items()}
        return PopulationBasedTraining(
            TIME,
            perturbation_interval=options.every_tasks,
            hyperparam_mutations=mutations,
            quantile_fraction=options.quantile,
            resample_probability=options.resample,
            log_config=False,
            synch=True,  # the order of arrival must not decide; it suits short sequences as well
        )
    return create_foreign(options)


def create_foreign(scheduler: CustomClass) -> Any:
    """Return a scheduler by dotted name."""
    name, options = scheduler.name, scheduler.options
    cls = import_class(f"scheduler {name!r}", name, source=scheduler.source)
    try:
        return cls(**options)
    except Exception as error:  # code of a user or of Tune
        raise RepertoireError(
            f"search.scheduler: {name} cannot be made with {dict(options)}: "
            f"{type(error).__name__}: {error}"
        ) from error
