"""Where in the gold text a model is that writes it token by token, and where it left it.

In: an aligned example, its tokenizer, tokens written after its prompt. Out: `Place`s. A pure function of the tokens.

What was written *agrees* with the gold as long as its tokens are the gold's first ones, or its text, white space
counting as one space and none at the ends, is the beginning of the gold's. Text only grows, so that what has left the
gold stays off it: a token that is written differently, another sentence first, or a sentence left out all leave it.
Steps are the sentences of the gold.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from attnprobe.tasks import AlignedExample, TextTokenizer
from attnprobe.tasks.sentence_spans import sentence_spans
from attnprobe.tasks.tokens import REPLACEMENT, tokenize


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How far the writing of a gold text is.

    Attributes:
        target: index of the gold token that comes next, or that should have come where the text left the gold; None
            past the gold's end.
        written: how many new tokens agree with the gold.
        is_off: whether the text has left the gold.
    """

    target: int | None
    written: int
    is_off: bool = False


class GoldText:
    """The gold text of one example, to be followed while it is written.

    Args:
        aligned: the example.
        tokenizer: of the model that writes.
    """

    def __init__(self, aligned: AlignedExample, tokenizer: TextTokenizer) -> None:
        self.prompt_length = aligned.prompt_length
        self._tokenizer = tokenizer
        self._prompt = aligned.ids[: aligned.prompt_length]
        self._gold = aligned.ids[aligned.prompt_length :]
        self._steps = _steps(aligned, tokenizer)
        # only texts that are written in other tokens than the gold's ask for these
        self._gold_lengths: list[int] | None = None
        self._gold_text = ""
        self._last: tuple[tuple[int, ...], Place] = ((), Place(target=0, written=0))

    @property
    def n_steps(self) -> int:
        """How many steps the gold has."""
        return max(self._steps, default=-1) + 1

    def step(self, target: int | None) -> int:
        """The step that a gold token belongs to, from 0; past the end the number of steps."""
        return self.n_steps if target is None else self._steps[target]

    def place(self, ids: Sequence[int]) -> Place:
        """Where the text is.

        Args:
            ids: prompt and what was written.
        """
        new = tuple(ids[self.prompt_length :])
        before, place = self._last
        # decoding asks token by token; anything else is followed from the beginning
        if new[: len(before)] != before:
            before, place = (), Place(target=0 if self._gold else None, written=0)
        for end in range(len(before) + 1, len(new) + 1):
            if place.is_off:
                break
            place = self._next(new[:end], place)
        self._last = new, place
        return place

    def key_positions(self, keys: Sequence[int], ids: Sequence[int], place: Place) -> tuple[int, ...]:
        """Key positions of the gold sequence as positions of the written one.

        Args:
            keys: positions in prompt and gold.
            ids: prompt and what was written.
            place: of these.

        Returns:
            Ascending. Positions of the prompt stay; those of gold tokens become those of the tokens that write the same
            characters, as far as they are written.
        """
        length, new = self.prompt_length, tuple(ids[self.prompt_length :][: place.written])
        if new == self._gold[: len(new)]:
            return tuple(key for key in keys if key < length + len(new))
        gold, written = self._lengths(), [len(self._text(new[:end])) for end in range(len(new) + 1)]
        found = {key for key in keys if key < length}
        for key in keys:
            if key >= length:
                start, stop = gold[key - length], gold[key - length + 1]
                found |= {length + at for at in range(len(new)) if written[at] < stop and written[at + 1] > start}
        return tuple(sorted(found))

    def _next(self, new: tuple[int, ...], place: Place) -> Place:
        """The place after one more token, from that before it."""
        end = len(new)
        if new == self._gold[:end]:
            return Place(target=end if end < len(self._gold) else None, written=end)
        text, lengths = self._text(new), self._lengths()
        if place.target is None:
            return Place(target=None, written=end)
        if len(text) >= len(self._gold_text) and text.startswith(self._gold_text):
            return Place(target=None, written=end)
        if not self._gold_text.startswith(text):
            return Place(target=place.target, written=place.written, is_off=True)
        target = bisect_right(lengths, len(text)) - 1
        return Place(target=target if target < len(self._gold) else None, written=end)

    def _lengths(self) -> list[int]:
        """Characters of the gold's text after each number of its tokens."""
        if self._gold_lengths is None:
            texts = [self._text(self._gold[:end]) for end in range(len(self._gold) + 1)]
            self._gold_lengths, self._gold_text = [len(text) for text in texts], texts[-1]
        return self._gold_lengths

    def _text(self, new: Sequence[int]) -> str:
        """The text of new tokens, read behind the prompt, whose tokenizer may join them to it; white space as one."""
        before, whole = self._decoded(self._prompt), self._decoded((*self._prompt, *new))
        text = whole[len(before) :] if whole.startswith(before) else self._decoded(new)
        # a character that is written in several tokens and not yet whole
        return " ".join(text.rstrip(REPLACEMENT).split())

    def _decoded(self, ids: Sequence[int]) -> str:
        return self._tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)


def _steps(aligned: AlignedExample, tokenizer: TextTokenizer) -> list[int]:
    """The step of each gold token: the sentence that holds its first character."""
    example = aligned.example
    starts = [span.start for span in sentence_spans(example.gold)] or [0]
    tokens = tokenize(tokenizer, example.text)
    shift = len(example.prompt)
    first = [tokens.core(target.position)[0] - shift for target in aligned.targets]
    return [max(0, bisect_right(starts, start) - 1) for start in first]
