"""The references of benchmarks: held to the kernels' law, and to the authors' own loop in float64."""

import pytest
import torch

from attnprobe.kernels import Attention, reference
from attnprobe.models.load import load_model
from benchmarks import authors, exact, inputs, rounding
from benchmarks.peers import authors_whole, eager_copy
from tests.benchmarks.tiny import tiny_gpt2


@pytest.fixture
def attention() -> Attention:
    shape = inputs.Shape(heads=4, kv_heads=2, d_head=8, softcap=30.0, window=9)
    found, _ = inputs.layer_inputs(shape, 23, n_queries=17)
    return found


def test_blocks_of_rows_add_up_to_the_law(attention: Attention, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "_ROWS", 5)
    prefixes = torch.tensor([[9, 16, 23]])
    values = torch.randn(1, 23, 3)
    sums = reference.column_sums(attention, prefixes, torch.float64)[0]
    mixed = reference.weighted_values(attention, values[None], torch.float64)[0]
    torch.testing.assert_close(exact.column_sums(attention, prefixes), sums, rtol=0, atol=1e-14)
    torch.testing.assert_close(exact.weighted_values(attention, values), mixed, rtol=0, atol=1e-14)


def test_samrank_is_that_of_the_law(attention: Attention) -> None:
    prefixes = torch.tensor([[12, 23]])
    first = (torch.arange(23) == 0)[None, None]
    received, given = reference.key_scores(attention, prefixes, excluded=first, dtype=torch.float64)
    total = (received + given)[0].masked_fill(torch.arange(23)[:, None] >= prefixes[0], 0.0)
    expected = total / total.amax(1, keepdim=True)
    torch.testing.assert_close(exact.samrank(attention, prefixes), expected, rtol=0, atol=1e-13)


def test_heads_of_picks_each_head_with_its_own_key_head(attention: Attention) -> None:
    whole = reference.pattern_of(attention)
    torch.testing.assert_close(reference.pattern_of(exact.heads_of(attention, [3, 0])), whole[:, [3, 0]])


def test_entropy_of_a_uniform_row_is_the_log_of_its_length() -> None:
    flat = Attention(query=torch.zeros(1, 1, 2, 4), key=torch.zeros(1, 1, 2, 4), scaling=1.0)
    # the second half is the last row alone, which sees both keys
    assert exact.entropy(flat) == pytest.approx(torch.log(torch.tensor(2.0)).item())


def test_the_models_reference_is_the_authors_loop_in_float64() -> None:
    hf = tiny_gpt2(40).double()
    gold = inputs.gold_sequence(40, 5, vocab=hf.config.vocab_size)
    reference_scores, (low, high) = exact.model_reference(load_model(hf, backend="native"), hf, gold, heads_at_once=5)
    theirs = authors_whole(eager_copy(hf), gold)()
    torch.testing.assert_close(reference_scores[-1], theirs, rtol=0, atol=1e-12)
    assert theirs.min() > 0
    assert 0 < low <= high < 3


def test_the_cheap_form_of_the_authors_arithmetic_is_theirs_to_the_bit() -> None:
    pattern = torch.randn(30, 30).tril().exp().tril()
    pattern /= pattern.sum(-1, keepdim=True)
    assert (rounding.key_values(pattern.numpy()) == authors.key_values(pattern.numpy())).all()
