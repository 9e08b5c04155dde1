"""Metrics on logits, against values worked by hand."""

import math

import pytest
import torch

from attnprobe.causal.effects import Readout, gold_logprob, kl, logit_diff, recovery
from attnprobe.errors import EffectError
from attnprobe.tasks.example import WordKind

LOGITS = torch.tensor([[0.0, math.log(3.0)], [math.log(7.0), 0.0]])


def test_gold_logprob_is_the_log_softmax_at_the_gold_token() -> None:
    """Odds of 3 to 1 and 7 to 1 give log 3/4 and log 1/8."""
    values = gold_logprob(LOGITS, torch.tensor([1, 1]))
    assert values.dtype == torch.float64
    assert values.tolist() == pytest.approx([math.log(3 / 4), math.log(1 / 8)], abs=1e-7)


def test_gold_logprob_treats_a_batch_row_by_row() -> None:
    batch = torch.stack([LOGITS, LOGITS.flip(-1)])
    values = gold_logprob(batch, torch.tensor([1, 0]))
    assert values.exp().tolist() == [
        pytest.approx([3 / 4, 7 / 8], abs=1e-6),
        pytest.approx([1 / 4, 1 / 8], abs=1e-6),
    ]


def test_logit_diff_is_gold_minus_foil() -> None:
    values = logit_diff(LOGITS, torch.tensor([1, 1]), torch.tensor([0, 0]))
    assert values.tolist() == pytest.approx([math.log(3.0), -math.log(7.0)], abs=1e-6)


def test_kl_of_a_coin_from_a_biased_one_is_worked_by_hand() -> None:
    """KL((1/4, 3/4) || (1/2, 1/2)) = log 2 - H = 1/4 log 1/2 + 3/4 log 3/2."""
    edited = torch.zeros(1, 1, 2)
    expected = 0.25 * math.log(0.5) + 0.75 * math.log(1.5)
    assert kl(LOGITS[:1], edited).item() == pytest.approx(expected, abs=1e-7)


def test_kl_of_a_run_from_itself_is_zero_and_never_negative() -> None:
    logits = torch.randn(5, 100, generator=torch.Generator().manual_seed(0))
    values = kl(logits, logits[None])
    assert (values >= 0).all()
    assert values.max() < 1e-12


def test_kl_is_not_symmetric_and_starts_from_the_clean_run() -> None:
    edited = torch.tensor([[0.0, math.log(9.0)]])
    forward = kl(LOGITS[:1], edited[None]).item()
    expected = 0.25 * math.log(0.25 / 0.1) + 0.75 * math.log(0.75 / 0.9)
    assert forward == pytest.approx(expected, abs=1e-7)
    assert kl(edited, LOGITS[None, :1]).item() != pytest.approx(forward, abs=1e-3)


def test_recovery_is_zero_at_the_corrupted_and_one_at_the_clean_run() -> None:
    patched = torch.tensor([-2.0, 3.0, 0.5])
    assert recovery(patched, clean=3.0, corrupted=-2.0).tolist() == [0.0, 1.0, 0.5]


@pytest.mark.parametrize("clean", [0.05, -0.05, float("nan")])
def test_recovery_refuses_a_gap_too_small_to_divide_by(clean: float) -> None:
    with pytest.raises(EffectError, match=r"below the smallest gap to divide by, 0\.1"):
        recovery(torch.tensor([0.0]), clean=clean, corrupted=0.0)


def test_a_readout_needs_one_gold_token_a_position() -> None:
    with pytest.raises(EffectError, match="as many positions as gold tokens"):
        Readout(positions=(1, 2), gold=(5,), foil=None, kinds=(WordKind.NOUN,))
