"""Foils and corruptions as token ids: the first that serves is taken, and what does not line up is passed over."""

import re
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from attnprobe.tasks.alignment import align
from attnprobe.tasks.example import Corruption, Example, GoldWord, Span, WordKind
from attnprobe.tasks.prontoqa.examples import example_of
from attnprobe.tasks.prontoqa.generate import ProntoqaSpec, problem_at, prontoqa_task
from attnprobe.tasks.prontoqa.rules import Rule
from tests.tasks.made_tokenizers import FAMILIES, byte_bpe, word_level
from tests.tasks.prontoqa.scripted import scripted
from tests.tasks.prontoqa.test_generate import specs

Maker = Callable[[], PreTrainedTokenizerFast]
every_family = pytest.mark.parametrize("maker", FAMILIES.values(), ids=FAMILIES.keys())


def plain(prompt: str, gold: str, **others: object) -> Example:
    return Example(id="plain", prompt=prompt, gold=gold, **others)


def test_the_foil_is_the_first_that_the_tokenizer_knows() -> None:
    example = example_of(
        scripted(Rule.IMPLICATION_ELIMINATION, 1, name="Rex", concepts="sterpus", qualities="hot"), example_id="one hop"
    )
    aligned = align(example, word_level())
    tokenizer = word_level()
    noun = example.words[3]
    assert aligned.targets[3].foil == tokenizer.convert_tokens_to_ids(noun.foils[0])
    assert [target.foil is None for target in aligned.targets] == [
        target.kind is WordKind.UNLICENSED or not example.words[target.word].foils for target in aligned.targets
    ]


def with_foils(gold: str, *foils: str) -> Example:
    """A gold of one word and its full stop."""
    words = (GoldWord(span=Span(1, len(gold) - 1), kind=WordKind.OTHER, foils=foils),)
    return plain("Rex is", gold, words=words)


def test_a_foil_of_as_many_pieces_is_taken_before_one_of_more() -> None:
    """By 300 byte-BPE tokens `hot` is cut into three pieces and `red` too; `overcast` into more."""
    tokenizer = byte_bpe()
    cut = {word: len(tokenizer(f" {word}")["input_ids"]) for word in ("hot", "red", "overcast")}
    assert cut["hot"] == cut["red"] < cut["overcast"]
    red, overcast = (tokenizer(f"Rex is {word}.")["input_ids"] for word in ("red", "overcast"))
    for foils, ids in ((("overcast", "red"), red), (("overcast",), overcast)):
        aligned = align(with_foils(" hot.", *foils), tokenizer)
        (read,) = [target for target in aligned.targets if target.foil is not None]
        parted = next(at for at, (one, two) in enumerate(zip(aligned.ids, ids, strict=False)) if one != two)
        assert (read.position, read.foil) == (parted, ids[parted])


def test_a_foil_that_only_goes_on_where_the_word_ends_does_not_serve() -> None:
    """`hot` and `hotter` part after the last piece of `hot`, where the gold has its full stop."""
    aligned = align(with_foils(" hot.", "hotter"), byte_bpe())
    assert [target.foil for target in aligned.targets] == [None] * len(aligned.targets)


def test_a_foil_that_the_tokenizer_does_not_know_does_not_serve() -> None:
    aligned = align(with_foils(" hot.", "brilliant"), word_level())
    assert [target.foil for target in aligned.targets] == [None, None]


@every_family
@given(spec=specs(most_hops=3, most_shots=1), index=st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_a_corruption_has_the_same_tokens_up_to_the_target(maker: Maker, spec: ProntoqaSpec, index: int) -> None:
    example = example_of(problem_at(spec, index), example_id="law")
    tokenizer = maker()
    aligned = align(example, tokenizer)
    corruption = aligned.corruption
    if corruption is None:
        return
    assert len(corruption.ids) == len(aligned.ids)
    assert (
        corruption.ids[aligned.prompt_length : corruption.position]
        == aligned.ids[aligned.prompt_length : corruption.position]
    )
    assert (corruption.gold, corruption.foil) == (
        aligned.ids[corruption.position],
        corruption.ids[corruption.position],
    )
    assert corruption.gold != corruption.foil
    word = aligned.targets[corruption.position - aligned.prompt_length].word
    texts = [each.prompt + each.gold for each in example.corruptions if each.word == word]
    assert list(corruption.ids) in [tokenizer(text)["input_ids"][: len(aligned.ids)] for text in texts]


@cache
def eight_examples(rule: Rule) -> tuple[Example, ...]:
    return prontoqa_task(rule=rule, distractors="relevant", n=8, seed=8).examples


@every_family
@pytest.mark.parametrize("rule", Rule)
def test_nearly_every_example_has_a_corruption_that_lines_up(maker: Maker, rule: Rule) -> None:
    lined_up = [align(example, maker()).corruption is not None for example in eight_examples(rule)]
    assert sum(lined_up) >= 7


def test_the_first_corruption_that_lines_up_is_taken() -> None:
    """A foil of two words never does."""
    words = tuple(
        GoldWord(span=Span(*match.span()), kind=WordKind.OTHER, foils=("blue",))
        for match in re.finditer(r"\w+|\.", " hot.")
    )

    def swap(foil: str) -> Corruption:
        return Corruption(word=0, foil=foil, prompt=f"Rex is {foil}. Rex is", gold=f" {foil}.")

    example = plain(
        "Rex is hot. Rex is", " hot.", words=words, corruptions=(swap("not blue"), swap("blue"), swap("red"))
    )
    aligned = align(example, word_level())
    blue = word_level().convert_tokens_to_ids("blue")
    assert aligned.corruption is not None
    assert (aligned.corruption.position, aligned.corruption.foil) == (7, blue)
    assert aligned.corruption.predicting == 6
    assert aligned.targets[0].foil == blue


def test_a_corruption_whose_growth_hides_behind_a_shrinking_word_is_passed_over() -> None:
    """As many tokens in all, but not word for word: the comma has moved."""
    words = (GoldWord(span=Span(1, 4), kind=WordKind.OTHER),)
    corrupted = Corruption(word=0, foil="red", prompt="Rex is red, . Rex is", gold=" red")
    clean = plain("Rex is blue . Rex, is", " hot", words=words, corruptions=(corrupted,))
    assert len(align(clean, word_level()).ids) == len(word_level()(corrupted.prompt + corrupted.gold)["input_ids"])
    assert align(clean, word_level()).corruption is None
