"""Greedy decoding under edits that hold at every step: what is asked for, and what comes back.

In: nothing; values only. Out: `Steering` (what is edited at each step), `Steered` (one answer to be written),
`DecodingLimits`, and `Decoding` with a `Written` for each answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

from jaxtyping import Int
from torch import Tensor

from attnprobe.errors import SpecError
from attnprobe.models.decoding.step_writes import StepWrites
from attnprobe.plan import Firing, Write
from attnprobe.shapes import Scores


@runtime_checkable
class Steering(Protocol):
    """What is edited while one answer is written."""

    def writes(self, ids: Sequence[int]) -> tuple[Write, ...]:
        """The edits of one step.

        Args:
            ids: the prompt and what was written after it; their last token is the query that predicts the next.

        Returns:
            A function of `ids` alone. Sites name no sequence. They name the last position; the first call of an answer
            may name earlier ones too, which are edited while the prompt is read. `positions` None: all that run for the
            first time, which is the whole prompt at the first step and the last position later.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steered:
    """One answer to be written.

    Attributes:
        prompt: token ids, at least one.
        steering: what is edited; None for a plain answer.
    """

    prompt: tuple[int, ...]
    steering: Steering | None = None

    def __post_init__(self) -> None:
        if not self.prompt:
            raise SpecError("an empty prompt: expected at least one token id to write after.")


class DecodingMode(StrEnum):
    """How steps are carried out.

    CACHED: keys and values are kept. UNCACHED: every step runs the whole sequence; the oracle. AUTO: cached where the
    model can, uncached elsewhere.
    """

    AUTO = "auto"
    CACHED = "cached"
    UNCACHED = "uncached"


class Ending(StrEnum):
    """Why an answer ended: an end-of-text token, the caller's word, or as many tokens as allowed."""

    EOS = "eos"
    OVER = "over"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodingLimits:
    """How far, and how much at once.

    Attributes:
        max_new_tokens: longest answer.
        eos: end-of-text tokens.
        batch_size: most answers that are written together; halved where memory runs out.
        mode: how steps are carried out.
    """

    max_new_tokens: int
    eos: frozenset[int] = field(default_factory=frozenset[int])
    batch_size: int = 64
    mode: DecodingMode = DecodingMode.AUTO

    def __post_init__(self) -> None:
        object.__setattr__(self, "mode", DecodingMode(self.mode))
        if self.max_new_tokens < 1 or self.batch_size < 1:
            raise SpecError(
                f"answers of {self.max_new_tokens} tokens, {self.batch_size} at once: expected at least 1 of each."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One answer.

    Attributes:
        ids: new tokens, an end-of-text token included.
        ending: why it ended.
        fired: how often its edits acted, over all steps; each step counts what is new at it alone.
        edited_steps: how many tokens were predicted while an edit of that step acted.
    """

    ids: tuple[int, ...]
    ending: Ending
    fired: Firing
    edited_steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """All answers.

    Attributes:
        rows: in the order in which they were asked for.
        mode: how steps were carried out, cached or uncached.
        halvings: how often memory ran out and the batch was halved.
    """

    rows: tuple[Written, ...]
    mode: DecodingMode
    halvings: int


@runtime_checkable
class Stepper(Protocol):
    """Carries out the steps of one batch."""

    def scores(
        self, rows: Sequence[int], ids: Sequence[Sequence[int]], steps: Sequence[StepWrites]
    ) -> tuple[Scores, list[Firing]]:
        """Run one step.

        Args:
            rows: which rows of the batch go on, ascending; never one that was left out before.
            ids: of each, the prompt and what was written.
            steps: of each, the edits that are new.

        Returns:
            The scores of each one's next token, in float32; and how often each one's edits acted.
        """
        ...


Choose = Callable[[Scores], Int[Tensor, " batch"]]
"""The next token of each row from its scores."""

IsOver = Callable[[Sequence[int]], bool]
"""Whether an answer ends, from its new tokens."""

BeforeStep = Callable[[Sequence[Sequence[int]]], None]
"""Told the tokens of all rows of a step before their steerings are asked."""
