"""Where a `TransformerBridge` passes the points of a plan, layer by layer.

In: a bridge. Out: for each layer the name of the hook at each `Point`, or a refusal that says which layer cannot be
served and why. A hook is only listed where an edit of it reaches the rest of the computation: TransformerLens leaves
the attention of some architectures inside the model's own code and fires the hooks on scores and pattern afterwards,
for reading only, so that an edit is dropped with a warning. Those architectures are refused as a whole.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from einops import rearrange
from torch import Tensor

from attnprobe.errors import ModelError, PlanError
from attnprobe.models.model import Backend
from attnprobe.plan import Point

OTHERS = f"'{Backend.NATIVE}' or '{Backend.NNSIGHT}'"

_ALWAYS = {
    Point.RESID: "hook_in",
    Point.V: "attn.v.hook_out",
    Point.ATTN_LOGITS: "attn.hook_attn_scores",
    Point.PATTERN: "attn.hook_pattern",
    Point.Z: "attn.o.hook_in",
    # the block's own hook_attn_out and hook_mlp_out stand after the norms that follow in Gemma and OLMo 2
    Point.ATTN_OUT: "attn.hook_out",
    Point.MLP_OUT: "mlp.hook_out",
}
_ROTATED = {Point.Q: "attn.hook_rot_q", Point.K: "attn.hook_rot_k"}
_PROJECTED = {Point.Q: "attn.q.hook_out", Point.K: "attn.k.hook_out"}

Rotary = Callable[[Point, Tensor], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerPoints:
    """How one layer is reached.

    Attributes:
        layer: which layer.
        hooks: full name of the hook at each point that has one.
        rotating: the attention component, where queries and keys after rotary embedding pass no hook but a method of
            it; None elsewhere.
        sinks: one logit a query head that stands beside the keys in the softmax; None for none.
    """

    layer: int
    hooks: Mapping[Point, str]
    rotating: Any = None
    sinks: Tensor | None = None

    def check(self, point: Point) -> None:
        """Refuse a point that the bridge does not pass in this layer.

        Raises:
            PlanError: it does not; the message names the backends that do.
        """
        if point not in self.hooks and not (self.rotating is not None and point in _ROTATED):
            raise PlanError(
                f"{point} of layer {self.layer}: TransformerLens has no hook there for this architecture that an edit "
                f"would pass through; use backend {OTHERS}."
            )


def locate_points(bridge: Any) -> tuple[LayerPoints, ...]:
    """Find the hook of every point of every layer of a `TransformerBridge`.

    Raises:
        ModelError: a layer has no attention that the bridge computes itself.
    """
    n_layers: int = bridge.original_model.config.get_text_config(decoder=True).num_hidden_layers
    blocks: Sequence[Any] = list(getattr(bridge, "blocks", ()))
    if len(blocks) != n_layers:
        raise ModelError(
            f"{_name(bridge)}: TransformerLens shows {len(blocks)} blocks of {n_layers} layers; use backend {OTHERS}."
        )
    return tuple(_locate_layer(bridge, layer, block) for layer, block in enumerate(blocks))


def _locate_layer(bridge: Any, layer: int, block: Any) -> LayerPoints:
    from transformer_lens.model_bridge.generalized_components import (
        JointQKVAttentionBridge,
        JointQKVPositionEmbeddingsAttentionBridge,
        PositionEmbeddingsAttentionBridge,
    )

    attention = block.submodules.get("attn")
    if not isinstance(attention, (JointQKVAttentionBridge, PositionEmbeddingsAttentionBridge)):
        kind = "no attention" if attention is None else f"attention ({type(attention).__name__}) that is not recomputed"
        raise ModelError(
            f"{_name(bridge)}: TransformerLens shows {kind} in layer {layer}, so edits of attention would be dropped "
            f"there; use backend {OTHERS}."
        )
    original: Any = attention.original_component
    wanted = dict(_ALWAYS)
    rotating = None
    if isinstance(attention, JointQKVPositionEmbeddingsAttentionBridge):
        rotating = attention
    elif type(attention) is JointQKVAttentionBridge:
        wanted |= _PROJECTED
    elif isinstance(attention, PositionEmbeddingsAttentionBridge) and not _normalises_after_rotary(bridge):
        wanted |= _ROTATED
    if getattr(getattr(original, "config", None), "clip_qkv", None) is not None:
        # the hook stands before the clamp, the point after it
        del wanted[Point.V]
    known = bridge.hook_dict
    hooks = {point: f"blocks.{layer}.{name}" for point, name in wanted.items()}
    return LayerPoints(
        layer=layer,
        hooks={point: name for point, name in hooks.items() if name in known},
        rotating=rotating,
        sinks=getattr(original, "sinks", None),
    )


@contextmanager
def tapped_rotary(points: LayerPoints, edit: Rotary) -> Generator[None]:
    """Within this context queries and keys of a layer pass through `edit` once they are rotated.

    Only for layers whose attention rotates in a method (`LayerPoints.rotating`).

    Args:
        points: of the layer.
        edit: takes Q or K and the tensor [batch, pos, head, d_head], returns the tensor to go on with.
    """
    rotate = points.rotating._apply_rotary_pos_emb

    def rotate_and_edit(*args: Tensor, **kwargs: Tensor) -> tuple[Tensor, Tensor]:
        query, key = (
            rearrange(
                edit(point, rearrange(tensor, "batch head pos d_head -> batch pos head d_head")),
                "batch pos head d_head -> batch head pos d_head",
            )
            for point, tensor in zip((Point.Q, Point.K), rotate(*args, **kwargs), strict=True)
        )
        return query, key

    # an attribute of the instance hides the method until it is deleted
    points.rotating._apply_rotary_pos_emb = rotate_and_edit
    try:
        yield
    finally:
        del points.rotating._apply_rotary_pos_emb


def _normalises_after_rotary(bridge: Any) -> bool:
    return bool(getattr(bridge.cfg, "qk_norm_after_rope", False))


def _name(bridge: Any) -> str:
    return type(bridge.original_model).__name__
