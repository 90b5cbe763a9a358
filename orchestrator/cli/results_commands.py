"""Commands on one trial of the results: show and reproduce."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.environment import fetch_folder
from orchestrator.cli.options import TOLERANCE, StoreUri, Tolerance, show
from orchestrator.errors import RepertoireError, UnknownName, shell_word
from orchestrator.results.addresses import is_results_address


def show_command(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="DIR... [TRIAL]",
            help="Results folders, or a sweep's; then a trial: its id, the beginning of its id, "
            "its label, or words that describe it. Without one: searches, and trials that are not "
            "complete.",
        ),
    ],
    seed: Annotated[
        int | None, typer.Option("--seed", help="One seed; default: the mean of all.")
    ] = None,
    split: Annotated[
        str | None, typer.Option("--split", help="test or validation; default: test.")
    ] = None,
    scenario: Annotated[
        str | None, typer.Option("--scenario", help="Of the trial: task, domain or class.")
    ] = None,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Show the traceback of failed seeds.")
    ] = False,
) -> None:
    """Show a trial: R as a coloured grid, with ACC, BWT, FWT and forgetting."""
    from orchestrator.results.load import load
    from orchestrator.terminal.overview import overview
    from orchestrator.terminal.trial_page import trial_page

    folders, description = split_words(words)
    results = load(*map(fetch_folder, folders))
    if not description:
        show(overview(results, traceback))
        return
    try:
        show(trial_page(results, " ".join(description), seed, split, traceback, scenario))
    except UnknownName as error:
        if len(description) == 1:
            raise
        raise RepertoireError(
            f"{error}; {', '.join(description)} are no folders, so they were taken for one trial: "
            "quote its name, as in repertoire show "
            f"{shell_word(folders[0])} {shell_word(' '.join(description))}"
        ) from None


def split_words(words: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Return the words that are results folders, of which the first is one, and the words after."""
    described = (i for i, word in enumerate(words) if i and not names_results(word))
    number = next(described, len(words))
    return words[:number], words[number:]


def names_results(word: str) -> bool:
    """Return whether a word is a results folder or an address, and so no trial."""
    return is_results_address(word) or Path(word).expanduser().is_dir()


def reproduce_command(
    dir: Annotated[
        Path,
        typer.Argument(metavar="DIR", parser=fetch_folder, help="A results folder, or a sweep's."),
    ],
    trial: Annotated[
        str, typer.Argument(metavar="TRIAL", help="Its id, the beginning of its id, or its label.")
    ],
    seed: Annotated[int | None, typer.Option("--seed", help="One seed; default: all.")] = None,
    store: StoreUri = None,
    tolerance: Tolerance = TOLERANCE,
) -> None:
    """Compute a trial again and compare it with the stored one, stage by stage."""
    from orchestrator.cli.reproduce import Check, reproduce
    from orchestrator.results.folder.places import holding_folder, open_store

    check = Check(open_store(holding_folder(dir), store, read_only=True), tolerance, show)
    raise typer.Exit(reproduce(dir, trial, seed, check))
