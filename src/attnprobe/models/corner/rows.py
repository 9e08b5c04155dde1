"""Which edits run together, and where each begins.

In: edits of one sequence. Out: `Row`s, in groups that share a first column; a group's rows go through the layers
together, each from its own first layer on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from attnprobe.models.corner.head_pairs import HEAD_POINTS
from attnprobe.plan import Edit, Point, Write

# a group is closed once a further edit would run this share of columns for nothing
_SHARE_OF_COLUMNS = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One edited run.

    Attributes:
        index: of the edit among all.
        edit: what is done.
        layer: the first that it touches.
        position: the first that it touches.
        joins_late: whether in its first layer nothing but its heads and what follows them is edited, so that what comes
            before them is that of the unedited run.
    """

    index: int
    edit: Edit
    layer: int
    position: int
    joins_late: bool

    def writes_at(self, layer: int, points: Sequence[Point]) -> list[tuple[int, Write]]:
        """Its writes at some points of a layer, each with its index."""
        return [
            (index, write)
            for index, write in enumerate(self.edit.writes)
            if write.site.layer == layer and write.site.point in points
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rows that share a first column, those that begin in low layers first."""

    first: int
    rows: tuple[Row, ...]


def row_of(index: int, edit: Edit) -> Row:
    """Where an edit begins."""
    layer = min(write.site.layer for write in edit.writes)
    points = {write.site.point for write in edit.writes if write.site.layer == layer}
    return Row(
        index=index,
        edit=edit,
        layer=layer,
        position=min(map(first_position, edit.writes)),
        joins_late=not points - {*HEAD_POINTS, Point.ATTN_OUT, Point.MLP_OUT},
    )


def first_position(write: Write) -> int:
    """The first position that a write can change; of keys and values, the first that a later query may see changed."""
    site = write.site
    if site.edges is not None:
        return site.edges.rows[0][0]
    return 0 if site.positions is None else site.positions[0]


def groups_of(rows: Sequence[Row], first_read: int, width: int) -> list[Group]:
    """Put rows together that begin at about the same column.

    Args:
        rows: all edits.
        first_read: no group begins after the first column that is read.
        width: tokens of the sequence.
    """
    starts = sorted({min(row.position, first_read) for row in rows})
    firsts: dict[int, int] = {}
    first = starts[0]
    for start in starts:
        if width - start < _SHARE_OF_COLUMNS * (width - first):
            first = start
        firsts[start] = first
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(firsts[min(row.position, first_read)], []).append(row)
    return [
        Group(first=first, rows=tuple(sorted(members, key=lambda row: (row.layer, row.joins_late))))
        for first, members in sorted(found.items())
    ]
