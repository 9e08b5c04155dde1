"""16,384 tokens, scored on a CPU: what a T x T tensor would make impossible."""

import pytest
import torch
import transformers as hf

from attnprobe.kernels import key_scores
from attnprobe.models.native import NativeModel
from attnprobe.plan import LayerAttention, Plan, Stream, Tokens
from tests.models.loaders import PROVENANCE
from tests.models.test_no_square import NothingSquare

T = 16_384
# 32 gold tokens in the second half
ENDS = torch.linspace(T // 2, T, 32).long()[None]


@pytest.mark.slow
def test_layers_of_gpt2_s_shape_are_scored_over_sixteen_thousand_tokens() -> None:
    hf_model = hf.GPT2LMHeadModel(hf.GPT2Config(n_positions=T, n_layer=1)).eval()
    model = NativeModel(hf_model, tokenizer=None, provenance=PROVENANCE)
    tokens = Tokens.of([torch.randint(50_000, (T,)).tolist()])

    def sums(seen: LayerAttention) -> torch.Tensor:
        return key_scores(seen.source, ENDS).received.sum(2)

    with NothingSquare(T):
        run = model.forward(tokens, Plan(streams=(Stream(layer=0, statistic=sums),), last_logits=0))
    # each query gives away a mass of 1
    (received,) = run.streamed
    torch.testing.assert_close(received, ENDS.float().expand(1, 12, 32), rtol=1e-4, atol=0)
