"""A task made ready for a sweep, and the sweep over its examples.

In: a model, a task, settings, what is to be edited. Out: `PreparedTask`, which observes all examples or some of them,
as often as is asked. No average over examples is taken here.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from attnprobe.causal.control_arms import KINDS
from attnprobe.causal.controls import ControlKind
from attnprobe.causal.donor_models import DonorModel, check_donor
from attnprobe.causal.edits import REFERENCE_EXAMPLES, Donors, mean_z
from attnprobe.causal.head_sets import Edited
from attnprobe.causal.observe import Observation, observe
from attnprobe.causal.settings import Ablation, InterventionKind, PatchSettings
from attnprobe.causal.subject import Skip, Subject, prepare
from attnprobe.errors import SpecError, TaskError
from attnprobe.models.alignment import align_all
from attnprobe.models.model import Model
from attnprobe.tasks import AlignedExample, Task, WordKind

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreparedTask:
    """Examples that can be measured, and where replacement values come from.

    Attributes:
        model: which model.
        task: which task.
        settings: of the sweep.
        aligned: every example.
        subjects: those that can be measured, in task order.
        skipped: how many cannot, by reason.
        donors: of replacement values.
        donor: of a transplant, the other model.
    """

    model: Model
    task: Task
    settings: PatchSettings
    aligned: tuple[AlignedExample, ...]
    subjects: tuple[Subject, ...]
    skipped: Mapping[Skip, int]
    donors: Donors
    donor: DonorModel | None = None

    def observe(
        self,
        units: Sequence[Edited],
        *,
        beside: Sequence[Edited] = (),
        kinds: Sequence[ControlKind] = KINDS,
        subjects: Sequence[Subject] | None = None,
        progress: Progress | None = None,
    ) -> tuple[tuple[Observation, ...], Mapping[Skip, int]]:
        """Measure one example after the other.

        Args:
            units: what to edit, one at a time.
            beside: what else to edit, without controls.
            kinds: of control; those that the intervention knows are run.
            subjects: some of `subjects`, all by default.
            progress: called with (examples done, examples in all) after each example.

        Returns:
            What was observed, and how many examples could not be, by reason, those skipped before included.

        Raises:
            TaskError: no example could be measured.
            PlanError: an edit cannot be honoured, leaves a row without keys, or does not fire.
        """
        chosen = self.subjects if subjects is None else subjects
        observations: list[Observation] = []
        skipped = Counter(self.skipped)
        for done, subject in enumerate(chosen, start=1):
            found = observe(
                self.model,
                subject,
                self.settings,
                units,
                self.donors,
                beside=beside,
                kinds=kinds,
                donor_model=self.donor,
            )
            if isinstance(found, Skip):
                skipped[found] += 1
            else:
                observations.append(found)
            if progress is not None:
                progress(done, len(chosen))
        if not observations:
            raise TaskError(self.nothing_measured(skipped))
        return tuple(observations), skipped

    def nothing_measured(self, skipped: Mapping[Skip, int]) -> str:
        """What to tell a user none of whose examples could be measured."""
        why = ", ".join(f"{count} {reason.value.replace('_', ' ')}" for reason, count in sorted(skipped.items()))
        return (
            f"task {self.task.name}: none of its {len(self.task.examples)} examples can be measured with "
            f"--intervention {self.settings.intervention} --keys {self.settings.keys} "
            f"--metric {self.settings.metric} ({why}). "
            "Choose other keys or another metric, or give the task what it lacks."
        )


def prepare_task(
    model: Model,
    task: Task,
    settings: PatchSettings,
    units: Sequence[Edited],
    *,
    examples: Collection[str] | None = None,
    donor: Model | None = None,
) -> PreparedTask:
    """Align the examples of a task and settle what is run, edited and read of each.

    Args:
        model: which model.
        task: any.
        settings: of the sweep.
        units: everything that will be edited, for the layers that donors are asked for.
        examples: ids of those to measure; all by default. What replaces an ablated output comes from all in any case.
        donor: of a transplant, the model that values are taken from.

    Raises:
        SpecError: a span or an example does not exist, or an example is longer than the model's context; a transplant
            without a donor, a donor without a transplant, or one whose attention would mean something else.
        TaskError: the task does not know the keys asked for.
    """
    is_transplant = settings.intervention is InterventionKind.TRANSPLANT
    if is_transplant != (donor is not None):
        raise SpecError(
            "a transplant needs the model that it takes attention from: name one with --donor (in Python, donor=...)."
            if is_transplant
            else f"a donor with {settings.intervention}: it gives its attention to --intervention transplant alone."
        )
    aligned = align_all(model, task)
    if donor is not None:
        check_donor(model, donor, task, aligned, settings.resolved_site)
    known = {one.example.id for one in aligned}
    unknown = sorted(set(examples or ()) - known)
    if unknown:
        raise SpecError(f"example {unknown[0]!r} does not exist in task {task.name}; give ids of its examples.")
    prepared = [prepare(one, settings) for one in aligned if examples is None or one.example.id in examples]
    layers = tuple(sorted({member.layer for unit in units for member in unit.members}))
    is_mean = settings.intervention is InterventionKind.ABLATE and settings.ablation is Ablation.MEAN
    reference = [one.ids for one in aligned[:REFERENCE_EXAMPLES]]
    means = mean_z(model, reference, layers, batch_size=settings.batch_size) if is_mean else None
    pool = {one.example.id: one.ids for one in aligned}
    return PreparedTask(
        model=model,
        task=task,
        settings=settings,
        aligned=tuple(aligned),
        subjects=tuple(one for one in prepared if isinstance(one, Subject)),
        skipped=Counter(one for one in prepared if isinstance(one, Skip)),
        donors=Donors(settings=settings, layers=layers, means=means, pool=pool),
        donor=None if donor is None else DonorModel(model=donor, settings=settings, layers=layers, pool=pool),
    )


def counts_of(n_examples: int, observations: Sequence[Observation], skipped: Mapping[Skip, int]) -> dict[str, int]:
    """How many examples and gold tokens were measured, and how many were not, by reason."""
    targets = [target for observed in observations for target in observed.subject.aligned.targets]
    scored = sum(len(observed.subject.scored) for observed in observations)
    return {
        "examples": n_examples,
        "examples_measured": len(observations),
        **{f"examples_{reason.value}": skipped.get(reason, 0) for reason in Skip if skipped.get(reason, 0)},
        "gold_tokens": len(targets),
        "gold_tokens_scored": scored,
        "gold_tokens_unlicensed": sum(target.kind is WordKind.UNLICENSED for target in targets),
        **_matching_of(observations),
    }


def _matching_of(observations: Sequence[Observation]) -> dict[str, int]:
    """How the positions of unequal prompts were matched; nothing where none was unequal."""
    matched = [observed.subject.matched for observed in observations if observed.subject.matched is not None]
    if not matched:
        return {}
    return {
        "examples_matched_token_by_token": len(observations) - len(matched),
        "examples_matched_by_spans": len(matched),
        "spans_of_equal_length": sum(one.n_even for one in matched),
        "spans_of_unequal_length": sum(one.n_uneven for one in matched),
        "positions_matched": sum(len(one.sources) for one in matched),
        "positions_unmatched": sum(one.n_unmatched for one in matched),
    }
