"""What gold keys are held against: worked out on one page of text, and the laws of every draw."""

from functools import cache

import pytest

from attnprobe.attention.key_sets import DRAWN, ExampleKeys, key_sets
from attnprobe.attention.settings import Null, ScoreSettings
from attnprobe.attention.units import lemma_of, text_units
from attnprobe.errors import SpecError
from attnprobe.tasks import AlignedExample, Example, Span, WordKind, align, prontoqa_task
from tests.models.architectures import build_tokenizer
from tests.tasks.made_tokenizers import byte_bpe, word_level
from tests.tasks.test_alignment import one_hop

RULE, FACT, QUERY = tuple(range(3, 8)), tuple(range(8, 13)), tuple(range(13, 19))
SEEDS = range(30)


@cache
def by_hand() -> AlignedExample:
    """Word-level tokens, so that positions can be counted:

    0 [BOS]  1 Q  2 :  3 Every  4 sterpus  5 is  6 hot  7 .  8 Rex  9 is  10 a  11 sterpus  12 .
    13 Prove  14 :  15 Rex  16 is  17 hot  18 .  19 A  20 :
    21 Rex  22 is  23 a  24 sterpus  25 .  26 Every  27 sterpus  28 is  29 hot  30 .  31 Rex  32 is  33 hot  34 .
    """
    return align(one_hop(), word_level())


def drawn(position: int, keys: str, null: Null) -> set[tuple[int, ...] | None]:
    """Everything that 30 seeds draw against the keys of the gold token at a position."""
    found: set[tuple[int, ...] | None] = set()
    for seed in SEEDS:
        sets = key_sets(by_hand(), ScoreSettings(keys=keys, seed=seed), word_level())
        owner = sets.owners[sets.positions.index(position)]
        found.add(sets.sets[owner].drawn[null])
    return found


def test_a_wrong_token_occurs_as_often_as_the_gold_one() -> None:
    # before 21, Rex stands twice, and so do sterpus and hot alone
    assert drawn(21, "token_match", Null.WRONG_TOKEN) == {(4, 11), (6, 17)}
    # what is drawn is every occurrence of one token
    for keys in drawn(33, "token_match", Null.WRONG_TOKEN):
        assert keys is not None
        ids = {by_hand().ids[key] for key in keys}
        assert len(ids) == 1
        every = [place for place in range(33) if by_hand().ids[place] in ids]
        assert list(keys) == every


def test_a_wrong_word_is_another_word_as_many_times() -> None:
    # Rex is the only name, sterpus the only noun, hot the only adjective: any of the others
    assert drawn(21, "source_word", Null.WRONG_TOKEN) == {(4,), (11,), (6,), (17,)}
    for keys in drawn(33, "source_word", Null.WRONG_TOKEN):
        assert keys is not None
        assert len(keys) == 2
        assert set(keys) <= {8, 15, 21, 31} or set(keys) <= {4, 11, 24, 27}


def test_wrong_sentences_are_the_nearest_in_length_of_the_question_and_the_answer_so_far() -> None:
    assert drawn(21, "premise", Null.WRONG_TOKEN) == {RULE, QUERY}
    # everything but the query is the premise of the last step: one sentence for four
    assert drawn(31, "premise", Null.WRONG_TOKEN) == {None}


def test_a_position_null_stands_two_places_away_at_most() -> None:
    assert drawn(21, "source_word", Null.POSITION) == {(6,), (10,)}
    # 8 is at an even distance, 15 at an odd one, which the ring runs through the other way
    assert drawn(21, "token_match", Null.POSITION) == {(6, 17), (10, 13)}


def test_a_span_of_whole_sentences_is_held_against_sentences_and_others_have_no_wrong_token() -> None:
    assert drawn(21, "facts", Null.WRONG_TOKEN) == {RULE, QUERY}
    assert drawn(21, "question", Null.WRONG_TOKEN) == {None}
    example = one_hop()
    half = Example(
        id="half", prompt=example.prompt, gold=example.gold, words=example.words, spans={"half": (Span(3, 16),)}
    )
    sets = key_sets(align(half, word_level()), ScoreSettings(keys="half"), word_level())
    assert sets.sets[0].gold == (3, 4)
    assert sets.sets[0].drawn[Null.WRONG_TOKEN] is None
    assert sets.sets[0].drawn[Null.POSITION] is not None


