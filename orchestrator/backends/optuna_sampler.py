"""Optuna's tree-structured Parzen estimator as a sampler, by Optuna's ask and tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.errors import RepertoireError
from orchestrator.search.ports import Values
from orchestrator.sweep.search_section.algorithms import Optuna
from orchestrator.sweep.spaces.domain_kinds import count_steps, value_at_step
from orchestrator.sweep.spaces.domains import Domain, Point


class OptunaSampler:
    """Draws points by Optuna; the same for the same seed and results.

    Args:
        algorithm: the options of the sampler.
        space: place -> domain; a domain is drawn only where its condition holds.
        modes: "max" or "min" for each metric.
        seed: of the sampler.

    Raises:
        RepertoireError: Optuna is not installed.
    """

    learns = True

    def __init__(
        self, algorithm: Optuna, space: Mapping[str, Domain], modes: Sequence[str], seed: int
    ) -> None:
        optuna = import_optuna()
        sampler = optuna.samplers.TPESampler(
            # NumPy, by which Optuna draws, takes seeds of 32 bits.
            seed=seed % 2**32,
            n_startup_trials=algorithm.startup,
            multivariate=algorithm.multivariate,
        )
        directions = [f"{mode}imize" for mode in modes]
        self._study = optuna.create_study(sampler=sampler, directions=directions)
        self._states = optuna.trial.TrialState
        self._space = space
        self._trials: dict[int, Any] = {}

    def ask(self, number: int) -> Point:
        """Return the point of a new trial of Optuna's."""
        trial = self._trials[number] = self._study.ask()
        point: Point = {}
        for place, domain in self._space.items():
            if domain.is_active(point):
                point[place] = suggest_value(trial, place, domain)
        return point

    def tell(self, number: int, values: Values | None, failed: bool) -> None:
        """Report the end of a candidate; a candidate that was stopped early counts as pruned."""
        trial = self._trials.pop(number)
        end = self._states.FAIL if failed else self._states.PRUNED
        self._study.tell(trial, values, end if values is None else None)


def suggest_value(trial: Any, place: str, domain: Domain) -> Any:
    """Return Optuna's value for a domain."""
    kind, args = domain.kind, domain.args
    if domain.is_finite:  # by index, since a value may be a list itself
        return args[trial.suggest_categorical(place, list(range(len(args))))]
    if kind in ("randint", "lograndint"):
        return trial.suggest_int(place, args[0], args[1], log=kind == "lograndint")
    if kind == "quniform":
        return value_at_step(args, trial.suggest_int(place, 0, count_steps(args)))
    return trial.suggest_float(place, args[0], args[1], log=kind == "loguniform")


def import_optuna() -> Any:
    """Return the package Optuna, which then logs errors alone.

    Raises:
        RepertoireError: it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise RepertoireError(
            f"algorithm optuna needs a package: pip install optuna ({error})"
        ) from None
    # Else it logs a line for each trial.
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
