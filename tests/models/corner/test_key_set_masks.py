"""Masks by formula give what plan/edits.py gives, on whatever attention and key sets; also where little is left."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from einops import rearrange
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from attnprobe.errors import PlanError
from attnprobe.models.attention_call import AttentionCall, explicit_attention
from attnprobe.models.corner import key_set_masks
from attnprobe.models.corner.columns import Columns
from attnprobe.models.corner.head_sources import HeadSource
from attnprobe.models.corner.key_set_masks import SMALLEST, mask_key_sets
from attnprobe.models.corner.key_sets import KeySets
from attnprobe.models.corner.shared_prefix import visible_to
from attnprobe.plan import Edges, EmptyRow, Execution, Firing, ModelDims, Plan, Tokens, Write, mask_edges

N_HEADS, N_KV_HEADS, WIDTH, D_HEAD = 4, 2, 9, 6
DIMS = ModelDims(
    d_model=24,
    vocab=11,
    context=None,
    n_heads=(N_HEADS,),
    n_kv_heads=(N_KV_HEADS,),
    d_head=(D_HEAD,),
    windows=(None,),
)


def drawn_call(
    seed: int = 0,
    *,
    dtype: torch.dtype = torch.float64,
    softcap: float | None = None,
    has_sink: bool = False,
    sharpness: float = 1.5,
) -> AttentionCall:
    """Queries, keys and values of one sequence."""
    generator = torch.Generator().manual_seed(seed)

    def draw(heads: int) -> Tensor:
        return torch.randn(1, heads, WIDTH, D_HEAD, generator=generator, dtype=torch.float64).to(dtype)

    return AttentionCall(
        query=draw(N_HEADS) * sharpness,
        key=draw(N_KV_HEADS),
        value=draw(N_KV_HEADS),
        mask=None,
        is_causal=True,
        scaling=1.0,
        softcap=softcap,
        sinks=torch.randn(N_HEADS, generator=generator).to(dtype) if has_sink else None,
    )


def by_formula(
    call: AttentionCall, writes: Sequence[Write], heads: Sequence[int], *, first: int = 0, window: int | None = None
) -> tuple[Tensor, list[Firing]]:
    """z of one head a write [pair, pos, d_head], columns from the first on."""
    visible = visible_to(Columns(first=first, width=WIDTH), window, torch.device("cpu"))
    clean = explicit_attention(
        replace(call, mask=visible_to(Columns(first=0, width=WIDTH), window, visible.device)[None, None])
    )
    source = HeadSource(call=replace(call, query=call.query[:, :, first:]), prefix=None, z=clean[:, first:])
    runs, of = torch.arange(len(writes)), torch.tensor(heads)
    sets = KeySets.of(writes, heads, first, visible, has_sink=call.sinks is not None)
    z = mask_key_sets(source, runs, of, sets, visible, source.outputs(runs, of))
    return rearrange(z, "pair pos 1 d -> pair pos d"), [sets.fired[which] for which in sets.of_pair.tolist()]


def by_law(
    call: AttentionCall, writes: Sequence[Write], heads: Sequence[int], *, first: int = 0, window: int | None = None
) -> tuple[Tensor, list[Firing]]:
    """The same by a softmax of its own for every write, as plan/edits.py has it."""
    columns = torch.arange(WIDTH)
    distance = columns[:, None] - columns
    visible = (distance >= 0) & (distance < (window or WIDTH))
    found, fired = [], []
    for write, head in zip(writes, heads, strict=True):
        named = replace(write, site=replace(write.site, heads=(head,)))
        execution = Execution(Plan(writes=(named,)), replace(DIMS, windows=(window,)), Tokens.of([[0] * WIDTH]))
        z = explicit_attention(replace(call, mask=visible[None, None]), execution, 0)
        found.append(z[0, first:, head])
        fired.append(execution.fired[0])
    return torch.stack(found), fired


def drawn_mask(data: st.DataObject, first: int) -> Write:
    draw, positions = data.draw, st.integers(first, WIDTH - 1)
    rows = draw(st.dictionaries(positions, st.sets(st.integers(0, WIDTH - 1), min_size=1), min_size=1, max_size=4))
    strength = st.sampled_from((1.0, 0.5, 0.0, 1 - 1e-7, 0.25))
    per_row = st.tuples(*[strength] * len(rows))
    policy = draw(st.sampled_from((EmptyRow.SELF, EmptyRow.ZERO)))
    return mask_edges(layer=0, edges=Edges.of(rows), strength=draw(strength | per_row), empty_row=policy)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data())
def test_the_formula_is_the_law(dtype: torch.dtype, data: st.DataObject) -> None:
    first, window = data.draw(st.integers(0, 5)), data.draw(st.sampled_from((None, 3)))
    call = drawn_call(
        data.draw(st.integers(0, 99)),
        dtype=dtype,
        softcap=data.draw(st.sampled_from((None, 3.0))),
        has_sink=data.draw(st.booleans()),
        sharpness=data.draw(st.sampled_from((0.5, 1.5, 8.0))),
    )
    writes = [drawn_mask(data, first) for _ in range(data.draw(st.integers(1, 4)))]
    heads = [data.draw(st.integers(0, N_HEADS - 1)) for _ in writes]
    found, fired = by_formula(call, writes, heads, first=first, window=window)
    expected, expected_fired = by_law(call, writes, heads, first=first, window=window)
    assert fired == expected_fired
    assert (found - expected).abs().max() <= (1e-12 if dtype is torch.float64 else 5e-6)


def with_left(left: float, dtype: torch.dtype) -> AttentionCall:
    """A call in whose last row key 3 takes all but this share, and the others share what is left unevenly."""
    call = drawn_call(3, dtype=torch.float64, sharpness=0.3)
    logits = (call.query[0, 0, -1] @ call.key[0, 0].T)[[0, 1, 2, 4, 5, 6, 7, 8]]
    wanted = logits.logsumexp(0) + torch.tensor((1 - left) / left, dtype=torch.float64).log()
    direction = call.query[0, 0, -1]
    key = call.key.clone()
    key[0, 0, 3] = direction * wanted / direction.square().sum()
    return replace(call, query=call.query.to(dtype), key=key.to(dtype), value=call.value.to(dtype))


@pytest.mark.parametrize(
    "left", [0.5, 0.05, 1e-2, 1e-3, SMALLEST * 1.01, SMALLEST * 0.99, 1e-5, 1e-7, 1e-12, 1e-30], ids="{:.0e}".format
)
@pytest.mark.parametrize("strength", [1.0, 1 - 1e-7], ids=["wholly", "but for 1e-7"])
def test_little_that_is_left_keeps_its_digits(left: float, strength: float) -> None:
    call = with_left(left, torch.float32)
    writes = [mask_edges(layer=0, edges=Edges.of({WIDTH - 1: [3]}), strength=strength)]
    exact = replace(call, query=call.query.double(), key=call.key.double(), value=call.value.double())
    expected, _ = by_law(exact, writes, [0])
    found, _ = by_formula(call, writes, [0])
    assert (found.double() - expected).abs().max() <= 2e-6
    # and the case is what it says: that much of the row is left
    pattern = (exact.query[0, 0, -1] @ exact.key[0, 0].T).softmax(0)
    assert float(1 - pattern[3]) == pytest.approx(left, rel=1e-3, abs=1e-15)


def test_subtracted_instead_of_summed_it_would_lose_them() -> None:
    """Why D is not taken as 1 - sum_K A: the textbook form on the same row, in the same precision."""
    errors = {}
    for left in (0.05, 1e-3, 1e-5):
        call = with_left(left, torch.float32)
        pattern = (call.query[0, 0, -1] @ call.key[0, 0].T).softmax(0)
        value = call.value[0, 0]
        subtracted = (pattern @ value - pattern[3] * value[3]) / (1 - pattern[3])
        exact = replace(call, query=call.query.double(), key=call.key.double(), value=call.value.double())
        expected, _ = by_law(exact, [mask_edges(layer=0, edges=Edges.of({WIDTH - 1: [3]}))], [0])
        errors[left] = float((subtracted.double() - expected[0, -1]).abs().max())
    assert errors[0.05] < 2e-5
    assert errors[1e-3] > 5e-6
    assert errors[1e-5] > 1e-3


def test_heads_share_one_pattern_for_all_of_their_key_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []
    patterns = key_set_masks._patterns

    def count(source: HeadSource, runs: Tensor, *rest: Tensor) -> object:
        counted.append(len(runs))
        return patterns(source, runs, *rest)

    monkeypatch.setattr(key_set_masks, "_patterns", count)
    edges = [Edges.of({4: [1], 7: [2]}), Edges.of({7: [0, 5]}), Edges.of({8: [3]})]
    writes = [mask_edges(layer=0, edges=one) for one in edges for _ in range(3)]
    heads = [head for _ in edges for head in (0, 3, 1)]
    found, _ = by_formula(drawn_call(), writes, heads)
    assert counted == [3]
    assert (found - by_law(drawn_call(), writes, heads)[0]).abs().max() < 1e-12


def test_rows_that_a_mask_does_not_name_are_left_bit_for_bit() -> None:
    call = drawn_call(dtype=torch.float32)
    writes = [mask_edges(layer=0, edges=Edges.of({4: [1]})), mask_edges(layer=0, edges=Edges.of({6: [1]}))]
    found, _ = by_formula(call, writes, [2, 2])
    clean, _ = by_formula(call, [mask_edges(layer=0, edges=Edges.of({0: [0]}), strength=0.0)], [2])
    assert torch.equal(found[0, 6], clean[0, 6])
    assert torch.equal(found[1, 4], clean[0, 4])
    assert not torch.equal(found[0, 4], clean[0, 4])


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_bf16_stays_within_its_own_noise(strength: float) -> None:
    exact, coarse = drawn_call(5), drawn_call(5, dtype=torch.bfloat16)
    edges = Edges.of({5: [0, 2], 8: [1, 4, 6]})
    writes, heads = [mask_edges(layer=0, edges=edges, strength=strength)] * N_HEADS, list(range(N_HEADS))
    expected, rounded = by_law(exact, writes, heads)[0], by_law(coarse, writes, heads)[0].double()
    found = by_formula(coarse, writes, heads)[0]
    noise = (rounded - expected).abs().max()
    assert found.dtype is torch.bfloat16
    assert noise > 1e-3
    assert (found.double() - expected).abs().max() <= 2 * noise


def test_a_row_without_keys_is_refused_by_the_heads_own_name() -> None:
    writes = [mask_edges(layer=0, edges=Edges.of({2: range(3), 5: [1]}))]
    message = r"layer 0 \(heads 3\): head 3 has no visible key left at query position 2 \(1 such rows\)"
    with pytest.raises(PlanError, match=message):
        by_formula(drawn_call(), writes, [3])
    # a sink leaves no row empty
    found, _ = by_formula(drawn_call(has_sink=True), writes, [3])
    assert not found[0, 2].any()
