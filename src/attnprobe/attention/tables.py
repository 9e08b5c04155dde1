"""From scores of tokens to what is reported: means with intervals, comparisons with nulls, and frames of rows.

In: one `Measured` for each example. Out: `Scored` for each head, for the mean over heads and for each kind of gold
word, and the frames of `ScoreResult`. The unit of every statistic is the example.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from attnprobe.attention.exchange import Exchange
from attnprobe.attention.key_sets import DRAWN, ExampleKeys
from attnprobe.attention.result import NullComparison, Scored
from attnprobe.attention.settings import Null
from attnprobe.statistics.estimates import benjamini_hochberg, bootstrap_intervals
from attnprobe.statistics.sign_flips import sign_flip_p
from attnprobe.tasks import WordKind

KINDS = tuple(kind for kind in WordKind if kind is not WordKind.UNLICENSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredHead:
    """What a row is about: a head, or a whole layer where a normalisation has no heads."""

    label: str
    layer: int
    index: int | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """One example's scores.

    Attributes:
        keys: what it was scored on.
        gold: of each head and scored token.
        nulls: the same for each null; NaN where a token has none.
    """

    keys: ExampleKeys
    gold: Float[np.ndarray, "head token"]
    nulls: Mapping[Null, Float[np.ndarray, "head token"]]

    @property
    def kinds(self) -> tuple[WordKind, ...]:
        """Of the words of the scored tokens."""
        return tuple(self.keys.aligned.targets[index].kind for index in self.keys.tokens)


def by_column(values: Float[np.ndarray, "head token"], kinds: Sequence[WordKind]) -> Float[np.ndarray, " column"]:
    """An example's means over tokens that are not NaN: of each head, of all heads, and of all heads by kind."""
    overall = values.mean(axis=0, keepdims=True)
    chosen = [overall[:, [kind is other for other in kinds]] for kind in KINDS]
    return np.concatenate([_means(part) for part in (values, overall, *chosen)])


def _means(values: Float[np.ndarray, "head token"]) -> Float[np.ndarray, " head"]:
    """Of tokens that are not NaN, which they are for all heads or for none; NaN where none is left."""
    known = values[:, ~np.isnan(values).any(axis=0)]
    return known.mean(axis=1) if known.shape[1] else np.full(len(values), np.nan)


def summarise(
    measured: Sequence[Measured], heads: Sequence[ScoredHead], exchange: Exchange, *, seed: int, n_heads: int
) -> tuple[tuple[Scored, ...], Scored, dict[str, Scored]]:
    """Scores of each head, of the mean over heads, and of that by kind of gold word.

    Args:
        measured: of every scored example.
        heads: what the rows of each `Measured` are.
        exchange: of the permuted null, over the columns of `by_column`.
        seed: of intervals and flips.
        n_heads: heads of the model, which sets the number of flips.
    """
    gold = np.stack([by_column(one.gold, one.kinds) for one in measured])
    scores = bootstrap_intervals(gold, seed, matched=~np.isnan(gold))
    comparisons = {null: _compared(measured, null, len(heads), exchange, seed, n_heads) for null in Null}

    def scored(column: int, label: str, layer: int | None, index: int | None) -> Scored:
        nulls = {null: found[column] for null, found in comparisons.items()}
        return Scored(label=label, layer=layer, index=index, score=scores[column], nulls=nulls)

    of_heads = tuple(scored(column, head.label, head.layer, head.index) for column, head in enumerate(heads))
    first = len(heads) + 1
    by_kind = {
        kind.value: scored(first + place, "all", None, None)
        for place, kind in enumerate(KINDS)
        if scores[first + place].n > 0
    }
    return of_heads, scored(len(heads), "all", None, None), by_kind


