"""What every backend promises, on every family: same reads, same logits, same edits, and the laws of a plan.

The references are transformers' own eager attention for what is read, and `reference.py` for what is edited. Logits
and patterns agree to 5e-6 in float32; other tensors to 5e-6 of their largest entry where that is above 1.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from attnprobe.errors import PlanError, SpecError
from attnprobe.models.model import Model
from attnprobe.plan import (
    EMPTY_PLAN,
    Edges,
    EmptyRow,
    Firing,
    ModelDims,
    Plan,
    Point,
    Read,
    Replace,
    Run,
    Scale,
    Site,
    Tokens,
    Write,
    mask_edges,
)
from tests.models.architectures import CONTEXT, LENGTHS, VOCAB, draw_sequences
from tests.models.loaders import CASES, Case, build, open_case
from tests.models.reference import FAMILIES, run_reference

TOLERANCE = 5e-6
SEQUENCES = draw_sequences()
TOKENS = Tokens.of(SEQUENCES)

every_case = pytest.mark.parametrize("case", CASES, ids=str)


def read_all(case: Case) -> tuple[Read, ...]:
    """Every point that the backend serves, at every layer."""
    layers = range(len(FAMILIES[case.family].windows))
    return tuple(Read(point=point, layer=layer) for point in case.points for layer in layers)


def assert_close(found: Tensor, expected: Tensor, what: object) -> None:
    """Equal to `TOLERANCE`, infinite where the other is."""
    assert found.shape == expected.shape, what
    finite = expected.isfinite()
    assert torch.equal(found.isfinite(), finite), what
    largest = max(1.0, float(expected[finite].abs().max()))
    error = float((found[finite].double() - expected[finite].double()).abs().max())
    assert error <= TOLERANCE * largest, f"{what}: {error:.1e} off, of {largest:.1e}"


def assert_runs_agree(case: Case, model: Model, twin: object, writes: tuple[Write, ...]) -> None:
    """A batch, read everywhere and nowhere, against the reference, one sequence at a time."""
    plan = Plan(writes=writes)
    watched = model.forward(TOKENS, Plan(writes=writes, reads=read_all(case)))
    unwatched = model.forward(TOKENS, plan)
    assert watched.fired == unwatched.fired
    for row, ids in enumerate(SEQUENCES):
        expected = run_reference(twin, case.family, ids, plan, row)
        positions = range(len(ids))
        assert_close(watched.logits_at(row, positions), expected.logits, ("logits", row))
        assert_close(unwatched.logits_at(row, positions), expected.logits, ("logits without reads", row))
        for point, layer in watched.reads:
            assert_close(watched.read(point, layer, row), expected.reads[point, layer], (point, layer, row))


def _positions(n: int, width: int, seed: int = 0) -> Tensor:
    return torch.randn(2, n, width, generator=torch.Generator().manual_seed(seed))


def _stream(point: Point) -> Callable[[ModelDims], tuple[Write, ...]]:
    def writes(dims: ModelDims) -> tuple[Write, ...]:
        values = _positions(1, dims.d_model)[:, 0]
        return (
            Write(site=Site(point=point, layer=1, positions=(2, 5)), intervention=Replace(values=values)),
            Write(site=Site(point=point, layer=2, batch=(0, 2)), intervention=Scale(factor=-0.5)),
        )

    return writes


def _heads(point: Point) -> Callable[[ModelDims], tuple[Write, ...]]:
    def writes(dims: ModelDims) -> tuple[Write, ...]:
        last = (dims.n_kv_heads if point.has_kv_heads else dims.n_heads)[1] - 1
        heads = tuple(sorted({0, last}))
        site = Site(point=point, layer=1, heads=heads, positions=(1, 4))
        return (
            Write(site=site, intervention=Replace(values=_positions(len(heads), dims.d_head[1]))),
            Write(site=Site(point=point, layer=2, heads=(0,), batch=(1,)), intervention=Scale(factor=2.0)),
            Write(site=Site(point=point, layer=0, positions=(3,)), intervention=Replace(values=torch.tensor(0.0))),
        )

    return writes


def _query_copies(point: Point) -> Callable[[ModelDims], tuple[Write, ...]]:
    def writes(dims: ModelDims) -> tuple[Write, ...]:
        site = Site(point=point, layer=1, heads=(1,), positions=(1, 4), per_query_head=True)
        whole = Site(point=point, layer=1, heads=(0,), positions=(2,))
        return (
            Write(site=site, intervention=Replace(values=_positions(1, dims.d_head[1]))),
            Write(site=whole, intervention=Scale(factor=0.0)),
        )

    return writes


def _masks(**options: object) -> Callable[[ModelDims], tuple[Write, ...]]:
    edges = Edges.of({3: [1, 2], 5: [0, 1, 4], 6: [6, 2]})
    return lambda _: (mask_edges(layer=1, heads=(1,), edges=edges, **options), mask_edges(layer=2, edges=edges))


def _replaced_rows(dims: ModelDims) -> tuple[Write, ...]:
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(2, 2, LENGTHS[1], generator=generator)
    site = Site(point=Point.PATTERN, layer=1, heads=(0, 1), positions=(2, 5), batch=(1,))
    return (Write(site=site, intervention=Replace(values=values)),)


def _scaled_edges(dims: ModelDims) -> tuple[Write, ...]:
    edges = Edges.of({4: [0, 2], 6: [5]})
    return (
        Write(site=Site(point=Point.PATTERN, layer=1, heads=(1,), edges=edges), intervention=Scale(factor=3.0)),
        Write(site=Site(point=Point.PATTERN, layer=2, positions=(1, 2)), intervention=Scale(factor=0.5)),
    )


def _all_at_once(dims: ModelDims) -> tuple[Write, ...]:
    return (
        *_masks(strength=0.7)(dims),
        *_heads(Point.Z)(dims),
        *_scaled_edges(dims),
        *_stream(Point.RESID)(dims),
        *_stream(Point.MLP_OUT)(dims),
    )


EDITS: dict[str, Callable[[ModelDims], tuple[Write, ...]]] = {
    "mask": _masks(),
    "mask by half": _masks(strength=0.5),
    "mask with a strength a row": _masks(strength=(1.0, 0.1, 0.999)),
    "mask one sequence": _masks(batch=(1,)),
    "mask without renormalising": _masks(renormalise=False, strength=(0.5, 1.0, 0.25)),
    "mask twice": lambda dims: (*_masks(strength=0.5)(dims), *_masks(strength=0.5)(dims)),
    "empty rows attend to themselves": lambda _: (
        mask_edges(layer=1, edges=Edges.of({2: [0, 1, 2], 4: [3]}), empty_row=EmptyRow.SELF),
    ),
    "empty rows attend to nothing": lambda _: (
        mask_edges(layer=1, heads=(1,), edges=Edges.of({2: [0, 1, 2], 4: [3]}), empty_row=EmptyRow.ZERO),
    ),
    "replace rows of the pattern": _replaced_rows,
    "scale the pattern": _scaled_edges,
    "q": _heads(Point.Q),
    "k": _heads(Point.K),
    "v": _heads(Point.V),
    "z": _heads(Point.Z),
    "k of one query head": _query_copies(Point.K),
    "v of one query head": _query_copies(Point.V),
    "resid": _stream(Point.RESID),
    "attn_out": _stream(Point.ATTN_OUT),
    "mlp_out": _stream(Point.MLP_OUT),
    "all at once": _all_at_once,
}


@every_case
def test_dimensions_are_those_of_the_family(case: Case) -> None:
    model, _ = open_case(case)
    family = FAMILIES[case.family]
    assert model.dims.windows == family.windows
    assert model.dims.n_kv_heads == family.kv_heads
    assert model.dims.vocab == VOCAB
    assert model.dims.context == CONTEXT


@every_case
def test_a_plan_without_edits_reads_what_eager_attention_computes(case: Case) -> None:
    model, twin = open_case(case)
    assert_runs_agree(case, model, twin, ())


@every_case
def test_patterns_are_those_of_transformers(case: Case) -> None:
    model, twin = open_case(case)
    if not twin._can_set_attn_implementation():
        pytest.skip("transformers gives no patterns of a model outside its interface")
    reads = tuple(Read(point=Point.PATTERN, layer=layer) for layer in range(model.dims.n_layers))
    run = model.forward(TOKENS, Plan(reads=reads))
    found = twin.config._attn_implementation
    twin.set_attn_implementation("eager")
    with torch.no_grad():
        outputs = twin(**inputs(TOKENS), output_attentions=True)
    twin.set_attn_implementation(found)
    for row in range(len(SEQUENCES)):
        assert_close(run.logits_at(row, range(LENGTHS[row])), outputs.logits[row, TOKENS.padding(row) :], row)
        for layer, pattern in enumerate(outputs.attentions):
            start = TOKENS.padding(row)
            assert_close(run.read(Point.PATTERN, layer, row), pattern[row, :, start:, start:], (layer, row))


@every_case
def test_the_empty_plan_is_the_plain_run_bit_for_bit(case: Case) -> None:
    model, _ = open_case(case)
    plain = build(case.family)
    if case.loader.attention is not None:
        plain.set_attn_implementation(case.loader.attention)
    with torch.no_grad():
        expected = plain(**inputs(TOKENS)).logits
    run = model.forward(TOKENS)
    for row, length in enumerate(LENGTHS):
        assert torch.equal(run.logits_at(row, range(length)), expected[row, -length:])


@every_case
@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_gives_the_numbers_of_the_reference(case: Case, edit: str) -> None:
    model, twin = open_case(case)
    writes = EDITS[edit](model.dims)
    refused = case.loader.refused.get(case.family, frozenset())
    needs_copies = any(write.site.per_query_head for write in writes)
    if any(write.site.point in refused for write in writes) or (needs_copies and case.loader.refuses_per_query_head):
        with pytest.raises(PlanError, match=r"native|nnsight|transformer_lens"):
            model.forward(TOKENS, Plan(writes=writes))
        return
    assert_runs_agree(case, model, twin, writes)
    change = difference(model.forward(TOKENS, Plan(writes=writes)), model.forward(TOKENS))
    assert change > 1000 * TOLERANCE, "the edit does next to nothing here, so that agreement means little"


@every_case
def test_a_point_that_is_refused_names_another_backend(case: Case) -> None:
    model, _ = open_case(case)
    for point in case.loader.refused.get(case.family, frozenset()):
        with pytest.raises(PlanError, match=r"native|nnsight|transformer_lens"):
            model.forward(TOKENS, Plan(reads=(Read(point=point, layer=0),)))


@every_case
def test_a_mask_of_strength_0_does_nothing(case: Case) -> None:
    model, _ = open_case(case)
    edges = Edges.product(range(7), range(7))
    for renormalise in (True, False):
        write = mask_edges(layer=1, edges=edges, strength=0.0, renormalise=renormalise)
        assert_same_logits(model.forward(TOKENS, Plan(writes=(write,))), model.forward(TOKENS))


@every_case
def test_patching_a_run_with_itself_does_nothing(case: Case) -> None:
    model, _ = open_case(case)
    plain = model.forward(TOKENS, Plan(reads=read_all(case)))
    writes = patch_from(plain, case, range(model.dims.n_layers), case.points)
    patched = model.forward(TOKENS, Plan(writes=writes))
    assert_same_logits(patched, plain)


@every_case
@pytest.mark.parametrize("layer", [0, 2])
def test_patching_the_whole_residual_stream_gives_the_source_run(case: Case, layer: int) -> None:
    model, _ = open_case(case)
    source_tokens = Tokens.of(draw_sequences(seed=1))
    source = model.forward(source_tokens, Plan(reads=read_all(case)))
    patched = model.forward(TOKENS, Plan(writes=patch_from(source, case, [layer], [Point.RESID])))
    assert_same_logits(patched, source)
    assert difference(model.forward(TOKENS), source) > 0.1


@every_case
@pytest.mark.parametrize(
    ("patched_points", "consequence"),
    [
        ((Point.Q, Point.K), Point.PATTERN),
        ((Point.PATTERN, Point.V), Point.Z),
        ((Point.Z,), Point.ATTN_OUT),
        ((Point.RESID, Point.ATTN_OUT), Point.MLP_OUT),
        ((Point.MLP_OUT,), Point.MLP_OUT),
    ],
    ids=str,
)
def test_patching_all_causes_of_a_point_gives_the_source_runs_values_there(
    case: Case, patched_points: tuple[Point, ...], consequence: Point
) -> None:
    if not {*patched_points, consequence} <= set(case.points):
        pytest.skip("refused by this backend on this family, as another test shows")
    model, _ = open_case(case)
    layers = range(model.dims.n_layers)
    source = model.forward(Tokens.of(draw_sequences(seed=1)), Plan(reads=read_all(case)))
    writes = patch_from(source, case, layers, patched_points)
    reads = tuple(Read(point=consequence, layer=layer) for layer in layers)
    patched = model.forward(TOKENS, Plan(writes=writes, reads=reads))
    for layer in layers:
        for row in range(len(SEQUENCES)):
            expected = source.read(consequence, layer, row)
            assert_close(patched.read(consequence, layer, row), expected, (layer, row))


@every_case
def test_the_order_of_a_batch_and_its_padding_do_not_matter(case: Case) -> None:
    model, _ = open_case(case)
    order = (2, 0, 1)
    edges = Edges.of({3: [1], 6: [2, 5]})
    together = model.forward(
        TOKENS, Plan(writes=tuple(mask_edges(layer=1, edges=edges, batch=(row,)) for row in order))
    )
    permuted = Tokens.of([SEQUENCES[row] for row in order] + [draw_sequences((20,), seed=3)[0]])
    again = model.forward(
        permuted, Plan(writes=tuple(mask_edges(layer=1, edges=edges, batch=(place,)) for place in range(3)))
    )
    assert again.fired == together.fired
    for place, row in enumerate(order):
        positions = range(LENGTHS[row])
        alone = model.forward(Tokens.of([SEQUENCES[row]]), Plan(writes=(mask_edges(layer=1, edges=edges),)))
        assert_close(again.logits_at(place, positions), together.logits_at(row, positions), row)
        assert_close(alone.logits_at(0, positions), together.logits_at(row, positions), row)


@every_case
def test_edits_of_one_sequence_leave_the_others_alone(case: Case) -> None:
    model, _ = open_case(case)
    write = mask_edges(layer=0, edges=Edges.of({4: [3, 4]}), batch=(1,))
    edited, plain = model.forward(TOKENS, Plan(writes=(write,))), model.forward(TOKENS)
    for row in (0, 2):
        assert_close(edited.logits_at(row, range(7)), plain.logits_at(row, range(7)), row)
    assert (edited.logits_at(1, [4]) - plain.logits_at(1, [4])).abs().max() > 1e-3


@every_case
def test_an_edit_acts_on_later_positions_only(case: Case) -> None:
    model, _ = open_case(case)
    write = mask_edges(layer=0, edges=Edges.of({4: [3, 4]}))
    edited, plain = model.forward(TOKENS, Plan(writes=(write,))), model.forward(TOKENS)
    for row in range(3):
        assert_close(edited.logits_at(row, range(4)), plain.logits_at(row, range(4)), row)


@every_case
@pytest.mark.parametrize("policy", [EmptyRow.SELF, EmptyRow.ZERO])
def test_a_row_without_keys_never_attends_to_the_future(case: Case, policy: EmptyRow) -> None:
    model, _ = open_case(case)
    changed = [ids[:4] + [(token + 1) % 50 for token in ids[4:]] for ids in SEQUENCES]
    write = mask_edges(layer=1, edges=Edges.of({3: range(4)}), empty_row=policy)
    plan = Plan(writes=(write,), reads=(Read(point=Point.PATTERN, layer=1), Read(point=Point.Z, layer=1)))
    one, other = model.forward(TOKENS, plan), model.forward(Tokens.of(changed), plan)
    for row in range(3):
        expected = torch.zeros(model.dims.n_heads[1], LENGTHS[row])
        expected[:, 3] = float(policy is EmptyRow.SELF)
        assert torch.equal(one.read(Point.PATTERN, 1, row)[:, 3], expected)
        if policy is EmptyRow.ZERO:
            assert not one.read(Point.Z, 1, row)[3].any()
        assert_close(one.logits_at(row, range(4)), other.logits_at(row, range(4)), row)


@every_case
def test_a_row_without_keys_raises_unless_told_otherwise_and_names_the_row(case: Case) -> None:
    model, _ = open_case(case)
    write = mask_edges(layer=1, heads=(1,), edges=Edges.of({2: range(3)}))
    with pytest.raises(PlanError, match="head 1 has no visible key left at query position 2 of sequence 0"):
        model.forward(TOKENS, Plan(writes=(write,)))


@every_case
def test_entries_are_counted_as_by_hand(case: Case) -> None:
    model, _ = open_case(case)
    window, n_heads = model.dims.windows[2], model.dims.n_heads[2]
    # with a window of 4, query 6 sees keys 3 to 6 and query 5 keys 2 to 5
    edges = Edges.of({1: [0], 5: [0, 1], 6: [0, 2, 4, 6]})
    writes = (
        mask_edges(layer=2, heads=(0,), batch=(1,), edges=edges),
        mask_edges(layer=2, edges=edges, strength=0.5),
        mask_edges(layer=2, heads=(1,), edges=edges, renormalise=False, strength=0.5),
        Write(site=Site(point=Point.Z, layer=1, heads=(0, 1), positions=(2, 3, 4)), intervention=Scale(factor=0.5)),
        Write(site=Site(point=Point.RESID, layer=1), intervention=Scale(factor=0.5)),
        Write(site=Site(point=Point.PATTERN, layer=2, heads=(1,), positions=(6,)), intervention=Scale(factor=0.5)),
    )
    fired = model.forward(TOKENS, Plan(writes=writes)).fired
    one = Firing(edited=7) if window is None else Firing(edited=3, unreachable=4, idle_rows=1)
    assert fired[0] == one
    assert fired[1] == sum([one] * (3 * n_heads), Firing())
    assert fired[2] == sum([one] * 3, Firing())
    assert fired[3] == Firing(edited=3 * 2 * 3)
    assert fired[4] == Firing(edited=11 + 7 + 9)
    assert fired[5] == Firing(edited=3 * (7 if window is None else 4))


@every_case
def test_an_edit_that_reaches_nothing_raises(case: Case) -> None:
    model, _ = open_case(case)
    window = model.dims.windows[2]
    edges = Edges.of({2: [5]}) if window is None else Edges.of({6: [0]})
    with pytest.raises(PlanError, match="fired 0 times"):
        model.forward(TOKENS, Plan(writes=(mask_edges(layer=2, edges=edges),)))


@every_case
def test_only_the_columns_asked_for_are_unembedded(case: Case) -> None:
    model, _ = open_case(case)
    run, whole = model.forward(TOKENS, Plan(last_logits=3)), model.forward(TOKENS)
    assert run.logits.shape == (3, 3, VOCAB)
    assert_close(run.logits, whole.logits[:, -3:], "logits")
    with pytest.raises(SpecError, match="raise `last_logits`"):
        run.logits_at(0, [2])


@every_case
def test_values_that_are_not_finite_raise(case: Case) -> None:
    model, _ = open_case(case)
    write = Write(site=Site(point=Point.RESID, layer=1), intervention=Replace(values=torch.tensor(float("nan"))))
    with pytest.raises(PlanError, match="NaN"):
        model.forward(TOKENS, Plan(writes=(write,)))


@every_case
def test_a_plan_names_what_exists(case: Case) -> None:
    model, _ = open_case(case)
    edges = Edges.of({1: [0]})
    n_heads = model.dims.n_heads[1]
    for plan, message in (
        (Plan(reads=(Read(point=Point.Z, layer=9),)), "layer 9 does not exist: the model has layers 0 to 2"),
        (Plan(writes=(mask_edges(layer=1, heads=(n_heads,), edges=edges),)), f"head L1H{n_heads} does not exist"),
        (Plan(writes=(mask_edges(layer=1, edges=Edges.of({7: [0]})),)), "position 7 does not exist"),
        (Plan(writes=(mask_edges(layer=1, edges=edges, batch=(3,)),)), "sequence 3 does not exist"),
    ):
        with pytest.raises(SpecError, match=message):
            model.forward(TOKENS, plan)
    with pytest.raises(SpecError, match="the model's context is 32 tokens"):
        model.forward(Tokens.of([[1] * (CONTEXT + 1)]))
    with pytest.raises(SpecError, match="token id 61 does not exist"):
        model.forward(Tokens.of([[1, VOCAB]]))


@every_case
def test_nothing_is_left_on_the_model_not_even_after_an_error(case: Case) -> None:
    handed_in = build(case.family)
    before = fingerprint(handed_in)
    model = case.loader.open(handed_in, open_case(case)[0].tokenizer)
    points = tuple(point for point in case.points if point is not Point.ATTN_LOGITS)
    reads = tuple(Read(point=point, layer=1) for point in points)
    plain = model.forward(TOKENS, EMPTY_PLAN)
    model.forward(TOKENS, Plan(reads=reads, writes=_masks()(model.dims)))
    empties = mask_edges(layer=1, edges=Edges.of({2: range(3)}))
    misfit = Write(site=Site(point=Point.MLP_OUT, layer=1), intervention=Replace(values=torch.zeros(5, 5, 5)))
    for write, error in ((empties, PlanError), (misfit, SpecError)):
        with pytest.raises(error):
            model.forward(TOKENS, Plan(reads=reads, writes=(write,)))
    assert torch.equal(model.forward(TOKENS, EMPTY_PLAN).logits, plain.logits)
    model.close()
    assert fingerprint(handed_in) == before


@every_case
def test_bf16_stays_within_its_own_noise(case: Case) -> None:
    exact = build(case.family)
    coarse = build(case.family, dtype=torch.bfloat16)
    model = case.loader.open(build(case.family, dtype=torch.bfloat16), open_case(case)[0].tokenizer)
    if coarse._can_set_attn_implementation():
        exact.set_attn_implementation("eager")
        coarse.set_attn_implementation("eager")
    with torch.no_grad():
        reference, rounded = exact(**inputs(TOKENS)).logits, coarse(**inputs(TOKENS)).logits.float()
    watched = model.forward(TOKENS, Plan(reads=read_all(case))).logits.float()
    fast = model.forward(TOKENS).logits.float()
    is_token = TOKENS.attention_mask().bool()
    noise = (rounded - reference)[is_token].abs().max()
    assert noise > 1e-3
    assert (watched - rounded)[is_token].abs().max() <= noise
    for logits in (watched, fast):
        assert (logits - reference)[is_token].abs().max() <= 2 * noise


def inputs(tokens: Tokens) -> dict[str, object]:
    """What a transformers model is to be given."""
    given = {"input_ids": tokens.ids, "attention_mask": tokens.attention_mask(), "position_ids": tokens.position_ids()}
    return given | {"use_cache": False}


def patch_from(
    source: Run, case: Case, layers: range | list[int], points: tuple[Point, ...] | list[Point]
) -> tuple[Write, ...]:
    """Everything of a source run at these points, but for the attention logits, which only masks edit."""
    return tuple(
        Write(site=Site(point=point, layer=layer, batch=(row,)), intervention=Replace(values=values))
        for point in points
        if point is not Point.ATTN_LOGITS
        for layer in layers
        for row in range(len(source.tokens.lengths))
        for values in [source.read(point, layer, row)]
    )


def difference(run: Run, other: Run) -> float:
    """Largest difference of two runs' logits."""
    rows = zip(run.tokens.lengths, run.logits, other.logits, strict=True)
    return max(float((one[-length:] - two[-length:]).abs().max()) for length, one, two in rows)


def assert_same_logits(run: Run, other: Run) -> None:
    """Equal to `TOLERANCE` wherever there is a token."""
    assert difference(run, other) <= TOLERANCE


def fingerprint(model: torch.nn.Module) -> dict[str, object]:
    """Modules by name and class, their hooks, flags and attention implementations."""
    found: dict[str, object] = {}
    for name, module in model.named_modules():
        config = getattr(module, "config", None)
        hooks = [len(module._forward_hooks), len(module._forward_pre_hooks), len(module._backward_hooks)]
        implementation = getattr(config, "_attn_implementation", None)
        found[name] = (type(module), id(module), hooks, module.training, implementation, "forward" in vars(module))
    return found
