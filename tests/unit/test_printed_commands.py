"""Commands that are printed to be copied: a shell reads each folder and file as one word."""

import shlex
from pathlib import Path

import pandas as pd
import pytest

from orchestrator.cli.run import describe_next, track
from orchestrator.cli.run_report import traceback_hints
from orchestrator.errors import RepertoireError, shell_word
from orchestrator.results.tables.sweep_folders import sweep_folders
from orchestrator.tracking.mlflow_calls import translate_errors
from orchestrator.tracking.target import TrackingError, resolve_target

NAMES = ("my results", "it's", "$HOME", "a;b", "x#y", "é (1)")


def commands(line: str) -> list[list[str]]:
    """Return the words of the commands of a printed line, as a shell reads them."""
    words, found = shlex.split(line), list[list[str]]()
    for word in words:
        if word == "repertoire":
            found.append([])
        elif found and word != "|":
            found[-1].append(word)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_next_commands_of_a_run_name_its_folder_and_store_as_a_word_each(name: str) -> None:
    line = describe_next(Path(f"{name}.yaml"), Path(name), f"/store/{name}")
    assert commands(line) == [
        ["ui", name],
        ["compare", name],
        ["plan", f"{name}.yaml", "--out", name, "--store", f"/store/{name}"],
    ]


def test_the_next_plan_names_no_folder_that_it_would_take_by_itself() -> None:
    assert commands(describe_next(Path("s.yaml"), Path("results"), None))[-1] == ["plan", "s.yaml"]
    assert "secret" not in describe_next(Path("s.yaml"), Path("r"), "s3://me:secret@bucket/x")


@pytest.mark.parametrize("name", NAMES)
def test_the_command_for_tracebacks_names_the_folder_as_a_word(name: str) -> None:
    failed = pd.DataFrame({"trial_id": ["a1"], "status": ["failed"], "story": ["E: no"]})
    failed["phase"], failed["tasks_done"] = "evaluation", 0
    [hint] = traceback_hints(Path(name) / "live", failed)
    assert commands(hint.partition(": ")[2]) == [["show", f"{name}/live", "a1", "--traceback"]]


@pytest.mark.parametrize("name", NAMES)
def test_refusals_that_name_a_command_name_the_folder_as_a_word(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    with pytest.raises(RepertoireError) as no_results:
        sweep_folders(folder)
    ending = str(no_results.value).partition("make it: ")[2]
    assert commands(ending) == [["run", "SWEEP", "--out", str(folder)]]
    with pytest.raises(RepertoireError) as nothing_to_send:
        track(folder)
    assert str(nothing_to_send.value).endswith(f" --out {shell_word(folder)} first")


def test_what_mlflow_lacks_is_sent_by_a_command_that_names_the_folder_as_a_word(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "my results"
    target = resolve_target(folder)
    with (
        pytest.raises(TrackingError) as caught,
        translate_errors(folder / "live", target),
    ):
        raise OSError("no route")
    assert commands(str(caught.value).partition("later: ")[2]) == [["track", str(folder)]]


def test_a_name_that_begins_with_a_dash_is_no_option() -> None:
    assert shlex.split(shell_word("-x y")) == ["./-x y"]
