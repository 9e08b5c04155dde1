"""What every backend promises, on every family: the same reads, the same logits, the same edits, the same refusals.

The references are transformers' own eager attention for what is read, and `reference.py` for what is edited. Logits
and patterns agree to 5e-6 in float32; other tensors to 5e-6 of their largest entry where that is above 1.
"""

from functools import cache

import pytest
import torch

from attnprobe.errors import PlanError, SpecError
from attnprobe.models.model import Backend
from attnprobe.plan import (
    Edges,
    Firing,
    Plan,
    Point,
    Read,
    Replace,
    Scale,
    Site,
    Tokens,
    Write,
    mask_edges,
)
from tests.models.agreement import (
    SEQUENCES,
    TOKENS,
    TOLERANCE,
    assert_close,
    difference,
    inputs,
    read_all,
)
from tests.models.architectures import CONTEXT, LENGTHS, VOCAB
from tests.models.edits import EDITS
from tests.models.loaders import CASES, Case, build, open_case
from tests.models.reference import FAMILIES, Reference, run_reference

every_case = pytest.mark.parametrize("case", CASES, ids=str)


@cache
def expected_runs(family: str, edit: str | None) -> tuple[Reference, ...]:
    """What the reference gives for each sequence; the same for all backends."""
    dims = open_case(Case(Backend.NATIVE, family))[0].dims
    plan = Plan(writes=EDITS[edit](dims) if edit else ())
    return tuple(run_reference(build(family), family, ids, plan, row) for row, ids in enumerate(SEQUENCES))


def assert_runs_agree(case: Case, edit: str | None) -> None:
    """A batch, read everywhere and nowhere, against the reference, one sequence at a time."""
    model, _ = open_case(case)
    writes = EDITS[edit](model.dims) if edit else ()
    watched = model.forward(TOKENS, Plan(writes=writes, reads=read_all(case)))
    unwatched = model.forward(TOKENS, Plan(writes=writes))
    assert watched.fired == unwatched.fired
    for row, expected in enumerate(expected_runs(case.family, edit)):
        positions = range(LENGTHS[row])
        assert_close(watched.logits_at(row, positions), expected.logits, ("logits", row))
        assert_close(unwatched.logits_at(row, positions), expected.logits, ("logits without reads", row))
        for point, layer in watched.reads:
            assert_close(watched.read(point, layer, row), expected.reads[point, layer], (point, layer, row))
    if edit:
        change = difference(unwatched, model.forward(TOKENS))
        assert change > 1000 * TOLERANCE, "the edit does next to nothing here, so that agreement means little"


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
    assert_runs_agree(case, None)


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
@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_gives_the_numbers_of_the_reference(case: Case, edit: str) -> None:
    model, _ = open_case(case)
    writes = EDITS[edit](model.dims)
    refused = case.loader.refused.get(case.family, frozenset())
    needs_copies = any(write.site.per_query_head for write in writes)
    if any(write.site.point in refused for write in writes) or (needs_copies and case.loader.refuses_per_query_head):
        with pytest.raises(PlanError, match=r"native|nnsight|transformer_lens"):
            model.forward(TOKENS, Plan(writes=writes))
        return
    assert_runs_agree(case, edit)


@every_case
def test_a_point_that_is_refused_names_another_backend(case: Case) -> None:
    model, _ = open_case(case)
    for point in case.loader.refused.get(case.family, frozenset()):
        with pytest.raises(PlanError, match=r"native|nnsight|transformer_lens"):
            model.forward(TOKENS, Plan(reads=(Read(point=point, layer=0),)))


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
