"""What every backend offers.

In: nothing. Out: the `Model` protocol, the `Backend` names, and `Provenance`, which says where the weights came from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from attnprobe.plan import (
    EMPTY_PLAN,
    Edit,
    Measure,
    ModelDims,
    Plan,
    Run,
    SweepLimits,
    SweepRun,
    Tokens,
    Unembedding,
)


class Backend(StrEnum):
    """Which library runs the model.

    NATIVE: transformers with our own attention function. TRANSFORMER_LENS: `TransformerBridge` hooks.
    NNSIGHT: traces. AUTO: native.
    """

    AUTO = "auto"
    NATIVE = "native"
    TRANSFORMER_LENS = "transformer_lens"
    NNSIGHT = "nnsight"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a model's weights came from, for the manifest.

    Attributes:
        name: as the user gave it: a hub name, a directory, `zoo:NAME`, or the class of an in-memory model.
        revision: hub commit, or a hash of the weights where there is none.
        architecture: the model class.
        settings: dtype, device, attention implementation and whatever else changes numbers.
    """

    name: str
    revision: str | None
    architecture: str
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@runtime_checkable
class Model(Protocol):
    """A decoder-only language model that carries out plans.

    `forward` is the whole contract: the same plan on the same tokens gives the same numbers on every backend.
    """

    @property
    def backend(self) -> Backend:
        """Which library runs it."""
        ...

    @property
    def provenance(self) -> Provenance:
        """Where its weights came from."""
        ...

    @property
    def dims(self) -> ModelDims:
        """Its sizes, by layer where they differ."""
        ...

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase | None:
        """Its tokenizer; None for an in-memory model that was given without one."""
        ...

    @property
    def device(self) -> torch.device:
        """Where tokens enter it."""
        ...

    def forward(self, tokens: Tokens, plan: Plan = EMPTY_PLAN) -> Run:
        """Run the tokens under a plan, without gradients.

        Raises:
            SpecError: the plan does not fit the model or the tokens.
            PlanError: the plan cannot be honoured here (the message says which backend can), or did not fire.
        """
        ...

    def sweep(
        self,
        ids: Sequence[int],
        edits: Sequence[Edit],
        unembedding: Unembedding,
        measure: Measure,
        limits: SweepLimits = SweepLimits(),  # noqa: B008, a frozen value
    ) -> SweepRun:
        """Run many edits of one sequence, each alone in its run, and measure the logits of each.

        Args:
            ids: the sequence that is edited.
            edits: at least one.
            unembedding: which logits are needed; nothing else is unembedded.
            measure: called with the logits of some edits at a time.
            limits: how it is carried out, and how much runs at once.

        Raises:
            SpecError: an edit does not fit the model or the sequence.
            PlanError: an edit cannot be honoured here or did not fire.
            ModelError: one edit alone does not fit in memory.
        """
        ...

    def output_projection(self, layer: int) -> Float[Tensor, "head d_head d_model"]:
        """W_O of a layer, by query head: what each takes from its z into the residual stream, in the model's dtype.

        Norms that the architecture puts after it are not part of it.

        Raises:
            SpecError: there is no such layer.
            ModelError: no one linear module is that projection.
        """
        ...

    def close(self) -> None:
        """Leave a model that was handed in as it was found."""
        ...
