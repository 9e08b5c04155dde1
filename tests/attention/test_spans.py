"""Attention between spans and sentences: against plain loops over whole patterns, and where there are no licences."""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import cast

import numpy as np
import pandas as pd
import pytest

from attnprobe.attention.settings import FirstKey, Null, ScoreSettings
from attnprobe.attention.spans import score_spans
from attnprobe.errors import SpecError
from attnprobe.models.load import load_model
from attnprobe.models.model import Backend, Model
from attnprobe.tasks import TextTokenizer, prontoqa_task
from attnprobe.tasks.alignment import align
from attnprobe.tasks.example import Example, Span
from tests.attention.tagged_texts import task
from tests.attention.test_categories import model_of, patterns
from tests.causal.conftest import ListTask
from tests.models.architectures import Architecture
from tests.models.loaders import LOADERS


def test_span_masses_are_what_loops_over_whole_patterns_give() -> None:
    """The made-up texts have the span `middle`, words 6 to 8; the last six words are gold."""
    model = model_of(Architecture.MISTRAL)
    result = score_spans(model, task(), ScoreSettings(batch_size=3))
    assert result.spans == ("middle", "gold", "other", "first")
    rows = result.rows.set_index(["example", "head", "query_span", "key_span"])
    for example in task().examples:
        aligned = align(example, model.tokenizer)
        n = len(aligned.ids)
        spans = {"middle": range(6, 9), "gold": range(n - 6, n), "first": range(1)}
        spans["other"] = [position for position in range(1, n - 6) if position not in spans["middle"]]
        whole = patterns(model, aligned.ids)
        for head in model.dims.heads:
            window = model.dims.windows[head.layer] or n
            found = cast(pd.DataFrame, rows.loc[example.id, str(head)])
            for (of, to), row in found.iterrows():
                seen = [range(max(0, query - window + 1), query + 1) for query in spans[of]]
                keys = [[key for key in reach if key in spans[to]] for reach in seen]
                masses = [
                    whole[head.layer, head.head, query, own].sum() for query, own in zip(spans[of], keys, strict=True)
                ]
                shares = [len(own) / len(reach) for own, reach in zip(keys, seen, strict=True)]
                expected = [np.mean(masses), np.mean(shares)]
                assert [row["mass"], row["base_rate"]] == pytest.approx(expected, abs=5e-6)


@pytest.fixture(scope="module")
def small() -> Model:
    """The smallest model that ships."""
    return load_model("zoo:elimination-144k")


def test_sentence_masses_and_licence_scores_are_what_loops_over_whole_patterns_give(small: Model) -> None:
    of = prontoqa_task(n=3, hops=2, distractors="relevant")
    result = score_spans(small, of, ScoreSettings(layers=(1,)))
    sentences = result.sentences.set_index(["example", "sentence"])
    rows = result.sentence_rows.set_index(["example", "head", "query_sentence", "key_sentence"])
    licensing = result.licensing_rows.set_index(["example", "head"])
    tokenizer = cast(TextTokenizer, small.tokenizer)
    for example in of.examples:
        aligned = align(example, tokenizer)
        own = sentences.loc[example.id]
        places = _places(example, own["text"].tolist(), tokenizer)
        pattern = patterns(small, aligned.ids)[1, 2]
        scores = []
        for index in own.index[own["role"] == "gold"]:
            queries = [position - 1 for position in places[index]]
            licensed = json.loads(own["licensed_by"][index])
            masses = {key: pattern[queries][:, places[key]].sum(axis=1).mean() for key in range(index + 1)}
            for key, mass in masses.items():
                row = rows.loc[(example.id, "L1H2", index, key)]
                assert row["mass"] == pytest.approx(mass, abs=5e-6)
                assert row["licenses"] == (key in licensed)
            scores.append(sum(masses[key] for key in licensed))
        assert licensing.loc[(example.id, "L1H2"), "score"] == pytest.approx(np.mean(scores), abs=5e-6)
        assert licensing.loc[(example.id, "L1H2"), "n_sentences"] == len(scores)


def _places(example: Example, texts: Sequence[str], tokenizer: TextTokenizer) -> list[list[int]]:
    """Tokens of each sentence, found one after the other in the text."""
    offsets = tokenizer(example.text, return_offsets_mapping=True)["offset_mapping"]
    at, found = 0, []
    for text in texts:
        start = example.text.index(text, at)
        at = start + len(text)
        # the space in front of a token is no part of it
        inside = [place for place, (_, end) in enumerate(offsets) if start < end <= at]
        found.append(inside)
    return found


def test_answers_attend_to_their_licences_more_than_chance_and_the_numbers_add_up(small: Model) -> None:
    result = score_spans(small, prontoqa_task(n=8, hops=1, distractors="relevant"))
    assert result.licensing_overall is not None
    rows = result.licensing_rows
    heads = {scored.label: scored for scored in result.licensing_heads}
    assert list(heads) == [str(head) for head in small.dims.heads]
    for label, scored in heads.items():
        own = rows[rows["head"] == label]
        assert scored.score.value == pytest.approx(own["score"].mean())
        for null in Null:
            assert scored.nulls[null].difference.value == pytest.approx(own[f"{null}_difference"].mean())
    strongest = max(heads.values(), key=lambda scored: scored.nulls[Null.POSITION].difference.value or 0)
    difference = strongest.nulls[Null.POSITION].difference
    assert difference.low is not None
    assert difference.low > 0.05


@pytest.mark.parametrize("backend", [name for name in LOADERS if name is not Backend.NATIVE])
def test_backends_agree(backend: Backend) -> None:
    one, other = (score_spans(model_of(Architecture.GEMMA2, name), task()) for name in (Backend.NATIVE, backend))
    for frame in ("rows", "table", "sentence_rows"):
        left, right = getattr(one, frame), getattr(other, frame)
        pd.testing.assert_frame_equal(left, right, rtol=0, atol=1e-5, check_dtype=False)


def test_a_task_that_knows_no_premises_has_spans_and_sentences_but_no_licences() -> None:
    example = Example(id="1", prompt="w1 w2 w3 w4 w5", gold=" w6 w7\nw8")
    result = score_spans(model_of(Architecture.LLAMA), ListTask(examples=[example]))
    assert result.licensing_heads == ()
    assert result.licensing_overall is None
    assert result.licensing_rows.empty
    assert result.sentences["licensed_by"].isna().all()
    assert result.sentences["text"].tolist() == ["w1 w2 w3 w4 w5", "w6 w7", "w8"]


def test_a_span_with_a_name_of_ours_is_refused() -> None:
    spans: Mapping[str, tuple[Span, ...]] = MappingProxyType({"other": (Span(0, 2),)})
    example = Example(id="1", prompt="w1 w2", gold=" w3", spans=spans)
    with pytest.raises(SpecError, match="span 'other': this name is ours, for tables of spans; rename it in the task"):
        score_spans(model_of(Architecture.LLAMA), ListTask(examples=[example]))


def test_the_first_token_stays_in_its_span_where_it_is_not_kept_apart() -> None:
    model = model_of(Architecture.LLAMA)
    plain = score_spans(model, task(), ScoreSettings(first_key=FirstKey.NONE))
    assert plain.spans == ("middle", "gold", "other")
    apart = score_spans(model, task())
    keys = ["head", "key_span"]
    of_gold = [result.table[result.table["query_span"] == "gold"].set_index(keys)["mass"] for result in (plain, apart)]
    for head in map(str, model.dims.heads):
        assert of_gold[0][head, "other"] == pytest.approx(of_gold[1][head, "other"] + of_gold[1][head, "first"])
