"""Tables and estimates of a scoring by span and sentence, from what each layer gave of each example.

In: subjects and their layers. Out: `SpanResult`.
"""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from attnprobe.attention.comparisons import Sample, scored_heads, scored_overall
from attnprobe.attention.mass_frames import MassTable, head_columns, heads_of, mass_rows, mass_table
from attnprobe.attention.settings import Null, ScoreSettings
from attnprobe.attention.span_result import SpanResult
from attnprobe.attention.span_subject import SpanLayer, SpanSubject
from attnprobe.plan import HeadId


def span_result(
    *,
    settings: ScoreSettings,
    spans: tuple[str, ...],
    layers: Sequence[int],
    windows: Sequence[int | None],
    subjects: Sequence[SpanSubject],
    found: Sequence[tuple[SpanLayer, ...]],
    n_heads: int,
) -> SpanResult:
    """Average what was found.

    Args:
        settings: of the run.
        spans: names, in the order of the masses.
        layers: those scored.
        windows: of each of these.
        subjects: the examples.
        found: for each example, what each scored layer gave.
        n_heads: of the model.
    """
    heads = heads_of(layers, [len(one.spans) for one in found[0]])
    bases = [_base_rates(subject, example, windows) for subject, example in zip(subjects, found, strict=True)]
    n = len(spans)
    masses = MassTable(
        heads=heads,
        examples=[subject.aligned.example.id for subject in subjects],
        q_groups=spans,
        k_groups=spans,
        mass=np.stack([np.concatenate([layer.spans for layer in example]) for example in found]),
        base_rate=np.stack([base[:, :n, :n] for base in bases]),
        n_queries=np.stack([subject.groups.n_queries[:n] for subject in subjects]),
    )
    per_sentence = [
        (subject, np.concatenate([layer.sentences for layer in example]), base[:, n:, n:])
        for subject, example, base in zip(subjects, found, bases, strict=True)
    ]
    licensing = pd.concat([_licensing_rows(*one, heads) for one in per_sentence], ignore_index=True)
    sample = _sample(licensing, masses.examples, heads)
    has_licences = not licensing.empty
    return SpanResult(
        settings=settings,
        n=len(subjects),
        impl="+".join(sorted({layer.impl for example in found for layer in example})),
        spans=spans,
        licensing_heads=scored_heads(sample, heads, settings.seed, n_heads=n_heads) if has_licences else (),
        licensing_overall=scored_overall(sample, settings.seed) if has_licences else None,
        counts=_counts(subjects),
        table=mass_table(masses, settings.seed, "span"),
        rows=mass_rows(masses, "span"),
        sentences=pd.concat([_texts(subject) for subject in subjects], ignore_index=True),
        sentence_rows=pd.concat([_sentence_rows(*one, heads) for one in per_sentence], ignore_index=True),
        licensing_rows=licensing,
    )


def _base_rates(subject: SpanSubject, example: Sequence[SpanLayer], windows: Sequence[int | None]) -> np.ndarray:
    by_window = {window: subject.groups.base_rates(window)[None] for window in set(windows)}
    return np.concatenate(
        [by_window[window].repeat(len(layer.spans), axis=0) for layer, window in zip(example, windows, strict=True)]
    )


def _texts(subject: SpanSubject) -> pd.DataFrame:
    text = subject.aligned.example.text
    sentences = subject.sentences
    return pd.DataFrame(
        {
            "example": subject.aligned.example.id,
            "sentence": range(len(sentences)),
            "role": [one.role for one in sentences],
            "text": [text[one.span.start : one.span.end] for one in sentences],
            "n_tokens": [len(one.positions) for one in sentences],
            "licensed_by": [None if one.licensed_by is None else json.dumps(one.licensed_by) for one in sentences],
        }
    )


def _sentence_rows(subject: SpanSubject, mass: np.ndarray, base: np.ndarray, heads: Sequence[HeadId]) -> pd.DataFrame:
    answer = np.array(subject.answer)
    reach = np.arange(len(subject.sentences))[None, :] <= answer[:, None]
    head, query, key = np.nonzero(np.broadcast_to(reach, mass.shape))
    licensed = [set(subject.sentences[index].licensed_by or ()) for index in subject.answer]
    return pd.DataFrame(
        {
            "example": subject.aligned.example.id,
            **head_columns(heads, head),
            "query_sentence": answer[query],
            "key_sentence": key,
            "mass": mass[head, query, key],
            "base_rate": base[head, query, key],
            "n_queries": subject.groups.n_queries[subject.n_spans :][query],
            "licenses": [int(one) in licensed[row] for row, one in zip(query.tolist(), key.tolist(), strict=True)],
        }
    )


def _licensing_rows(subject: SpanSubject, mass: np.ndarray, base: np.ndarray, heads: Sequence[HeadId]) -> pd.DataFrame:
    licences = subject.licences
    rows = [subject.answer.index(query) for query in licences.queries]
    if not rows:
        return pd.DataFrame()
    mass, base = mass[:, rows], base[:, rows]
    score = (mass * licences.gold).sum(axis=2)
    columns: dict[str, object] = {
        "example": subject.aligned.example.id,
        **head_columns(heads, np.arange(len(heads))),
        "score": score.mean(axis=1),
        "base_rate": (base * licences.gold).sum(axis=2).mean(axis=1),
        "n_sentences": len(rows),
    }
    for null, weights in licences.nulls.items():
        has = ~np.isnan(weights[:, 0])
        own = (mass[:, has] * weights[has]).sum(axis=2)
        empty = np.full(len(heads), np.nan)
        columns[str(null)] = own.mean(axis=1) if has.any() else empty
        columns[f"{null}_difference"] = (score[:, has] - own).mean(axis=1) if has.any() else empty
        columns[f"{null}_sentences"] = int(has.sum())
    return pd.DataFrame(columns)


def _sample(rows: pd.DataFrame, examples: Sequence[str], heads: Sequence[HeadId]) -> Sample:
    """One matrix [example, head] for each number; NaN where an example has none."""

    def matrix(column: str) -> np.ndarray:
        wide = rows.pivot(index="example", columns="head", values=column)
        return wide.reindex(index=list(examples), columns=[str(head) for head in heads]).to_numpy(dtype=np.float64)

    if rows.empty:
        return Sample(score=np.full((len(examples), len(heads)), np.nan), nulls={}, differences={})
    return Sample(
        score=matrix("score"),
        nulls={null: matrix(str(null)) for null in Null},
        differences={null: matrix(f"{null}_difference") for null in Null},
    )


def _counts(subjects: Sequence[SpanSubject]) -> Mapping[str, int]:
    counts = {
        "examples": len(subjects),
        "sentences": sum(len(subject.sentences) for subject in subjects),
        "answer_sentences": sum(len(subject.answer) for subject in subjects),
        "licensed": sum(len(subject.licences.queries) for subject in subjects),
    }
    for null in Null:
        missing = sum(int(np.isnan(subject.licences.nulls[null]).any(axis=1).sum()) for subject in subjects)
        counts[f"licensed_without_{null}"] = missing
    return counts
