"""What scoring by span and by sentence found.

In: nothing; `span_frames` fills it. Out: `SpanResult`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from attnprobe.attention.result import Scored
from attnprobe.attention.settings import ScoreSettings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpanResult:
    """Attention between named spans, and between sentences.

    Spans may overlap (`facts` lie in `question`), so masses of a row need not add up to 1; `first` is the first token,
    where it is kept apart, and `other` what is in no span.

    Attributes:
        settings: what was asked.
        n: examples scored.
        impl: which kernels ran (`stored` where the library computes whole patterns anyway).
        spans: names, `gold` for the gold tokens.
        licensing_heads: mass of answer sentences on the sentences that license them, of each head, against its nulls;
            empty where the task does not know what licenses what.
        licensing_overall: the mean over those heads, or None.
        counts: examples; sentences; answer sentences; those with a licence (`licensed`), and of these without each null
            (`licensed_without_position`, ...).
        table: one row for each head, query span and key span: head, layer, index, query_span, key_span, mass (mean over
            examples of the mean over the query span's tokens), low, high, base_rate (what even attention would give),
            difference (mass - base_rate), difference_low, difference_high, enrichment (mass / base_rate), n.
        rows: the same for each example: example, head, layer, index, query_span, key_span, mass, base_rate, n_queries.
        sentences: one row for each sentence: example, sentence, role, text, n_tokens, licensed_by (indices as JSON;
            null where not known).
        sentence_rows: one row for each example, head, answer sentence and sentence up to it: example, head, layer,
            index, query_sentence, key_sentence, mass (mean over the positions that predict the answer sentence's
            tokens), base_rate, n_queries, licenses (whether the one licenses the other).
        licensing_rows: one row for each example and head: example, head, layer, index, score, base_rate, n_sentences,
            and for each null NULL, NULL_difference, NULL_sentences.
    """

    settings: ScoreSettings
    n: int
    impl: str
    spans: tuple[str, ...]
    licensing_heads: tuple[Scored, ...]
    licensing_overall: Scored | None
    counts: Mapping[str, int]
    table: pd.DataFrame
    rows: pd.DataFrame
    sentences: pd.DataFrame
    sentence_rows: pd.DataFrame
    licensing_rows: pd.DataFrame
