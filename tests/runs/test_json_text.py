"""Values become JSON text without surprises."""

import math
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import pytest

from attnprobe.runs.json_text import content_hash, json_bytes, plain


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    colours: tuple[Colour, ...]


def test_dataclasses_enums_and_read_only_mappings_become_dicts_lists_and_text() -> None:
    value = MappingProxyType({"point": Point(1, (Colour.RED,)), "none": None, "half": 0.5, "yes": True})

    assert plain(value) == {"point": {"x": 1, "colours": ["red"]}, "none": None, "half": 0.5, "yes": True}


def test_a_value_that_json_cannot_say_is_a_defect() -> None:
    with pytest.raises(TypeError, match="cannot write a bytes as JSON"):
        plain({"raw": b"x"})


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_no_number_that_json_does_not_know_is_ever_written(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_bytes({"effect": number})
    with pytest.raises(ValueError, match="not JSON compliant"):
        content_hash({"effect": number})


def test_text_of_every_script_survives_and_a_lone_surrogate_does_not_stop_the_run() -> None:
    assert json_bytes(["שלום 🙂"]).decode() == '[\n  "שלום 🙂"\n]\n'
    assert b"\\ud800" in json_bytes(["\ud800"])


def test_a_hash_depends_on_what_is_said_and_not_on_the_order_of_keys() -> None:
    assert content_hash({"a": 1, "b": [2, 3]}) == content_hash({"b": [2, 3], "a": 1})
    assert content_hash({"a": 1, "b": [2, 3]}) != content_hash({"a": 1, "b": [3, 2]})
    # worked with sha256sum on the text {"a":1}
    assert content_hash({"a": 1}) == "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"
