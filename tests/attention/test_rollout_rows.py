"""Attention rollout by rows against the product of whole matrices, by hand and on every backend."""

import pytest
import torch
from torch import Tensor

from attnprobe.attention.rollout_rows import rollout_rows
from attnprobe.errors import SpecError
from attnprobe.kernels import Impl
from attnprobe.models.model import Backend
from attnprobe.models.native import NativeModel
from attnprobe.plan import Plan, Point, Read, Run, Tokens
from tests.models.architectures import Architecture, build_model, draw_sequences
from tests.models.loaders import CASES, PROVENANCE, Case, open_case

TOKENS = Tokens.of(draw_sequences())
QUERIES = ((10, 3), (6,), (8, 0, 5))


def dense(run: Run, top: int, row: int) -> Tensor:
    """The product of the mixed patterns of layers 0 to `top`, in float64."""
    length = run.tokens.lengths[row]
    product = torch.eye(length, dtype=torch.float64)
    for layer in range(top + 1):
        mean = run.read(Point.PATTERN, layer, row).double().mean(0)
        product = (0.5 * mean + 0.5 * torch.eye(length, dtype=torch.float64)) @ product
    return product


def read_patterns(model: NativeModel) -> Run:
    reads = tuple(Read(point=Point.PATTERN, layer=layer) for layer in range(model.dims.n_layers))
    return model.forward(TOKENS, Plan(reads=reads))


@pytest.mark.parametrize("case", [case for case in CASES if case.family in ("gpt2", "llama", "gemma2")], ids=str)
def test_rows_are_those_of_the_product_of_whole_matrices(case: Case) -> None:
    model, _ = open_case(case)
    run = read_patterns(model)
    found = rollout_rows(model, TOKENS, QUERIES, layers=(0, 2))
    for row, queries in enumerate(QUERIES):
        assert found[row].shape == (2, len(queries), TOKENS.lengths[row])
        for place, top in enumerate((0, 2)):
            expected = dense(run, top, row)[list(queries)]
            torch.testing.assert_close(found[row][place].double(), expected, atol=5e-6, rtol=0)


@pytest.mark.parametrize("impl", [Impl.REFERENCE, Impl.TORCH])
def test_in_float64_they_are_equal_to_rounding(impl: Impl) -> None:
    hf_model = build_model(Architecture.GPT2, dtype=torch.float64)
    model = NativeModel(hf_model, tokenizer=None, provenance=PROVENANCE)
    run = read_patterns(model)
    for row, found in enumerate(rollout_rows(model, TOKENS, QUERIES, layers=(1, 2), impl=impl)):
        for place, top in enumerate((1, 2)):
            expected = dense(run, top, row)[list(QUERIES[row])]
            torch.testing.assert_close(found[place].double(), expected, atol=1e-12, rtol=0)


def test_the_first_token_comes_from_itself_and_every_row_sums_to_one() -> None:
    model, _ = open_case(Case(Backend.NATIVE, Architecture.LLAMA))
    found = rollout_rows(model, TOKENS, QUERIES)
    assert found[2][0, 1].tolist() == pytest.approx([1.0] + [0.0] * 8, abs=1e-6)
    for one in found:
        torch.testing.assert_close(one.sum(-1), torch.ones(one.shape[:2]))


def test_without_layers_it_starts_from_the_last() -> None:
    model, _ = open_case(Case(Backend.NATIVE, Architecture.LLAMA))
    torch.testing.assert_close(rollout_rows(model, TOKENS, QUERIES), rollout_rows(model, TOKENS, QUERIES, layers=(2,)))


@pytest.mark.parametrize(
    ("queries", "layers", "message"),
    [
        (((1,), (2,)), None, "queries for 2 sequences of 3; expected at least one for each"),
        (((1,), (), (2,)), None, "expected at least one for each"),
        (((1,), (7,), (2,)), None, r"query positions \[7\] of a sequence of 7 tokens"),
        (QUERIES, (2, 1), r"rollout from layers \[2, 1\]: expected some of 0 to 2, sorted"),
        (QUERIES, (3,), "expected some of 0 to 2"),
        (QUERIES, (), "expected some of 0 to 2"),
    ],
)
def test_what_does_not_exist_is_refused(
    queries: tuple[tuple[int, ...], ...], layers: tuple[int, ...] | None, message: str
) -> None:
    model, _ = open_case(Case(Backend.NATIVE, Architecture.LLAMA))
    with pytest.raises(SpecError, match=message):
        rollout_rows(model, TOKENS, queries, layers)
