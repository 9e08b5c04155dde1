"""What licenses each gold word: worked out by hand for every rule, then laws."""

from hypothesis import given, settings
from hypothesis import strategies as st

from attnprobe.tasks.example import Example, WordKind
from attnprobe.tasks.prontoqa.examples import example_of
from attnprobe.tasks.prontoqa.generate import ProntoqaSpec, exemplars_at, problem_at
from attnprobe.tasks.prontoqa.rules import Rule
from attnprobe.tasks.prontoqa.writing import item_of
from tests.tasks.prontoqa.scripted import scripted
from tests.tasks.prontoqa.test_generate import specs


def steps_of(example: Example) -> list[tuple[str, list[str], str]]:
    """For each sentence or clause with content words: its text, its premises' texts, and its words with the number
    of their source words.
    """
    steps: list[tuple[str, list[str], str]] = []
    text, shift = example.text, len(example.prompt)
    for word in example.words:
        if word.kind is WordKind.UNLICENSED:
            continue
        premise = [text[span.start : span.end] for span in word.premise]
        begin = max(text.rfind(mark, 0, shift + word.span.start) for mark in (". ", "A: ", "\n ", ", ")) + 2
        end = min(at for at in (text.find(mark, begin) for mark in ".,") if at >= 0)
        clause, count = (
            text[begin:end].strip(),
            f"{example.gold[word.span.start : word.span.end]}:{len(word.source_word)}",
        )
        if steps and steps[-1][0] == clause and steps[-1][1] == premise:
            steps[-1] = (clause, premise, f"{steps[-1][2]} {count}")
        else:
            steps.append((clause, premise, count))
    return steps


def hand_made(rule: Rule, hops: int, **script: object) -> list[tuple[str, list[str], str]]:
    return steps_of(example_of(scripted(rule, hops, **script), example_id="by hand"))


def test_implication_elimination_by_hand() -> None:
    """Q: Every sterpus is a lempus. Every lempus is hot. Rex is a sterpus. Prove: Rex is hot."""
    fact, first, second = "Rex is a sterpus.", "Every sterpus is a lempus.", "Every lempus is hot."
    assert hand_made(Rule.IMPLICATION_ELIMINATION, 2, name="Rex", concepts="sterpus lempus", qualities="hot") == [
        ("Rex is a sterpus", [fact], "Rex:1 sterpus:1"),
        ("Every sterpus is a lempus", [first], "sterpus:1 lempus:1"),
        # question: rule, fact; proof: fact, rule
        ("Rex is a lempus", [first, fact, fact, first], "Rex:2 lempus:2"),
        ("Every lempus is hot", [second], "lempus:1 hot:1"),
        # the antecedent was derived, so it stands in the proof alone
        ("Rex is hot", [second, "Rex is a lempus.", second], "Rex:1 hot:2"),
    ]


def test_conjunction_introduction_by_hand() -> None:
    """Q:  Rex is a sterpus. Rex is hot. Prove: Rex is a hot sterpus."""
    noun, quality = "Rex is a sterpus.", "Rex is hot."
    assert hand_made(Rule.CONJUNCTION_INTRODUCTION, 1, name="Rex", concepts="sterpus", qualities="hot") == [
        ("Rex is a sterpus", [noun], "Rex:1 sterpus:1"),
        ("Rex is hot", [quality], "Rex:1 hot:1"),
        ("Rex is a hot sterpus", [noun, quality, noun, quality], "Rex:4 hot:2 sterpus:2"),
    ]


def test_conjunction_elimination_by_hand() -> None:
    """Q: Every vumpus is an old impus. Rex is a shy vumpus. Prove: Rex is an impus."""
    fact, rule = "Rex is a shy vumpus.", "Every vumpus is an old impus."
    assert hand_made(Rule.CONJUNCTION_ELIMINATION, 2, name="Rex", concepts="vumpus impus", qualities="shy old") == [
        ("Rex is a shy vumpus", [fact], "Rex:1 shy:1 vumpus:1"),
        ("Rex is a vumpus", [fact, fact], "Rex:2 vumpus:2"),
        ("Every vumpus is an old impus", [rule], "vumpus:1 old:1 impus:1"),
        ("Rex is an old impus", [rule, "Rex is a vumpus.", rule], "Rex:1 old:2 impus:2"),
        ("Rex is an impus", ["Rex is an old impus."], "Rex:1 impus:1"),
    ]


def test_disjunction_introduction_by_hand() -> None:
    """Q: Everything that is shy or a lorpus is an impus. Alex is a lorpus. Prove: Alex is hot or an impus."""
    fact, rule = "Alex is a lorpus.", "Everything that is shy or a lorpus is an impus."
    assert hand_made(Rule.DISJUNCTION_INTRODUCTION, 2, name="Alex", concepts="lorpus impus", qualities="shy hot") == [
        ("Alex is a lorpus", [fact], "Alex:1 lorpus:1"),
        # `shy` is asked for by the rule that the step will meet
        ("Alex is shy or a lorpus", [rule, fact, fact], "Alex:2 shy:1 lorpus:3"),
        ("Everything that is shy or a lorpus is an impus", [rule], "shy:1 lorpus:1 impus:1"),
        ("Alex is an impus", [rule, "Alex is shy or a lorpus.", rule], "Alex:1 impus:2"),
        # `hot` is asked for by the query
        ("Alex is hot or an impus", ["Alex is hot or an impus.", "Alex is an impus."], "Alex:2 hot:1 impus:2"),
    ]


