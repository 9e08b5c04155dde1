"""Keys by definition or by span, and one clear error where there are none."""

import pytest

from attnprobe.errors import AlignmentError, SpecError, TaskError
from attnprobe.tasks.alignment import align
from attnprobe.tasks.example import Corruption, Example, GoldWord, KeyDefinition, Span, WordKind
from attnprobe.tasks.keys import keys_for, require_corruption, require_keys
from attnprobe.tasks.prontoqa.generate import prontoqa_task
from tests.tasks.made_tokenizers import word_level

PLAIN = Example(
    id="plain", prompt="Rex is hot. Max is", gold=" hot.", spans={"fact": (Span(0, 11),), "all": (Span(0, 18),)}
)


def test_a_definition_gives_each_tokens_own_keys() -> None:
    aligned = align(prontoqa_task(n=1).examples[0], word_level())
    for definition in KeyDefinition:
        expected = tuple(target.keys[definition] for target in aligned.targets)
        assert keys_for(aligned, definition) == keys_for(aligned, definition.value) == expected


def test_a_span_gives_its_tokens_to_every_gold_token() -> None:
    """0 [BOS]  1 Rex  2 is  3 hot  4 .  5 Max  6 is | 7 hot  8 ."""
    aligned = align(PLAIN, word_level())
    assert keys_for(aligned, "fact") == ((1, 2, 3, 4), (1, 2, 3, 4))
    assert keys_for(aligned, "all") == ((1, 2, 3, 4, 5, 6), (1, 2, 3, 4, 5, 6))


def test_a_span_gives_nothing_to_words_that_no_sentence_licenses() -> None:
    aligned = align(prontoqa_task(n=1, hops=2).examples[0], word_level())
    for target, keys in zip(aligned.targets, keys_for(aligned, "rules"), strict=True):
        assert keys == (() if target.kind is WordKind.UNLICENSED else aligned.spans["rules"])


def test_a_span_that_reaches_into_the_gold_is_cut_before_the_predicted_token() -> None:
    example = Example(id="late", prompt="Rex is", gold=" hot . Rex", spans={"late": (Span(4, 10),)})
    assert keys_for(align(example, word_level()), "late") == ((2,), (2, 3), (2, 3))


def test_an_unknown_span_is_refused_with_what_there_is() -> None:
    with pytest.raises(SpecError) as caught:
        keys_for(align(PLAIN, word_level()), "facts")
    assert str(caught.value) == (
        "keys 'facts': example 'plain' has no such span; expected one of token_match, premise, source_word, "
        "premise_rest, fact, all."
    )


@pytest.mark.parametrize("definition", [KeyDefinition.PREMISE, KeyDefinition.SOURCE_WORD])
def test_keys_that_a_format_does_not_know_are_one_clear_error(definition: KeyDefinition) -> None:
    with pytest.raises(TaskError) as caught:
        keys_for(align(PLAIN, word_level()), definition)
    assert str(caught.value) == (
        f"example 'plain' does not know its {definition} keys, only token_match: this format does not say which text "
        "licenses which gold word. Use token_match or a named span (here: fact, all), a generated task, or JSONL with "
        "`sources`."
    )


def test_token_match_is_always_known() -> None:
    require_keys(PLAIN, KeyDefinition.TOKEN_MATCH)
    assert keys_for(align(PLAIN, word_level()), "token_match") == ((3,), (4,))


def test_a_missing_corruption_is_told_from_one_that_does_not_line_up() -> None:
    with pytest.raises(TaskError, match="example 'plain' has no corrupted version; use a generated task, or JSONL"):
        require_corruption(align(PLAIN, word_level()))
    uneven = Example(
        id="uneven",
        prompt="Rex is",
        gold=" hot.",
        words=(GoldWord(span=Span(1, 4), kind=WordKind.OTHER),),
        corruptions=(Corruption(word=0, foil="red", prompt="Rex is not", gold=" red."),),
    )
    with pytest.raises(AlignmentError, match="example 'uneven': none of its 1 corrupted versions has the same tokens"):
        require_corruption(align(uneven, word_level()))
    lined_up = align(prontoqa_task(n=1).examples[0], word_level())
    assert require_corruption(lined_up) is lined_up.corruption
