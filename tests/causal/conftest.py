"""A tiny model with random weights and made-up examples, for tests of the causal room."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from attnprobe.models.model import Model, Provenance
from attnprobe.models.native import NativeModel
from attnprobe.tasks.example import Corruption, Example, GoldWord, Span, WordKind
from tests.models.architectures import VOCAB, Architecture, build_model, build_tokenizer

N_GOLD = 6
N_WORDS = VOCAB - 3


@pytest.fixture(scope="session")
def tiny() -> Model:
    """Llama with grouped keys: three layers of four query heads on two key heads."""
    return _native(Architecture.LLAMA)


@pytest.fixture(scope="session")
def windowed() -> Model:
    """Mistral with a window of four tokens in every layer."""
    return _native(Architecture.MISTRAL)


def _native(architecture: Architecture) -> Model:
    provenance = Provenance(name=architecture.value, revision=None, architecture=architecture.value)
    return NativeModel(build_model(architecture), tokenizer=build_tokenizer(), provenance=provenance)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ListTask:
    """A task that is a list of examples."""

    examples: Sequence[Example]
    name: str = "made-up"
    settings: Mapping[str, str | int | None] = field(default_factory=dict[str, str | int | None])


def made_up(name: str, *, seed: int, length: int = 20, keys: Sequence[int] | None = None) -> Example:
    """Random words `w0 w1 ...`, one token each; every second gold word has three random source words.

    Words number 6 to 8 are the span `middle`. The corrupted version differs at word 5 and at the third gold word.

    Args:
        name: id of the example.
        seed: of the words and keys.
        length: words in all, the last `N_GOLD` of them gold.
        keys: the source words of every licensed gold word, by number, instead of random ones.
    """
    rng = random.Random(seed)
    words = [f"w{rng.randrange(N_WORDS)}" for _ in range(length)]
    first = length - N_GOLD
    starts = [sum(len(word) + 1 for word in words[:number]) for number in range(length)]
    shift = starts[first] - 1

    def spans(numbers: Sequence[int]) -> tuple[Span, ...]:
        return tuple(Span(starts[number], starts[number] + len(words[number])) for number in numbers)

    gold_words = []
    for number in range(first, length):
        chosen = sorted(keys or rng.sample(range(1, number - 1), 3))
        is_licensed = (number - first) % 2 == 0
        start = starts[number] - shift
        kind = WordKind.NOUN if (number - first) % 4 else WordKind.NAME
        gold_words.append(
            GoldWord(
                span=Span(start, start + len(words[number])),
                kind=kind if is_licensed else WordKind.UNLICENSED,
                premise=spans(chosen) if is_licensed else (),
                source_word=spans(chosen) if is_licensed else (),
                foils=(_next(words[number]),) if is_licensed else (),
            )
        )
    corrupted = list(words)
    corrupted[5], corrupted[first + 2] = _next(words[5]), _next(words[first + 2])
    return Example(
        id=name,
        prompt=" ".join(words[:first]),
        gold=" " + " ".join(words[first:]),
        words=tuple(gold_words),
        spans={"middle": (Span(starts[6], starts[8] + len(words[8])),)},
        corruptions=(
            Corruption(
                word=2,
                foil=corrupted[first + 2],
                prompt=" ".join(corrupted[:first]),
                gold=" " + " ".join(corrupted[first:]),
            ),
        ),
    )


def _next(word: str) -> str:
    return f"w{(int(word[1:]) + 1) % N_WORDS}"


def made_up_task(n: int = 10, *, keys: Sequence[int] | None = None) -> ListTask:
    """`n` made-up examples of different lengths."""
    return ListTask(
        examples=[made_up(f"made-up-{number}", seed=number, length=18 + number % 5, keys=keys) for number in range(n)]
    )
