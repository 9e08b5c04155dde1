"""Where an answer ends: at the end-of-text token, at a stop text, or at a limit.

In: token ids as they come. Out: for each row of a batch, after how many new tokens it ended and why, whatever the
other rows do.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum

import torch
from jaxtyping import Bool
from torch import Tensor
from transformers import PreTrainedTokenizerBase, StoppingCriteria

from attnprobe.shapes import TokenIds

# a token is a byte at the least; more than this would be tokens that write nothing
_SPARE_TOKENS = 4


class End(StrEnum):
    """Why an answer ended.

    EOS: the model said so. STOP: a stop text was written. LENGTH: it was as long as allowed. CONTEXT: prompt and answer
    filled the model's positions first.
    """

    EOS = "eos"
    STOP = "stop"
    LENGTH = "length"
    CONTEXT = "context"


class StopTexts:
    """Finds the texts that end an answer in what was written last.

    Args:
        tokenizer: turns new tokens into text.
        stop: texts that end an answer; none end none.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase | None, stop: Sequence[str]) -> None:
        self._tokenizer = tokenizer
        self._stop = tuple(stop)
        self.tail = max((len(text.encode("utf-8")) for text in stop), default=0) + _SPARE_TOKENS

    def ends(self, new: Sequence[int]) -> bool:
        """Whether a stop text stands in the last of an answer's new tokens."""
        if not self._stop or self._tokenizer is None:
            return False
        tail = list(new[-self.tail :])
        text = str(self._tokenizer.decode(tail, skip_special_tokens=True, clean_up_tokenization_spaces=False))
        return any(stop in text for stop in self._stop)


class RowEnds(StoppingCriteria):
    """Notes for each row where its answer ended.

    Args:
        tokenizer: turns new tokens into text, to find stop texts in.
        eos: end-of-text tokens.
        stop: texts that end an answer.
        prompt_width: columns before the first new token.
        rows: how many.
        on_progress: called with the number of rows that have ended, whenever it grows.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        *,
        eos: frozenset[int],
        stop: Sequence[str],
        prompt_width: int,
        rows: int,
        on_progress: Callable[[int], None] | None = None,
    ) -> None:
        self._eos = eos
        self._stops = StopTexts(tokenizer, stop)
        self._prompt_width = prompt_width
        self._on_progress = on_progress
        self.found: list[tuple[int, End] | None] = [None] * rows

    # its own signature says BoolTensor, which is the type of tensors on a CPU alone
    def __call__(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, input_ids: TokenIds, scores: object, **_: object
    ) -> Bool[Tensor, " batch"]:
        """Which rows have ended."""
        new = input_ids.shape[1] - self._prompt_width
        if new > 0:
            tails = input_ids[:, max(self._prompt_width, input_ids.shape[1] - self._stops.tail) :].tolist()
            before = self._count()
            for row, tail in enumerate(tails):
                if self.found[row] is None:
                    self._look(row, tail, new)
            if self._on_progress is not None and self._count() > before:
                self._on_progress(self._count())
        return torch.tensor([end is not None for end in self.found], device=input_ids.device)

    def _look(self, row: int, tail: list[int], new: int) -> None:
        if tail[-1] in self._eos:
            self.found[row] = new, End.EOS
        elif self._stops.ends(tail):
            self.found[row] = new, End.STOP

    def _count(self) -> int:
        return sum(end is not None for end in self.found)


def cut_at(text: str, stop: Sequence[str]) -> str:
    """A text up to the first of the stop texts in it."""
    return text[: min((place for place in (text.find(each) for each in stop) if place >= 0), default=len(text))]
