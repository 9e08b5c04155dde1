"""Everything that was measured on the testing half, before any average is taken.

In: nothing. Out: `Observed`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from attnprobe.evaluation.verdict.mediation import NoPatch, PatchedExample
from attnprobe.evaluation.verdict.necessity import MaskedExample
from attnprobe.evaluation.verdict.repair import NoRepair
from attnprobe.evaluation.verdict.sufficiency import ForcedExample
from attnprobe.evaluation.verdict.transplant import Transplanted


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observed:
    """The testing half.

    Attributes:
        masked: every example with gold keys.
        forced: those with a wrong word.
        patched: those whose corrupted run can be mended.
        without_repair: how many have no wrong word to force, by reason.
        without_patch: how many have nothing to patch, by reason.
        transplanted: those that a donor does better on; None without a donor.
        proofs: what the model wrote, one row a proof; empty without answers.
    """

    masked: tuple[MaskedExample, ...]
    forced: tuple[ForcedExample, ...]
    patched: tuple[PatchedExample, ...]
    without_repair: Mapping[NoRepair, int]
    without_patch: Mapping[NoPatch, int]
    transplanted: tuple[Transplanted, ...] | None
    proofs: pd.DataFrame
