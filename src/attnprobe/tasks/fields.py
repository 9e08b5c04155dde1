"""Fields of JSON objects, checked one by one.

In: a parsed JSON value and where it stands. Out: the fields in their types, or one `TaskError` that names the
place.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import cast

from attnprobe.errors import TaskError
from attnprobe.tasks.example import Span

_NEARLY = 0.8
_NAMES = MappingProxyType(
    {"str": "text", "int": "a whole number", "list": "a list", "dict": "an object", "float": "a number"}
)


def parsed(text: str, place: str) -> object:
    """JSON text as a value.

    Raises:
        TaskError: it is not JSON.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise TaskError(f"{place}: not JSON ({error.msg}, at {_location(error)}); mend it.") from None
    except (ValueError, RecursionError) as error:
        raise TaskError(f"{place}: not JSON that can be read ({error}).") from None


def _location(error: json.JSONDecodeError) -> str:
    return f"line {error.lineno}, character {error.colno}" if error.lineno > 1 else f"character {error.colno}"


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object at a place (file and line, and the path inside).

    Attributes:
        place: how messages call it.
        values: the object.
    """

    place: str
    values: dict[str, object]

    @classmethod
    def of(cls, value: object, place: str) -> "Fields":
        """A value as an object.

        Raises:
            TaskError: it is something else.
        """
        if not isinstance(value, dict):
            raise TaskError(f"{place}: expected an object {{...}}, got {_described(value)}.")
        return cls(place, cast("dict[str, object]", value))

    def only(self, known: Collection[str]) -> None:
        """Refuse fields that nobody would read, so that a misspelled one is not lost in silence."""
        for name in self.values:
            if name not in known:
                raise TaskError(
                    f"{self.place}: field {name!r} is not known; expected {', '.join(known)}. Take it out, "
                    "or mend its name."
                )

    def none_like(self, known: Collection[str]) -> None:
        """Refuse fields whose name is nearly a known one; others are the user's own and are let be."""
        for name in self.values:
            if name not in known and (meant := get_close_matches(name, known, n=1, cutoff=_NEARLY)):
                raise TaskError(
                    f"{self.place}: field {name!r} is not known and looks like {meant[0]!r}; mend its name, or give "
                    "it one that is unlike all of " + ", ".join(known) + "."
                )

    def text(self, name: str) -> str:
        """A field that must be there and be text."""
        value = self.value(name)
        if not isinstance(value, str):
            raise TaskError(f"{self.place}: field {name!r}: expected text, got {_described(value)}.")
        if not value:
            raise TaskError(f"{self.place}: field {name!r} is empty; expected text.")
        # JSON can hold half of a surrogate pair, which no tokenizer takes
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise TaskError(f"{self.place}: field {name!r} holds half a character (a lone \\u escape); mend it.")
        return value

    def value(self, name: str) -> object:
        """A field that must be there."""
        if name not in self.values:
            raise TaskError(f"{self.place}: field {name!r} is missing; expected it in every object.")
        return self.values[name]


def items(value: object, place: str) -> list[object]:
    """A value as a list."""
    if not isinstance(value, list):
        raise TaskError(f"{place}: expected a list [...], got {_described(value)}.")
    return cast("list[object]", value)


def span(value: object, place: str, *, end: int, within: str) -> Span:
    """A value `[start, end]` as a span of a text.

    Args:
        value: the value.
        place: how messages call it.
        end: the last offset it may reach, in characters.
        within: what it must lie in, for the message.
    """
    match value:
        case [int() as start, int() as stop] if not isinstance(start, bool) and not isinstance(stop, bool):
            if 0 <= start < stop <= end:
                return Span(start, stop)
            raise TaskError(
                f"{place}: [{start}, {stop}] is empty or lies outside {within}, which has {end} characters; "
                f"expected 0 <= start < end <= {end}."
            )
        case _:
            raise TaskError(f"{place}: expected [start, end] in characters, got {_described(value)}.")


def _described(value: object) -> str:
    if value is None:
        return "null"
    shown = repr(value)
    kind = _NAMES.get(type(value).__name__, type(value).__name__)
    return f"{kind} {shown if len(shown) <= 40 else shown[:37] + '...'}"
