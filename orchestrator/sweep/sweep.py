"""A sweep: a file that names trials, checked as a whole and frozen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from orchestrator.errors import SweepError
from orchestrator.stages.build_stages import Common
from orchestrator.stages.code.capture import capture_source
from orchestrator.stages.code.source import Source
from orchestrator.stages.collector import pause_collector
from orchestrator.stages.stage import Chain, Stage
from orchestrator.sweep.dotted_names import find_dotted_names
from orchestrator.sweep.entries import read_entries
from orchestrator.sweep.group import Group
from orchestrator.sweep.means.cells import Cell
from orchestrator.sweep.means.means import Means, check_means, read_means
from orchestrator.sweep.means.replaced import describe_unused
from orchestrator.sweep.measured_rows import MeasuredRows, describe_rows, read_rows
from orchestrator.sweep.misplaced_keys import find_misplaced_keys, names_of
from orchestrator.sweep.options import Mlflow, Options, Resources, RunBudget
from orchestrator.sweep.reading.decoding import decode_fields, read_mapping
from orchestrator.sweep.reading.mistakes import abbreviate
from orchestrator.sweep.reading.yaml_file import read_yaml
from orchestrator.sweep.search_section.read_search import read_search
from orchestrator.sweep.search_section.search import Search
from orchestrator.sweep.trial import Trial
from orchestrator.sweep.trial_chain import trial_chain

# Other names in a results folder.
RESERVED_NAMES = frozenset({"stages", "mlflow.db", "mlartifacts"})
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True, kw_only=True)
class TopLevel(Options):
    """The top level of a sweep file; its sections are checked one by one after it.

    Attributes:
        name: of the folder of the results.
        benchmark: the stream of tasks.
        methods: a trial for each entry, or for each point of its grids.
        seeds: each trial is run on each of them.
        network: a name, or a name with options; `mlp` if left out.
        means: budgets of storage and computation that every method gets alike.
        training: how each task is trained.
        search: how the spaces of the file are searched.
        budget: what one call of `repertoire run` may spend.
        resources: what a stage takes of a machine.
        mlflow: where runs are logged.
        evaluate: the rows of R that are measured in full: "all", "last", or `{every: N}`.
    """

    name: str
    benchmark: Any
    methods: Any
    seeds: list[int]
    network: Any = None
    means: Any = None
    training: Any = None
    search: Any = None
    budget: Any = None
    resources: Any = None
    mlflow: Any = None
    evaluate: MeasuredRows = "all"


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A validated sweep.

    Attributes:
        trials: the trials to evaluate.
        groups: the groups to search first, by the options of `search`.
        text: the text of the file.
        source: the user's own code that the file names.
        means: the budgets that every method gets alike, if the file has any; the trials are then
            solved for before they run, see `sweep.solve_means`.
        evaluate: the rows of R that are measured in full, of trials that are evaluated; candidates
            of a search have all rows.
        cells: every method at each pair of budgets, once they are solved for; those that fit are
            the trials and groups.
    """

    name: str
    trials: tuple[Trial, ...]
    groups: tuple[Group, ...]
    seeds: tuple[int, ...]
    search: Search | None
    budget: RunBudget
    resources: Resources
    mlflow: Mlflow
    text: str
    folder: Path
    source: Source = field(default=Source({}), repr=False, compare=False)
    means: Means | None = None
    cells: tuple[Cell, ...] = ()
    evaluate: MeasuredRows = "all"

    @property
    def remarks(self) -> tuple[str, ...]:
        """Warnings, a line each: of the user's own code, empty cells of R, and unused values."""
        unused = () if self.cells else describe_unused(self.trials, self.means)
        return (*self.source.remarks, *describe_rows(self.evaluate), *unused)

    @staticmethod
    def load(path: str | Path, data_folder: Path | None = None) -> Sweep:
        """Read a sweep file.

        Args:
            path: the file.
            data_folder: what paths of data are relative to; None: the folder of the file.

        Raises:
            SweepError: with all mistakes of the file, each with its place and what is valid.
        """
        path = Path(path)
        content = read_yaml(path)
        text = path.read_text(encoding="utf-8")
        return Sweep.read(content, text, str(path), path.parent.resolve(), data_folder)

    @staticmethod
    @pause_collector()
    def read(
        content: dict[str, Any],
        text: str,
        where: str,
        folder: Path,
        data_folder: Path | None = None,
    ) -> Sweep:
        """Return the sweep of the data of a file.

        Args:
            content: the data.
            text: the same as YAML.
            where: what the data is from, for messages.
            folder: is searched first for the user's own code.
            data_folder: what paths of data are relative to; None: `folder`.

        Raises:
            SweepError: with all mistakes, each with its place and what is valid.
        """
        # Before the sections are read: the code in the keys is the code that is imported (ADR 13).
        source = capture_source(find_dotted_names(content), folder)
        mistakes: list[str] = []
        _check_top(content, mistakes)
        rows = read_rows(content, mistakes)
        search = read_search(content, source, mistakes)
        trials, groups = read_entries(content, search, source, mistakes, data_folder or folder)
        examples = [*trials, *(group.first_trial((0,)) for group in groups)]
        means = read_means(content, mistakes, examples)
        trainings = [trial.training for trial in trials]
        trainings += [training for group in groups for training in group.parts[2].examples]
        per_task = search is not None and search.is_per_task
        mistakes.extend(check_means(means, trainings, per_task))
        resources, budget, mlflow = (
            decode_fields(kind, read_mapping(content, name, mistakes), name, mistakes)
            for name, kind in (("resources", Resources), ("budget", RunBudget), ("mlflow", Mlflow))
        )
        # All sections are read before this, so that all mistakes of a file are reported at once.
        if mistakes or resources is None or budget is None or mlflow is None:
            raise SweepError(where, dict.fromkeys(mistakes))
        return Sweep(
            name=content["name"],
            trials=tuple(trials),
            groups=tuple(groups),
            search=search,
            seeds=tuple(content["seeds"]),
            budget=budget,
            resources=resources,
            mlflow=mlflow,
            text=text,
            folder=folder,
            source=source,
            means=means,
            evaluate=rows,
        )

    def chains(self) -> Iterator[tuple[Chain, tuple[Stage, ...]]]:
        """Yield each (trial, seed) that needs no search and its stages, in the file's order."""
        common = Common()
        for trial in self.trials:
            for seed in trial.seeds:
                steps = trial.stages(seed, common)
                yield trial_chain(self.name, trial, seed, steps=steps, rows=self.evaluate)
        # Cells that are not run have rows too: a table says which methods do not fit, and why.
        listed = {cell.trial.identity for cell in self.cells if not cell.space}
        for cell in self.cells:
            if cell.outcome is not None:
                unset = () if cell.trial.identity in listed else tuple(cell.space)
                create = partial(trial_chain, self.name, outcome=cell.outcome, unset=unset)
                yield from (create(cell.trial, seed) for seed in cell.trial.seeds)


def _check_top(content: dict[str, Any], mistakes: list[str]) -> None:
    """Note the mistakes in the keys, the name and the seeds of a file."""
    misplaced = dict(find_misplaced_keys(content, names_of(TopLevel)))
    mistakes.extend(misplaced.values())
    # The other sections are checked one by one.
    top = {
        key: value if key in ("name", "seeds") else None
        for key, value in content.items()
        if key != "evaluate" and key not in misplaced
    }
    decode_fields(TopLevel, top, "", mistakes)
    name, seeds = content.get("name"), content.get("seeds")
    if isinstance(name, str) and not SAFE_NAME.fullmatch(name):
        mistakes.append(
            "name: must be up to 100 letters, digits, '_', '-' and '.', starting with a letter or "
            f"digit, since it names a folder, given {abbreviate(name)}"
        )
    if isinstance(name, str) and name in RESERVED_NAMES:
        mistakes.append(f"name: {name!r} is taken in the results folder; choose another")
    different = isinstance(seeds, list) and all(isinstance(seed, int) for seed in seeds)
    if different and (not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0):
        valid = "at least one number, each of at least 0 and given once"
        mistakes.append(f"seeds: must be {valid}, given {abbreviate(seeds)}")
