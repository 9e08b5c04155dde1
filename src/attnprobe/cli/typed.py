"""What was typed: the text of every option, and which of them the user gave.

In: typer's context. Out: `Typed`, and readers that turn text into values or say what was expected.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import typer

from attnprobe.errors import SpecError

ChoiceT = TypeVar("ChoiceT", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """A command line, parsed and not yet understood.

    Attributes:
        words: as typed, without the program's name.
        values: text, or a flag, or None by the name of each parameter (`task_file`), defaults included.
        given: the names of those that the user typed.
    """

    words: tuple[str, ...]
    values: Mapping[str, str | bool | None]
    given: frozenset[str]

    @classmethod
    def of(cls, context: typer.Context, several: Collection[str] = ()) -> "Typed":
        """Take it from typer.

        Args:
            context: of the command.
            several: options that may be given several times; their texts are joined by spaces.
        """
        sources = {name: context.get_parameter_source(name) for name in context.params}
        given = frozenset(name for name, source in sources.items() if source is not None and source.name != "DEFAULT")
        words: tuple[str, ...] = tuple(context.obj or ())
        # arguments that may come several times are lists, and the command's own to read
        values = {name: value for name, value in context.params.items() if not isinstance(value, list | tuple)}
        values |= {name: " ".join(context.params[name] or ()) or None for name in several}
        return cls(words=words, values=values, given=given & set(values))

    def flag(self, name: str) -> bool:
        """Whether a flag is set."""
        return self.values[name] is True

    def optional(self, name: str) -> str | None:
        """The text of an option, None where it has no default and was not given."""
        value = self.values[name]
        assert not isinstance(value, bool)
        return value

    def text(self, name: str) -> str:
        """The text of an option that has a default."""
        value = self.optional(name)
        assert value is not None
        return value

    def choice(self, name: str, kind: type[ChoiceT]) -> ChoiceT:
        """A member of an enum.

        Raises:
            SpecError: the text is none; the message lists them.
        """
        return member(option_name(name), self.text(name), kind)

    def whole(self, name: str, *, at_least: int) -> int:
        """A whole number.

        Raises:
            SpecError: the text is none, or one that is too small.
        """
        text = self.text(name)
        try:
            number = int(text)
        except ValueError:
            number = at_least - 1
        if number < at_least:
            raise SpecError(f"{option_name(name)} {text!r}: expected a whole number, at least {at_least}.")
        return number

    def real(self, name: str) -> float:
        """A finite number.

        Raises:
            SpecError: the text is none.
        """
        text = self.text(name)
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise SpecError(f"{option_name(name)} {text!r}: expected a number, such as 0.5.")
        return number


def member(option: str, text: str, kind: type[ChoiceT]) -> ChoiceT:
    """A member of an enum by its value; `option` is what the message calls it."""
    try:
        return kind(text)
    except ValueError:
        raise SpecError(f"{option} {text!r}: expected one of {', '.join(kind)}.") from None


def option_name(name: str) -> str:
    """What the user types for a parameter: `--task-file` for `task_file`, `-n` for `n`."""
    return f"-{name}" if len(name) == 1 else f"--{name.replace('_', '-')}"
