"""The corner engine: of every edited run of a sequence, only what the edit can change is computed.

An edit at layer l and position p leaves everything below l and before p as it was. In: a transformers model and edits
of one sequence. Out: what a measure makes of each edit's logits, equal to whole forward passes.
"""

from attnprobe.models.corner.engine import CornerEngine
from attnprobe.models.corner.layer_edits import RefusedEdit
from attnprobe.models.corner.parts import NotInPart, parts_of
from attnprobe.models.corner.proof import foreign_hooks, why_not
from attnprobe.models.corner.stand_ins import fused_gelu

__all__ = ["CornerEngine", "NotInPart", "RefusedEdit", "foreign_hooks", "fused_gelu", "parts_of", "why_not"]
