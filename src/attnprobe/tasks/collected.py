"""A task as a value: examples that are all at hand.

In: examples, generated or read. Out: `CollectedTask`, which is a `Task`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from attnprobe.errors import TaskError
from attnprobe.tasks.example import Example


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectedTask:
    """A named, ordered, finite and non-empty collection of examples with distinct ids.

    Attributes:
        name: how results call it.
        settings: everything that determines the examples, for the manifest.
        examples: the examples in order.
    """

    name: str
    settings: Mapping[str, str | int | None]
    examples: tuple[Example, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))
        if not self.examples:
            raise TaskError(
                f"task {self.name!r} is empty: expected at least one example; ask for more, or give other data."
            )
        seen: set[str] = set()
        for example in self.examples:
            if example.id in seen:
                raise TaskError(f"task {self.name!r}: two examples have the id {example.id!r}; give each its own.")
            seen.add(example.id)
