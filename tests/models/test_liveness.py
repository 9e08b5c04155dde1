"""A dead hook is found at load, whichever it is, and a live one is not suspected."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from attnprobe.errors import LivenessError, ModelError
from attnprobe.kernels import Attention
from attnprobe.models.liveness import check_liveness
from attnprobe.models.model import Backend
from attnprobe.models.native import NativeModel
from attnprobe.plan import EMPTY_PLAN, LayerAttention, Plan, Point, Run, Stream, Tokens
from tests.models.architectures import Architecture, build_model
from tests.models.loaders import CASES, PROVENANCE, Case, open_case

Change = Callable[[Tensor], Tensor]


class Impostor:
    """A model whose backend takes writes at some points and forgets them, or reads something else than what is used."""

    def __init__(self, *, forgets: Point | None = None, misreads: Mapping[Point, Change] | None = None) -> None:
        self._model = open_case(Case(Backend.NATIVE, Architecture.LLAMA))[0]
        self._forgets, self._misreads = forgets, misreads or {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def forward(self, tokens: Tokens, plan: Plan = EMPTY_PLAN) -> Run:
        """Run what is left of the plan."""
        kept = tuple(write for write in plan.writes if write.site.point is not self._forgets)
        run = self._model.forward(tokens, replace(plan, writes=kept))
        reads = {
            key: self._misreads[key[0]](read) if key[0] in self._misreads else read for key, read in run.reads.items()
        }
        return replace(run, reads=reads)


class SeesPadding(Impostor):
    """A model that loses the padding: shorter sequences are filled up with tokens."""

    def forward(self, tokens: Tokens, plan: Plan = EMPTY_PLAN) -> Run:
        """Run all columns as tokens."""
        whole = Tokens(ids=tokens.ids, lengths=(tokens.width,) * len(tokens.lengths))
        return replace(self._model.forward(whole, plan), tokens=tokens)


class LooksElsewhere(Impostor):
    """A model whose statistics see keys in another order than the model."""

    def forward(self, tokens: Tokens, plan: Plan = EMPTY_PLAN) -> Run:
        """Run with a turned source in every stream."""

        def turned(stream: Stream) -> Stream:
            def statistic(seen: LayerAttention) -> Any:
                assert isinstance(seen.source, Attention)
                source = replace(seen.source, key=seen.source.key.flip(2))
                return stream.statistic(replace(seen, source=source))

            return replace(stream, statistic=statistic)

        return self._model.forward(tokens, replace(plan, streams=tuple(map(turned, plan.streams))))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_backend_is_live_on_every_family(case: Case) -> None:
    check_liveness(open_case(case)[0])


@pytest.mark.parametrize(
    ("point", "message"),
    [
        (Point.ATTN_LOGITS, "a mask leaves mass on its key"),
        (Point.PATTERN, "an edit of the pattern does not reach the heads' outputs"),
        (Point.Q, "an edit of q does not reach the attention logits"),
        (Point.K, "an edit of k does not reach the attention logits"),
        (Point.V, "an edit of v does not reach the heads' outputs"),
        (Point.Z, "an edit of z over all heads does not reach the attention module's output"),
        (Point.RESID, "an edit of resid does not reach the logits"),
        (Point.ATTN_OUT, "an edit of attn_out does not reach the logits"),
        (Point.MLP_OUT, "an edit of mlp_out does not reach the logits"),
    ],
    ids=str,
)
def test_edits_that_are_dropped_are_found_at_every_point(point: Point, message: str) -> None:
    with pytest.raises(LivenessError, match=message) as caught:
        check_liveness(Impostor(forgets=point))
    assert "try backend 'transformer_lens' or 'nnsight'" in str(caught.value)


@pytest.mark.parametrize(
    ("point", "change", "message"),
    [
        (Point.PATTERN, lambda pattern: pattern * 1.2, "rows of the pattern without edits sum to"),
        (Point.PATTERN, lambda pattern: pattern.flip(1), "is not that of its logits"),
        (Point.ATTN_LOGITS, lambda logits: logits * 0.5, "is not that of its logits"),
        (Point.V, lambda values: values.flip(1), "are not the pattern times the values"),
        (Point.Z, lambda z: z.roll(1, 2), "are not the pattern times the values"),
    ],
    ids=["pattern scaled", "heads of the pattern swapped", "logits scaled", "value positions flipped", "z rolled"],
)
def test_reads_of_something_else_than_what_the_model_uses_are_found(point: Point, change: Change, message: str) -> None:
    with pytest.raises(LivenessError, match=message):
        check_liveness(Impostor(misreads={point: change}))


def test_statistics_that_see_something_else_than_what_the_model_uses_are_found() -> None:
    with pytest.raises(LivenessError, match="not what the streamed attention makes of the streamed values"):
        check_liveness(LooksElsewhere())


def test_lost_padding_is_found() -> None:
    with pytest.raises(LivenessError, match="left padding changes logits"):
        check_liveness(SeesPadding())


def test_a_model_with_zeroed_modules_is_not_suspected() -> None:
    model = build_model(Architecture.GPT2)
    with torch.no_grad():
        for block in model.transformer.h:
            for parameter in (*block.mlp.parameters(), *block.attn.c_proj.parameters()):
                parameter.zero_()
    check_liveness(NativeModel(model, tokenizer=None, provenance=PROVENANCE))


def test_attention_to_the_future_is_refused() -> None:
    model = build_model(Architecture.LLAMA)
    model.config.is_causal = False
    for layer in model.model.layers:
        layer.self_attn.is_causal = False
    with pytest.raises(ModelError, match=r"a later token changes earlier logits|is not causal"):
        check_liveness(NativeModel(model, tokenizer=None, provenance=PROVENANCE))
