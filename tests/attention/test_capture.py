"""Whole patterns on demand: the model's own, and never so large that they cannot be meant."""

import pytest
import torch

from attnprobe.attention.capture import patterns
from attnprobe.errors import SpecError
from attnprobe.models.model import Backend
from attnprobe.plan import Plan, Point, Read, Tokens
from tests.models.agreement import SEQUENCES, assert_close
from tests.models.loaders import CASES, Case, open_case


@pytest.mark.parametrize("case", [case for case in CASES if case.family in ("gpt2", "gemma2")], ids=str)
def test_they_are_what_the_model_used(case: Case) -> None:
    model, _ = open_case(case)
    found = patterns(model, SEQUENCES[0], layers=(2, 0))
    assert list(found) == [0, 2]
    reads = tuple(Read(point=Point.PATTERN, layer=layer) for layer in found)
    run = model.forward(Tokens.of([SEQUENCES[0]]), Plan(reads=reads))
    for layer, pattern in found.items():
        assert_close(pattern, run.read(Point.PATTERN, layer, 0), layer)


def test_without_layers_all_come() -> None:
    model, _ = open_case(Case(Backend.NATIVE, "llama"))
    found = patterns(model, SEQUENCES[1])
    assert [pattern.shape for pattern in found.values()] == [torch.Size((4, 7, 7))] * 3


def test_patterns_above_the_limit_are_refused_with_their_size_and_what_would_fit() -> None:
    model, _ = open_case(Case(Backend.NATIVE, "llama"))
    # 3 layers of 4 heads of 11 x 11 entries of 4 bytes
    assert len(patterns(model, SEQUENCES[0], limit=5808)) == 3
    with pytest.raises(SpecError, match=r"3 layers over 11 tokens take 0 MB, .* at most 10 tokens, or a score"):
        patterns(model, SEQUENCES[0], limit=5807)


def test_a_layer_that_does_not_exist_is_refused() -> None:
    model, _ = open_case(Case(Backend.NATIVE, "llama"))
    with pytest.raises(SpecError, match="layer 3 does not exist"):
        patterns(model, SEQUENCES[0], layers=(3,))
