"""Path patching: what a sender head's edit does to the metric by way of one input of one receiver head, exactly.

In: an example, senders and receivers. Out: effects of paths. Two runs, as defined in Wang et al. 2022: in the first the
sender is edited and every other head's output stands frozen at its unedited value, so what reaches the receiver's input
comes straight from the sender, through the residual stream (and through MLPs, where they are computed anew). In the
second that input alone is put into an unedited run, everything after the receiver computed anew.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from torch import Tensor

from attnprobe.causal.attribution.settings import AttributionSettings, Mlps, PathInput
from attnprobe.causal.edits import mask_write, reachable_rows, replacement_write
from attnprobe.causal.settings import InterventionKind
from attnprobe.causal.subject import Subject
from attnprobe.causal.sweep import Reader, Variant, reader_of, readout_logits, run_variants
from attnprobe.causal.units import Unit
from attnprobe.errors import SpecError
from attnprobe.models.model import Model
from attnprobe.plan import HeadId, ModelDims, Plan, Point, Read, Replace, Run, Site, Tokens, Write


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Path:
    """From a sender to one input of a receiver; without a receiver, straight to the logits."""

    sender: HeadId
    input: PathInput
    receiver: HeadId | None = None

    def __str__(self) -> str:
        return f"{self.sender}→{'logits' if self.receiver is None else f'{self.receiver}.{self.input}'}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PathEffects:
    """What paths do on one example.

    Attributes:
        clean: the metric on the unedited run, mean over the tokens read.
        effects: metric(patched) - metric(unedited) of each path.
        totals: of each sender, its edit with everything after it computed anew, by all ways at once.
    """

    clean: float
    effects: Mapping[Path, float]
    totals: Mapping[HeadId, float]


def paths_of(settings: AttributionSettings, dims: ModelDims) -> tuple[Path, ...]:
    """The paths that settings ask for, sender by sender; a receiver stands in a later layer than its sender.

    Raises:
        SpecError: a head does not exist, or no path is left.
    """
    known = set(dims.heads)
    for role, heads in (("sender", settings.senders), ("receiver", settings.receivers)):
        for head in heads or ():
            if head not in known:
                raise SpecError(
                    f"{role} {head} does not exist: the model has layers 0 to {dims.n_layers - 1}, heads by layer "
                    f"{list(dims.n_heads)}; name heads from 0, such as L0H0."
                )
    senders = sorted(set(dims.heads if settings.senders is None else settings.senders))
    receivers = sorted(set(dims.heads if settings.receivers is None else settings.receivers))
    entries = [entry for entry in settings.inputs if entry is not PathInput.LOGITS]
    paths: list[Path] = []
    for sender in senders:
        if PathInput.LOGITS in settings.inputs:
            paths.append(Path(sender=sender, input=PathInput.LOGITS))
        paths += [
            Path(sender=sender, input=entry, receiver=receiver)
            for receiver in receivers
            if receiver.layer > sender.layer
            for entry in entries
        ]
    if not paths:
        raise SpecError(
            f"paths from {', '.join(map(str, senders))} to {', '.join(map(str, receivers))}: none, because a receiver "
            "must stand in a later layer than its sender. Choose other heads, or input logits."
        )
    return tuple(paths)


def path_effects(
    model: Model,
    subject: Subject,
    settings: AttributionSettings,
    paths: Sequence[Path],
    values: Mapping[int, Tensor] | None,
) -> PathEffects:
    """Patch every path of one example.

    Args:
        model: which model.
        subject: the example.
        settings: what is done to senders, whether MLPs are frozen, and the metric.
        paths: from `paths_of`.
        values: by layer what replaces a sender's z at each position; None for zero, for scaling and for masks.

    Returns:
        Effects of the paths and of the senders. A sender that a mask cannot reach has effects of 0.

    Raises:
        PlanError: an edit cannot be honoured here; TransformerLens cannot edit k and v for one of several query heads
            that share them.

    Source: Wang et al. 2022 (arXiv 2211.00593), appendix B; Goldowsky-Dill et al. 2023 (arXiv 2304.05969).
    """
    senders = sorted({path.sender for path in paths})
    frozen = _frozen_reads(model.dims, settings, senders[0].layer)
    last = len(subject.ids) - min(subject.readout.positions)
    clean_run = model.forward(Tokens.of([subject.ids]), Plan(reads=frozen, last_logits=last))
    logits = readout_logits(clean_run, 0, subject.readout)
    reader = reader_of(settings.patch.metric, subject.readout, logits)
    clean = float(reader(logits).mean())
    edits = {sender: _sender_edit(model.dims, subject, settings, sender, values) for sender in senders}
    live = {sender: write for sender, write in edits.items() if write is not None}
    effects, totals = dict.fromkeys(paths, 0.0), dict.fromkeys(senders, 0.0)
    variants = [Variant(key=sender, writes=(write,)) for sender, write in live.items()]
    for path, found in _first_runs(model, subject, settings, live, paths, clean_run):
        if path.receiver is None:
            effects[path] = float(reader(found).mean()) - clean
        else:
            variants.append(Variant(key=path, writes=(receiver_write(model.dims, path, found),)))
    for variant, reading in _read(model, subject, settings, variants, reader):
        effect = float(reading.mean()) - clean
        if isinstance(variant.key, Path):
            effects[variant.key] = effect
        else:
            assert isinstance(variant.key, HeadId)
            totals[variant.key] = effect
    return PathEffects(clean=clean, effects=effects, totals=totals)


def _read(
    model: Model, subject: Subject, settings: AttributionSettings, variants: Sequence[Variant], reader: Reader
) -> Iterator[tuple[Variant, Float[np.ndarray, " token"]]]:
    readings = run_variants(model, subject.ids, variants, reader, settings.patch.limits)
    for variant, reading in zip(variants, readings, strict=True):
        yield variant, reading.values


def _frozen_reads(dims: ModelDims, settings: AttributionSettings, first: int) -> tuple[Read, ...]:
    points = (Point.Z,) if settings.mlps is Mlps.RECOMPUTED else (Point.Z, Point.MLP_OUT)
    return tuple(Read(point=point, layer=layer) for layer in range(first, dims.n_layers) for point in points)


def _sender_edit(
    dims: ModelDims,
    subject: Subject,
    settings: AttributionSettings,
    sender: HeadId,
    values: Mapping[int, Tensor] | None,
) -> Write | None:
    unit = Unit(layer=sender.layer, index=sender.head)
    patch = settings.patch
    if patch.intervention is not InterventionKind.MASK:
        return replacement_write(subject, patch, unit, values)
    rows = reachable_rows(subject.rows, sender.layer, dims)
    return mask_write(rows, unit, patch.strength, patch.empty_row) if rows else None


def _first_runs(
    model: Model,
    subject: Subject,
    settings: AttributionSettings,
    edits: Mapping[HeadId, Write],
    paths: Sequence[Path],
    clean_run: Run,
) -> Iterator[tuple[Path, Tensor]]:
    """The first run of every sender, several of a layer in a batch: what each path's input takes, or the logits."""
    size = settings.patch.batch_size
    for layer in sorted({sender.layer for sender in edits}):
        here = [sender for sender in edits if sender.layer == layer]
        for start in range(0, len(here), size):
            senders = here[start : start + size]
            wanted = [path for path in paths if path.sender in senders]
            plan = _first_plan(model.dims, subject, settings, [edits[sender] for sender in senders], wanted, clean_run)
            run = model.forward(Tokens.of([subject.ids] * len(senders)), plan)
            for path in wanted:
                yield path, _found(run, senders.index(path.sender), path, subject)


