"""Whether a model can be run in part, proven on the model before its first sweep.

In: an engine and the same model under whole passes. Out: None, or why not. Models differ in what passes between their
modules; one small sweep of every kind of edit, held against whole forward passes, tells.
"""

from typing import Any

from torch import nn

from attnprobe.errors import AttnprobeError
from attnprobe.models.anatomy import probe_ids
from attnprobe.models.corner.engine import CornerEngine
from attnprobe.models.corner.parts import ModelParts, NotInPart, is_close
from attnprobe.models.full_forwards import sweep_by_full_forwards
from attnprobe.models.memory import is_out_of_memory
from attnprobe.models.model import Model
from attnprobe.plan import Edges, Edit, ModelDims, Point, Scale, Site, SweepLimits, Unembedding, Write, mask_edges


def why_not(engine: CornerEngine, parts: ModelParts, model: Model) -> str | None:
    """Why an engine cannot serve its model; None if it can.

    Args:
        engine: to be proven.
        parts: of its model.
        model: the same, for whole passes.
    """
    if "position_ids" not in parts.options:
        return "its forward takes no position ids"
    ids = probe_ids(parts.model)[0].tolist()
    edits = _edits(parts.dims)
    tokens = (0, parts.dims.vocab // 2, parts.dims.vocab - 1)
    unembedding, limits = Unembedding(positions=(3, len(ids) - 1), tokens=tokens), SweepLimits(batch_size=len(edits))
    try:
        found = engine.sweep(ids, edits, unembedding, lambda logits: logits, limits)
    except NotInPart as found:
        return str(found)
    except (RuntimeError, TypeError, ValueError, IndexError, KeyError, AttributeError, AttnprobeError) as error:
        if is_out_of_memory(error):
            raise
        return f"a small sweep failed: {type(error).__name__}: {error}"
    expected = sweep_by_full_forwards(model, ids, edits, unembedding, lambda logits: logits, limits)
    if found.fired != expected.fired or not is_close(found.values, expected.values):
        return "a small sweep gave other numbers than whole passes"
    return None


def foreign_hooks(model: nn.Module) -> str | None:
    """Whether somebody else watches or changes what passes by: it would be shown other columns and other rows.

    Returns:
        In words, which module; None if nobody does. transformers' own hooks, which wait until they are asked, are
        nobody.
    """
    for name, module in model.named_modules():
        found: Any = module  # torch has no public way to ask
        hooks = (*found._forward_pre_hooks.values(), *found._forward_hooks.values())
        if any(not (getattr(hook, "__module__", None) or "").startswith("transformers.") for hook in hooks):
            return f"a hook that is not ours sits on {name or type(module).__name__}"
    return None


def _edits(dims: ModelDims) -> list[Edit]:
    """Edits that begin in the first, a middle and the last layer, before and after their attention."""
    middle, last = dims.n_layers // 2, dims.n_layers - 1

    def scale(point: Point, layer: int, positions: tuple[int, ...] | None, heads: tuple[int, ...] | None) -> Edit:
        site = Site(point=point, layer=layer, positions=positions, heads=heads)
        return Edit(writes=(Write(site=site, intervention=Scale(factor=-1.0)),))

    return [
        scale(Point.Z, 0, None, (0,)),
        scale(Point.Z, middle, (3,), (dims.n_heads[middle] - 1,)),
        scale(Point.K, middle, (3,), (0,)),
        scale(Point.RESID, last, (2, 3), None),
        Edit(writes=(mask_edges(layer=last, heads=(0,), edges=Edges.of({5: (4,)})),)),
    ]
