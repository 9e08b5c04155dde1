"""Any text is judged, soon, and without a crash."""

import itertools
import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnprobe.tasks.prontoqa.judge import Judgement, judge

QUESTION = "Everything that is a rompus or a tumpus is hot. Max is not hot. Every rompus is red. Rex is a rompus."
QUERY = "Max is not a tumpus and Max is not a rompus."
CASE = (
    "Assume Max is a {}. Max is a rompus or a tumpus. Everything that is a rompus or a tumpus is hot. Max is hot. "
    "This contradicts with Max is not hot. Max is not a {}."
)
PROOF = f"{CASE.format('tumpus', 'tumpus')} {CASE.format('rompus', 'rompus')} {QUERY} "
WORDS = ["".join(letters) for letters in itertools.product(string.ascii_lowercase, repeat=3)]
TOKENS = ["Rex", "Max", "rompus", "rompuses", "tumpus", "hot", "red", "is", "are", "not", "a", "an", "and", "or"]
TOKENS += [",", ".", ";", "since", "so", "because", "therefore"]
TOKENS += ["Every", "Everything", "that", "Assume", "This", "contradicts", "with", "contradiction", "either", "also"]
# of processor time: far above what is needed, far below what a square would take
SOON_S = 60.0


def judged(output: str) -> Judgement:
    return judge(output, question=QUESTION, query=QUERY)


@settings(deadline=None, max_examples=60)
@given(st.text())
def test_any_text_is_judged(output: str) -> None:
    assert judged(output).contain >= judged(output).strict


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from(TOKENS), max_size=60).map(" ".join))
def test_any_words_of_the_grammar_are_judged_the_same_twice(output: str) -> None:
    assert judged(output) == judged(output)


@settings(deadline=None, max_examples=30)
@given(st.text())
def test_any_question_is_read(question: str) -> None:
    assert judge("Max is hot.", question=question, query=QUERY).steps


def long_texts(part: int) -> dict[str, str]:
    """Texts of up to 200,000 characters, or that part of it, each of a kind that some reader would stumble over."""
    return {
        "a proof again and again": PROOF * (120 // part),
        "sentences of no sense": "Max rompus the, hot or! a; " * (2_500 // part),
        "snowmen": "\u2603 \U0001f600\ud800 e\u0301. and" * (13_000 // part),
        "full stops": ". " * (106_000 // part),
        "one claim": "Max is hot. " * (5_000 // part),
        "one sentence": "Max is " + "hot and " * (12_000 // part) + "hot.",
        "nots": "Max is " + "not " * (100_000 // part) + "hot.",
        "since": "Since " + "Max is hot, " * (8_000 // part) + "and Max is red, Max is hot.",
        "so": "Max is hot so " * (5_000 // part) + "Max is red.",
        "assumptions": " ".join(f"Assume Max is {word}." for word in WORDS[: 2000 // part]),
        "a chain of rules": " ".join(
            f"Everything that is {a} is {b}." for a, b in itertools.pairwise(WORDS[: 1000 // part])
        )
        + f" Max is {WORDS[0]}. Max is {WORDS[1000 // part - 1]}.",
        "a web of rules": " ".join(f"Everything that is {a} is {b}." for a, b in itertools.permutations(WORDS[:12], 2))
        + f" Max is {WORDS[30]}. Max is {WORDS[1]}. Max is {WORDS[2]}.",
        "rules that lack their premise": " ".join(f"Every {word} rompus is blue." for word in WORDS[: 2000 // part])
        + " Rex is blue." * (2_000 // part),
        "rules and premises in turn": " ".join(
            f"Every {a} rompus is blue. Rex is blue. Everything that is {b} is {a}. Rex is blue."
            for a, b in zip(WORDS[: 1000 // part], WORDS[1000 : 1000 + 1000 // part], strict=True)
        ),
        "half of each premise": " ".join(
            f"Everything that is {a} and {b} is blue. Rex is {a}. Rex is blue."
            for a, b in zip(WORDS[: 1000 // part], WORDS[1000 : 1000 + 1000 // part], strict=True)
        ),
    }


@pytest.mark.parametrize(
    ("name", "part"),
    [
        *((name, 4) for name in long_texts(4)),
        *(pytest.param(name, 1, marks=pytest.mark.slow) for name in long_texts(1)),
    ],
)
def test_long_text_is_judged_in_little_more_than_linear_time(name: str, part: int) -> None:
    text = long_texts(part)[name]
    start = time.process_time()
    judged(text)
    assert time.process_time() - start < SOON_S / part


def test_a_proof_fifty_times_over_is_strict() -> None:
    assert judged(PROOF * 50).strict
