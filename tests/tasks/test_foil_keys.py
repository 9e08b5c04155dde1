"""Where a text says a foil, counted by hand."""

from attnprobe.tasks.alignment import align
from attnprobe.tasks.example import Example, GoldWord, KeyDefinition, Span, WordKind
from tests.tasks.made_tokenizers import word_level

TOKEN_MATCH, PREMISE, SOURCE_WORD, REST = KeyDefinition
PROMPT = "Rex is a sterpus . Sterpuses are hot . Every dumpus is a lempus . Dumpuses are cold . Is Rex a dumpus ?"


def example(gold: str, foil: str, source: str, **options: object) -> Example:
    sentence = next(part for part in PROMPT.split(" . ") if source in part)
    at = PROMPT.index(sentence)
    word = PROMPT.index(source, at)
    return Example(
        id="a",
        prompt=PROMPT,
        gold=f" {gold}",
        words=(
            GoldWord(
                span=Span(1, 1 + len(gold)),
                kind=WordKind.NOUN,
                premise=(Span(at, at + len(sentence) + 2),),
                source_word=(Span(word, word + len(source)),),
                foils=(foil,),
            ),
        ),
        **options,
    )


def keys(one: Example) -> dict[KeyDefinition, tuple[int, ...]]:
    (target,) = align(one, word_level()).targets
    return dict(target.foil_keys)


def test_a_foils_keys_are_where_it_is_said_in_either_number_and_the_sentences_around() -> None:
    """0 [BOS]  1 Rex 2 is 3 a 4 sterpus 5 .  6 Sterpuses 7 are 8 hot 9 .  10 Every 11 dumpus 12 is 13 a 14 lempus 15 .
    16 Dumpuses 17 are 18 cold 19 .  20 Is 21 Rex 22 a 23 dumpus 24 ? | 25 sterpus"""
    found = keys(example("sterpus", "dumpus", "sterpus"))
    assert found[TOKEN_MATCH] == (11, 23)
    assert found[SOURCE_WORD] == (11, 16, 23)
    assert found[PREMISE] == tuple(range(10, 25))
    assert found[REST] == (10, 12, 13, 14, 15, 17, 18, 19, 20, 21, 22, 24)


def test_keys_of_the_gold_word_are_none_of_the_foils() -> None:
    found = keys(example("dumpus", "lempus", "dumpus"))
    assert found[SOURCE_WORD] == (14,)
    assert found[PREMISE] == found[REST] == ()


def test_a_foil_that_is_not_said_has_no_keys_and_exemplars_say_nothing() -> None:
    assert set(keys(example("sterpus", "brimpus", "sterpus")).values()) == {()}
    hidden = {"exemplars": (Span(0, PROMPT.index("Every")),)}
    assert keys(example("dumpus", "hot", "dumpus", spans=hidden))[PREMISE] == ()


def test_without_a_foil_there_are_no_foil_keys() -> None:
    (target,) = align(Example(id="a", prompt="Rex is", gold=" hot"), word_level()).targets
    assert target.foil is None
    assert not target.foil_keys