def test_the_first_position_and_special_tokens_are_never_keys() -> None:
    text = "w0 w1 w2 w3 w0 w1 w0"
    example = Example(id="plain", prompt=text, gold=" w0 w1")
    sets = key_sets(align(example, build_tokenizer()), ScoreSettings(keys="token_match"), build_tokenizer())
    assert [keys.gold for keys in sets.sets] == [(4, 6), (1, 5)]
    once = Example(id="once", prompt="w0 w1 w2", gold=" w0 w1")
    sets = key_sets(align(once, build_tokenizer()), ScoreSettings(keys="token_match"), build_tokenizer())
    assert (sets.n_sink_only, len(sets.tokens)) == (1, 1)
    assert sets.sets[0].gold == (1,)


@cache
def law_cases() -> list[tuple[ExampleKeys, str]]:
    found: list[tuple[ExampleKeys, str]] = []
    for shots in (0, 1):
        for rule in ("implication_elimination", "disjunction_elimination", "proof_by_contradiction"):
            for example in prontoqa_task(rule=rule, n=3, shots=shots).examples:
                aligned = align(example, byte_bpe())
                found.extend(
                    (key_sets(aligned, ScoreSettings(keys=keys), byte_bpe()), keys)
                    for keys in ("token_match", "premise", "source_word")
                )
    return found


def test_every_drawn_set_lies_in_its_prefix_apart_from_the_gold_one() -> None:
    n_drawn = dict.fromkeys(DRAWN, 0)
    for sets, keys in law_cases():
        barred = {0, *sets.aligned.special}
        for index, owner in zip(sets.tokens, sets.owners, strict=True):
            found = sets.sets[owner]
            position = sets.aligned.targets[index].position
            assert found.first <= position
            assert not barred & set(found.gold)
            for null, chosen in found.drawn.items():
                if chosen is None:
                    continue
                n_drawn[null] += 1
                assert list(chosen) == sorted(set(chosen))
                assert chosen[-1] < found.first
                assert not set(chosen) & (barred | set(found.gold)), (keys, null)
                if null is Null.POSITION:
                    assert len(chosen) == len(found.gold)
    assert min(n_drawn.values()) > 500


def test_tokens_with_equal_keys_share_what_is_drawn_against_them() -> None:
    sets = key_sets(by_hand(), ScoreSettings(keys="premise"), word_level())
    owners = dict(zip(sets.positions, sets.owners, strict=True))
    assert owners[21] == owners[24] != owners[27] == owners[29]
    assert len(sets.sets) == 3
    assert sets.sets[owners[24]].first == 21


def test_key_sets_can_change_places_where_they_come_before_the_token() -> None:
    sets = key_sets(by_hand(), ScoreSettings(keys="source_word"), word_level())
    assert [(keys.first, keys.gold) for keys in sets.sets] == [
        (21, (8,)),
        (24, (11,)),
        (27, (4,)),
        (29, (6,)),
        (31, (8, 21)),
        (33, (6, 29)),
    ]
    # the keys of 31 reach up to 21, those of 33 up to 29
    assert sets.exchangeable().astype(int).tolist() == [
        [1, 1, 1, 1, 0, 0],
        [1, 1, 1, 1, 1, 0],
        [1, 1, 1, 1, 1, 0],
        [1, 1, 1, 1, 1, 0],
        [1, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1, 1],
    ]


def test_words_and_sentences_are_read_outside_exemplars() -> None:
    units = text_units(by_hand(), word_level())
    assert units.sentences == (RULE, FACT, QUERY, tuple(range(21, 26)), tuple(range(26, 31)), tuple(range(31, 35)))
    assert [(word.positions, word.lemma) for word in units.words if word.kind is WordKind.NOUN] == [
        ((4,), "sterpus"),
        ((11,), "sterpus"),
        ((24,), "sterpus"),
        ((27,), "sterpus"),
    ]
    shown = align(prontoqa_task(n=1, shots=2).examples[0], byte_bpe())
    units = text_units(shown, byte_bpe())
    exemplars = set(shown.spans["exemplars"])
    assert exemplars
    assert not any(exemplars & set(word.positions) for word in units.words)
    assert not any(exemplars & set(sentence) for sentence in units.sentences)


def test_a_plural_is_a_form_of_its_singular() -> None:
    assert lemma_of("Sterpuses") == lemma_of("sterpus") == "sterpus"
    assert lemma_of("Rex") == "rex"
    # not a concept: its letters alone say nothing
    assert lemma_of("buses") == "buses"


def test_a_span_that_does_not_exist_is_named() -> None:
    with pytest.raises(SpecError, match="keys 'riddle'"):
        key_sets(by_hand(), ScoreSettings(keys="riddle"), word_level())
