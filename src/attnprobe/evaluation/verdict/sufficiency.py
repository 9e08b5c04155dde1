"""Sufficiency, teacher-forced: what attention forced onto the premise of a wrong word does to that word.

In: a model, aligned examples of the testing half, the heads. Out: for each example with something to repair the effect
of every dose and arm, and `Contrast`s. What the model writes after one forced word is `generated`'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.effects import gold_logprob
from attnprobe.causal.sweep import Reader, Variant, run_variants
from attnprobe.evaluation.verdict.contrasts import Asked, Contrast, contrast_of
from attnprobe.evaluation.verdict.joint import KeyRows, Rows, by_layer, windows_of
from attnprobe.evaluation.verdict.repair import (
    NoRepair,
    WrongWord,
    control_rows,
    first_wrong_word,
    force_groups,
    forced_rows,
    premise_keys,
)
from attnprobe.evaluation.verdict.rules import Question
from attnprobe.evaluation.verdict.selection import Heads
from attnprobe.evaluation.verdict.settings import VerdictSettings
from attnprobe.models.model import Model
from attnprobe.plan import Edges, HeadId, ModelDims, Plan, Tokens, Unembedding, Write, force_edges
from attnprobe.tasks import AlignedExample, KeyDefinition

GOLD, CONTROL, DISTANCE = "gold", ControlKind.RANDOM_KEYS.value, ControlKind.DISTANCE.value
MIRROR, SOURCE = "mirror", "source_word"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForcedExample:
    """One example with a wrong word, under every dose.

    Attributes:
        example: its id.
        word: what is repaired.
        gold: rows and keys of the forced word, by window.
        control: the same rows with random keys.
        clean: log p of the word's pieces in the unedited run, mean, in nats.
        effects: by dose and arm, change of that log p; for `mirror`, of log p(foil) with the mass on the foil's keys.
        later: by arm, at the deciding dose, change of log p of the later gold tokens; empty where there are none.
    """

    example: str
    word: WrongWord
    gold: KeyRows
    control: KeyRows
    clean: float
    effects: Mapping[tuple[float, str], float]
    later: Mapping[str, float]


def force_writes(
    rows: KeyRows, heads: Sequence[HeadId], mass: float, settings: VerdictSettings, dims: ModelDims
) -> tuple[Write, ...]:
    """Give keys of some rows an exact mass in all heads at once."""
    return tuple(
        force_edges(
            layer=layer,
            edges=Edges.of(rows[dims.windows[layer]]),
            heads=members,
            mass=mass,
            empty_row=settings.empty_row,
        )
        for layer, members in by_layer(heads).items()
        if rows[dims.windows[layer]]
    )


def observe_forces(
    model: Model, aligned: AlignedExample, heads: Heads, settings: VerdictSettings
) -> ForcedExample | NoRepair:
    """Run one example under every dose and arm, if it has a wrong word.

    Raises:
        PlanError: an edit cannot be honoured or does not fire.
    """
    name, dims = aligned.example.id, model.dims
    read = sorted(premise_keys(aligned))
    if not read:
        return NoRepair.NO_PREMISE
    clean = _clean_logits(model, aligned, [aligned.targets[index].predicting for index in read])
    best = clean.argmax(-1).tolist()
    is_right = {index: best[place] == aligned.targets[index].token for place, index in enumerate(read)}
    word = first_wrong_word(aligned, is_right)
    if isinstance(word, NoRepair):
        return word
    windows = windows_of(heads.chosen, dims)
    groups = force_groups(word, windows, settings, name)
    gold = forced_rows(groups)
    control = control_rows(ControlKind.RANDOM_KEYS, groups, example_id=name, seed=settings.seed)
    if control.rows is None:
        return NoRepair.NO_CONTROL
    far = control_rows(ControlKind.DISTANCE, groups, example_id=name, seed=settings.seed)
    sides: dict[str, KeyRows] = {GOLD: gold, CONTROL: control.rows}
    if far.rows is not None:
        sides[DISTANCE] = far.rows
    if word.parting is not None and (keys := word.parting.foil_keys.get(KeyDefinition.PREMISE_REST)):
        sides[MIRROR] = _in_sight({word.parting.predicting: keys}, windows)
    sides[SOURCE] = _in_sight(word.source, windows)
    arms = {
        (dose, arm): force_writes(rows, heads.chosen, dose, settings, dims)
        for dose in settings.doses
        for arm, rows in sides.items()
    }
    return _read(model, aligned, word, arms, gold, control.rows, settings)


def _clean_logits(model: Model, aligned: AlignedExample, positions: Sequence[int]) -> Float[Tensor, "token vocab"]:
    run = model.forward(Tokens.of([aligned.ids]), Plan(last_logits=len(aligned.ids) - min(positions)))
    return run.logits_at(0, positions)


def _in_sight(rows: Rows, windows: Sequence[int | None]) -> KeyRows:
    seen = {
        window: {row: tuple(key for key in keys if window is None or key > row - window) for row, keys in rows.items()}
        for window in windows
    }
    return {window: {row: keys for row, keys in found.items() if keys} for window, found in seen.items()}


def _read(
    model: Model,
    aligned: AlignedExample,
    word: WrongWord,
    arms: Mapping[tuple[float, str], tuple[Write, ...]],
    gold: KeyRows,
    control: KeyRows,
    settings: VerdictSettings,
) -> ForcedExample:
    targets = (*word.targets, *word.later)
    tokens = torch.tensor([target.token for target in targets], device=model.device)
    # without a foil the mirror is not run, and what stands in its place is not looked at
    parting = word.parting or word.targets[0]
    place, foil = word.targets.index(parting), parting.foil or parting.token

    def measure(logits: Float[Tensor, "edit position token"]) -> Tensor:
        of_gold = gold_logprob(logits, tokens)
        of_foil = gold_logprob(logits[:, [place]], tokens.new_tensor([foil]))
        return torch.cat([of_gold, of_foil], dim=-1)

    positions = tuple(target.predicting for target in targets)
    reader = Reader(unembedding=Unembedding(positions=positions), measure=measure)
    clean = measure(_clean_logits(model, aligned, positions)[None])[0].cpu().numpy()
    variants = [Variant(key=arm, writes=writes) for arm, writes in arms.items() if writes]
    readings = run_variants(model, aligned.ids, variants, reader, settings.limits)
    changes = {one.key: got.values - clean for one, got in zip(variants, readings, strict=True)}
    n_pieces = len(word.targets)
    effects = {
        arm: float(changes[arm][-1] if arm[1] == MIRROR else changes[arm][:n_pieces].mean())
        for arm in arms
        if arm in changes
    }
    later: dict[str, float] = {}
    if word.later:
        deciding = [arm for arm in (GOLD, CONTROL) if (settings.dose, arm) in changes]
        later = {arm: float(changes[settings.dose, arm][n_pieces:-1].mean()) for arm in deciding}
    return ForcedExample(
        example=aligned.example.id,
        word=word,
        gold=gold,
        control=control,
        clean=float(clean[:n_pieces].mean()),
        effects=effects,
        later=later,
    )


def sufficiency_contrasts(found: Sequence[ForcedExample], settings: VerdictSettings) -> tuple[Contrast, ...]:
    """Every comparison of the test, teacher-forced; the first decides, together with what is written afterwards."""
    dose = settings.dose
    usual = Asked(
        question=Question.SUFFICIENCY,
        name="",
        edit="",
        control="",
        unit="nats",
        minimum=settings.minimum.nats,
        direction=1,
        decides=False,
    )
    share = f"force {dose:g} onto the premise"
    asked = (
        replace(usual, name="forced_word/random_keys", edit=share, control="onto as many random keys", decides=True),
        replace(usual, name="forced_word/distance", edit=share, control="onto as many keys about as far back"),
        replace(usual, name="forced_word/mirror", edit=share, control="log p(foil), the mass on the foil's keys"),
    )
    handed = replace(
        usual,
        name="source_word/random_keys",
        edit=f"force {dose:g} onto the source word itself, which any copying head would write",
        control="onto random keys",
    )
    pairs = ((asked[0], GOLD, CONTROL), (asked[1], GOLD, DISTANCE), (asked[2], GOLD, MIRROR), (handed, SOURCE, CONTROL))
    contrasts = [
        contrast_of(one, _column(found, dose, edit), _column(found, dose, control), seed=settings.seed)
        for one, edit, control in pairs
        if one.decides or any({(dose, edit), (dose, control)} <= each.effects.keys() for each in found)
    ]
    if any(one.later for one in found):
        later = [np.array([one.later.get(arm, np.nan) for one in found]) for arm in (GOLD, CONTROL)]
        name = replace(usual, name="later_words/random_keys", edit=f"{share}, read later", control="onto random keys")
        contrasts.append(contrast_of(name, later[0], later[1], seed=settings.seed))
    return tuple(contrasts)


def _column(found: Sequence[ForcedExample], dose: float, arm: str) -> Float[np.ndarray, " example"]:
    return np.array([one.effects.get((dose, arm), np.nan) for one in found])
