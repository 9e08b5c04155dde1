"""The backends that the contract suite runs over. A backend joins by one entry in `LOADERS`.

In: nothing. Out: `CASES`, one for each backend and family, and `open_case`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from attnprobe.models.model import Backend, Model, Provenance
from attnprobe.models.native import NativeModel
from attnprobe.models.nnsight import NnsightModel
from attnprobe.models.transformer_lens import TransformerLensModel
from attnprobe.plan import Point
from tests.models.architectures import Architecture, build_model, build_tokenizer
from tests.models.direct_model import build_direct_model
from tests.models.reference import DIRECT

ARCHITECTURES = tuple(str(architecture) for architecture in Architecture)
PROVENANCE = Provenance(name="a test model", revision=None, architecture="tiny")


@dataclass(frozen=True, kw_only=True)
class Loader:
    """How the suite gets a model of one backend.

    Attributes:
        open: makes the backend's model of an in-memory transformers model.
        families: names of `FAMILIES` that it serves.
        attention: the attention implementation of its plain run; None for that of the model handed in.
        refused: points that it refuses by a `PlanError` that names another backend, by family.
        refuses_per_query_head: whether it refuses edits of the copy of k and v that each query head sees.
    """

    open: Callable[[PreTrainedModel, PreTrainedTokenizerBase], Model]
    families: tuple[str, ...] = ARCHITECTURES
    attention: str | None = None
    refused: Mapping[str, frozenset[Point]] = field(default_factory=dict)
    refuses_per_query_head: bool = False


def _open_native(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Model:
    return NativeModel(model, tokenizer=tokenizer, provenance=PROVENANCE)


def _open_transformer_lens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Model:
    return TransformerLensModel.of(model, tokenizer=tokenizer, provenance=PROVENANCE)


def _open_nnsight(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Model:
    return NnsightModel(model, tokenizer=tokenizer, provenance=PROVENANCE)


LOADERS: dict[Backend, Loader] = {
    Backend.NATIVE: Loader(open=_open_native, families=(*ARCHITECTURES, DIRECT)),
    Backend.TRANSFORMER_LENS: Loader(open=_open_transformer_lens, attention="eager", refuses_per_query_head=True),
    Backend.NNSIGHT: Loader(open=_open_nnsight, attention="eager"),
}


@dataclass(frozen=True)
class Case:
    """One backend on one family."""

    backend: Backend
    family: str

    def __str__(self) -> str:
        return f"{self.backend}-{self.family}"

    @property
    def loader(self) -> Loader:
        """Of its backend."""
        return LOADERS[self.backend]

    @property
    def points(self) -> tuple[Point, ...]:
        """Those that the backend serves on this family."""
        return tuple(point for point in Point if point not in self.loader.refused.get(self.family, frozenset()))


CASES = tuple(Case(backend, family) for backend, loader in LOADERS.items() for family in loader.families)


def build(family: str, *, seed: int = 0, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """A fresh model of a family."""
    if family == DIRECT:
        return build_direct_model(seed=seed, dtype=dtype)
    return build_model(Architecture(family), seed=seed, dtype=dtype)


@cache
def open_case(case: Case) -> tuple[Model, PreTrainedModel]:
    """The backend's model, shared by all tests (a pass leaves nothing behind), and a twin for the references."""
    return case.loader.open(build(case.family), build_tokenizer()), build(case.family)
