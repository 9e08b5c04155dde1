"""The examples of an attribution, made ready: what is run, what replaces outputs, and their pass with gradients.

In: a model, a task, settings. Out: `Prepared` examples and counts of those that cannot be measured.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from attnprobe.causal.attribution.settings import AttributionSettings
from attnprobe.causal.edits import REFERENCE_EXAMPLES, Donors, mean_z
from attnprobe.causal.settings import Ablation, InterventionKind
from attnprobe.causal.subject import Skip, Subject, prepare
from attnprobe.causal.sweep import Reader, reader_of
from attnprobe.errors import TaskError
from attnprobe.models.alignment import align_all
from attnprobe.models.gradients import GradientRun, ReplacedZ, gradients_of
from attnprobe.models.model import Model
from attnprobe.tasks import Task


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """The examples of an attribution.

    Attributes:
        model: which model.
        settings: what is asked.
        subjects: examples that can be measured.
        donors: where replacement values come from.
        n_given: examples of the task.
        skipped: how many cannot be measured, by reason.
    """

    model: Model
    settings: AttributionSettings
    subjects: tuple[Subject, ...]
    donors: Donors
    n_given: int
    skipped: Counter[Skip]

    @classmethod
    def of(cls, model: Model, task: Task, settings: AttributionSettings) -> "Prepared":
        """Align the task and settle what is run.

        Raises:
            TaskError: no example can be measured, or the task does not know the keys asked for.
            SpecError: a span does not exist, or an example is longer than the model's context.
        """
        patch = settings.patch
        aligned = align_all(model, task)
        layers = tuple(range(model.dims.n_layers))
        is_mean = patch.intervention is InterventionKind.ABLATE and patch.ablation is Ablation.MEAN
        reference = [one.ids for one in aligned[:REFERENCE_EXAMPLES]]
        donors = Donors(
            settings=patch,
            layers=layers,
            means=mean_z(model, reference, layers, batch_size=patch.batch_size) if is_mean else None,
            pool={one.example.id: one.ids for one in aligned},
        )
        subjects: list[Subject] = []
        skipped = Counter[Skip]()
        for one in aligned:
            found = prepare(one, patch)
            if isinstance(found, Subject) and donors.needs_donor() and donors.donor_of(found) is None:
                found = Skip.NO_DONOR
            if isinstance(found, Skip):
                skipped[found] += 1
            else:
                subjects.append(found)
        if not subjects:
            why = ", ".join(f"{count} {reason.value.replace('_', ' ')}" for reason, count in sorted(skipped.items()))
            raise TaskError(
                f"task {task.name}: none of its {len(task.examples)} examples can be measured with --intervention "
                f"{patch.intervention} --keys {patch.keys} --metric {patch.metric} ({why}). Choose other keys or "
                "another metric, or give the task what it lacks."
            )
        return cls(
            model=model,
            settings=settings,
            subjects=tuple(subjects),
            donors=donors,
            n_given=len(aligned),
            skipped=skipped,
        )

    def values(self, subject: Subject) -> Mapping[int, Tensor] | None:
        """What replaces z at each position, by layer; None for zero, for scaling and for masks."""
        if self.settings.patch.intervention is InterventionKind.MASK:
            return None
        donor = self.donors.donor_of(subject) if self.donors.needs_donor() else None
        return self.donors.values(self.model, subject, donor)

    def gradients(self, subject: Subject, replaced: ReplacedZ | None = None) -> GradientRun:
        """The pass with gradients of one example.

        Raises:
            PlanError: the backend gives none.
        """
        reader = self._reader(subject)

        def measure(logits: Float[Tensor, "*run position token"]) -> Tensor:
            # the last layer may stand on another device than the first
            return reader.measure(logits.to(self.model.device))

        return gradients_of(self.model, subject.ids, reader.unembedding, measure, replaced)

    def _reader(self, subject: Subject) -> Reader:
        # of unedited logits, which only kl looks at, the device alone is asked
        nothing = torch.zeros(1, 1, device=self.model.device)
        return reader_of(self.settings.patch.metric, subject.readout, nothing)

    def counts(self) -> dict[str, int]:
        """How many examples were measured, and how many were not, by reason."""
        return {
            "examples": self.n_given,
            "examples_measured": len(self.subjects),
            **{f"examples_{reason.value}": count for reason, count in sorted(self.skipped.items())},
            "gold_tokens_scored": sum(len(subject.scored) for subject in self.subjects),
        }
