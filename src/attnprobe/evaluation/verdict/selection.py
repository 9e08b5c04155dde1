"""Which heads are tested: those whose attention is aligned with the gold keys, found on the selecting half alone.

In: a model, subjects of the selecting half. Out: `Heads`, with the margins and mask effects that chose them.

The question is whether attention *on the gold keys* causes right tokens. So the set is chosen by where heads attend,
not by what masking them does: heads chosen by their effect would make necessity true by choice, and heads that attend
without effect are what could contradict it. The set by effect stands beside it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from attnprobe.causal.control_arms import AttentionRows, looks_for_mass
from attnprobe.causal.controls import ControlKind
from attnprobe.causal.settings import Metric
from attnprobe.causal.subject import Subject
from attnprobe.causal.sweep import Variant, reader_of, readout_logits, run_variants, unedited
from attnprobe.errors import SpecError, TaskError
from attnprobe.evaluation.verdict.joint import KeyRows, draw_rows, gold_rows, groups_of, masks, windows_of
from attnprobe.evaluation.verdict.rules import ALPHA
from attnprobe.evaluation.verdict.settings import HeadChoice, VerdictSettings
from attnprobe.models.model import Model
from attnprobe.plan import HeadId, ModelDims
from attnprobe.statistics.estimates import Estimate, benjamini_hochberg, bootstrap_intervals
from attnprobe.statistics.sign_flips import sign_flip_p

OnExample = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadRow:
    """One head on the selecting half.

    Attributes:
        head: which.
        margin: attention mass on the gold keys less that on as many random keys, mean over rows, with its interval.
        q: of the margin, over all heads; None below eight examples.
        effect: of masking it alone on log p(gold), less the same with random keys, in nats.
        is_aligned: by the rules.
    """

    head: HeadId
    margin: Estimate
    q: float | None
    effect: Estimate
    is_aligned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """The set that is tested, and what it was chosen from.

    Attributes:
        choice: how.
        chosen: the set, in model order.
        strongest: as many heads by the effect of masking them; empty where nothing was selected.
        rows: every head of the model on the selecting half, in model order; empty where nothing was selected.
        none_aligned: whether no head passed, so that the one with the largest margin is tested.
        n_selecting: examples that chose.
    """

    choice: HeadChoice
    chosen: tuple[HeadId, ...]
    strongest: tuple[HeadId, ...] = ()
    rows: tuple[HeadRow, ...] = ()
    none_aligned: bool = False
    n_selecting: int = 0


def choose_heads(
    model: Model, subjects: Sequence[Subject], settings: VerdictSettings, *, on_example: OnExample | None = None
) -> Heads:
    """Settle whose attention is tested.

    Args:
        model: any backend.
        subjects: of the selecting half; empty where heads are named.
        settings: of the verdict.
        on_example: called after each example.

    Raises:
        SpecError: a head that was named does not exist.
        TaskError: no example of the selecting half can be measured.
    """
    every = model.dims.heads
    if not settings.choice.selects:
        chosen = every if settings.heads is None else settings.heads
        _check_exist(chosen, model.dims)
        return Heads(choice=settings.choice, chosen=chosen)
    margins: list[Float[np.ndarray, " head"]] = []
    effects: list[Float[np.ndarray, " head"]] = []
    for subject in subjects:
        found = _observe(model, subject, settings, every)
        if found is not None:
            margins.append(found[0])
            effects.append(found[1])
        if on_example is not None:
            on_example()
    if not margins:
        raise TaskError(
            f"none of the {len(subjects)} examples of the selecting half has gold keys ({settings.keys}) and as many "
            "others to compare with; name heads with --heads, or choose other keys or more examples."
        )
    rows = _rows(every, np.stack(margins), np.stack(effects), settings)
    return _settle(rows, settings, len(margins))


def _check_exist(heads: Sequence[HeadId], dims: ModelDims) -> None:
    known = set(dims.heads)
    for head in heads:
        if head not in known:
            raise SpecError(
                f"head {head} does not exist: the model has layers 0 to {dims.n_layers - 1} with "
                f"{', '.join(map(str, sorted(set(dims.n_heads))))} heads; name heads from 0, such as L0H0."
            )


def _observe(
    model: Model, subject: Subject, settings: VerdictSettings, heads: Sequence[HeadId]
) -> tuple[Float[np.ndarray, " head"], Float[np.ndarray, " head"]] | None:
    """Margin and mask effect of every head on one example; None without a match."""
    dims = model.dims
    drawn = draw_rows(
        ControlKind.RANDOM_KEYS,
        groups_of(subject, windows_of(heads, dims)),
        example_id=subject.aligned.example.id,
        seed=settings.seed,
    )
    if drawn.rows is None:
        return None
    gold = gold_rows(subject, heads, dims)
    layers = sorted({head.layer for head in heads})
    plain = unedited(model, subject.ids, subject.readout, looks_for_mass(subject.rows, layers))
    attention: Mapping[int, AttentionRows] = dict(zip(layers, plain.streamed, strict=True))
    q_positions = sorted(subject.rows)
    margins = np.array(
        [
            _margin(attention[head.layer][head.head], q_positions, gold, drawn.rows, dims.windows[head.layer])
            for head in heads
        ]
    )
    logits = readout_logits(plain, 0, subject.readout)
    reader = reader_of(Metric.GOLD_LOGPROB, subject.readout, logits)
    pairs = {head: tuple(masks(rows, (head,), settings, dims) for rows in (gold, drawn.rows)) for head in heads}
    variants = [
        Variant(key=(head, side), writes=writes)
        for head, sides in pairs.items()
        for side, writes in enumerate(sides)
        if all(sides)
    ]
    readings = run_variants(model, subject.ids, variants, reader, settings.limits)
    values = {variant.key: reading.values.mean() for variant, reading in zip(variants, readings, strict=True)}
    effects = np.array([values[head, 0] - values[head, 1] if all(pairs[head]) else 0.0 for head in heads])
    return margins, effects


def _margin(
    pattern: Float[np.ndarray, "row k_pos"],
    q_positions: Sequence[int],
    gold: KeyRows,
    control: KeyRows,
    window: int | None,
) -> float:
    def mass(rows: KeyRows) -> float:
        return sum(
            float(pattern[index, list(rows[window][q_pos])].sum())
            for index, q_pos in enumerate(q_positions)
            if q_pos in rows[window]
        )

    return (mass(gold) - mass(control)) / len(q_positions)


def _rows(
    heads: Sequence[HeadId],
    margins: Float[np.ndarray, "example head"],
    effects: Float[np.ndarray, "example head"],
    settings: VerdictSettings,
) -> tuple[HeadRow, ...]:
    q = benjamini_hochberg(sign_flip_p(margins, settings.seed))
    columns = zip(
        heads,
        bootstrap_intervals(margins, settings.seed),
        q,
        bootstrap_intervals(effects, settings.seed),
        strict=True,
    )
    return tuple(
        HeadRow(
            head=head,
            margin=margin,
            q=own_q,
            effect=effect,
            is_aligned=own_q is not None and own_q < ALPHA and (margin.value or 0.0) >= settings.margin,
        )
        for head, margin, own_q, effect in columns
    )


def _settle(rows: Sequence[HeadRow], settings: VerdictSettings, n_selecting: int) -> Heads:
    by_margin = sorted(rows, key=lambda row: (-(row.margin.value or 0.0), row.head))
    aligned = tuple(row.head for row in by_margin if row.is_aligned) or (by_margin[0].head,)
    by_effect = sorted(rows, key=lambda row: (row.effect.value or 0.0, row.head))
    strongest = tuple(sorted(row.head for row in by_effect[: len(aligned)]))
    chosen = strongest if settings.choice is HeadChoice.STRONGEST else tuple(sorted(aligned))
    return Heads(
        choice=settings.choice,
        chosen=chosen,
        strongest=strongest,
        rows=tuple(rows),
        none_aligned=not any(row.is_aligned for row in rows),
        n_selecting=n_selecting,
    )
