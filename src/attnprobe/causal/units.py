"""What a sweep walks over: heads, or layers where a site has no heads.

In: settings and a model's dimensions. Out: `Unit`s in model order.
"""

from dataclasses import dataclass

from attnprobe.causal.settings import InterventionKind, PatchSettings
from attnprobe.errors import SpecError
from attnprobe.plan import HeadId, ModelDims, Point


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Unit:
    """One thing that a sweep edits at a time: a query head, a key and value head, or a whole layer.

    Attributes:
        layer: which layer.
        index: which head, or None for the layer.
        is_kv: whether `index` counts key and value heads.
    """

    layer: int
    index: int | None = None
    is_kv: bool = False

    def __str__(self) -> str:
        if self.index is None:
            return f"L{self.layer}"
        return str(HeadId(layer=self.layer, head=self.index, is_kv=self.is_kv))

    @property
    def heads(self) -> tuple[int, ...] | None:
        """What a site's `heads` is to be."""
        return None if self.index is None else (self.index,)

    @property
    def members(self) -> tuple["Unit", ...]:
        """What is edited together: itself alone. A `HeadSet` has several."""
        return (self,)


def point_of(settings: PatchSettings) -> Point:
    """The point that an intervention acts at."""
    if settings.intervention.has_keys:
        return Point.ATTN_LOGITS
    has_site = settings.intervention in (InterventionKind.PATCH, InterventionKind.TRANSPLANT)
    return settings.resolved_site if has_site else Point.Z


def units_of(settings: PatchSettings, dims: ModelDims) -> tuple[Unit, ...]:
    """The heads (or layers) that a sweep edits, in model order.

    Raises:
        SpecError: heads were named that do not exist, or at a site that has none.
    """
    point = point_of(settings)
    if not point.has_heads:
        if settings.heads is not None:
            raise SpecError(
                f"--heads with site {point}: this site has no heads, it is swept by layer; leave --heads out."
            )
        return tuple(Unit(layer=layer) for layer in range(dims.n_layers))
    available = dims.kv_heads if point.has_kv_heads else dims.heads
    chosen = available if settings.heads is None else tuple(sorted(set(settings.heads)))
    for head in chosen:
        if head not in available:
            counts = dims.n_kv_heads if point.has_kv_heads else dims.n_heads
            shape = f"{counts[0]} heads each" if len(set(counts)) == 1 else f"heads by layer {list(counts)}"
            form = "L0KV0" if point.has_kv_heads else "L0H0"
            raise SpecError(
                f"head {head} does not exist at site {point}: the model has layers 0 to {dims.n_layers - 1} "
                f"with {shape}; name heads from 0, such as {form}."
            )
    return tuple(Unit(layer=head.layer, index=head.head, is_kv=head.is_kv) for head in chosen)
