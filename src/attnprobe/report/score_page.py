"""The page of attention scores: one HTML file that needs nothing else.

In: a `ScoreResult`, what was looked at and asked beside it, the manifest. Out: the bytes of `report.html`. What came
from outside is escaped by the template engine, invisible characters spelled out.
"""

import json
from collections.abc import Mapping, Sequence

from attnprobe.attention.result import Scored, ScoreResult
from attnprobe.attention.settings import Normalisation
from attnprobe.attention.showcase import Showcase
from attnprobe.attention.strongest import by_margin, closest_null
from attnprobe.report.coloured_text import first_shown, text_pieces, top_score
from attnprobe.report.finding import ALPHA
from attnprobe.report.html import Picture, page_environment
from attnprobe.report.numbers import interval, number, q_value
from attnprobe.report.pattern_links import pattern_links, strongest_pairs
from attnprobe.report.pattern_map import pattern_map
from attnprobe.report.score_finding import (
    DECIMALS,
    NULL_NAMES,
    SCORE_RULES,
    SMALLEST,
    find_score,
    head_q,
    noun_of,
    quantity,
    stands_out,
)
from attnprobe.report.score_maps import margin_map, margin_of, score_map
from attnprobe.report.score_part import Part
from attnprobe.report.texts import printable
from attnprobe.runs import Manifest
from attnprobe.tasks import KeyDefinition

_ROWS_SHOWN = 12
_LIST_LIMIT = 2_000

_MEANINGS: Mapping[Normalisation, str] = {
    Normalisation.DIRECT: "Attention from the position that predicts the gold token to its keys, summed.",
    Normalisation.RENORMALISED: "The same after the first key and sinks are removed and what is left is scaled to 1.",
    Normalisation.VALUE_WEIGHTED: "The same with each edge weighted by the norm of what it carries (Kobayashi et al. "
    "2020), as a share of the whole row.",
    Normalisation.ROLLOUT: "Attention rolled out from the predicting position through all layers up to this one "
    "(Abnar and Zuidema 2020), to the keys, summed.",
    Normalisation.SAMRANK: "SAMRank (Kang and Shin 2023) within the tokens before the gold token: attention received "
    "plus given, the first key's set to 0, scaled to [0, 1]; the largest over the keys.",
    Normalisation.GLOBAL: "Attention received within the tokens before the gold token, scaled to [0, 1]; the largest "
    "over the keys.",
    Normalisation.PROPORTIONAL: "Attention given, each key's shared out among those that attend to it, scaled to "
    "[0, 1]; the largest over the keys.",
    Normalisation.SUM: "Attention received plus given, as it is; the largest over the keys.",
    Normalisation.RANK: "The percentile of attention received plus given among the tokens before the gold token; the "
    "largest over the keys.",
    Normalisation.SINK_REMOVED: "SAMRank without the columns that take more than a share of all attention; the largest "
    "over the keys.",
}
_KEYS: Mapping[str, str] = {
    KeyDefinition.SOURCE_WORD: "The word that a gold word repeats, in the sentences that license its step.",
    KeyDefinition.PREMISE: "All tokens of the sentences that license the step of a gold word.",
    KeyDefinition.PREMISE_REST: "The sentences that license the step of a gold word, without the word that it repeats.",
    KeyDefinition.TOKEN_MATCH: "All earlier tokens equal to the gold token.",
}


def score_page(
    result: ScoreResult,
    manifest: Manifest,
    *,
    model: str,
    task: str,
    shown: Showcase | None = None,
    parts: Sequence[Part] = (),
) -> bytes:
    """Write the page of attention scores.

    Args:
        result: of the aligned protocol.
        manifest: of the run; only its lasting part is shown.
        model: what to call the model.
        task: what to call the task.
        shown: one example under one head.
        parts: what was asked beside the scores.

    Returns:
        UTF-8 HTML, the same bytes for the same result and manifest.
    """
    template = page_environment().get_template("score.html.j2")
    ordered, noun = by_margin(result), noun_of(result.settings)
    measure = quantity(result.settings.normalise)
    all_heads = [(result.overall, "all")] if len(result.heads) > 1 else []
    keys = result.settings.keys
    text = template.render(
        result=result,
        model=printable(model),
        task=printable(task),
        finding=find_score(result),
        noun=noun,
        quantity=measure,
        nulls=list(result.overall.nulls),
        null_names=NULL_NAMES,
        decimals=DECIMALS,
        alpha=ALPHA,
        smallest=SMALLEST,
        rules=SCORE_RULES,
        n_outstanding=sum(stands_out(head) for head in result.heads),
        strongest=[*_named(ordered[:_ROWS_SHOWN]), *all_heads],
        ordered=_named(ordered[:_LIST_LIMIT]),
        unlisted=max(0, len(ordered) - _LIST_LIMIT),
        by_kind=[(scored, kind) for kind, scored in result.by_kind.items()],
        closest_null=closest_null,
        stands_out=stands_out,
        head_q=head_q,
        number=number,
        interval=interval,
        q_value=q_value,
        scores=Picture.of(lambda theme: score_map(result.heads, quantity=measure, theme=theme)),
        scores_alt=_alt(ordered, noun, "scores", [head.score.value for head in ordered]),
        margins=Picture.of(lambda theme: margin_map(result.heads, theme=theme)),
        margins_alt=_alt(ordered, noun, "differences from the closest null", [margin_of(head) for head in ordered]),
        score_meaning=_MEANINGS[result.settings.normalise],
        keys_meaning=_KEYS.get(keys, f"The tokens of the span {printable(keys)!r} before the gold token."),
        parts=parts,
        **_showcase(shown),
        command=printable(manifest.repeat),
        manifest=printable(json.dumps(manifest.lasting_record(), indent=2, ensure_ascii=False, allow_nan=False)),
    )
    return text.encode("utf-8", "backslashreplace")


def _named(heads: Sequence[Scored]) -> list[tuple[Scored, str]]:
    return [(head, head.label) for head in heads]


def _showcase(shown: Showcase | None) -> dict[str, object]:
    if shown is None:
        return {"shown": None}
    return {
        "shown": shown,
        "shown_quantity": quantity(shown.quantity),
        "shown_name": printable(shown.example),
        "focus_word": printable(shown.tokens[shown.focus.position].strip()),
        "top_score": number(top_score(shown), 2),
        "hidden_tokens": first_shown(shown),
        "text": text_pieces(shown),
        "pattern": Picture.of(lambda theme: pattern_map(shown, theme=theme)),
        "links": Picture.of(lambda theme: pattern_links(shown, theme=theme)),
        "n_pairs": len(strongest_pairs(shown)),
    }


def _alt(ordered: Sequence[Scored], noun: str, what: str, values: Sequence[float | None]) -> str:
    highest = sorted(zip(values, ordered, strict=True), key=lambda pair: -(pair[0] or 0.0))[:3]
    named = ", ".join(f"{head.label} {number(value)}" for value, head in highest)
    return f"Map of {len(ordered)} {noun}s by layer; the largest {what}: {named}."