def _compared(
    measured: Sequence[Measured], null: Null, n_scored: int, exchange: Exchange, seed: int, n_heads: int
) -> tuple[NullComparison, ...]:
    """One comparison for each column; q over heads alone."""
    values = np.stack([by_column(one.nulls[null], one.kinds) for one in measured])
    differences = np.stack([by_column(one.gold - one.nulls[null], one.kinds) for one in measured])
    matched = ~np.isnan(differences)
    means = bootstrap_intervals(values, seed, matched=matched)
    estimates = bootstrap_intervals(differences, seed, matched=matched)
    is_exchange = null is Null.PERMUTED
    p = exchange.p() if is_exchange else sign_flip_p(differences, seed, matched=matched, n_heads=n_heads)
    q = benjamini_hochberg(p[:n_scored]) + (None,) * (len(p) - n_scored)
    return tuple(
        NullComparison(null=null, value=mean.value, difference=difference, p=p[column], q=q[column])
        for column, (mean, difference) in enumerate(zip(means, estimates, strict=True))
    )


def rows_frame(measured: Sequence[Measured], heads: Sequence[ScoredHead]) -> pd.DataFrame:
    """One row for each example and head."""
    rows: list[dict[str, object]] = []
    for one in measured:
        columns: dict[str, np.ndarray] = {"score": _means(one.gold)}
        for null, values in one.nulls.items():
            columns[null.value] = _means(values)
            columns[f"{null.value}_difference"] = _means(one.gold - values)
        counts = {f"{null.value}_tokens": int((~np.isnan(values[0])).sum()) for null, values in one.nulls.items()}
        example = one.keys.aligned.example.id
        for place, head in enumerate(heads):
            row: dict[str, object] = {"example": example, "head": head.label, "layer": head.layer, "index": head.index}
            row |= {name: float(values[place]) for name, values in columns.items()}
            rows.append(row | {"n_tokens": len(one.keys.tokens)} | counts)
    # a layer has no index: whole numbers and gaps
    return pd.DataFrame(rows).astype({"index": "Int64"})


def tokens_frame(
    measured: Sequence[Measured], heads: Sequence[ScoredHead], words: Mapping[tuple[str, int], str]
) -> pd.DataFrame:
    """One row for each example, scored gold token and head.

    Args:
        measured: of every scored example.
        heads: what its rows are.
        words: text of the word of each (example, index of the gold token).
    """
    frames: list[pd.DataFrame] = []
    n_heads = len(heads)
    for one in measured:
        aligned, n_tokens = one.keys.aligned, len(one.keys.tokens)
        example = aligned.example.id

        def spread(values: Sequence[object], times: int = n_heads) -> np.ndarray:
            return np.repeat(np.array(values, dtype=object), times)

        columns: dict[str, object] = {
            "example": example,
            "token": np.repeat(one.keys.tokens, n_heads),
            "token_position": np.repeat(one.keys.positions, n_heads),
            "word": spread([words[example, index] for index in one.keys.tokens]),
            "kind": spread([kind.value for kind in one.kinds]),
            "n_keys": np.repeat([len(one.keys.sets[owner].gold) for owner in one.keys.owners], n_heads),
            "head": np.tile(np.array([head.label for head in heads], dtype=object), n_tokens),
            "layer": np.tile([head.layer for head in heads], n_tokens),
            "index": pd.array([head.index for head in heads] * n_tokens, dtype="Int64"),
            "score": one.gold.T.ravel(),
            **{null.value: values.T.ravel() for null, values in one.nulls.items()},
        }
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


def keys_frame(measured: Sequence[Measured]) -> pd.DataFrame:
    """One row for each example and scored gold token: its keys, and those drawn against them, as JSON."""
    rows: list[dict[str, object]] = []
    for one in measured:
        for index, position, owner in zip(one.keys.tokens, one.keys.positions, one.keys.owners, strict=True):
            found = one.keys.sets[owner]
            row: dict[str, object] = {
                "example": one.keys.aligned.example.id,
                "token": index,
                "token_position": position,
            }
            drawn = {null.value: _as_json(found.drawn[null]) for null in DRAWN}
            rows.append({**row, "keys": _as_json(found.gold), **drawn})
    return pd.DataFrame(rows)


def _as_json(positions: tuple[int, ...] | None) -> str | None:
    return None if positions is None else json.dumps(positions)
