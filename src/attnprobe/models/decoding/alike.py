"""Steerings that do the same at every step, at keys that may change: what most experiments want, and the fast ones.

In: heads, what is done to them, and for edges how keys follow from the tokens so far. Out: `EdgeSteering` and
`HeadSteering`, which are `Steering`s. Rows of a batch whose edit is the same are carried out at once where keys and
values are kept; elsewhere, and in the oracle, by the writes that they give.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from attnprobe.errors import SpecError
from attnprobe.plan import Edges, Force, HeadId, Mask, Point, Replace, Scale, Site, Write

Keys = Callable[[Sequence[int]], tuple[int, ...]]
"""From the tokens so far to the key positions of the query that predicts the next, ascending; empty for none."""


def by_layer(heads: Sequence[HeadId]) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """Heads sorted into layers.

    Raises:
        SpecError: there is none.
    """
    if not heads:
        raise SpecError("a steering of no head: expected at least one, such as L1H2.")
    found: dict[int, set[int]] = {}
    for head in heads:
        found.setdefault(head.layer, set()).add(head.head)
    return tuple((layer, tuple(sorted(members))) for layer, members in sorted(found.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeEdit:
    """What is done to attention edges at every step.

    Attributes:
        heads: layer and its heads.
        intervention: a mask that renormalises or a force, of one strength or mass.
    """

    heads: tuple[tuple[int, tuple[int, ...]], ...]
    intervention: Mask | Force

    def writes(self, query: int, keys: tuple[int, ...]) -> tuple[Write, ...]:
        """The edits of one query."""
        edges = Edges(((query, keys),))
        return tuple(
            Write(
                site=Site(point=Point.ATTN_LOGITS, layer=layer, heads=heads, edges=edges),
                intervention=self.intervention,
            )
            for layer, heads in self.heads
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeadEdit:
    """What is done to heads' outputs at every step, from the query on that predicts the first token.

    Attributes:
        heads: layer and its heads.
        interventions: by layer; the values of a replacement fit any one position.
    """

    heads: tuple[tuple[int, tuple[int, ...]], ...]
    interventions: Mapping[int, Scale | Replace] = field(repr=False)

    def writes(self, query: int) -> tuple[Write, ...]:
        """The edits of one query."""
        return tuple(
            Write(
                site=Site(point=Point.Z, layer=layer, heads=heads, positions=(query,)),
                intervention=self.interventions[layer],
            )
            for layer, heads in self.heads
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EdgeSteering:
    """The same edit of edges at every step, at keys that follow from what was written.

    Attributes:
        edit: what is done; rows with equal ones are edited together.
        keys: of the query that predicts the next token.
    """

    edit: EdgeEdit
    keys: Keys

    def writes(self, ids: Sequence[int]) -> tuple[Write, ...]:
        """The edits of one step; see `Steering`."""
        keys = self.keys(ids)
        return self.edit.writes(len(ids) - 1, keys) if keys else ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeadSteering:
    """The same edit of heads at every step.

    Attributes:
        edit: what is done; rows with the very same one are edited together.
    """

    edit: HeadEdit

    def writes(self, ids: Sequence[int]) -> tuple[Write, ...]:
        """The edits of one step; see `Steering`."""
        return self.edit.writes(len(ids) - 1)
