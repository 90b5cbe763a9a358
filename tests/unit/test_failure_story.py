"""The story of a stage that raised names the line of the user's code that did."""

from __future__ import annotations

import errno
import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from orchestrator.stages.outcomes import failure_place, failure_story
from orchestrator.stages.storage.retry import raise_if_lasting
from orchestrator.sweep.reading.decoding import decode_fields


def module(folder: Path, text: str) -> ModuleType:
    """Import a file of the user's."""
    path = folder / "mine.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location("mine_of_test", path)
    assert spec is not None
    assert spec.loader is not None
    result = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(result)
    return result


def raise_error(call: object) -> Exception:
    with pytest.raises(Exception, match=r".*") as caught:
        call()  # type: ignore[operator]
    error = caught.value
    # This test's own frame is a user's as well; what it called is of interest.
    assert error.__traceback__ is not None
    error.__traceback__ = error.__traceback__.tb_next
    return error


def test_the_last_line_of_the_user_s_is_named_though_a_library_raised(tmp_path: Path) -> None:
    own = module(tmp_path, "import json\n\n\ndef loss():\n    return json.loads('{')\n")
    story = failure_story(raise_error(own.loss))
    first, empty, trace = story.split("\n", 2)
    assert first.startswith("JSONDecodeError: Expecting property name")
    assert first.endswith(" (mine.py:5, in loss)")
    assert empty == ""
    assert trace.startswith("Traceback (most recent call last)")


def test_of_several_frames_of_the_user_s_the_last_is_named(tmp_path: Path) -> None:
    text = "def a():\n    b()\n\n\ndef b():\n    raise ValueError('two\\nlines')\n"
    story = failure_story(raise_error(module(tmp_path, text).a))
    assert story.startswith("ValueError: two lines (mine.py:6, in b)\n\nTraceback")


def test_without_code_of_the_user_s_the_last_line_of_ours_is_named() -> None:
    error = raise_error(lambda: decode_fields(int, {}, "", []))
    error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
    assert failure_place(error).startswith("mistakes.py:")


def test_an_error_that_passed_no_code_has_no_place() -> None:
    assert failure_story(ValueError("x")).startswith("ValueError: x\n\n")
    assert failure_place(json.JSONDecodeError("bad", "", 0)) == ""


def test_an_error_whose_message_says_what_to_do_has_a_place_in_the_user_s_code_only(
    tmp_path: Path,
) -> None:
    full = raise_error(lambda: raise_if_lasting(OSError(errno.ENOSPC, "No space left"), "s"))
    full.__traceback__ = full.__traceback__ and full.__traceback__.tb_next
    first, _, trace = failure_story(full).partition("\n\n")
    assert first.startswith("StoreFull: store s: no space is left on its disk.")
    assert first.endswith("the same command continues")
    assert "retry.py" in trace
    text = "from orchestrator.errors import RepertoireError\n\n\ndef a():\n"
    own = module(tmp_path, f"{text}    raise RepertoireError('no')\n")
    assert failure_place(raise_error(own.a)) == "mine.py:5, in a"
