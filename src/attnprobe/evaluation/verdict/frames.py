"""What each example gave, laid out as tables.

In: examples of the three causal tests. Out: pandas frames. No statistics here.
"""

from collections.abc import Iterator, Sequence

import pandas as pd

from attnprobe.evaluation.verdict.mediation import PatchedExample
from attnprobe.evaluation.verdict.necessity import MaskedExample
from attnprobe.evaluation.verdict.rules import Question
from attnprobe.evaluation.verdict.sufficiency import ForcedExample

_ROW = ["example", "test", "arm", "unit", "value", "reason"]
_DOSE = ["example", "dose", "arm", "value"]


def rows_frame(
    masked: Sequence[MaskedExample], forced: Sequence[ForcedExample], patched: Sequence[PatchedExample]
) -> pd.DataFrame:
    """One row for each example, test and arm; `clean` and `corrupted` are the unedited runs."""
    rows = [*_masked(masked), *_forced(forced), *_patched(patched)]
    return pd.DataFrame(rows, columns=_ROW)


def _masked(found: Sequence[MaskedExample]) -> Iterator[tuple[object, ...]]:
    test = Question.NECESSITY.value
    for one in found:
        yield one.example, test, "clean", "nats", one.clean, None
        for arm, value in one.effects.items():
            yield one.example, test, arm, "nats", value, None
        for arm, reason in one.reasons.items():
            yield one.example, test, arm, "nats", None, reason


def _forced(found: Sequence[ForcedExample]) -> Iterator[tuple[object, ...]]:
    test = Question.SUFFICIENCY.value
    for one in found:
        yield one.example, test, "clean", "nats", one.clean, None
        for arm, value in one.later.items():
            yield one.example, test, f"later_{arm}", "nats", value, None


def _patched(found: Sequence[PatchedExample]) -> Iterator[tuple[object, ...]]:
    test = Question.MEDIATION.value
    for one in found:
        yield one.example, test, "clean", "logits", one.clean, None
        yield one.example, test, "corrupted", "logits", one.corrupted, None
        for arm, value in one.recoveries.items():
            yield one.example, test, arm, "share of the gap", value, None


def doses_frame(forced: Sequence[ForcedExample]) -> pd.DataFrame:
    """One row for each example, dose and arm of sufficiency: change of log p, in nats."""
    rows = [(one.example, dose, arm, value) for one in forced for (dose, arm), value in sorted(one.effects.items())]
    return pd.DataFrame(rows, columns=_DOSE)
