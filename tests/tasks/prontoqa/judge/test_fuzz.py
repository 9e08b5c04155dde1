"""No text whatever stops the judge, and its time grows with the text."""

import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnprobe.tasks.prontoqa.judge import judge
from attnprobe.tasks.prontoqa.judge.sound import soundness_of
from attnprobe.tasks.prontoqa.judge.verdict import conclusion_of

QUESTION = (
    "Every wumpus is a lempus. Everything that is hot or a lempus is shy. Rex is a wumpus. Max is hot or a lempus."
)
QUERY = "Prove: Rex is shy."
WORDS = [
    *[
        "Rex",
        "Max",
        "wumpus",
        "wumpuses",
        "lempus",
        "lempuses",
        "hot",
        "shy",
        "red",
        "is",
        "are",
        "not",
        "a",
        "an",
        "each",
        "every",
        "all",
        "everything",
        "that",
        "and",
        "or",
    ],
    *[
        "assume",
        "Assume",
        "Since",
        "since",
        "so",
        "therefore",
        "because",
        "This",
        "contradicts",
        "with",
        "proves",
        "a",
        "contradiction",
    ],
    *["Q:", "A:", "Prove:", "-", "1", "é", ",", ".", ";", "\n\n"],
]

# lone surrogates included: a tokenizer's output may hold them
ANY_TEXT = st.text(st.characters(codec=None), max_size=200)
GARBAGE = st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join)


@given(output=st.one_of(ANY_TEXT, GARBAGE), question=st.one_of(GARBAGE, st.just(QUESTION)))
@settings(max_examples=150, deadline=None)
def test_no_text_stops_the_judge_and_verdicts_hold_together(output: str, question: str) -> None:
    found = judge(output, question=question, query=QUERY)
    assert found.valid == (found.first_wrong_step is None) == (not found.wrong_because)
    assert found.contain or not found.strict
    if found.valid:
        assert not found.unparseable
    if found.first_wrong_step is not None:
        assert found.first_wrong_step >= 0


def chain(length: int) -> tuple[str, str, str]:
    """A question of many rules and its proof, all needed."""
    links = [f"p{index}" for index in range(length)]
    rules = [f"Everything that is {one} is {two}." for one, two in pairwise(links)]
    steps = [f"{rule} Rex is {two}." for rule, two in zip(rules, links[1:], strict=True)]
    return f"{' '.join(rules)} Rex is p0.", f"Rex is {links[-1]}.", f"Rex is p0. {' '.join(steps)}"


LONG: dict[str, Callable[[int], str]] = {
    "the same sentence": lambda n: "Rex is a wumpus. " * n,
    "the same proof": lambda n: "Rex is a wumpus. Every wumpus is a lempus. Rex is a lempus. " * n,
    "new words": lambda n: " ".join(f"Rex is a wumpus or w{index}." for index in range(n)),
    "one long list": lambda n: f"Rex is a lempus or {' or '.join(f'w{index}' for index in range(n))}.",
    "many nots": lambda n: f"Rex is {'not ' * n}a wumpus.",
    "assumptions": lambda n: " ".join(f"Assume Rex is w{index}." for index in range(n)),
    "cases that never close": lambda n: "Assume Max is hot. Max is shy. " * n,
    "refutations": lambda n: "Assume Rex is not a wumpus. This contradicts with Rex is a wumpus. Rex is a wumpus. " * n,
    "no sentence end": lambda n: "Rex is a wumpus " * n,
    "dots": lambda n: "." * n,
    "brackets": lambda n: "(" * n + ")" * n + ".",
    "since": lambda n: "Since Rex is a wumpus, " * n + "Rex is a lempus.",
}


def seconds(output: str, question: str = QUESTION, query: str = QUERY) -> float:
    started = process_time()
    soundness_of(output, question=question, goal=conclusion_of(query=query))
    return process_time() - started


@pytest.mark.parametrize("kind", LONG)
def test_time_grows_with_the_text(kind: str) -> None:
    """Four times the text takes less than six times as long; a quadratic judge would take sixteen."""
    assert ratio(lambda n: seconds(LONG[kind](n)), 250) < 6


def test_time_grows_with_the_number_of_rules() -> None:
    def of(length: int) -> float:
        question, goal, proof = chain(length)
        return seconds(proof, question, goal)

    assert ratio(of, 150) < 6
    question, goal, proof = chain(300)
    assert soundness_of(proof, question=question, goal=conclusion_of(query=goal)).valid


def ratio(of: Callable[[int], float], size: int) -> float:
    """Time at four times the size by time at the size; the best of three, for others use the machine too."""
    of(size)
    small = min(of(size) for _ in range(3))
    large = min(of(4 * size) for _ in range(3))
    # what takes no time at either size is linear enough
    return 1.0 if large < 0.02 else large / small


def test_a_megabyte_is_judged_in_seconds() -> None:
    """As users run it: the type checks of these tests alone take several times as long."""
    source = Path(__file__).parents[4] / "src"
    code = (
        f"import sys, time; sys.path.insert(0, {str(source)!r}); from attnprobe import judge\n"
        "text = 'Rex is a wumpus. Every wumpus is a lempus. Rex is a lempus. ' * 17_500\n"
        "started = time.process_time()\n"
        "found = judge(text, question='Rex is a wumpus. Every wumpus is a lempus.', query='Rex is a lempus.')\n"
        "print(len(text), found.strict, time.process_time() - started)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    length, strict, took = done.stdout.split()
    assert (int(length) > 1_000_000, strict) == (True, "True")
    assert float(took) < 20
