"""`repertoire run` and `repertoire track`, from the sweep file to the last line on the screen."""

from __future__ import annotations

from pathlib import Path

from orchestrator.cli.run_folder import RunOptions as RunOptions
from orchestrator.cli.run_folder import run_in_folder
from orchestrator.cli.run_report import print_report, print_shortfall
from orchestrator.errors import RepertoireError, shell_word
from orchestrator.stages.storage.uri import hide_secrets
from orchestrator.sweep.sweep import Sweep
from orchestrator.terminal.console import PlainConsole
from orchestrator.terminal.screen import Detail, Display
from orchestrator.tracking import read_target, sync
from orchestrator.tracking.tracker import SENDING_CONTINUES

RESULTS = Path("results")  # the folder of a command that names none
WAIT_SECONDS = 600.0  # for another process that sends the sweep
DEFAULTS = RunOptions()


def run(
    path: Path,
    out: Path,
    store_uri: str | None = None,
    options: RunOptions = DEFAULTS,
    detail: Detail = "usual",
) -> int:
    """Run a sweep and report; return the exit code.

    Args:
        path: of the sweep file.
        out: the results folder.
        store_uri: of the stage store; None for the one in `out`.
        options: where it runs, how it ends and what it may replace.
        detail: how much is printed; "quiet" leaves what is missing or failed.
    """
    display = None if detail == "usual" else Display(detail=detail)
    finished = run_in_folder(Sweep.load(path), out, store_uri, options, display)
    # Not the console of the display, which would redraw its live line over these.
    console = PlainConsole()
    for message in finished.messages:
        if detail == "quiet" and message.startswith(SENDING_CONTINUES):
            continue
        console.print_line(message)
    if detail == "quiet":
        return print_shortfall(console, finished.folder, finished.missing)
    following = describe_next(path, out, store_uri)
    code = print_report(
        console, finished.folder, [*finished.closing_lines, finished.places, following]
    )
    return code or int(bool(finished.missing))


def describe_next(path: Path, out: Path, store_uri: str | None) -> str:
    """Return a line with the commands that take what `run` has written."""
    folder = shell_word(out)
    plan = f"repertoire plan {shell_word(path)}"
    if out != RESULTS:
        plan += f" --out {folder}"
    if store_uri is not None:
        plan += f" --store {shell_word(hide_secrets(store_uri))}"
    return f"Next: repertoire ui {folder} | repertoire compare {folder} | {plan}"


def track(*outs: Path) -> int:
    """Send each sweep of results folders, or of single sweeps, to MLflow; return the exit code."""
    folders = dict.fromkeys(folder.resolve() for out in outs for folder in _tracked_folders(out))
    console, failed = PlainConsole(), 0
    for folder in folders:
        try:
            # The ledger is checked against MLflow, since runs may have been deleted there.
            sent = sync(folder, read_target(folder), recheck=True, wait_seconds=WAIT_SECONDS)
            line = f"{folder.name}: {sent}"
        except RepertoireError as error:
            line, failed = f"{folder.name}: {error}", failed + 1
        console.print_line(line)
    return int(failed > 0)


def fill_database(out: Path) -> None:
    """Send the sweeps of a results folder that are in its own database to it, if they changed."""
    for folder in _tracked_folders(out):
        target = read_target(folder)
        if target.database is not None:
            sync(folder, target, recheck=True, wait_seconds=WAIT_SECONDS)


def _tracked_folders(out: Path) -> list[Path]:
    # Not by `sweep_folders`, since a sweep's folder that cannot be read stops no other.
    if (out / "trials.parquet").exists():
        return [out]
    if folders := sorted(path.parent for path in out.glob("*/trials.parquet")):
        return folders
    raise RepertoireError(f"{out} holds no results; run a sweep with --out {shell_word(out)} first")
