"""How scores are held against answers, as one validated value.

In: choices. Out: `AssociationSettings`.
"""

from dataclasses import dataclass, field

from attnprobe.errors import SpecError
from attnprobe.evaluation.settings import EvalSettings
from attnprobe.tasks.prontoqa.asked import Measure


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationSettings:
    """What makes an answer right, and what the verdict asks for.

    Attributes:
        measure: what makes a proof right; tasks without proofs are held against their gold text (`exact`) whatever it
            says.
        minimum_auroc: the least AUROC that counts, in (.5, 1); its mirror image below .5 bounds equivalence.
        answering: how the model answers; greedily unless it says otherwise, one answer an example.
        seed: deals the halves for the strongest head.
    """

    measure: Measure = Measure.STRICT
    minimum_auroc: float = 0.55
    answering: EvalSettings = field(default_factory=EvalSettings)
    seed: int = 0

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "measure", Measure(self.measure))
        except ValueError as error:
            raise SpecError(f"measure {self.measure!r}: expected one of {', '.join(Measure)}.") from error
        if not 0.5 < self.minimum_auroc < 1:
            raise SpecError(f"minimum AUROC {self.minimum_auroc}: expected a number above .5 and below 1.")
        if self.answering.samples:
            raise SpecError(
                f"{self.answering.samples} samples: an example is right or wrong by one answer; use 0, the greedy one."
            )
