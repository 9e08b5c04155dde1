"""Greedy decoding under edits that hold at every step.

In: a model, prompts, and what is edited while an answer is written. Out: `decode_under_plan` and its contract.
"""

from attnprobe.models.decoding.alike import EdgeEdit, EdgeSteering, HeadEdit, HeadSteering, by_layer
from attnprobe.models.decoding.contract import (
    Decoding,
    DecodingLimits,
    DecodingMode,
    Ending,
    Steered,
    Steering,
    Written,
)
from attnprobe.models.decoding.decode import decode_under_plan, greedy

__all__ = [
    "Decoding",
    "DecodingLimits",
    "DecodingMode",
    "EdgeEdit",
    "EdgeSteering",
    "Ending",
    "HeadEdit",
    "HeadSteering",
    "Steered",
    "Steering",
    "Written",
    "by_layer",
    "decode_under_plan",
    "greedy",
]
