"""A path tells which address it is the local copy of, and messages show the address."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.cli.environment import parse_folder, parse_store
from orchestrator.errors import RepertoireError
from orchestrator.results.addresses import (
    COPIES_VARIABLE,
    address_of,
    copies_folder,
    copy_folder,
    errors_with_addresses,
    show_addresses,
)
from orchestrator.results.folder.places import has_store, holding_folder, open_store

SERVER = "endpoint_override=http://127.0.0.1:9000&scheme=http"


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of local copies."""
    monkeypatch.setenv(COPIES_VARIABLE, str(tmp_path))
    return tmp_path


def test_the_copy_of_an_address_lies_below_the_bucket_s_folder(root: Path) -> None:
    assert copy_folder("s3://bucket/deep//x/") == root / "s3" / "bucket" / "deep" / "x"
    assert parse_folder("gs://bucket") == root / "gs" / "bucket"
    assert address_of(root / "s3" / "bucket" / "x" / "stages") == "s3://bucket/x/stages"
    assert [address_of(path) for path in (root, root / "s3", root.parent, Path("results"))] == (
        [None] * 4
    )


@pytest.mark.parametrize("options", ["", f"?{SERVER}", "?%C3%A9=_5f%20"])
@pytest.mark.parametrize("names", ["x", "a%20b/~/c%20d", "s3/=1/_5f/x.", "...", "x/stages"])
def test_an_address_is_told_by_the_path_of_its_copy(names: str, options: str) -> None:
    address = f"s3://bucket/{names}{options}"
    assert address_of(copy_folder(address)) == address


@pytest.mark.parametrize(
    ("typed", "escaped"),
    [
        ("a b", "a%20b"),
        ("/a//b?x=//", "a/b?x=//"),
        ("ü/100%", "%C3%BC/100%25"),
        ("x[1]?é=1", "x%5B1%5D?%C3%A9=1"),
    ],
)
def test_both_spellings_of_a_name_are_one_address_which_has_no_spaces(
    typed: str, escaped: str
) -> None:
    typed, escaped = (f"s3://bucket/{names}" for names in (typed, escaped))
    assert copy_folder(typed) == copy_folder(escaped)
    assert address_of(copy_folder(typed)) == escaped
    assert parse_store(typed) == parse_store(escaped) == escaped


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("s3://", "is no address of a results folder; example: s3://my-bucket/results"),
        ("s3://bucket/../x", "is no address of a results folder"),
        ("s3://bucket/a\\b", "is no address of a results folder"),
        ("s3://bucket/x%00", "is no address of a results folder"),
        ("s3://bucket/%2e%2e%2fx", "is no address of a results folder"),
        ("s3://bucket/a#b", "is no address of a results folder"),
        ("s3://my bucket/x", "'my bucket' is no name of a bucket, which has letters, digits, dots"),
        ("gs://bücket/x", "'bücket' is no name of a bucket"),
        ("s3://bucket:9000/x", "'bucket:9000' is no name of a bucket"),
        ("s3://me:secret@bucket/x", r"\(s3://\*\*\*@bucket/x\) must hold no user name or password"),
        ("s3://b/x?endpoint_override=me:secret@h", r"=\*\*\*@h\) must hold no user name or pass"),
        ("http://host/x", "valid: a folder, s3://bucket/prefix, gs://bucket/prefix, file:///f"),
        ("s3:/bucket/x", "has one slash; give s3://bucket/x as text"),
        ("file://host/x", "is no address that results can have"),
    ],
)
def test_what_is_no_address_of_results_is_refused_with_what_is(given: str, problem: str) -> None:
    with pytest.raises(RepertoireError, match=problem) as caught:
        parse_folder(given)
    assert "secret" not in str(caught.value)


def test_a_file_address_is_a_folder_of_this_machine() -> None:
    assert parse_folder("file:///tmp/a%20b") == Path("/tmp/a b")
    assert address_of(parse_folder("file:///tmp/a%20b")) is None


def test_messages_name_the_address_and_mlflow_s_database_stays_a_path(root: Path) -> None:
    plain, served = copy_folder("s3://b/x"), copy_folder(f"s3://b/x?{SERVER}")
    assert show_addresses(f"Tables: {plain}/ok/*.parquet") == "Tables: s3://b/x/ok/*.parquet"
    assert show_addresses(f"{plain}: no results in '{plain}'.") == (
        "s3://b/x: no results in 's3://b/x'."
    )
    # In quotes, so that a shell takes the options as part of the word.
    assert show_addresses(f"repertoire ui {served}/ok | x") == (
        f'repertoire ui "s3://b/x/ok?{SERVER}" | x'
    )
    for kept in (f"sqlite:///{plain}/mlflow.db", f"{root}/s3", "/elsewhere/s3/b/x"):
        assert show_addresses(kept) == kept
    with pytest.raises(RepertoireError, match=r"^s3://b/x is away$"), errors_with_addresses():
        raise RepertoireError(f"{plain} is away")


def test_copies_lie_in_the_user_s_cache_unless_a_variable_says_where(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.setenv(COPIES_VARIABLE, str(tmp_path / "link"))
    assert copies_folder() == tmp_path / "real"
    monkeypatch.delenv(COPIES_VARIABLE)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert copies_folder() == tmp_path / ".cache" / "repertoire" / "results"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert copies_folder() == tmp_path / "xdg" / "repertoire" / "results"


def test_the_store_of_a_copy_is_the_one_at_its_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(
        "orchestrator.results.folder.places.StageStore", lambda uri, *_: opened.append(uri)
    )
    out = copy_folder(f"s3://b/x?{SERVER}")
    (out / "ok").mkdir(parents=True)
    (out / "ok" / "sweep.yaml").touch()
    open_store(holding_folder(out / "ok"), None)
    open_store(out, "/shared")
    open_store(tmp_path / "plain", None)
    assert opened == [f"s3://b/x/stages?{SERVER}", "/shared", str(tmp_path / "plain" / "stages")]


def test_results_at_an_address_may_have_a_store_and_a_sweep_there_has_none(tmp_path: Path) -> None:
    out = copy_folder("s3://b/x")
    (out / "ok").mkdir(parents=True)
    (out / "ok" / "sweep.yaml").touch()
    assert (has_store(out), has_store(out / "ok"), has_store(tmp_path / "none")) == (
        True,
        False,
        False,
    )
