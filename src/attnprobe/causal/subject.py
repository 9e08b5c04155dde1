"""One example made ready for a sweep: what is run, what is edited, what is read.

In: an aligned example and the settings. Out: `Subject`, or the reason why the example cannot be measured, which is
counted and reported; never a silent drop.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from attnprobe.causal.effects import Readout
from attnprobe.causal.key_groups import key_groups, null_groups
from attnprobe.causal.proof_steps import Mirror, mirror_of, parts_of
from attnprobe.causal.settings import Direction, InterventionKind, Metric, PatchSettings, ReadAt
from attnprobe.causal.span_alignment import PLACED, Matched, match_positions
from attnprobe.errors import SpecError
from attnprobe.tasks import AlignedExample, KeyDefinition, WordKind, keys_for
from attnprobe.tasks.aligned import UnevenCorruption


class Skip(StrEnum):
    """Why an example is not measured.

    NO_SCORED_TOKENS: no gold token has keys. NO_FOIL: no scored token has a foil that lines up.
    NO_CORRUPTION: it has no corrupted version whose answer parts from its own within one word. UNEQUAL_PLACES: its
    corrupted version has other tokens in number, and what is patched (q, k, pattern) says where things stand.
    UNEQUAL_SPANS: a span has other tokens in number, which is refused. NOTHING_IN_COMMON: nothing at the positions
    asked for is the same part of both versions. NO_GAP: clean and corrupted run hardly differ.
    NO_DONOR: no other example is long enough to resample from. NO_STEP: the proof has not so many steps with keys.
    NO_LATER_TOKENS: no token with keys comes after the forced step.
    """

    NO_SCORED_TOKENS = "no_scored_tokens"
    NO_FOIL = "no_foil"
    NO_CORRUPTION = "no_corruption"
    UNEQUAL_PLACES = "unequal_places"
    UNEQUAL_SPANS = "unequal_spans"
    NOTHING_IN_COMMON = "nothing_in_common"
    NO_GAP = "no_gap"
    NO_DONOR = "no_donor"
    NO_STEP = "no_step"
    NO_LATER_TOKENS = "no_later_tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An example as a sweep sees it.

    Attributes:
        aligned: the example.
        ids: the tokens that are run and edited (the recipient).
        donor: the tokens whose run a patch takes values from; None for other interventions.
        readout: what is read of every run.
        rows: for a mask or a force, the gold keys of each edited query position; empty for other interventions.
        positions: for other interventions, the edited positions; None for all.
        scored: indices into `aligned.targets` of the gold tokens read.
        mirror: for a force, the same at the foil's keys; None where no forced row has any.
        donor_readout: what is read of the donor's run, where its tokens are other in number; None where as `readout`.
        matched: where each position of `positions` takes its values from then; None where from the same position.
    """

    aligned: AlignedExample
    ids: tuple[int, ...]
    donor: tuple[int, ...] | None
    readout: Readout
    rows: Mapping[int, tuple[int, ...]]
    positions: tuple[int, ...] | None
    scored: tuple[int, ...]
    mirror: Mirror | None = None
    donor_readout: Readout | None = None
    matched: Matched | None = None


def prepare(aligned: AlignedExample, settings: PatchSettings) -> Subject | Skip:
    """Settle what is run, edited and read of one example.

    Args:
        aligned: the example under the model's tokenizer.
        settings: of the sweep.

    Returns:
        The subject, or why there is none.

    Raises:
        TaskError: the task does not know the keys asked for.
        SpecError: a span that is named does not exist.
    """
    if settings.intervention is InterventionKind.PATCH:
        return _prepare_patch(aligned, settings)
    keys = keys_for(aligned, settings.keys)
    # a definition reads the tokens that it gives keys; a span reads every token, but for words known to be unlicensed
    is_span = settings.keys not in set(KeyDefinition)
    scored = tuple(
        index
        for index, (target, found) in enumerate(zip(aligned.targets, keys, strict=True))
        if found or (is_span and target.kind is not WordKind.UNLICENSED)
    )
    if not scored:
        return Skip.NO_SCORED_TOKENS
    parts = parts_of(aligned, scored, settings)
    if not parts.forced:
        return Skip.NO_STEP
    if not parts.read:
        return Skip.NO_LATER_TOKENS
    scored = parts.read
    if settings.metric is Metric.LOGIT_DIFF:
        scored = tuple(index for index in scored if aligned.targets[index].foil is not None)
        if not scored:
            return Skip.NO_FOIL
    if settings.readout is ReadAt.OWN:
        parts = replace(parts, forced=scored)
    targets = [aligned.targets[index] for index in scored]
    foils = tuple(target.foil for target in targets if target.foil is not None)
    readout = Readout(
        positions=tuple(target.predicting for target in targets),
        gold=tuple(target.token for target in targets),
        foil=foils if len(foils) == len(targets) else None,
        kinds=tuple(target.kind for target in targets),
    )
    has_keys = settings.intervention.has_keys
    by_query = {aligned.targets[index].predicting: keys[index] for index in parts.forced if keys[index]}
    rows = _key_rows(aligned, settings, by_query) if has_keys else {}
    return Subject(
        aligned=aligned,
        ids=aligned.ids,
        donor=None,
        readout=readout,
        rows=rows,
        positions=None if has_keys else _query_positions(aligned, settings, readout),
        scored=scored,
        mirror=mirror_of(aligned, parts, settings, rows),
    )


