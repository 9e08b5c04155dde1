"""A plan: what one forward pass reads, what it changes, and what is taken from its attention in passing.

In: sites and interventions. Out: `Plan`, checked against a model's dimensions and the tokens before anything runs.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from attnprobe.errors import SpecError
from attnprobe.plan.dims import ModelDims
from attnprobe.plan.interventions import EmptyRow, Force, Intervention, Mask, Replace
from attnprobe.plan.sites import Edges, HeadId, Point, Site
from attnprobe.plan.streams import Stream
from attnprobe.plan.tokens import Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Keep a whole tensor of the pass, as the model went on to use it (after the writes at the same point)."""

    point: Point
    layer: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Do something at a site."""

    site: Site
    intervention: Intervention

    def __post_init__(self) -> None:
        site, what = self.site, self.intervention
        if isinstance(what, Mask):
            expected = Point.ATTN_LOGITS if what.renormalise else Point.PATTERN
            _check_edges(site, expected, "mask", "strengths", what.strength)
        elif isinstance(what, Force):
            _check_edges(site, Point.ATTN_LOGITS, "force", "masses", what.mass)
        elif site.point is Point.ATTN_LOGITS:
            raise SpecError(
                f"{type(what).__name__.lower()} at attn_logits: only masks and forces edit it; choose pattern."
            )
        elif isinstance(what, Replace) and site.edges is not None:
            raise SpecError("replace at pattern: whole query rows are replaced; give `positions`, not `edges`.")


def _check_edges(site: Site, expected: Point, name: str, amounts: str, amount: float | tuple[float, ...]) -> None:
    if site.point is not expected or site.edges is None:
        raise SpecError(f"{name} at {site.point}: expected edges at {expected}; build it with `{name}_edges`.")
    if isinstance(amount, tuple) and len(amount) != len(site.edges.rows):
        raise SpecError(
            f"{name}: {len(amount)} {amounts} for {len(site.edges.rows)} query rows; "
            "give one number, or one for each row."
        )


def mask_edges(
    *,
    layer: int,
    edges: Edges,
    heads: tuple[int, ...] | None = None,
    batch: tuple[int, ...] | None = None,
    strength: float | tuple[float, ...] = 1.0,
    renormalise: bool = True,
    empty_row: EmptyRow = EmptyRow.RAISE,
) -> Write:
    """A write that forbids attention along edges of one layer, at the point where its kind of mask acts.

    Args:
        layer: which layer.
        edges: (query, key) pairs in absolute positions.
        heads: query heads; None for all.
        batch: sequences of the batch; None for all.
        strength: see `Mask`.
        renormalise: see `Mask`.
        empty_row: see `Mask`.
    """
    point = Point.ATTN_LOGITS if renormalise else Point.PATTERN
    return Write(
        site=Site(point=point, layer=layer, heads=heads, batch=batch, edges=edges),
        intervention=Mask(strength=strength, renormalise=renormalise, empty_row=empty_row),
    )


def force_edges(
    *,
    layer: int,
    edges: Edges,
    heads: tuple[int, ...] | None = None,
    batch: tuple[int, ...] | None = None,
    mass: float | tuple[float, ...],
    empty_row: EmptyRow = EmptyRow.RAISE,
) -> Write:
    """A write that gives the keys of each query an exact share of its attention in one layer.

    Args:
        layer: which layer.
        edges: (query, key) pairs in absolute positions.
        heads: query heads; None for all.
        batch: sequences of the batch; None for all.
        mass: see `Force`.
        empty_row: see `Force`.
    """
    return Write(
        site=Site(point=Point.ATTN_LOGITS, layer=layer, heads=heads, batch=batch, edges=edges),
        intervention=Force(mass=mass, empty_row=empty_row),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryEdit:
    """One mask or force of one query in each of several sequences, each at keys of its own: what a step of decoding
    does to its batch, carried out at once.

    Attributes:
        layer: which layer.
        heads: query heads; None for all.
        intervention: a mask that renormalises, or a force; of one strength or mass.
        rows: sequence, query position and its key positions, ascending, none after the query; one entry a sequence.
    """

    layer: int
    heads: tuple[int, ...] | None
    intervention: Mask | Force
    rows: tuple[tuple[int, int, tuple[int, ...]], ...]

    def __post_init__(self) -> None:
        what = self.intervention
        amount = what.strength if isinstance(what, Mask) else what.mass
        if isinstance(amount, tuple) or (isinstance(what, Mask) and not what.renormalise):
            raise SpecError("query edit: expected a mask before the softmax or a force, of one strength or mass.")
        if not self.rows or len({sequence for sequence, _, _ in self.rows}) < len(self.rows):
            raise SpecError("query edit: expected at least one sequence, each once.")
        if not all(keys and keys[-1] <= query for _, query, keys in self.rows):
            raise SpecError("query edit: expected keys for every query, none after it.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that one forward pass reads and changes.

    Attributes:
        reads: tensors to keep.
        writes: edits, carried out in this order where they meet at one point.
        streams: statistics of attention, taken while the model runs.
        query_edits: edits of one query in each of several sequences, after the writes of their layer.
        last_logits: unembed only this many last columns (left padding keeps the predicting positions there); None for
            all. 0: no logits are wanted, so that nothing after the last point the plan touches needs to run.
    """

    reads: tuple[Read, ...] = ()
    writes: tuple[Write, ...] = ()
    streams: tuple[Stream, ...] = ()
    query_edits: tuple[QueryEdit, ...] = ()
    last_logits: int | None = None

    def __post_init__(self) -> None:
        if self.last_logits is not None and self.last_logits < 0:
            raise SpecError(f"plan: last_logits={self.last_logits}; expected at least 0, or None for all.")

    def touches(self, layer: int, *points: Point) -> bool:
        """Whether anything is read or written at one of these points of a layer."""
        sites: Iterable[Read | Site] = (*self.reads, *(write.site for write in self.writes))
        if any(site.layer == layer and site.point in points for site in sites):
            return True
        return Point.ATTN_LOGITS in points and any(edit.layer == layer for edit in self.query_edits)

    def check(self, dims: ModelDims, tokens: Tokens) -> None:
        """Refuse a plan that does not fit a model or a batch, before anything runs.

        Raises:
            SpecError: a layer, head, sequence, position or token does not exist; the message names it.
        """
        _check_tokens(tokens, dims)
        for one in (*self.reads, *self.streams):
            _check_layer(one.layer, dims)
        for write in self.writes:
            _check_site(write.site, dims, tokens)
        for edit in self.query_edits:
            _check_query_edit(edit, dims, tokens)


