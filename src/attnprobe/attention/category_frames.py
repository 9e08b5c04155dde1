"""Tables and estimates of a scoring by part of speech, from what each layer gave of each example.

In: subjects and their layers. Out: `CategoryResult`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from attnprobe.attention.category_result import CategoryResult
from attnprobe.attention.category_subject import CategoryLayer, CategorySubject
from attnprobe.attention.comparisons import Sample, scored_heads, scored_overall
from attnprobe.attention.mass_frames import MassTable, head_columns, heads_of, mass_rows, mass_table
from attnprobe.attention.queries import Queries
from attnprobe.attention.settings import Null, ScoreSettings
from attnprobe.plan import HeadId
from attnprobe.tasks.parts_of_speech import Category

ALL = "all"
"""What tables call all next categories together."""


def category_result(
    *,
    settings: ScoreSettings,
    queries: Queries,
    tagger: str,
    categories: tuple[Category, ...],
    layers: Sequence[int],
    windows: Sequence[int | None],
    subjects: Sequence[CategorySubject],
    found: Sequence[tuple[CategoryLayer, ...]],
    n_heads: int,
) -> CategoryResult:
    """Average what was found.

    Args:
        settings: of the run.
        queries: which positions looked.
        tagger: its name.
        categories: in the order of the mass columns.
        layers: those scored.
        windows: of every layer of the model.
        subjects: the examples.
        found: for each example, what each scored layer gave.
        n_heads: of the model.
    """
    heads = heads_of(layers, [len(one.mass) for one in found[0]])
    names = [str(category) for category in categories]
    used = [windows[layer] for layer in layers]
    masses = MassTable(
        heads=heads,
        examples=[subject.aligned.example.id for subject in subjects],
        q_groups=names,
        k_groups=names,
        mass=np.stack([np.concatenate([layer.mass for layer in example]) for example in found]),
        base_rate=np.stack(
            [_base_rates(subject, example, used) for subject, example in zip(subjects, found, strict=True)]
        ),
        n_queries=np.stack([subject.groups.n_queries for subject in subjects]),
    )
    next_rows = _next_rows(subjects, found, used, heads, names)
    by_category: dict[str, Sample] = {
        name: _sample(next_rows, name, masses.examples, heads)
        for name in (ALL, *names)
        if name in set(next_rows["next_category"])
    }
    return CategoryResult(
        settings=settings,
        queries=queries,
        tagger=tagger,
        n=len(subjects),
        impl="+".join(sorted({layer.impl for example in found for layer in example})),
        categories=categories,
        next_heads=scored_heads(by_category[ALL], heads, settings.seed, n_heads=n_heads),
        next_overall=scored_overall(by_category[ALL], settings.seed),
        next_by_category={
            name: scored_overall(sample, settings.seed) for name, sample in by_category.items() if name != ALL
        },
        counts=_counts(subjects, found, used),
        table=mass_table(masses, settings.seed, "category"),
        rows=mass_rows(masses, "category"),
        next_rows=next_rows,
    )


def _base_rates(
    subject: CategorySubject, example: Sequence[CategoryLayer], windows: Sequence[int | None]
) -> np.ndarray:
    by_window = {window: subject.groups.base_rates(window) for window in set(windows)}
    return np.concatenate(
        [np.broadcast_to(by_window[window], layer.mass.shape) for layer, window in zip(example, windows, strict=True)]
    )


def _next_rows(
    subjects: Sequence[CategorySubject],
    found: Sequence[tuple[CategoryLayer, ...]],
    windows: Sequence[int | None],
    heads: Sequence[HeadId],
    names: Sequence[str],
) -> pd.DataFrame:
    rows: list[pd.DataFrame] = []
    for subject, example in zip(subjects, found, strict=True):
        first = 0
        for layer, window in zip(example, windows, strict=True):
            asked = subject.next_by_window[window]
            own = heads[first : first + len(layer.score)]
            first += len(layer.score)
            chosen = {ALL: np.ones(len(asked.positions), dtype=bool)}
            chosen |= {names[index]: asked.categories == index for index in sorted(set(asked.categories.tolist()))}
            for name, keep in chosen.items():
                if keep.any():
                    columns = {
                        "example": subject.aligned.example.id,
                        **head_columns(own, np.arange(len(own))),
                        "next_category": name,
                    }
                    columns |= _means(layer, keep)
                    columns["base_rate"] = float(asked.own_base_rates[keep].mean())
                    rows.append(pd.DataFrame(columns))
    return pd.concat(rows, ignore_index=True)


def _means(layer: CategoryLayer, keep: np.ndarray) -> dict[str, object]:
    """Means over the queries kept, of every head; NaN for a null that none of them has."""
    score = layer.score[:, keep]
    columns: dict[str, object] = {"score": score.mean(axis=1), "n_queries": int(keep.sum())}
    for null, values in layer.nulls.items():
        # a query has a null for all heads or for none
        has = ~np.isnan(values[0, keep])
        own = values[:, keep][:, has]
        empty = np.full(len(score), np.nan)
        columns[str(null)] = own.mean(axis=1) if has.any() else empty
        columns[f"{null}_difference"] = (score[:, has] - own).mean(axis=1) if has.any() else empty
        columns[f"{null}_queries"] = int(has.sum())
    return columns


def _sample(next_rows: pd.DataFrame, name: str, examples: Sequence[str], heads: Sequence[HeadId]) -> Sample:
    """One matrix [example, head] for each number; NaN where an example has no such query."""
    chosen = next_rows[next_rows["next_category"] == name]

    def matrix(column: str) -> np.ndarray:
        wide = chosen.pivot(index="example", columns="head", values=column)
        return wide.reindex(index=list(examples), columns=[str(head) for head in heads]).to_numpy(dtype=np.float64)

    return Sample(
        score=matrix("score"),
        nulls={null: matrix(str(null)) for null in Null},
        differences={null: matrix(f"{null}_difference") for null in Null},
    )


def _counts(
    subjects: Sequence[CategorySubject],
    found: Sequence[tuple[CategoryLayer, ...]],
    windows: Sequence[int | None],
) -> Mapping[str, int]:
    widest = None if None in windows else max(window for window in windows if window is not None)
    layer = list(windows).index(widest)
    asked = [subject.next_by_window[widest] for subject in subjects]
    tokens = Counter(category for subject in subjects for category in subject.tagged.categories)
    counts = {
        "examples": len(subjects),
        "queries": int(sum(subject.groups.n_queries.sum() for subject in subjects)),
        "next_scored": sum(len(one.positions) for one in asked),
        "next_unseen": sum(one.n_unseen for one in asked),
    }
    for null in Null:
        counts[f"next_without_{null}"] = int(sum(np.isnan(example[layer].nulls[null][0]).sum() for example in found))
    return counts | {f"tokens_{category}": tokens[category] for category in Category if category in tokens}
