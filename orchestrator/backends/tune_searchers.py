"""Ray Tune's searchers as samplers: Optuna's, HyperOpt's, or any by dotted name."""

from __future__ import annotations

import random  # noqa: TID251 - searchers draw from it; see `seeded`
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from ray import tune

from orchestrator.errors import RepertoireError
from orchestrator.hashing import plain
from orchestrator.search.ports import Values
from orchestrator.stages.components import imported_class
from orchestrator.sweep.search_options import Search
from orchestrator.sweep.spaces import Domain, Point, at_step, steps
from orchestrator.sweep.strategies import Foreign, HyperOpt, Optuna

# Tune's names of metrics; there is always a list of them to choose from, even if it is of one.
METRIC = "objective"


class TuneSampler:
    """Asks one of Ray Tune's searchers.

    Args:
        searcher: knows the space, the metrics and their modes.
        read: makes a point of what it suggests.
        metrics: what it calls the values it is told.
        seed: of the global generators it may draw from, which are left as they were.
    """

    learns = True

    def __init__(
        self,
        searcher: Any,
        read: Callable[[Mapping[str, Any]], Point],
        metrics: tuple[str, ...],
        seed: int,
    ) -> None:
        self._searcher, self._read, self._metrics, self._seed = searcher, read, metrics, seed

    @staticmethod
    def of(search: Search, space: Mapping[str, Domain], seed: int) -> TuneSampler:
        """Return the sampler a search asks for."""
        modes = search.objective.modes
        metrics = tuple(f"{METRIC}_{i}" for i in range(len(modes)))
        one = len(modes) == 1
        told = {"metric": metrics[0], "mode": modes[0]} if one else {
            "metric": list(metrics), "mode": list(modes),
        }  # fmt: skip
        with seeded(seed):
            if isinstance(search.algorithm, Optuna):
                return TuneSampler(
                    optuna(search.algorithm, space, told, seed), point, metrics, seed
                )
            searcher = searcher_of(search.algorithm, space, told, seed)
        return TuneSampler(searcher, lambda suggested: decoded(suggested, space), metrics, seed)

    def ask(self, number: int) -> Point | None:
        """Return what the searcher suggests."""
        with seeded(self._seed + number):
            suggested = self._searcher.suggest(str(number))
        if not isinstance(suggested, Mapping):  # None, or Searcher.FINISHED
            return None
        return self._read(suggested)

    def tell(self, number: int, values: Values | None, failed: bool) -> None:
        """Tell the searcher how a candidate ended; one that was stopped early has no value."""
        result = None
        if values is not None:
            result = dict(zip(self._metrics, values, strict=True)) | {"training_iteration": 1}
        with seeded(self._seed + number):
            self._searcher.on_trial_complete(str(number), result=result, error=failed)


def optuna(algorithm: Optuna, space: Mapping[str, Domain], told: dict[str, Any], seed: int) -> Any:
    """Return Tune's searcher of Optuna, which draws a conditional space as it is run through."""
    try:
        from optuna import logging
        from optuna.samplers import TPESampler
        from ray.tune.search.optuna import OptunaSearch
    except ImportError as error:
        raise RepertoireError(
            f"algorithm optuna needs a package: pip install optuna ({error})"
        ) from None
    logging.set_verbosity(logging.ERROR)
    sampler = TPESampler(
        seed=seed % 2**32, n_startup_trials=algorithm.startup, multivariate=algorithm.multivariate
    )  # fmt: skip

    def run_through(trial: Any) -> dict[str, Any]:
        found: Point = {}
        for place, domain in space.items():
            if domain.active(found):
                found[place] = suggest(trial, place, domain)
        return {"point": [[place, value] for place, value in found.items()]}

    return OptunaSearch(space=run_through, sampler=sampler, **told)


def suggest(trial: Any, place: str, domain: Domain) -> Any:
    """Return Optuna's value for a domain."""
    kind, args = domain.kind, domain.args
    if domain.finite:  # by place in the list, since a value may be a list itself
        return args[trial.suggest_categorical(place, list(range(len(args))))]
    if kind in ("randint", "lograndint"):
        return trial.suggest_int(place, args[0], args[1], log=kind == "lograndint")
    if kind == "quniform":
        return at_step(args, trial.suggest_int(place, 0, steps(args)))
    return trial.suggest_float(place, args[0], args[1], log=kind == "loguniform")


def point(suggested: Mapping[str, Any]) -> Point:
    """Return the point that Optuna ran through."""
    return {place: value for place, value in suggested["point"]}


def searcher_of(
    algorithm: Any, space: Mapping[str, Domain], told: dict[str, Any], seed: int
) -> Any:
    """Return a searcher that is told of the space in Tune's words: HyperOpt's, or a dotted name."""
    name, options = "hyperopt", getattr(algorithm, "options", {})
    try:
        if isinstance(algorithm, Foreign):
            name = algorithm.name
            cls = imported_class(f"algorithm {name!r}", name, source=algorithm.source)
            searcher = cls(**options)
        else:
            searcher = hyperopt(algorithm, seed)
        config = {place: tune_domain(domain) for place, domain in space.items()}
        accepted = searcher.set_search_properties(**told, config=config)
    except RepertoireError:
        raise
    except Exception as error:  # a class of anybody's
        raise RepertoireError(
            f"search.algorithm: {name} cannot be made with {dict(options)}: "
            f"{type(error).__name__}: {error}"
        ) from error
    if accepted is False:
        raise RepertoireError(
            f"search.algorithm: {name} does not take the space and the metric of a sweep"
        )
    return searcher


def hyperopt(algorithm: HyperOpt, seed: int) -> Any:
    """Return Tune's searcher of HyperOpt."""
    try:
        import hyperopt as _  # noqa: F401 - Tune's searcher would only fail an assertion
        from ray.tune.search.hyperopt import HyperOptSearch
    except ImportError as error:
        raise RepertoireError(f"algorithm hyperopt: pip install hyperopt ({error})") from None
    return HyperOptSearch(
        n_initial_points=algorithm.startup, gamma=algorithm.gamma, random_state_seed=seed % 2**32
    )


def tune_domain(domain: Domain) -> Any:
    """Return a domain in Tune's words; its ranges of whole numbers end before their upper end.

    Steps are told by number: Tune counts them from 0, not from the lower end, and in reals.
    """
    low, high = domain.args[0], domain.args[-1]
    if domain.finite:
        return tune.choice(list(range(len(domain.args))))
    if domain.kind == "quniform":
        return tune.randint(0, steps(domain.args) + 1)
    if domain.kind in ("randint", "lograndint"):
        return getattr(tune, domain.kind)(low, high + 1)
    return getattr(tune, domain.kind)(*domain.args)


def decoded(suggested: Mapping[str, Any], space: Mapping[str, Domain]) -> Point:
    """Return the point a searcher suggests, in plain values, without what does not count."""
    found: Point = {}
    for place, domain in space.items():
        value = suggested[place]
        with suppress(AttributeError):
            value = value.item()  # of NumPy
        if domain.finite:
            value = domain.args[int(value)]
        elif domain.kind == "quniform":
            value = at_step(domain.args, int(value))
        elif domain.kind in ("randint", "lograndint"):
            value = int(value)
        if domain.active(found):
            found[place] = plain(value)
    return found


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the global generators of Python and NumPy inside the block; put them back after."""
    before, before_numpy = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: TID251
    try:
        yield
    finally:
        random.setstate(before)
        np.random.set_state(before_numpy)