EMPTY_PLAN = Plan()


def _check_query_edit(edit: QueryEdit, dims: ModelDims, tokens: Tokens) -> None:
    sequences = tuple(sorted(sequence for sequence, _, _ in edit.rows))
    _check_site(Site(point=Point.ATTN_LOGITS, layer=edit.layer, heads=edit.heads, batch=sequences), dims, tokens)
    lengths, first = tokens.lengths, tokens.cached - tokens.width
    for sequence, query, _ in edit.rows:
        if not first + lengths[sequence] <= query < lengths[sequence]:
            raise SpecError(
                f"position {query} of sequence {sequence} does not run: it has {lengths[sequence]} tokens, and those "
                f"before position {max(0, first + lengths[sequence])} are cached."
            )


def _check_tokens(tokens: Tokens, dims: ModelDims) -> None:
    longest = max(tokens.lengths)
    if dims.context is not None and longest > dims.context:
        raise SpecError(
            f"a sequence of {longest} tokens: the model's context is {dims.context} tokens; give a shorter prompt."
        )
    if dims.turns_at is not None and min(tokens.lengths) <= dims.turns_at < longest:
        raise SpecError(
            f"sequences of {min(tokens.lengths)} and {longest} tokens in one batch: beyond {dims.turns_at} tokens this "
            "model embeds every position otherwise, so that the long one would change the short one; give them apart "
            "(batch size 1)."
        )
    lowest, highest = int(tokens.ids.min()), int(tokens.ids.max())
    if lowest < 0 or highest >= dims.vocab:
        raise SpecError(
            f"token id {lowest if lowest < 0 else highest} does not exist: the model's vocabulary has ids 0 to "
            f"{dims.vocab - 1}. Tokenise with the model's own tokenizer."
        )


def _check_layer(layer: int, dims: ModelDims) -> None:
    if not 0 <= layer < dims.n_layers:
        raise SpecError(f"layer {layer} does not exist: the model has layers 0 to {dims.n_layers - 1}.")


def _check_site(site: Site, dims: ModelDims, tokens: Tokens) -> None:
    _check_layer(site.layer, dims)
    is_kv = site.point.has_kv_heads and not site.per_query_head
    n_heads = (dims.n_kv_heads if is_kv else dims.n_heads)[site.layer]
    if site.heads is not None and site.heads[-1] >= n_heads:
        head = HeadId(layer=site.layer, head=site.heads[-1], is_kv=is_kv)
        kind = "key and value heads" if is_kv else "heads"
        raise SpecError(f"head {head} does not exist: layer {site.layer} has {kind} 0 to {n_heads - 1}.")
    n_sequences = len(tokens.lengths)
    if site.batch is not None and site.batch[-1] >= n_sequences:
        raise SpecError(f"sequence {site.batch[-1]} does not exist: the batch has {n_sequences}.")
    rows = range(n_sequences) if site.batch is None else site.batch
    shortest = min(tokens.lengths[row] for row in rows)
    last = -1
    if site.positions is not None:
        last = site.positions[-1]
    elif site.edges is not None:
        last = max(max(query, keys[-1]) for query, keys in site.edges.rows)
    if last >= shortest:
        raise SpecError(f"position {last} does not exist: a sequence that the edit names has {shortest} tokens.")
