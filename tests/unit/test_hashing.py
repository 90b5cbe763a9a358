"""Keys: one spelling for one content, another digest for anything else."""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import pytest

from methods.base import neutral
from orchestrator.hashing import (
    canonical_json,
    digest,
    digest_bytes,
    digest_encoded,
    digest_json,
    is_digest,
    to_json,
    to_keyed_json,
)


@dataclass(frozen=True)
class Point:
    x: float
    tags: tuple[str, ...]


def test_digests_are_those_of_every_earlier_version():
    assert digest("trial", {}) == "8f718ea5af9d5cddec8c68d3cc0a6e5f5e06e2f8"
    assert (
        digest("stage", {"b": [1, 2.5, None, True], "a": "é"})
        == "ccbf3275be35ec6741372db701f0ad588bf57e85"
    )
    assert digest_bytes(b"") == "3345524abf6bbe1809449224b5972c41790b6cf2"


def test_a_digest_has_twenty_bytes():
    assert len(digest("stage", 1)) == 40
    assert set(digest("stage", 1)) <= set("0123456789abcdef")


def test_the_same_content_under_another_kind_has_another_digest():
    assert digest("stage", [1]) != digest("trial", [1])
    assert digest("a", ["b"]) != digest("b", ["a"])


def test_the_order_of_keys_does_not_matter_and_that_of_items_does():
    assert digest("k", {"a": 1, "b": 2}) == digest("k", OrderedDict(b=2, a=1))
    assert digest("k", [1, 2]) != digest("k", [2, 1])


def test_a_dataclass_is_keyed_as_the_mapping_of_its_fields_and_a_tuple_as_a_list():
    assert to_json(Point(1.0, ("a", "b"))) == {"x": 1.0, "tags": ["a", "b"]}
    assert digest("k", Point(1.0, ("a",))) == digest("k", {"tags": ["a"], "x": 1.0})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        (0, False),
        (0, None),
        ("1", 1),
        ("", None),
        ([], {}),
        ([[]], []),
        (1.0, 1.0 + 2**-52),
    ],
)
def test_values_that_python_or_a_reader_may_confuse_have_different_digests(one, other):
    assert digest("k", one) != digest("k", other)


def test_the_canonical_text_has_no_spaces_and_sorted_keys():
    assert canonical_json({"b": [1, None], "a": "é"}) == '{"a":"\\u00e9","b":[1,null]}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_not_finite_is_refused_and_its_place_named(value):
    with pytest.raises(TypeError, match=r"value\.a\[1\]\.b: must be finite, given"):
        digest("k", {"a": [0, {"b": value}]})


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1])
def test_a_whole_number_beyond_64_bits_is_refused(value):
    with pytest.raises(TypeError, match=r"value\[0\]: .* does not fit 64 bits"):
        digest("k", [value])
    assert digest("k", [2**63 - 1, -(2**63)])


@pytest.mark.parametrize(
    "value",
    [{1, 2}, b"bytes", object(), np.float64(1.0).astype(np.float32), np.zeros(2), Point, 1j],
)
def test_what_has_no_one_spelling_is_refused_rather_than_printed(value):
    with pytest.raises(TypeError, match=r"value\.a: .* cannot be part of a key"):
        digest("k", {"a": value})


def test_keys_that_are_no_text_are_refused_since_1_and_its_text_would_be_one():
    with pytest.raises(TypeError, match=r"value\.a: its keys must be text, given \[1\]"):
        digest("k", {"a": {1: "x"}})


# Neutral values


@dataclass(frozen=True)
class Before:
    lr: float = 0.1


@dataclass(frozen=True)
class After:
    lr: float = 0.1
    schedule: str = neutral("constant")


def test_a_field_at_its_neutral_value_is_in_no_digest():
    assert digest("x", After()) == digest("x", Before())
    assert digest("x", {"training": [After()]}) == digest("x", {"training": [Before()]})


def test_a_field_at_another_value_than_its_neutral_one_is_in_the_digest():
    digests = {digest("x", After(schedule=name)) for name in ("constant", "cosine", "step")}
    assert len(digests) == 3


def test_a_reader_is_shown_fields_at_their_neutral_value_too():
    assert to_json(After()) == {"lr": 0.1, "schedule": "constant"}
    assert to_keyed_json(After()) == {"lr": 0.1}


def test_a_key_of_encoded_values_is_that_of_the_values() -> None:
    content = {"tasks": ["é", 1], "after": 1.5, "method": {"b": None, "a": True}, "parent": "x"}
    encoded = {name: canonical_json(value) for name, value in content.items()}
    assert digest_encoded("stage 0", encoded) == digest_json("stage 0", content)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, float("inf"), float("nan")])
def test_numbers_that_have_no_one_spelling_are_refused_wherever_they_are(value: float) -> None:
    for content in (value, [value], {"a": {"b": value}}):
        with pytest.raises(TypeError):
            to_json(content)
    assert to_json([-(2**63), 2**63 - 1]) == [-(2**63), 2**63 - 1]


def test_a_digest_is_told_by_its_digits():
    key = digest("x", 1)
    others = (key[:-1], f"{key}0", key.upper(), f"{key}\n", f"{key[:-1]}g", f"{key[:-1]}٣")
    assert [text for text in (key, *others) if is_digest(text)] == [key]
