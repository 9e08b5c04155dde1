"""Texts of unequal length: which parts are the same, worked by hand on a tokenizer that cuts words into threes."""

from collections.abc import Mapping

import pytest
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from attnprobe.errors import TaskError
from attnprobe.tasks.aligned import AlignedExample, UnevenCorruption
from attnprobe.tasks.alignment import align
from attnprobe.tasks.example import Corruption, Example, GoldWord, Span, WordKind
from attnprobe.tasks.prontoqa.generate import prontoqa_task
from tests.tasks.made_tokenizers import word_level

PIECES = ["<unk>", "A", "the", "is", "red", "yel", "low", "cat", "kit", "ten", "big", "now", "not"]


def by_threes() -> PreTrainedTokenizerFast:
    """`kitten` is `kit`, `ten`."""
    made = Tokenizer(models.WordLevel({piece: index for index, piece in enumerate(PIECES)}, unk_token="<unk>"))
    threes = pre_tokenizers.Split(Regex(".{1,3}"), "isolated")
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), threes])
    return PreTrainedTokenizerFast(tokenizer_object=made, unk_token="<unk>")


def example(
    prompt: str,
    corrupted: str,
    *,
    spans: Mapping[str, str],
    corrupted_spans: Mapping[str, str] | None = None,
    gold: str = " red",
    foil: str = " yellow",
) -> Example:
    """Spans given by their words, each the first place where these stand."""

    def placed(text: str, found: Mapping[str, str]) -> dict[str, tuple[Span, ...]]:
        return {name: (Span(text.index(part), text.index(part) + len(part)),) for name, part in found.items()}

    starts = [0, *(at for at, letter in enumerate(gold) if letter == " ")]
    words = tuple(
        GoldWord(span=Span(at + 1, (gold + " ").index(" ", at + 1)), kind=WordKind.OTHER) for at in starts[1:]
    )
    changed = next(at for at, pair in enumerate(zip(gold.split(), foil.split(), strict=True)) if pair[0] != pair[1])
    other = None if corrupted_spans is None else placed(corrupted, corrupted_spans)
    swap = Corruption(word=changed, foil=foil.split()[changed], prompt=corrupted, gold=foil, spans=other)
    return Example(id="uneven", prompt=prompt, gold=gold, words=words, spans=placed(prompt, spans), corruptions=(swap,))


def uneven_of(aligned: AlignedExample) -> UnevenCorruption:
    assert aligned.corruption is None
    assert aligned.uneven is not None
    return aligned.uneven


def stretches(uneven: UnevenCorruption) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    return [(one.name, one.clean, one.corrupted) for one in uneven.stretches]


def test_spans_are_found_by_counting_words_and_taken_word_by_word_where_their_tokens_differ() -> None:
    """`the red cat is`, 4 tokens; `the yellow kitten is`, 6. `now` is the same, two places on."""
    made = example(
        "A the red cat is now the", "A the yellow kitten is now the", spans={"fact": "the red cat is", "time": "now"}
    )
    uneven = uneven_of(align(made, by_threes()))
    assert (uneven.position, uneven.corrupted_position) == (7, 9)
    assert (PIECES[uneven.gold], PIECES[uneven.foil]) == ("red", "yel")
    assert stretches(uneven) == [
        ("predicting", (6,), (8,)),
        ("fact", (1,), (1,)),
        ("fact", (2,), (2, 3)),
        ("fact", (3,), (4, 5)),
        ("fact", (4,), (6,)),
        ("time", (5,), (7,)),
    ]


def test_spans_that_are_told_need_no_equal_number_of_words() -> None:
    made = example(
        "A the red cat is the",
        "A now the big big kitten is the",
        spans={"who": "red cat", "verb": "is"},
        corrupted_spans={"who": "big big kitten", "verb": "is"},
    )
    uneven = uneven_of(align(made, by_threes()))
    assert stretches(uneven) == [
        ("predicting", (5,), (8,)),
        ("who", (2, 3), (3, 4, 5, 6)),
        ("verb", (4,), (7,)),
    ]
    assert len(uneven.ids) == 11


def test_without_spans_and_with_other_words_in_number_only_the_answer_is_comparable() -> None:
    made = example("A the red cat is the", "A now the cat is the", spans={"who": "red cat"}, gold=" red", foil=" big")
    assert align(made, by_threes()).corruption is not None
    made = example("A the red cat is the", "A the cat is the", spans={"who": "red cat"}, gold=" red", foil=" big")
    assert stretches(uneven_of(align(made, by_threes()))) == [("predicting", (5,), (4,))]


def test_the_gold_before_the_target_is_matched_token_by_token() -> None:
    made = example("A is", "A now is", spans={}, gold=" the cat is red", foil=" the cat is yellow")
    assert stretches(uneven_of(align(made, by_threes()))) == [
        ("predicting", (4,), (5,)),
        ("gold", (2, 3), (3, 4)),
    ]


def test_of_spans_that_overlap_the_shorter_is_taken() -> None:
    made = example(
        "A the red cat is now the",
        "A the yellow cat is now the",
        spans={"all": "A the red cat is now the", "fact": "red cat"},
    )
    found = stretches(uneven_of(align(made, by_threes())))
    assert found == [("predicting", (6,), (7,)), ("fact", (2,), (2, 3)), ("fact", (3,), (4,))]


def test_an_uneven_span_that_ends_where_the_answer_is_predicted_is_matched_there_alone() -> None:
    made = example(
        "A now the red cat",
        "A the big yellow kitten",
        spans={"who": "red cat"},
        corrupted_spans={"who": "big yellow kitten"},
    )
    assert stretches(uneven_of(align(made, by_threes()))) == [("predicting", (4,), (6,))]


def test_a_corruption_whose_answer_parts_elsewhere_is_none() -> None:
    made = example("A is", "A now is", spans={}, gold=" the cat is red", foil=" the cat is yellow")
    (swap,) = made.corruptions
    elsewhere = Example(
        id="elsewhere",
        prompt=made.prompt,
        gold=made.gold,
        words=made.words,
        corruptions=(Corruption(word=1, foil=swap.foil, prompt=swap.prompt, gold=swap.gold),),
    )
    aligned = align(elsewhere, by_threes())
    assert (aligned.corruption, aligned.uneven) == (None, None)


def test_what_lines_up_is_not_uneven() -> None:
    aligned = align(prontoqa_task(n=1).examples[0], word_level())
    assert aligned.corruption is not None
    assert aligned.uneven is None


def test_spans_of_a_corrupted_prompt_are_those_of_the_clean_one() -> None:
    with pytest.raises(TaskError, match="span 'who' of a corrupted prompt of 8 characters has 1 stretches up to 3"):
        Example(
            id="wrong",
            prompt="A is",
            gold=" red",
            corruptions=(Corruption(word=0, foil="big", prompt="A now is", gold=" big", spans={"who": (Span(0, 3),)}),),
        )
