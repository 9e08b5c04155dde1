"""Which positions look: the queries that category and span masses are averaged over.

In: an aligned example. Out: positions.
"""

from enum import StrEnum

from attnprobe.tasks import AlignedExample


class Queries(StrEnum):
    """Positions whose attention counts.

    PREDICTING: those whose output predicts a gold token. GOLD: the gold tokens themselves. ALL: every token.
    """

    ALL = "all"
    GOLD = "gold"
    PREDICTING = "predicting"


def query_positions(aligned: AlignedExample, queries: Queries) -> tuple[int, ...]:
    """The positions of one example that look, ascending."""
    match queries:
        case Queries.ALL:
            return tuple(range(len(aligned.ids)))
        case Queries.GOLD:
            return tuple(target.position for target in aligned.targets)
        case Queries.PREDICTING:
            return tuple(target.predicting for target in aligned.targets)