def test_disjunction_elimination_by_hand() -> None:
    """Q: Every lempus is a shumpus. Every impus is a shumpus. Fae is a lempus or an impus. Prove: Fae is a shumpus."""
    one, two = "Every lempus is a shumpus.", "Every impus is a shumpus."
    cases, end = "Fae is a lempus or an impus.", "Fae is a shumpus."
    assert hand_made(Rule.DISJUNCTION_ELIMINATION, 1, name="Fae", concepts="lempus impus shumpus") == [
        # an assumption's premise is the disjunct that it takes, with the subject that both share
        ("Assume Fae is a lempus", ["Fae is a lempus"], "Fae:1 lempus:1"),
        ("Every lempus is a shumpus", [one], "lempus:1 shumpus:1"),
        ("Fae is a shumpus", [one, "Assume Fae is a lempus.", one], "Fae:1 shumpus:2"),
        ("Assume Fae is an impus", ["Fae is", "an impus"], "Fae:1 impus:1"),
        ("Every impus is a shumpus", [two], "impus:1 shumpus:1"),
        ("Fae is a shumpus", [two, "Assume Fae is an impus.", two], "Fae:1 shumpus:2"),
        ("Since Fae is a lempus or an impus", [cases], "Fae:1 lempus:1 impus:1"),
        # the disjunction, both cases, and the disjunction's restatement just before
        ("Fae is a shumpus", [cases, end, end, "Since Fae is a lempus or an impus,"], "Fae:4 shumpus:2"),
    ]


def test_proof_by_contradiction_by_hand() -> None:
    """Q: Everything that is a lempus or an impus is a yumpus. Fae is not a yumpus.

    Prove: Fae is not an impus and Fae is not a lempus.
    """
    rule, fact = "Everything that is a lempus or an impus is a yumpus.", "Fae is not a yumpus."
    either, contrary, against = "Fae is a lempus or an impus.", "Fae is a yumpus.", f"This contradicts with {fact}"
    assert hand_made(Rule.PROOF_BY_CONTRADICTION, 1, name="Fae", concepts="lempus impus yumpus") == [
        # an assumption's premise is the part of the goal that it denies
        ("Assume Fae is an impus", ["Fae is not an impus"], "Fae:1 impus:1"),
        ("Fae is a lempus or an impus", [rule, "Assume Fae is an impus."], "Fae:1 lempus:1 impus:2"),
        ("Everything that is a lempus or an impus is a yumpus", [rule], "lempus:1 impus:1 yumpus:1"),
        ("Fae is a yumpus", [rule, either, rule], "Fae:1 yumpus:2"),
        ("This contradicts with Fae is not a yumpus", [fact, contrary], "Fae:2 yumpus:2"),
        ("Fae is not an impus", ["Assume Fae is an impus.", against], "Fae:2 impus:1"),
        ("Assume Fae is a lempus", ["Fae is not a lempus"], "Fae:1 lempus:1"),
        # the second case sees the restatements of the first, for the question's sentences are restated there
        ("Fae is a lempus or an impus", [rule, rule, "Assume Fae is a lempus."], "Fae:1 lempus:3 impus:2"),
        ("Everything that is a lempus or an impus is a yumpus", [rule, rule], "lempus:2 impus:2 yumpus:2"),
        ("Fae is a yumpus", [rule, rule, either, rule], "Fae:1 yumpus:3"),
        ("This contradicts with Fae is not a yumpus", [fact, against, contrary], "Fae:3 yumpus:3"),
        ("Fae is not a lempus", ["Assume Fae is a lempus.", against], "Fae:2 lempus:1"),
        (
            "Fae is not an impus and Fae is not a lempus",
            ["Fae is not an impus.", "Fae is not a lempus."],
            "Fae:2 impus:1 Fae:2 lempus:1",
        ),
    ]


@given(specs(most_shots=2), st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_every_content_word_has_a_source_before_it_inside_its_premise(spec: ProntoqaSpec, index: int) -> None:
    problem = problem_at(spec, index)
    shown = exemplars_at(spec, index, beside=item_of(problem))
    example = example_of(problem, example_id="law", exemplars=shown)
    exemplars = example.spans["exemplars"]
    for word in example.words:
        written = example.gold[word.span.start : word.span.end]
        if word.kind is WordKind.UNLICENSED:
            assert word.premise == word.source_word == word.foils == ()
            continue
        assert word.source_word, f"{written} comes from nowhere"
        stem = written.lower().removesuffix("es") if word.kind is WordKind.NOUN else written
        for span in word.source_word:
            assert any(each.start <= span.start and span.end <= each.end for each in word.premise)
            assert example.text[span.start : span.end].lower().removesuffix("es") in (stem, stem.lower())
        for span in word.premise:
            assert span.end <= len(example.prompt) + word.span.start
            assert not exemplars or span.start >= exemplars[0].end


@given(specs(), st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_no_distractor_is_ever_a_premise_and_every_other_sentence_is_one(spec: ProntoqaSpec, index: int) -> None:
    example = example_of(problem_at(spec, index), example_id="law")
    used = {span for word in example.words for span in word.premise}
    distractors = example.spans["distractors"]
    assert not used & set(distractors)
    for needed in (*example.spans["facts"], *example.spans["rules"]):
        assert any(needed.start <= span.start < needed.end for span in used)
    assert all(span.end <= example.spans["question"][0].end for span in distractors)


@given(specs(), st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_the_words_are_the_gold_text_and_nothing_is_left_over(spec: ProntoqaSpec, index: int) -> None:
    example = example_of(problem_at(spec, index), example_id="law")
    rest = list(example.gold)
    for word in example.words:
        rest[word.span.start : word.span.end] = " " * (word.span.end - word.span.start)
    assert not "".join(rest).strip()
    for span in example.spans["question"]:
        sentences = (*example.spans["facts"], *example.spans["rules"], *example.spans["distractors"])
        assert sum(each.end - each.start for each in sentences) + len(sentences) - 1 == span.end - span.start
