"""A tiny model with random weights and hand-made examples, for tests of the causal room."""

import random
from collections.abc import Sequence

import pytest

from attnprobe.models.model import Model, Provenance
from attnprobe.models.native import NativeModel
from attnprobe.tasks import AlignedCorruption, AlignedExample, Example, KeyDefinition, Target, WordKind
from tests.models.architectures import VOCAB, Architecture, build_model, build_tokenizer

N_GOLD = 6


@pytest.fixture(scope="session")
def tiny() -> Model:
    """Llama with grouped keys: three layers of four query heads on two key heads."""
    provenance = Provenance(name="tiny", revision=None, architecture="LlamaForCausalLM")
    return NativeModel(build_model(Architecture.LLAMA), tokenizer=build_tokenizer(), provenance=provenance)


@pytest.fixture(scope="session")
def windowed() -> Model:
    """Mistral with a window of four tokens in every layer."""
    provenance = Provenance(name="windowed", revision=None, architecture="MistralForCausalLM")
    return NativeModel(build_model(Architecture.MISTRAL), tokenizer=build_tokenizer(), provenance=provenance)


def made_up(name: str, *, seed: int, length: int = 20, keys: Sequence[int] | None = None) -> AlignedExample:
    """Random tokens; every second gold token has three random keys (or the keys given), the others are unlicensed.

    The corrupted version differs at position 5 and at the third gold token.
    """
    rng = random.Random(seed)
    ids = tuple(rng.randrange(VOCAB - 3) for _ in range(length))
    first = length - N_GOLD
    targets = tuple(_target(position, ids, first, rng, keys) for position in range(first, length))
    at = first + 2
    corrupted = list(ids)
    corrupted[5], corrupted[at] = (ids[5] + 1) % (VOCAB - 3), (ids[at] + 1) % (VOCAB - 3)
    return AlignedExample(
        example=Example(id=name, prompt="prompt", gold=" gold"),
        ids=ids,
        prompt_length=first,
        special=(0,),
        targets=targets,
        spans={"middle": (6, 7, 8)},
        corruption=AlignedCorruption(ids=tuple(corrupted), position=at, gold=ids[at], foil=corrupted[at]),
    )


def _target(position: int, ids: tuple[int, ...], first: int, rng: random.Random, keys: Sequence[int] | None) -> Target:
    if (position - first) % 2:
        return Target(position=position, token=ids[position], kind=WordKind.UNLICENSED)
    chosen = tuple(sorted(keys or rng.sample(range(1, position - 1), 3)))
    return Target(
        position=position,
        token=ids[position],
        kind=WordKind.NOUN if (position - first) % 4 else WordKind.NAME,
        keys={KeyDefinition.SOURCE_WORD: chosen},
        foil=(ids[position] + 1) % (VOCAB - 3),
    )
