"""YAML files: what is read of them, and what is refused in one line."""

from pathlib import Path

import pytest

from orchestrator.errors import SweepError
from orchestrator.sweep.reading.yaml_file import read_yaml


def read(folder: Path, text: str):
    path = folder / "sweep.yaml"
    path.write_text(text, encoding="utf-8")
    return read_yaml(path)


def mistake(folder: Path, text: str) -> str:
    with pytest.raises(SweepError) as caught:
        read(folder, text)
    assert str(caught.value).startswith(f"{folder / 'sweep.yaml'}: 1 mistake\n")
    (only,) = caught.value.mistakes
    assert "\n" not in only
    return only


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1.0e-3", 0.001),
        ("1.e+6", 1e6),
        ("-2E4", -2e4),
        ("1_0e1", 100.0),
        ("3", 3),
        ("3.0", 3.0),
        ("true", True),
        ("~", None),
        ("2020-01-01", "2020-01-01"),
        ("e3", "e3"),
        ("1e", "1e"),
        ("[1, [2]]", [1, [2]]),
        ("1.5e3", 1500.0),
        (".5", 0.5),
        ("-0", 0),
        ("0x1F", 31),
        ("0b11", 3),
        ("1_000", 1000),
        ("-.inf", float("-inf")),
        ("010", "010"),
        ("-017", "-017"),
        ("1:30", "1:30"),
        ("1:30.5", "1:30.5"),
    ],
)
def test_a_value_is_what_it_looks_like(tmp_path, text, value):
    actual = read(tmp_path, f"a: {text}")["a"]
    assert actual == value
    assert type(actual) is type(value)


def test_a_merged_mapping_may_be_overridden_without_standing_twice(tmp_path):
    text = "a: &a {lr: 1, n: 2}\nb: {c: &c {<<: *a, lr: 3}}\nd: {<<: *c, lr: 4}\n"
    actual = read(tmp_path, text)
    assert actual["b"]["c"] == {"lr": 3, "n": 2}
    assert actual["d"] == {"lr": 4, "n": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1\nb: {", "not valid YAML: line 2, column 2: expected ',' or ']'"),
        ("a: 1\nb:\n  - c: 1\n    c: 2", "not valid YAML: line 4, column 5: key 'c' stands twice"),
        ("a: 1\n'a': 2", "line 2, column 1: key 'a' stands twice"),
        ("a:\n\tb: 1", "line 2, column 1: found character '\\t'"),
        ("a: 1\n--- \nb: 2", "expected a single document"),
        ("? [1, 2]\n: 3", "line 1, column 3: found unhashable key"),
        ("a: !!int x", "not valid YAML: line 1, column 4: 'x' is no number"),
        ("a: !!float ''", "not valid YAML: line 1, column 4: '' is no number"),
        (f"a: 1\nb: {'1' * 6000}", "not valid YAML: line 2, column 4: a number of 6,000 char"),
        (f"a: 0x{'f' * 6000}", "not valid YAML: line 1, column 4: a number of 6,002 char"),
        ("a: !!bool x", "not valid YAML: 'x'"),
        ("a: &a [*a]", "not valid YAML: line 1, column 4: a value holds itself"),
        ("a: *b", "line 1, column 4: found undefined alias"),
        ("a: " + "[" * 600 + "]" * 600, "nested too deeply"),
        ("a: \0", "special characters are not allowed"),
        ("", "must hold keys and values, and is empty"),
        ("# nothing", "must hold keys and values, and is empty"),
        ("- a", "must hold keys and values, given a list"),
        ("a", "must hold keys and values, given a single value"),
        ("3", "must hold keys and values, given a single value"),
    ],
)
def test_what_is_no_mapping_in_yaml_is_refused_with_its_place(tmp_path, text, message):
    assert message in mistake(tmp_path, text)


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.mkdir",
        "!!python/object/new:os.mkdir",
        "!!python/name:os.mkdir",
        "!!python/tuple",
        "!!python/module:os",
        "!!set",
        "!!omap",
        "!!binary",
        "!!timestamp",
        "!mine",
    ],
)
def test_a_tag_that_is_no_plain_data_is_refused_and_not_acted_on(tmp_path, tag):
    target = tmp_path / "made by a sweep"
    message = mistake(tmp_path, f"a: 1\nb: {tag} ['{target}']")
    assert message.startswith("not valid YAML: line 2, column 4: the tag")
    assert "is refused" in message
    assert not target.exists()


def test_a_missing_file_is_answered_with_the_nearest_sweep_beside_it(tmp_path):
    read(tmp_path, "a: 1")
    with pytest.raises(SweepError, match=r"no such file; did you mean 'sweep\.yaml'\?"):
        read_yaml(tmp_path / "swep.yaml")
    with pytest.raises(SweepError, match="no such file; there is no sweep in"):
        read_yaml(tmp_path / "nowhere" / "sweep.yaml")


def test_a_folder_is_answered_with_what_to_name_instead(tmp_path):
    with pytest.raises(SweepError, match="this is a folder; name a sweep file in it"):
        read_yaml(tmp_path)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "image.yaml"
    path.write_bytes(b"\x89PNG\r\n\xff\xfe")
    with pytest.raises(SweepError, match=r"cannot be read: .*utf-8"):
        read_yaml(path)
