"""A text as one tokenizer cuts it: token ids, and the characters that each token covers.

In: text and a tokenizer. Out: `TokenizedText`.

Special tokens that the tokenizer puts in front are kept, those that it appends (an EOS) are dropped: nothing
would ever be predicted after them.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Any, Protocol, runtime_checkable

from attnprobe.errors import AlignmentError
from attnprobe.tasks.example import Span

REPLACEMENT = "\ufffd"


@runtime_checkable
class TextTokenizer(Protocol):
    """The part of a transformers tokenizer that alignment needs."""

    @property
    def is_fast(self) -> bool:
        """Whether it can tell which characters a token covers."""
        ...

    @property
    def unk_token_id(self) -> int | None:
        """The id that stands for what it does not know."""
        ...

    def __call__(self, text: str, **options: Any) -> Mapping[str, Any]:
        """Ids and what else the options ask for."""
        ...

    def decode(self, token_ids: Sequence[int], **options: Any) -> str:
        """The text of ids."""
        ...


@dataclass(frozen=True, slots=True)
class TokenizedText:
    """Token ids with the characters that they cover.

    Attributes:
        text: the text.
        ids: token ids, special tokens in front included.
        ranges: for each token the characters `start` to `end` (half open) that it was made from, a space in
            front included where the tokenizer counts it to the token; empty for special tokens.
        n_special: how many special tokens stand in front.
    """

    text: str
    ids: tuple[int, ...]
    ranges: tuple[tuple[int, int], ...]
    n_special: int
    _cores: tuple[tuple[int, int], ...] = field(init=False, repr=False)
    _ends: tuple[int, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for (start, stop), (later, end) in pairwise(self.ranges[self.n_special :]):
            if not (start <= later <= end <= len(self.text) and stop <= end):
                raise AlignmentError(
                    f"the tokenizer's offsets go back from character {start} to {later}, of "
                    f"{len(self.text)}; a tokenizer that keeps the order of the text is needed."
                )
        cores = tuple(self._core(position) for position in range(len(self.ids)))
        object.__setattr__(self, "_cores", cores)
        object.__setattr__(self, "_ends", tuple(end for _, end in cores))

    def core(self, position: int) -> tuple[int, int]:
        """The characters that a token stands for: its own, less white space at its ends.

        A token that is one space, right before a word, stands for that word's first character: where `▁sterpus` is one
        token and `▁`, `gorpus` are two, the lone `▁` is the first piece of a word. Other blank tokens stand for
        themselves.
        """
        return self._cores[position]

    def _core(self, position: int) -> tuple[int, int]:
        start, end = self.ranges[position]
        piece = self.text[start:end]
        if piece.strip():
            return start + len(piece) - len(piece.lstrip()), end - (len(piece) - len(piece.rstrip()))
        follows = position + 1 < len(self.ids) and self.ranges[position + 1][0] == end
        is_lead = piece == " " and follows and not self.text[end : end + 1].isspace()
        return (end, end + 1) if is_lead and end < len(self.text) else (start, end)

    def is_blank(self, position: int) -> bool:
        """Whether a token is white space alone, or nothing."""
        start, end = self._cores[position]
        return not self.text[start:end].strip()

    def first_from(self, character: int) -> int:
        """The position of the first token that begins here or later; the number of tokens if none does."""
        positions = range(self.n_special, len(self.ids))
        begins = (at for at in positions if self.ranges[at][0] >= character and self.ranges[at][1] > character)
        return next(begins, len(self.ids))

    def straddling(self, character: int) -> int | None:
        """The position of a token that holds both this character and the one before it, if there is one."""
        inside = (at for at, (start, end) in enumerate(self.ranges) if start < character < end)
        return next(inside, None)

    def covering(self, span: Span) -> tuple[int, ...]:
        """The positions of the tokens that share a character with a span.

        What a token stands for is its `core`: the space of `Ġw` or `▁w` belongs to `w` and to no word before it.
        """
        first = max(bisect_right(self._ends, span.start), self.n_special)
        last = first
        while last < len(self.ids) and self._cores[last][0] < span.end:
            last += 1
        return tuple(range(first, last))


def tokenize(tokenizer: TextTokenizer, text: str) -> TokenizedText:
    """A text cut in one piece, special tokens included, with the characters of each token.

    Raises:
        AlignmentError: the tokenizer cannot tell which characters a token covers and its decoding does not
            show it.
    """
    options: dict[str, Any] = {
        "add_special_tokens": True,
        "return_special_tokens_mask": True,
        "verbose": False,
    }
    encoded = tokenizer(text, return_offsets_mapping=tokenizer.is_fast, **options)
    ids, mask = list(encoded["input_ids"]), list(encoded["special_tokens_mask"])
    end = len(ids)
    while end and mask[end - 1]:
        end -= 1
    n_special = next((index for index in range(end) if not mask[index]), end)
    ids = ids[:end]
    if tokenizer.is_fast:
        offsets = [(int(start), int(stop)) for start, stop in encoded["offset_mapping"][:end]]
        ranges = _split_by_bytes(text, offsets)
    else:
        ranges = _ranges_by_decoding(tokenizer, text, ids, n_special)
    return TokenizedText(text=text, ids=tuple(ids), ranges=tuple(ranges), n_special=n_special)


def token_ids(tokenizer: TextTokenizer, text: str) -> tuple[int, ...]:
    """The ids alone, as `tokenize` gives them."""
    encoded = tokenizer(text, add_special_tokens=True, return_special_tokens_mask=True, verbose=False)
    ids, mask = list(encoded["input_ids"]), list(encoded["special_tokens_mask"])
    while mask and mask[-1]:
        ids.pop()
        mask.pop()
    return tuple(ids)


def _split_by_bytes(text: str, offsets: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Offsets with each byte token given its own character.

    Byte fallback gives all bytes of several unknown characters in a row the range of the whole row.
    """
    ranges: list[tuple[int, int]] = []
    for (start, end), group in groupby(offsets):
        run = list(group)
        owners = [at for at in range(start, end) for _ in text[at].encode()]
        if end - start > 1 and len(run) == len(owners) > 1:
            ranges.extend((at, at + 1) for at in owners)
        else:
            ranges.extend(run)
    return ranges


def _ranges_by_decoding(
    tokenizer: TextTokenizer, text: str, ids: Sequence[int], n_special: int
) -> list[tuple[int, int]]:
    """Ranges of a tokenizer that has no offsets, from what each further id adds to the decoded text."""
    ranges = [(0, 0)] * n_special
    done = 0
    for stop in range(n_special + 1, len(ids) + 1):
        shown = tokenizer.decode(ids[n_special:stop], clean_up_tokenization_spaces=False)
        # a character of several bytes shows as replacement characters until its last byte is there
        whole = shown.rstrip(REPLACEMENT) if not text.startswith(shown) else shown
        if not text.startswith(whole) or len(whole) < done:
            raise AlignmentError(
                "this tokenizer has no character offsets and does not decode back to its text (token "
                f"{stop - 1} of {text[:40]!r}...); load its fast version."
            )
        ranges.append((done, len(whole) if len(whole) > done else min(done + 1, len(text))))
        done = len(whole)
    if done != len(text):
        raise AlignmentError(
            f"this tokenizer has no character offsets and loses text when decoding (after character {done} "
            f"of {text[:40]!r}...); load its fast version."
        )
    return ranges
