"""The loop of decoding, whoever carries out its steps.

In: a model, what is to be written. Out: `Decoding`. Rows of different prompts stand in one batch, padded on the left,
which changes no row's tokens; a row that has ended leaves the batch.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from jaxtyping import Int
from torch import Tensor

from attnprobe.errors import ModelError, PlanError, SpecError
from attnprobe.models.decoding.alike import EdgeSteering, HeadSteering
from attnprobe.models.decoding.cached import open_cached, why_not_cached
from attnprobe.models.decoding.contract import (
    BeforeStep,
    Choose,
    Decoding,
    DecodingLimits,
    DecodingMode,
    Ending,
    IsOver,
    Steered,
    Stepper,
    Written,
)
from attnprobe.models.decoding.step_writes import NONE, NOTHING, StepWrites, step_writes
from attnprobe.models.decoding.uncached import UncachedSteps
from attnprobe.models.memory import is_out_of_memory, release_memory
from attnprobe.models.model import Model
from attnprobe.plan import Firing, Tokens
from attnprobe.shapes import Scores


def greedy(scores: Scores) -> Int[Tensor, " batch"]:
    """The token with the largest score, the first of equal ones, as transformers' `generate` chooses."""
    return scores.argmax(dim=-1)


def decode_under_plan(
    model: Model,
    rows: Sequence[Steered],
    limits: DecodingLimits,
    *,
    choose: Choose = greedy,
    is_over: IsOver | None = None,
    before_step: BeforeStep | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Decoding:
    """Write an answer after every prompt, with edits that hold at every step.

    Args:
        model: which model, of any backend.
        rows: prompts and what is edited. Rows of one prompt share its keys and values where none of their edits touches
            an earlier position of it.
        limits: how far, how many at once, and whether keys and values are kept.
        choose: the next token of each row from its scores in float32.
        is_over: whether an answer ends, from its new tokens.
        before_step: told the tokens of all rows of a step before their steerings are asked: a donor that runs beside
            the model takes its own step here.
        on_progress: called with the number of answers that have ended.

    Raises:
        SpecError: an edit does not fit the model or the tokens, or a prompt leaves no room for an answer.
        PlanError: an edit cannot be honoured here, names a position that has been run, or never acted in its row.
        ModelError: one row alone does not fit in memory.

    Source: DESIGN.md section 4; ours.
    """
    task = _Task(model, rows, limits, choose, is_over, before_step)
    found: dict[int, Written] = {}
    batch_size, halvings = limits.batch_size, 0
    while len(found) < len(rows):
        chosen = task.next_batch([index for index in range(len(rows)) if index not in found], batch_size)
        written = task.write(chosen)
        if written is None:
            if len(chosen) == 1:
                raise ModelError(
                    f"one prompt of {len(rows[chosen[0]].prompt)} tokens and its answer do not fit in memory; use a "
                    "smaller --dtype, a smaller model, or another --device."
                )
            batch_size, halvings = len(chosen) // 2, halvings + 1
            continue
        found.update(zip(chosen, written, strict=True))
        if on_progress is not None:
            on_progress(len(found))
    return Decoding(rows=tuple(found[index] for index in range(len(rows))), mode=task.mode, halvings=halvings)


@dataclass(slots=True, kw_only=True, eq=False)
class _Row:
    """An answer while it is written."""

    steered: Steered
    ids: list[int]
    fired: list[Firing]
    asked: int = 0
    ending: Ending | None = None

    @property
    def new(self) -> list[int]:
        return self.ids[len(self.steered.prompt) :]


class _Task:
    """What is to be written, and in which batches."""

    def __init__(
        self,
        model: Model,
        rows: Sequence[Steered],
        limits: DecodingLimits,
        choose: Choose,
        is_over: IsOver | None,
        before_step: BeforeStep | None,
    ) -> None:
        self._model = model
        self._rows = rows
        self._limits = limits
        self._choose = choose
        self._is_over = is_over
        self._before_step = before_step
        self._lengths = [len(row.prompt) for row in rows]
        self._longest = [self._room(length) for length in self._lengths]
        self.mode = self._settled_mode()
        self._takes_padding = len(set(self._lengths)) < 2 or _takes_padding(model)

    def next_batch(self, waiting: Sequence[int], batch_size: int) -> list[int]:
        """The longest prompts first; rows of one batch may all be as long as each other in the end."""
        ordered = sorted(waiting, key=lambda index: (-self._lengths[index], index))
        length, longest = self._lengths[ordered[0]], self._longest[ordered[0]]
        fits = [
            index
            for index in ordered
            if self._longest[index] == longest
            # a prompt of one token has nothing before the token that is fed first
            and (self._lengths[index] == length or (self._takes_padding and self._lengths[index] > 1))
        ]
        return fits[:batch_size]

    def write(self, chosen: Sequence[int]) -> list[Written] | None:
        """One batch, or None where memory ran out."""
        try:
            with self._open([self._rows[index].prompt for index in chosen]) as stepper:
                return self._written(chosen, stepper)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        # out here, where the error and what it holds of the batch are gone
        release_memory()
        return None

    def _open(self, prompts: Sequence[Sequence[int]]) -> AbstractContextManager[Stepper]:
        if self.mode is DecodingMode.CACHED:
            return open_cached(self._model, prompts)
        return UncachedSteps(self._model)

    def _written(self, chosen: Sequence[int], stepper: Stepper) -> list[Written]:
        rows = [_Row(steered=self._rows[index], ids=list(self._rows[index].prompt), fired=[]) for index in chosen]
        for step in range(self._longest[chosen[0]]):
            live = [place for place, row in enumerate(rows) if row.ending is None]
            if not live:
                break
            self._step([rows[place] for place in live], live, stepper, is_first=step == 0)
        return [_finished(row) for row in rows]

    def _step(self, rows: Sequence[_Row], places: Sequence[int], stepper: Stepper, *, is_first: bool) -> None:
        if self._before_step is not None:
            self._before_step([row.ids for row in rows])
        steps = [self._asked(row, is_first=is_first) for row in rows]
        scores, fired = stepper.scores(places, [row.ids for row in rows], steps)
        for row, step, firing, token in zip(rows, steps, fired, self._choose(scores).tolist(), strict=True):
            if step is not NOTHING:
                row.asked += 1
                row.fired.append(firing if step.hidden is NONE else firing + step.hidden)
            row.ids.append(int(token))
            if token in self._limits.eos:
                row.ending = Ending.EOS
            elif self._is_over is not None and self._is_over(row.new):
                row.ending = Ending.OVER

    def _asked(self, row: _Row, *, is_first: bool) -> StepWrites:
        if row.steered.steering is None:
            return NOTHING
        steering, ids = row.steered.steering, tuple(row.ids)
        if self.mode is DecodingMode.CACHED:
            if isinstance(steering, HeadSteering):
                return StepWrites(edit=steering.edit)
            if isinstance(steering, EdgeSteering):
                keys = steering.keys(ids)
                return StepWrites(edit=steering.edit, keys=keys) if keys else NOTHING
        asked = steering.writes(ids)
        return step_writes(asked, len(row.ids), self._model.dims, is_first=is_first)

    def _room(self, length: int) -> int:
        context = self._model.dims.context
        room = self._limits.max_new_tokens if context is None else min(self._limits.max_new_tokens, context - length)
        if room < 1:
            raise SpecError(
                f"a prompt of {length} tokens leaves no room for an answer: the model's context is {context} tokens; "
                "give a shorter one."
            )
        return room

    def _settled_mode(self) -> DecodingMode:
        if self._limits.mode is DecodingMode.UNCACHED:
            return DecodingMode.UNCACHED
        ends = [length + room for length, room in zip(self._lengths, self._longest, strict=True)]
        reason = why_not_cached(self._model, shortest=min(self._lengths, default=1), longest=max(ends, default=1))
        if reason is None:
            return DecodingMode.CACHED
        if self._limits.mode is DecodingMode.AUTO:
            return DecodingMode.UNCACHED
        raise PlanError(f"decoding with keys and values kept: {reason}; use mode 'uncached', which runs all of them.")


def _takes_padding(model: Model) -> bool:
    """Whether sequences of different lengths may stand in one batch."""
    if model.dims.turns_at is not None:
        return False
    try:
        model.forward(Tokens.of([[0], [0, 0]]))
    except PlanError:
        return False
    return True


def _finished(row: _Row) -> Written:
    fired = sum(row.fired, NONE)
    if row.asked and not fired.edited:
        raise PlanError(
            f"an answer of {len(row.new)} tokens was to be written under edits that never acted "
            f"({fired.unreachable} of their entries cannot be seen from their queries); it would be the plain one. "
            "Choose keys that the queries reach in these layers."
        )
    return Written(
        ids=tuple(row.new),
        ending=row.ending or Ending.LIMIT,
        fired=fired,
        edited_steps=sum(one.edited > 0 for one in row.fired),
    )
