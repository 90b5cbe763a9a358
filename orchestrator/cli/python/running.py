"""Runs a sweep from Python, as `repertoire run` does, and shows its progress."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.backends.factory import BACKENDS, ComputePlace
from orchestrator.cli.environment import parse_folder, parse_store, shorten_ray_folder
from orchestrator.cli.options import job_address
from orchestrator.cli.python.arguments import parse
from orchestrator.cli.python.results import Results, load
from orchestrator.cli.python.widget_hints import without_widget_hints
from orchestrator.cli.run_folder import RunOptions, run_in_folder
from orchestrator.cli.run_report import describe_failures
from orchestrator.cli.until import parse_until
from orchestrator.errors import UnknownName
from orchestrator.results.addresses import errors_with_addresses
from orchestrator.sweep.sweep import Sweep
from orchestrator.terminal.notebook import open_display


@dataclass(frozen=True)
class RunArguments:
    """The options of `Sweep.run`, which are those of `repertoire run`."""

    backend: str = "ray"
    store: str | Path | None = None
    address: str | None = None
    replace: bool = False
    until: str | None = None
    trackers: str | Sequence[str] = ()

    def read_options(self) -> RunOptions:
        """Return the options of the run.

        Raises:
            RepertoireError: the backend is unknown, or `until` is not a time or has passed.
        """
        if self.backend not in BACKENDS:
            raise UnknownName("backend", self.backend, BACKENDS)
        place = ComputePlace(self.address or job_address(os.environ))
        until = None if self.until is None else parse("until", parse_until, self.until)
        trackers = [self.trackers] if isinstance(self.trackers, str) else self.trackers
        return RunOptions(self.backend, place, self.replace, until, tuple(trackers))


@errors_with_addresses()
@without_widget_hints()
def run_here(sweep: Sweep, out: str | Path, arguments: RunArguments) -> Results:
    """Run a sweep from this process; return its results, and show what failed and why.

    Raises:
        RepertoireError: the sweep cannot be run with these options; a failed trial raises nothing.
        KeyboardInterrupt: at the second interruption; at the first, running stages are finished.
    """
    options, folder = arguments.read_options(), read_folder(out)
    store = None if arguments.store is None else parse("store", parse_store, str(arguments.store))
    if options.backend == "ray":
        shorten_ray_folder()
    display = open_display()
    finished = run_in_folder(sweep, folder, store, options, display)
    results = load(finished.folder)
    failures = describe_failures(finished.folder, results)
    for line in [*finished.messages, *failures, *finished.closing_lines]:
        display.say(line)
    return results


def read_folder(out: str | Path) -> Path:
    """Return a results folder with its tilde expanded, or the local copy of one in a bucket.

    Raises:
        RepertoireError: it is a file, or no address of results.
    """
    return parse("out", parse_folder, out)
