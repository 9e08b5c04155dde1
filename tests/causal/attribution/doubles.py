"""Tiny models that compute in float64 throughout, for comparisons that leave no room.

In: a family. Out: a native model. RMS norms of transformers go through float32 whatever the model's dtype; here they do
not, or differences of two runs would be rounding at small steps.
"""

from typing import Any

import torch
from torch import Tensor

from attnprobe.models.native import NativeModel
from tests.models.architectures import Architecture, build_model, build_tokenizer
from tests.models.loaders import PROVENANCE


def double_model(architecture: Architecture) -> NativeModel:
    """A tiny model of a family, in float64 to the last norm."""
    model = build_model(architecture, dtype=torch.float64)
    for module in model.modules():
        if "RMSNorm" in type(module).__name__:
            vars(module)["forward"] = _norm(module, shift=float(architecture is Architecture.GEMMA2))
    return NativeModel(model, tokenizer=build_tokenizer(), provenance=PROVENANCE)


def _norm(module: Any, *, shift: float) -> Any:
    eps = getattr(module, "variance_epsilon", None) or module.eps

    def forward(hidden: Tensor) -> Tensor:
        return hidden * torch.rsqrt((hidden**2).mean(-1, keepdim=True) + eps) * (shift + module.weight)

    return forward
