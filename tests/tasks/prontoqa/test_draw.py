"""Words are drawn once each, and a seed draws the same words."""

from random import Random

from attnprobe.tasks.prontoqa.draw import Draw
from attnprobe.tasks.prontoqa.vocabulary import CONCEPTS, FAMILY_OF, IRRELEVANT_CONCEPTS, NAMES


def test_no_word_and_no_family_is_drawn_twice() -> None:
    draw = Draw(Random(1))
    names = {draw.name() for _ in NAMES}
    concepts = {concept.lemma for concept in draw.concepts(len(CONCEPTS))}
    families = {FAMILY_OF[quality.lemma] for quality in draw.qualities(13)}
    assert (names, concepts, len(families)) == (set(NAMES), set(CONCEPTS), 13)


def test_what_is_drawn_aside_shares_names_and_families_but_no_concept() -> None:
    draw = Draw(Random(2))
    aside = draw.aside()
    drawn = [supply.name() for supply in (draw, aside) * 4]
    assert len(set(drawn)) == 8
    assert {concept.lemma for concept in aside.concepts(21)} == set(IRRELEVANT_CONCEPTS)
    assert {concept.lemma for concept in draw.concepts(17)} == set(CONCEPTS)
    families = [FAMILY_OF[supply.quality().lemma] for supply in (draw, aside) * 6]
    assert len(set(families)) == 12


def test_a_seed_draws_the_same_words() -> None:
    one, two, other = (Draw(Random(seed)) for seed in (3, 3, 4))
    drawn = [(draw.name(), draw.concepts(5), draw.qualities(3), draw.wording()) for draw in (one, two, other)]
    assert drawn[0] == drawn[1] != drawn[2]
