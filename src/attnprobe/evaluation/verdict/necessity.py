"""Necessity, teacher-forced: what masking the chosen heads' attention to the gold keys does to the gold proof.

In: a model, subjects of the testing half, the heads. Out: for each example the effect of every edit and control, and
`Contrast`s of them. What the same masks do to proofs that the model writes is `generated`'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from attnprobe.causal.control_arms import AttentionRows, looks_for_mass
from attnprobe.causal.controls import ControlKind
from attnprobe.causal.settings import Metric
from attnprobe.causal.subject import Subject
from attnprobe.causal.sweep import Variant, reader_of, readout_logits, run_variants, unedited
from attnprobe.evaluation.verdict.contrasts import Asked, Contrast, contrast_of
from attnprobe.evaluation.verdict.joint import (
    Drawn,
    dosed_masks,
    draw_rows,
    gold_rows,
    groups_of,
    masks,
    other_heads,
    windows_of,
)
from attnprobe.evaluation.verdict.rules import Question
from attnprobe.evaluation.verdict.selection import Heads
from attnprobe.evaluation.verdict.settings import VerdictSettings
from attnprobe.models.model import Model
from attnprobe.plan import HeadId, Write

ArmEffects = Mapping[str, float]
"""Effect on log p(gold), mean over the tokens read, in nats; by arm, NaN where an arm could not be drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedExample:
    """One example under every mask.

    Attributes:
        example: its id.
        clean: log p(gold) of the unedited run, mean over the tokens read.
        is_right: whether every token read is the most probable one.
        effects: by arm.
        reasons: why arms could not be drawn, by arm.
    """

    example: str
    clean: float
    is_right: bool
    effects: ArmEffects
    reasons: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two arms that are compared."""

    gold: str
    control: str
    edit: str
    against: str


PAIRS = (
    Pair(gold="gold", control="random_keys", edit="mask", against="as many random keys"),
    Pair(gold="gold", control="distance", edit="mask", against="as many keys about as far back"),
    Pair(gold="mass_gold", control="mass", edit="mask to equal mass", against="keys of equal attention mass"),
    Pair(gold="gold", control="random_heads", edit="mask", against="the same keys, other heads of the layers"),
    Pair(gold="all_gold", control="all_random_keys", edit="mask in all heads", against="as many random keys"),
    Pair(
        gold="strongest_gold",
        control="strongest_random_keys",
        edit="mask in the strongest heads",
        against="as many random keys",
    ),
)
DECIDES = PAIRS[0]


def observe_masks(model: Model, subject: Subject, heads: Heads, settings: VerdictSettings) -> MaskedExample:
    """Run one example under every mask of the test.

    Raises:
        PlanError: an edit cannot be honoured, leaves a row without keys, or does not fire.
    """
    layers = sorted({head.layer for head in heads.chosen})
    plain = unedited(model, subject.ids, subject.readout, looks_for_mass(subject.rows, layers))
    attention: Mapping[int, AttentionRows] = dict(zip(layers, plain.streamed, strict=True))
    logits = readout_logits(plain, 0, subject.readout)
    reader = reader_of(Metric.GOLD_LOGPROB, subject.readout, logits)
    clean = reader(logits).cpu().numpy()
    arms, reasons = _arms(model, subject, heads, settings, attention)
    variants = [Variant(key=name, writes=writes) for name, writes in arms.items() if writes]
    readings = run_variants(model, subject.ids, variants, reader, settings.limits)
    # an arm whose heads see none of the keys changes nothing, and is not run
    effects = {name: 0.0 for name, writes in arms.items() if not writes}
    effects |= {str(one.key): float((got.values - clean).mean()) for one, got in zip(variants, readings, strict=True)}
    gold = np.array(subject.readout.gold)
    return MaskedExample(
        example=subject.aligned.example.id,
        clean=float(clean.mean()),
        is_right=bool((logits.argmax(-1).cpu().numpy() == gold).all()),
        effects=effects,
        reasons=reasons,
    )


def _arms(
    model: Model,
    subject: Subject,
    heads: Heads,
    settings: VerdictSettings,
    attention: Mapping[int, AttentionRows],
) -> tuple[dict[str, tuple[Write, ...]], dict[str, str]]:
    dims, name = model.dims, subject.aligned.example.id
    chosen, every = heads.chosen, dims.heads
    groups = groups_of(subject, windows_of(every, dims))
    gold = gold_rows(subject, every, dims)
    arms: dict[str, tuple[Write, ...]] = {"gold": masks(gold, chosen, settings, dims)}
    reasons: dict[str, str] = {}

    def add(arm: str, drawn: Drawn, members: Sequence[HeadId]) -> None:
        if drawn.rows is None:
            reasons[arm] = drawn.reason or "no match"
        else:
            arms[arm] = masks(drawn.rows, members, settings, dims)

    for kind in (ControlKind.RANDOM_KEYS, ControlKind.DISTANCE):
        add(kind.value, draw_rows(kind, groups, example_id=name, seed=settings.seed), chosen)
    dosed = dosed_masks(groups, chosen, attention, settings, dims, example_id=name, rows=sorted(subject.rows))
    if dosed.reason is None:
        arms |= {"mass_gold": dosed.gold, "mass": dosed.control}
    else:
        reasons["mass"] = dosed.reason
    others = other_heads(chosen, dims, seed=settings.seed, example_id=name)
    if others is None:
        reasons["random_heads"] = "a layer has too few other heads"
    else:
        arms["random_heads"] = masks(gold, others, settings, dims)
    shared = draw_rows(ControlKind.RANDOM_KEYS, groups, example_id=name, seed=settings.seed)
    for label, members in (("all", every), ("strongest", heads.strongest)):
        if members and tuple(members) != chosen:
            arms[f"{label}_gold"] = masks(gold, members, settings, dims)
            add(f"{label}_random_keys", shared, members)
    return arms, reasons


def necessity_contrasts(found: Sequence[MaskedExample], settings: VerdictSettings) -> tuple[Contrast, ...]:
    """Every comparison of the test; the first decides."""
    usual = Asked(
        question=Question.NECESSITY,
        name="",
        edit="",
        control="",
        unit="nats",
        minimum=settings.minimum.nats,
        direction=-1,
        decides=False,
    )
    contrasts: list[Contrast] = []
    for pair in PAIRS:
        if pair is not DECIDES and not any(pair.gold in one.effects for one in found):
            continue
        asked = replace(
            usual,
            name=f"{pair.gold}/{pair.control}",
            edit=pair.edit,
            control=pair.against,
            decides=pair is DECIDES,
        )
        reasons = [one.reasons[pair.control] for one in found if pair.control in one.reasons]
        contrasts.append(
            contrast_of(
                asked,
                _column(found, pair.gold),
                _column(found, pair.control),
                seed=settings.seed,
                reason=reasons[0] if reasons else None,
            )
        )
    return tuple(contrasts)


def _column(found: Sequence[MaskedExample], arm: str) -> Float[np.ndarray, " example"]:
    return np.array([one.effects.get(arm, np.nan) for one in found])
