"""Decoding step by step through whole forward passes: the oracle, and the way of models that keep no keys and values.

In: a model of any backend. Out: `UncachedSteps`, a `Stepper`.
"""

from collections.abc import Sequence
from types import TracebackType

from attnprobe.models.decoding.step_writes import NONE, StepWrites, on_row, stretched
from attnprobe.models.model import Model
from attnprobe.plan import Firing, Plan, Tokens, Write
from attnprobe.shapes import Scores


class UncachedSteps:
    """Every step runs all tokens of every row, under all edits that its row has asked for so far."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._asked: dict[int, list[Write]] = {}

    def __enter__(self) -> "UncachedSteps":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held open between passes."""

    def scores(
        self, rows: Sequence[int], ids: Sequence[Sequence[int]], steps: Sequence[StepWrites]
    ) -> tuple[Scores, list[Firing]]:
        """Run one step; see `Stepper`."""
        writes: list[Write] = []
        new: list[range] = []
        for place, (row, tokens, step) in enumerate(zip(rows, ids, steps, strict=True)):
            asked = self._asked.setdefault(row, [])
            asked.extend(step.writes)
            writes += [on_row(stretched(write, len(tokens)), place) for write in asked]
            new.append(range(len(writes) - len(step.writes), len(writes)))
        run = self._model.forward(Tokens.of(ids), Plan(writes=tuple(writes), last_logits=1))
        return run.logits[:, -1].float(), [sum((run.fired[index] for index in own), NONE) for own in new]
