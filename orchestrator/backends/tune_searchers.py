"""Ray Tune's searchers as samplers: HyperOpt's, or any by dotted name."""

from __future__ import annotations

import random  # noqa: TID251 - searchers draw from it; see `seed_generators`
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from orchestrator.backends.tune_objects import decode_point, to_tune_domain
from orchestrator.errors import RepertoireError
from orchestrator.search.ports import Values
from orchestrator.stages.code.classes import import_class
from orchestrator.sweep.search_section.algorithms import HyperOpt
from orchestrator.sweep.search_section.search import CustomClass
from orchestrator.sweep.spaces.domains import Domain, Point

METRIC = "objective"  # Tune's name of what candidates are ranked by


class TuneSampler:
    """Draws points by one of Ray Tune's searchers.

    Args:
        algorithm: the options of HyperOpt's searcher, or a class by dotted name.
        space: place -> domain.
        modes: "max" or "min" for each metric.
        seed: of Python's and NumPy's global generators, which a searcher may draw from; they are
            put back after each call.

    Raises:
        RepertoireError: the searcher cannot be created, or does not take the space and metrics.
    """

    learns = True

    def __init__(
        self, algorithm: Any, space: Mapping[str, Domain], modes: Sequence[str], seed: int
    ) -> None:
        self._name = algorithm.name if isinstance(algorithm, CustomClass) else "hyperopt"
        self._space, self._seed = space, seed
        self._metrics = tuple(f"{METRIC}_{i}" for i in range(len(modes)))
        with seed_generators(seed):
            self._searcher = self._create_searcher(algorithm, modes)

    def _create_searcher(self, algorithm: Any, modes: Sequence[str]) -> Any:
        options = getattr(algorithm, "options", {})
        one = len(modes) == 1
        # Tune's searchers take the name of one metric, or lists.
        metric = self._metrics[0] if one else list(self._metrics)
        mode = modes[0] if one else list(modes)
        config = {place: to_tune_domain(domain) for place, domain in self._space.items()}
        try:
            searcher = self._construct(algorithm)
            accepted = searcher.set_search_properties(metric=metric, mode=mode, config=config)
        except RepertoireError:
            raise
        except Exception as error:  # code of a user or of Tune
            raise RepertoireError(
                f"search.algorithm: {self._name} cannot be made with {dict(options)}: "
                f"{type(error).__name__}: {error}"
            ) from error
        if accepted is False:
            raise RepertoireError(
                f"search.algorithm: {self._name} does not take the space and the metric of a sweep"
            )
        return searcher

    def _construct(self, algorithm: Any) -> Any:
        if not isinstance(algorithm, CustomClass):
            return create_hyperopt(algorithm, self._seed)
        what = f"algorithm {algorithm.name!r}"
        return import_class(what, algorithm.name, source=algorithm.source)(**algorithm.options)

    def ask(self, number: int) -> Point | None:
        """Return the point that the searcher suggests, or None if it suggests no other.

        Raises:
            RepertoireError: the searcher raised, or its suggestion is not a point of the space.
        """
        with self._translate_errors("suggest"), seed_generators(self._seed + number):
            suggested = self._searcher.suggest(str(number))
            if not isinstance(suggested, Mapping):  # None, or Searcher.FINISHED
                return None
            return decode_point(suggested, self._space)

    def tell(self, number: int, values: Values | None, failed: bool) -> None:
        """Report the end of a candidate; a candidate that was stopped early has no values.

        Raises:
            RepertoireError: the searcher raised.
        """
        result = None
        if values is not None:
            result = dict(zip(self._metrics, values, strict=True)) | {"training_iteration": 1}
        with self._translate_errors("on_trial_complete"), seed_generators(self._seed + number):
            self._searcher.on_trial_complete(str(number), result=result, error=failed)

    @contextmanager
    def _translate_errors(self, call: str) -> Iterator[None]:
        """Raise RepertoireError for any exception of a searcher."""
        try:
            yield
        except RepertoireError:
            raise
        except Exception as error:
            raise RepertoireError(
                f"search.algorithm: {self._name} failed in {call}(): "
                f"{type(error).__name__}: {error}"
            ) from error


def create_hyperopt(algorithm: HyperOpt, seed: int) -> Any:
    """Return Tune's searcher of HyperOpt.

    Raises:
        RepertoireError: HyperOpt is not installed.
    """
    try:
        import hyperopt as _  # noqa: F401 - Tune's searcher would only fail an assertion
        from ray.tune.search.hyperopt import HyperOptSearch
    except ImportError as error:
        raise RepertoireError(f"algorithm hyperopt: pip install hyperopt ({error})") from None
    return HyperOptSearch(
        n_initial_points=algorithm.startup, gamma=algorithm.gamma, random_state_seed=seed % 2**32
    )


@contextmanager
def seed_generators(seed: int) -> Iterator[None]:
    """Seed the global generators of Python and NumPy inside the block; put them back after."""
    state, numpy_state = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: TID251
    try:
        yield
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)
