"""Texts of made-up words whose categories are told by their numbers, and attention written down by hand.

In: nothing. Out: a tagger, a task, and the statistics of a pattern without a model.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from attnprobe.kernels import StoredPattern
from attnprobe.plan import LayerAttention, Tokens
from attnprobe.tasks.example import Span
from attnprobe.tasks.parts_of_speech import Category, TaggedWord
from tests.causal.conftest import ListTask, made_up

BY_NUMBER = (Category.NOUN, Category.VERB, Category.DET, Category.ADJ)


class NumberTagger:
    """`w0` is a noun, `w1` a verb, `w2` a determiner, `w3` an adjective, `w4` a noun, ...; or as it is told."""

    def __init__(self, told: Mapping[str, Category] | None = None) -> None:
        self._told = told

    @property
    def name(self) -> str:
        return "numbers"

    def tag(self, text: str) -> tuple[TaggedWord, ...]:
        return tuple(
            TaggedWord(Span(match.start(), match.end()), self._category(match.group()))
            for match in re.finditer(r"\S+", text)
        )

    def _category(self, word: str) -> Category:
        return BY_NUMBER[int(word[1:]) % 4] if self._told is None else self._told.get(word, Category.OTHER)


def task(n: int = 5) -> ListTask:
    """Examples of 18 to 22 words, the last six of them gold."""
    return ListTask(examples=[made_up(f"e{number}", seed=number, length=18 + number % 5) for number in range(n)])


def stored(*patterns: list[list[float]] | Tensor, layer: int = 0) -> LayerAttention:
    """One head's pattern for each sequence, left-padded into one batch."""
    rows = [torch.as_tensor(pattern, dtype=torch.float64) for pattern in patterns]
    tokens = Tokens.of([[0] * len(row) for row in rows])
    whole = torch.zeros(len(rows), 1, tokens.width, tokens.width, dtype=torch.float64)
    for index, row in enumerate(rows):
        start = tokens.padding(index)
        whole[index, 0, start:, start:] = row
    source = StoredPattern(pattern=whole, starts=tokens.starts)
    return LayerAttention(layer=layer, tokens=tokens, source=source, value=torch.zeros(len(rows), 1, tokens.width, 2))