def _first_plan(
    dims: ModelDims,
    subject: Subject,
    settings: AttributionSettings,
    edits: Sequence[Write],
    paths: Sequence[Path],
    clean_run: Run,
) -> Plan:
    layer = edits[0].site.layer
    # heads of the sender's own layer, and of those before it, cannot be reached by it
    writes = [replace(edit, site=replace(edit.site, batch=(row,))) for row, edit in enumerate(edits)]
    writes += [_freeze(clean_run, Point.Z, later) for later in range(layer + 1, dims.n_layers)]
    if settings.mlps is Mlps.FROZEN:
        writes += [_freeze(clean_run, Point.MLP_OUT, later) for later in range(layer, dims.n_layers)]
    reads = {Read(point=path.input.point, layer=path.receiver.layer) for path in paths if path.receiver is not None}
    needs_logits = any(path.receiver is None for path in paths)
    last = len(subject.ids) - min(subject.readout.positions) if needs_logits else 1
    return Plan(writes=tuple(writes), reads=tuple(reads), last_logits=last)


def _freeze(clean_run: Run, point: Point, layer: int) -> Write:
    return Write(
        site=Site(point=point, layer=layer),
        intervention=Replace(values=clean_run.read(point, layer, 0), label="unedited run"),
    )


def _found(run: Run, row: int, path: Path, subject: Subject) -> Tensor:
    if path.receiver is None:
        return readout_logits(run, row, subject.readout)
    return run.read(path.input.point, path.receiver.layer, row)


def receiver_write(dims: ModelDims, path: Path, found: Float[Tensor, "pos some_head d_head"]) -> Write:
    """Put what the first run found at the receiver's input into another run, for that head alone.

    Args:
        dims: of the model.
        path: with a receiver.
        found: q, k or v of the receiver's layer; k and v by the heads that hold them.
    """
    receiver = path.receiver
    assert receiver is not None
    n_shared = dims.n_heads[receiver.layer] // dims.n_kv_heads[receiver.layer]
    is_kv = path.input is not PathInput.Q
    head = receiver.head // n_shared if is_kv else receiver.head
    # k and v that several query heads share are changed for the receiver alone, on the copy that it sees
    is_shared = is_kv and n_shared > 1
    site = Site(
        point=path.input.point,
        layer=receiver.layer,
        heads=(receiver.head if is_shared else head,),
        per_query_head=is_shared,
    )
    return Write(site=site, intervention=Replace(values=found[:, [head]].clone(), label=str(path)))
