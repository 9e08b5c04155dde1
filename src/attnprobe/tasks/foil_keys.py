"""What the keys of a gold word would be were its foil the right word: where the text says the foil.

In: an example and its tokens. Out: for a foil at a gold token, key positions by definition.

The source word of a foil is every earlier word equal to it, but for its capital and a final `s` or `es`; its premise
is every earlier finished sentence that holds one. Exemplars are left out, as they license nothing. What is a key of
the gold word under the same definition is none of the foil's, so that the two sides of a mirror have no key in common.
`premise_rest` of the foil also leaves the gold word's own source out. A foil that the text does not say has no keys.
"""

import re
from collections.abc import Iterator, Mapping

from attnprobe.tasks.example import Example, KeyDefinition, Span
from attnprobe.tasks.sentence_spans import sentence_spans
from attnprobe.tasks.swaps import FoundFoil
from attnprobe.tasks.tokens import TokenizedText

_EXEMPLARS = "exemplars"
_WORD = re.compile(r"\w+")


class SaidBefore:
    """Where words and sentences of a text stand, in tokens.

    Args:
        example: the example.
        tokens: its tokens.
    """

    def __init__(self, example: Example, tokens: TokenizedText) -> None:
        barred = example.spans.get(_EXEMPLARS, ())
        self._tokens = tokens
        self._words = [
            (match.group().casefold(), Span(*match.span()))
            for match in _WORD.finditer(example.text)
            if not any(span.start <= match.start() < span.end for span in barred)
        ]
        self._sentences = sentence_spans(example.text, in_lower_case=True)

    def keys(
        self, foil: FoundFoil, gold: Mapping[KeyDefinition, tuple[int, ...]], equal: tuple[int, ...]
    ) -> dict[KeyDefinition, tuple[int, ...]]:
        """The keys of a foil.

        Args:
            foil: where it parts from the gold word.
            gold: the keys of the gold token there, by definition.
            equal: earlier tokens equal to the foil's.

        Returns:
            For each definition that the gold token has, sorted positions before it.
        """
        said = list(self._said(foil))
        source = {key for span in said for key in self._tokens.covering(span)}
        premise = {
            key
            for sentence in self._sentences
            if any(sentence.start <= span.start < sentence.end for span in said)
            for key in self._tokens.covering(sentence)
            if self._is_finished(sentence, foil)
        }
        of_gold = {definition: set(keys) for definition, keys in gold.items()}
        found = {KeyDefinition.TOKEN_MATCH: set(equal)}
        if KeyDefinition.PREMISE in gold:
            found[KeyDefinition.SOURCE_WORD] = source - of_gold[KeyDefinition.SOURCE_WORD]
            found[KeyDefinition.PREMISE] = premise - of_gold[KeyDefinition.PREMISE]
            found[KeyDefinition.PREMISE_REST] = found[KeyDefinition.PREMISE] - source
        return {definition: tuple(sorted(keys)) for definition, keys in found.items()}

    def _said(self, foil: FoundFoil) -> Iterator[Span]:
        written = _WORD.search(foil.word)
        if written is None:
            return
        start, _ = self._tokens.core(foil.position)
        for word, span in self._words:
            if span.end <= start and _is_form_of(word, written.group().casefold()):
                yield span

    def _is_finished(self, sentence: Span, foil: FoundFoil) -> bool:
        start, _ = self._tokens.core(foil.position)
        return sentence.end <= start


def _is_form_of(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return long in (short, f"{short}s", f"{short}es")