def _prepare_patch(aligned: AlignedExample, settings: PatchSettings) -> Subject | Skip:
    corruption = aligned.corruption
    if corruption is None:
        return Skip.NO_CORRUPTION if aligned.uneven is None else _prepare_uneven(aligned, aligned.uneven, settings)
    into_corrupted = settings.direction is Direction.CLEAN_TO_CORRUPTED
    index = corruption.position - aligned.prompt_length
    readout = Readout(
        positions=(corruption.predicting,),
        gold=(corruption.gold,),
        foil=(corruption.foil,),
        kinds=(aligned.targets[index].kind,),
    )
    return Subject(
        aligned=aligned,
        ids=corruption.ids if into_corrupted else aligned.ids,
        donor=aligned.ids if into_corrupted else corruption.ids,
        readout=readout,
        rows={},
        positions=_query_positions(aligned, settings, readout),
        scored=(index,),
    )


def _prepare_uneven(aligned: AlignedExample, uneven: UnevenCorruption, settings: PatchSettings) -> Subject | Skip:
    """The same where the two versions have other tokens in number: each is read at its own predicting position."""
    if settings.resolved_site in PLACED:
        return Skip.UNEQUAL_PLACES
    match settings.resolved_queries:
        case "all":
            within = None
        case "predicting":
            within = (uneven.position - 1,)
        case name:
            within = _span_positions(aligned, name)
    matched = match_positions(uneven, settings.direction, settings.unequal_spans, within=within)
    if matched.is_refused:
        return Skip.UNEQUAL_SPANS
    if not matched.sources:
        return Skip.NOTHING_IN_COMMON
    index = uneven.position - aligned.prompt_length
    clean, corrupted = (
        Readout(positions=(place - 1,), gold=(uneven.gold,), foil=(uneven.foil,), kinds=(aligned.targets[index].kind,))
        for place in (uneven.position, uneven.corrupted_position)
    )
    into_corrupted = settings.direction is Direction.CLEAN_TO_CORRUPTED
    return Subject(
        aligned=aligned,
        ids=uneven.ids if into_corrupted else aligned.ids,
        donor=aligned.ids if into_corrupted else uneven.ids,
        readout=corrupted if into_corrupted else clean,
        donor_readout=clean if into_corrupted else corrupted,
        rows={},
        positions=tuple(matched.sources),
        scored=(index,),
        matched=matched,
    )


def _span_positions(aligned: AlignedExample, name: str) -> tuple[int, ...]:
    positions = aligned.spans.get(name)
    if not positions:
        known = ", ".join(sorted(name for name, found in aligned.spans.items() if found)) or "none"
        raise SpecError(
            f"span {name!r} does not exist in example {aligned.example.id!r}; its spans are: {known}. "
            "Queries may also be 'predicting' or 'all'."
        )
    return positions


def _query_positions(aligned: AlignedExample, settings: PatchSettings, readout: Readout) -> tuple[int, ...] | None:
    match settings.resolved_queries:
        case "all":
            return None
        case "predicting":
            return tuple(sorted(set(readout.positions)))
        case name:
            return _span_positions(aligned, name)


def _key_rows(
    aligned: AlignedExample, settings: PatchSettings, by_query: Mapping[int, tuple[int, ...]]
) -> Mapping[int, tuple[int, ...]]:
    """Gold keys of each edited query: its own at a predicting position; anywhere else the union of all."""
    if settings.resolved_queries == "predicting":
        return _placebo(aligned, settings, by_query)
    union = sorted({key for keys in by_query.values() for key in keys})
    chosen = (
        range(len(aligned.ids))
        if settings.resolved_queries == "all"
        else _span_positions(aligned, settings.resolved_queries)
    )
    rows = {query: tuple(key for key in union if key <= query) for query in chosen}
    return _placebo(aligned, settings, {query: keys for query, keys in rows.items() if keys})


def _placebo(
    aligned: AlignedExample, settings: PatchSettings, rows: Mapping[int, tuple[int, ...]]
) -> Mapping[int, tuple[int, ...]]:
    """The same rows, with keys drawn from the controls' pool where the settings ask for a placebo."""
    if not settings.placebo:
        return rows
    groups = key_groups(rows, special=aligned.special, shared_keys=settings.resolved_queries != "predicting")
    drawn = null_groups(groups, seed=settings.seed, example_id=aligned.example.id)
    return {query: keys for group in drawn for query, keys in sorted(group.rows(group.gold).items())}
