"""Texts on which the circuits of `tests/circuits_lookup.py` are asked: facts, a question, an answer in two steps.

In: nothing. Out: words, tokenizer and task. A text is

    start .  S Y X .  S Y X .  S Y X .  S Y X .  . .  Q        and its gold        X . Y .

with one fact for each of four subjects, in any order. `Q` asks about a subject (`who_ant` about `ant`), and the answer
is the X of its fact, then its Y. In FIXED texts a subject has the same Y and X in all texts, in FREE ones any. Two full
stops before Q keep heads that look one or two back from seeing a fact.
"""

import random
from enum import StrEnum

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from attnprobe.tasks.collected import CollectedTask
from attnprobe.tasks.example import Corruption, Example, GoldWord, Span, WordKind

SUBJECTS = ("ant", "bee", "cat", "dog")
QUESTIONS = tuple(f"who_{subject}" for subject in SUBJECTS)
FIRSTS = ("red", "tan", "jet", "ash", "bay")
"""X: the first word of an answer. All words are as long, so that no answer is the longer one."""
SECONDS = ("One", "Two", "Six", "Ten", "Nil")
"""Y: the second, with a capital: it begins a sentence."""
STOP, END, START = ".", "end", "start"
WORDS = ("<unk>", START, STOP, END, *SUBJECTS, *QUESTIONS, *FIRSTS, *SECONDS)
"""The vocabulary, by token id."""
FOIL_STEP = 2
"""The foil of subject i is what the text says of subject i + 2; circuits that are misled take subject i + 1."""

PREDICTS_FIRST, PREDICTS_SECOND = 20, 22
"""Positions of the question and of the full stop after X."""


class Texts(StrEnum):
    """Whether the facts can be known beforehand."""

    FREE = "free"
    FIXED = "fixed"


def lookup_tokenizer() -> PreTrainedTokenizerFast:
    """One token a word of `WORDS`, nothing added."""
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<unk>", eos_token=END)


def lookup_task(
    n: int, *, texts: Texts = Texts.FREE, subjects: tuple[int, ...] = (0, 1, 2, 3), seed: int = 0
) -> CollectedTask:
    """Texts that ask about the subjects in turn."""
    rng = random.Random(f"{texts} {seed}")
    examples = tuple(
        _example(f"{texts}-{seed}-{index}", subjects[index % len(subjects)], texts, rng) for index in range(n)
    )
    return CollectedTask(name=f"lookup/{texts}", settings={"seed": seed}, examples=examples)


def _example(name: str, subject: int, texts: Texts, rng: random.Random) -> Example:
    order = rng.sample(range(4), 4)
    firsts, seconds = FIRSTS[:4], SECONDS[:4]
    if texts is Texts.FREE:
        firsts, seconds = rng.sample(FIRSTS, 4), rng.sample(SECONDS, 4)
    facts = {who: f"{SUBJECTS[who]} {seconds[who]} {firsts[who]} {STOP}" for who in order}
    told = " ".join([START, STOP, *facts.values(), STOP, STOP])
    foil = (subject + FOIL_STEP) % 4
    golds = {who: f" {firsts[who]} {STOP} {seconds[who]} {STOP}" for who in (subject, foil)}
    start = told.index(facts[subject])
    spans = {word: _span(told, word, start) for word in facts[subject].split()}
    fact = (Span(start, start + len(facts[subject])),)
    return Example(
        id=name,
        prompt=f"{told} {QUESTIONS[subject]}",
        gold=golds[subject],
        words=_gold_words(golds[subject], spans, fact, foils=(firsts[foil], seconds[foil])),
        spans={"fact": fact},
        corruptions=(Corruption(word=0, foil=firsts[foil], prompt=f"{told} {QUESTIONS[foil]}", gold=golds[foil]),),
    )


def _span(text: str, word: str, start: int) -> Span:
    at = text.index(word, start)
    return Span(at, at + len(word))


def _gold_words(
    gold: str, source: dict[str, Span], fact: tuple[Span, ...], foils: tuple[str, str]
) -> tuple[GoldWord, ...]:
    words: list[GoldWord] = []
    at = 0
    for place, word in enumerate(gold.split()):
        span = _span(gold, word, at)
        at = span.end
        if word == STOP:
            words.append(GoldWord(span=span, kind=WordKind.UNLICENSED, premise=(), source_word=()))
        else:
            words.append(
                GoldWord(
                    span=span,
                    kind=WordKind.OTHER,
                    premise=fact,
                    source_word=(source[word],),
                    foils=(foils[place // 2],),
                )
            )
    return tuple(words)


def fact_position(example: Example) -> int:
    """Position of S of the fact that is asked for; Y, X and the full stop follow."""
    return len(example.prompt[: example.spans["fact"][0].start].split())


def ids_of(text: str) -> list[int]:
    """Token ids of a text."""
    return [WORDS.index(word) for word in text.split()]
