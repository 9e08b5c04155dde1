"""Sentences of an example in tokens, and which licenses which."""

from attnprobe.attention.sentences import sentences_of
from attnprobe.tasks.alignment import align
from attnprobe.tasks.example import Example
from attnprobe.tasks.prontoqa.generate import prontoqa_task
from attnprobe.tasks.prontoqa.rules import Rule
from tests.tasks.made_tokenizers import byte_bpe, sentencepiece_bpe


def test_a_proof_of_two_steps_by_hand() -> None:
    example = prontoqa_task(n=1, hops=1, shots=1).examples[0]
    found = sentences_of(align(example, byte_bpe()), byte_bpe())
    texts = [example.text[one.span.start : one.span.end] for one in found]
    roles = [one.role for one in found]
    assert roles == ["exemplars"] * 6 + ["question"] * 2 + ["query"] + ["gold"] * 3
    rule, fact, _, *proof = range(6, 12)
    assert texts[proof[0]] == texts[fact]
    assert texts[proof[1]] == texts[rule]
    assert found[proof[0]].licensed_by == (fact,)
    assert found[proof[1]].licensed_by == (rule,)
    assert found[proof[2]].licensed_by == (rule, fact, proof[0], proof[1])
    assert all(one.licensed_by is None for one in found[:9])


def test_an_assumption_is_licensed_by_the_sentence_that_it_is_taken_from() -> None:
    for rule in (Rule.DISJUNCTION_ELIMINATION, Rule.PROOF_BY_CONTRADICTION):
        example = prontoqa_task(rule=rule, n=1).examples[0]
        found = sentences_of(align(example, byte_bpe()), byte_bpe())
        assumption = next(one for one in found if one.role == "gold")
        assert example.text[assumption.span.start :].startswith("Assume")
        (licence,) = assumption.licensed_by or ()
        assert found[licence].role == ("query" if rule is Rule.PROOF_BY_CONTRADICTION else "question")


def test_positions_hold_the_sentence_and_no_special_token() -> None:
    tokenizer = sentencepiece_bpe()
    for example in prontoqa_task(n=5, rule=Rule.COMPOSED).examples:
        aligned = align(example, tokenizer)
        found = sentences_of(aligned, tokenizer)
        assert not {position for one in found for position in one.positions} & set(aligned.special)
        for one in found:
            text = tokenizer.decode([aligned.ids[position] for position in one.positions])
            assert example.text[one.span.start : one.span.end] in text


def test_text_that_knows_no_sources_has_sentences_without_licences() -> None:
    example = Example(id="1", prompt="Q: It rains. Is it wet?\nA:", gold=" It is. So yes.")
    found = sentences_of(align(example, byte_bpe()), byte_bpe())
    assert [one.role for one in found] == ["other", "other", "gold", "gold"]
    assert all(one.licensed_by is None for one in found)
