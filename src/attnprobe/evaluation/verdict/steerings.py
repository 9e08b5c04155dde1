"""What is edited while a proof is written: masks that follow the gold proof, and one forced word.

In: rows and keys of the teacher-forced tests. Out: `Steering`s, pure functions of the tokens so far.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attnprobe.evaluation.verdict.joint import KeyRows, by_layer, masks
from attnprobe.evaluation.verdict.settings import VerdictSettings
from attnprobe.evaluation.verdict.sufficiency import force_writes
from attnprobe.plan import HeadId, ModelDims, Write


def agreement(written: Sequence[int], gold: Sequence[int]) -> int:
    """How many leading tokens of two texts are the same."""
    pairs = zip(written, gold, strict=False)
    return next((place for place, (one, other) in enumerate(pairs) if one != other), min(len(written), len(gold)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FollowingMask:
    """Hides from every token what the teacher-forced mask hides from it, as long as the text is the gold proof.

    Where the text has left the gold proof, the keys that were hidden last stay hidden, from every token on.

    Attributes:
        prompt_length: tokens before the proof.
        gold: the gold proof's tokens.
        rows: by window, the keys of each predicting position of the gold text.
        heads: masked together.
        settings: of the verdict.
        dims: of the model.
    """

    prompt_length: int
    gold: tuple[int, ...]
    rows: KeyRows
    heads: tuple[HeadId, ...]
    settings: VerdictSettings
    dims: ModelDims

    def writes(self, ids: Sequence[int]) -> tuple[Write, ...]:
        """The masks of one step."""
        query = len(ids) - 1
        written = ids[self.prompt_length :]
        agreed = agreement(written, self.gold)
        # the row that should have predicted the token at which the text parted from gold, or this one
        row = self.prompt_length - 1 + agreed
        is_gold = agreed == len(written)
        found = {window: _keys_at(rows, row, query, window, is_gold=is_gold) for window, rows in self.rows.items()}
        return masks(
            {window: {query: keys} if keys else {} for window, keys in found.items()},
            self.heads,
            self.settings,
            self.dims,
        )


def _keys_at(
    rows: Mapping[int, tuple[int, ...]], row: int, query: int, window: int | None, *, is_gold: bool
) -> tuple[int, ...]:
    if is_gold:
        return rows.get(row, ())
    earlier = [place for place in rows if place <= row]
    keys = rows[max(earlier)] if earlier else ()
    return tuple(key for key in keys if window is None or key > query - window)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OneForcedWord:
    """Forces the rows of one word and nothing after it.

    Attributes:
        rows: by window, the keys of the word's predicting positions.
        heads: forced together.
        mass: onto the keys.
        settings: of the verdict.
        dims: of the model.
    """

    rows: KeyRows
    heads: tuple[HeadId, ...]
    mass: float
    settings: VerdictSettings
    dims: ModelDims

    def writes(self, ids: Sequence[int]) -> tuple[Write, ...]:
        """The forces of one step; none once the word is written."""
        query = len(ids) - 1
        found = {window: {query: rows[query]} if query in rows else {} for window, rows in self.rows.items()}
        return force_writes(found, self.heads, self.mass, self.settings, self.dims)


def acts(rows: KeyRows, heads: Sequence[HeadId], dims: ModelDims) -> bool:
    """Whether any layer of the heads sees any of the keys."""
    return any(rows[dims.windows[layer]] for layer in by_layer(heads))
