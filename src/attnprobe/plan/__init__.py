"""What to read and what to change in one forward pass, as values, and the one law by which it is done.

In: a model's dimensions and token ids. Out: `Plan` (reads and writes at typed sites) and `Run` (logits, what was
read, how often each write fired). Backends only carry tensors to `Execution` and back; what an edit means stands here.
"""

from attnprobe.plan.dims import ModelDims
from attnprobe.plan.edits import check_fired
from attnprobe.plan.execution import Execution
from attnprobe.plan.interventions import EmptyRow, Force, Intervention, Mask, Replace, Scale
from attnprobe.plan.plan import EMPTY_PLAN, Plan, QueryEdit, Read, Write, force_edges, mask_edges
from attnprobe.plan.run import Firing, Run
from attnprobe.plan.sites import Edges, HeadId, Point, Site
from attnprobe.plan.streams import LayerAttention, Stream
from attnprobe.plan.sweeps import Edit, Measure, SweepLimits, SweepMode, SweepRun, Unembedding, check_sweep
from attnprobe.plan.tokens import Tokens

__all__ = [
    "EMPTY_PLAN",
    "Edges",
    "Edit",
    "EmptyRow",
    "Execution",
    "Firing",
    "Force",
    "HeadId",
    "Intervention",
    "LayerAttention",
    "Mask",
    "Measure",
    "ModelDims",
    "Plan",
    "Point",
    "QueryEdit",
    "Read",
    "Replace",
    "Run",
    "Scale",
    "Site",
    "Stream",
    "SweepLimits",
    "SweepMode",
    "SweepRun",
    "Tokens",
    "Unembedding",
    "Write",
    "check_fired",
    "check_sweep",
    "force_edges",
    "mask_edges",
]
