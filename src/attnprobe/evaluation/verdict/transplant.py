"""Mediation by another model: the donor's attention patterns in the chosen heads, on the recipient's own tokens.

In: a recipient, a donor of its shape and tokenizer, subjects of the testing half, the heads. Out: for each example that
the donor does better on, how much of the gap its patterns close; a `Contrast`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attnprobe.causal.settings import Metric
from attnprobe.causal.subject import Subject
from attnprobe.causal.sweep import Variant, reader_of, readout_logits, run_variants, unedited
from attnprobe.evaluation.verdict.contrasts import Asked, Contrast, contrast_of
from attnprobe.evaluation.verdict.mediation import put_in, sides_of
from attnprobe.evaluation.verdict.rules import Question
from attnprobe.evaluation.verdict.settings import VerdictSettings
from attnprobe.models.model import Model
from attnprobe.plan import HeadId, Plan, Point, Read, Tokens

MIN_GAP_NATS = 0.1
"""Of log p(gold), by which the donor must do better: a share of less would be noise."""

DONOR = "donor_pattern/random_heads"
"""What the contrast is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transplanted:
    """One example with the donor's patterns put in.

    Attributes:
        example: its id.
        own: log p(gold) of the recipient, mean over the tokens read, in nats.
        donor: of the donor.
        chosen: share of the gap that the chosen heads' patterns close.
        others: that as many other heads' do.
    """

    example: str
    own: float
    donor: float
    chosen: float
    others: float


def observe_transplant(
    model: Model, donor: Model, subject: Subject, heads: Sequence[HeadId], settings: VerdictSettings
) -> Transplanted | None:
    """Transplant on one example; None where the donor does no better, or no other heads are left to compare with.

    Args:
        model: the recipient.
        donor: checked against it by `check_donor`.
        subject: the example; its rows are those that predict the tokens read.
        heads: the set that is tested.
        settings: of the verdict.
    """
    name = subject.aligned.example.id
    sides = sides_of(heads, model.dims, settings, name)
    if sides is None:
        return None
    rows = tuple(sorted(set(subject.readout.positions)))
    layers = sorted({head.layer for head in heads})
    reads = tuple(Read(point=Point.PATTERN, layer=layer) for layer in layers)
    plan = Plan(reads=reads, last_logits=len(subject.ids) - rows[0])
    given = donor.forward(Tokens.of([subject.ids]), plan)
    logits = readout_logits(unedited(model, subject.ids, subject.readout), 0, subject.readout)
    reader = reader_of(Metric.GOLD_LOGPROB, subject.readout, logits)
    own = float(reader(logits).mean())
    theirs = float(reader(readout_logits(given, 0, subject.readout)).mean())
    if not theirs - own >= MIN_GAP_NATS:
        return None
    variants = [
        Variant(key=side, writes=put_in(given, side, Point.PATTERN, rows, "donor"))
        for side in (sides.chosen, sides.others)
    ]
    readings = run_variants(model, subject.ids, variants, reader, settings.limits)
    chosen, others = (float((reading.values.mean() - own) / (theirs - own)) for reading in readings)
    return Transplanted(example=name, own=own, donor=theirs, chosen=chosen, others=others)


def transplant_contrast(found: Sequence[Transplanted], n_asked: int, settings: VerdictSettings) -> Contrast:
    """The donor's patterns in the chosen heads against those in other heads; shown beside, with a verdict of its own.

    Args:
        found: examples that the donor does better on.
        n_asked: examples that were looked at.
        settings: of the verdict.
    """
    asked = Asked(
        question=Question.MEDIATION,
        name=DONOR,
        edit="the donor's pattern on the same text",
        control="of other heads of the layers",
        unit="share of the gap",
        minimum=settings.minimum.recovery,
        direction=1,
        decides=False,
    )
    chosen = np.array([one.chosen for one in found])
    others = np.array([one.others for one in found])
    reason = f"the donor does better by {MIN_GAP_NATS:g} nats on {len(found)} of {n_asked} examples"
    return contrast_of(asked, chosen, others, seed=settings.seed, reason=reason)
