"""What a sweep refuses, how it fails, and what it leaves behind: the same in every mode, on every backend."""

import pytest
import torch
from torch import Tensor

from attnprobe.errors import AttnprobeError, PlanError, SpecError
from attnprobe.models.model import Model
from attnprobe.plan import (
    Edges,
    Edit,
    ModelDims,
    Point,
    Replace,
    Scale,
    Site,
    SweepLimits,
    SweepMode,
    Unembedding,
    Write,
    mask_edges,
)
from tests.models.agreement import TOKENS, fingerprint
from tests.models.architectures import CONTEXT, VOCAB
from tests.models.loaders import Case, build, open_case
from tests.models.sweep_agreement import EVERYWHERE, as_they_are, assert_same_values, sweep
from tests.models.sweep_cases import cases, edits_for, full_run
from tests.models.sweep_edits import IDS, LAST, N_POSITIONS

SOME_FAMILIES = ("gpt2", "gemma2", "direct")
MODES = (SweepMode.FULL, SweepMode.CORNER)


def at(point: Point, layer: int, values: Tensor, **where: object) -> Write:
    return Write(site=Site(point=point, layer=layer, **where), intervention=Replace(values=values))  # type: ignore[arg-type]


def bad_writes(dims: ModelDims) -> dict[str, tuple[Write, type[AttnprobeError], str]]:
    n_heads = dims.n_heads[1]
    nan = torch.tensor(float("nan"))
    return {
        "a row without keys": (
            mask_edges(layer=1, heads=(1,), edges=Edges.of({6: range(7)})),
            PlanError,
            "head 1 has no visible key left at query position 6",
        ),
        "a last row without keys": (
            mask_edges(layer=2, heads=(0,), edges=Edges.of({LAST: range(N_POSITIONS)})),
            PlanError,
            f"head 0 has no visible key left at query position {LAST}",
        ),
        "keys after the query": (mask_edges(layer=2, edges=Edges.of({2: [5]})), PlanError, "fired 0 times"),
        "values of another shape": (at(Point.Z, 1, torch.zeros(3, 5)), SpecError, r"shape \[3, 5\] do not fit"),
        "values of another shape below": (
            at(Point.RESID, 0, torch.zeros(7), positions=(1,)),
            SpecError,
            r"shape \[7\] do not fit",
        ),
        "values that are not finite": (at(Point.RESID, 1, nan, positions=(3,)), PlanError, "NaN"),
        "a layer that is not there": (at(Point.Z, 3, nan), SpecError, "layer 3 does not exist"),
        "a head that is not there": (
            at(Point.Z, 1, nan, heads=(n_heads,)),
            SpecError,
            f"head L1H{n_heads} does not exist",
        ),
        "a position that is not there": (
            at(Point.Z, 1, nan, positions=(N_POSITIONS,)),
            SpecError,
            f"position {N_POSITIONS} does not exist",
        ),
    }


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", cases(*SOME_FAMILIES) or cases("gpt2"), ids=str)
def test_an_edit_that_cannot_be_made_is_refused_alike_alone_and_among_others(case: Case, mode: SweepMode) -> None:
    if mode is SweepMode.CORNER and case not in cases():
        pytest.skip("no corner here")
    model = open_case(case)[0]
    good = Edit(writes=(Write(site=Site(point=Point.Z, layer=1), intervention=Scale(factor=0.5)),))
    for name, (write, error, message) in bad_writes(model.dims).items():
        bad = Edit(writes=(write,))
        for edits in ({name: bad}, {"good": good, name: bad}):
            with pytest.raises(error, match=message):
                sweep(model, edits, mode)
    # and an edit of the same kind goes through afterwards
    assert sweep(model, {"good": good}, mode).fired[0][0].edited > 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", cases("gpt2", "direct") or cases("gpt2"), ids=str)
def test_a_question_that_does_not_fit_is_refused_in_words(case: Case, mode: SweepMode) -> None:
    if mode is SweepMode.CORNER and case not in cases():
        pytest.skip("no corner here")
    model = open_case(case)[0]
    good = Edit(writes=(Write(site=Site(point=Point.Z, layer=1), intervention=Scale(factor=0.5)),))

    def ask(ids: list[int], edits: list[Edit], unembedding: Unembedding) -> None:
        model.sweep(ids, edits, unembedding, as_they_are, SweepLimits(mode=mode))

    last = Unembedding(positions=(LAST,))
    for ids, edits, unembedding, message in (
        (IDS, [], last, "no edit"),
        ([], [good], last, "token"),
        ([*IDS[:-1], VOCAB], [good], last, f"token id {VOCAB} does not exist"),
        ([1] * (CONTEXT + 1), [good], last, f"the model's context is {CONTEXT} tokens"),
        (IDS, [good], Unembedding(positions=(LAST, N_POSITIONS)), f"position {N_POSITIONS}"),
        (IDS, [good], Unembedding(positions=(LAST,), tokens=(0, VOCAB)), f"token {VOCAB}"),
        (IDS, [good], Unembedding(positions=(LAST,), tokens=(-1,)), "token -1"),
    ):
        with pytest.raises(SpecError, match=message):
            ask(ids, edits, unembedding)


class Broken(Exception):  # noqa: N818, it is no error of ours
    """Raised by a measure of the user's."""


def break_down(logits: Tensor) -> Tensor:
    raise Broken


@pytest.mark.parametrize("case", cases(*SOME_FAMILIES), ids=str)
def test_nothing_is_left_on_the_model_not_even_after_an_error(case: Case) -> None:
    handed_in = build(case.family)
    before = fingerprint(handed_in)
    model: Model = case.loader.open(handed_in, open_case(case)[0].tokenizer)
    held = fingerprint(handed_in)
    plain = model.forward(TOKENS)
    edits = dict(list(edits_for(case).items())[::17])
    sweep(model, edits, SweepMode.CORNER)
    for write, error, _ in bad_writes(model.dims).values():
        with pytest.raises(error):
            sweep(model, edits | {"bad": Edit(writes=(write,))}, SweepMode.CORNER)
    with pytest.raises(Broken):
        model.sweep(IDS, list(edits.values()), EVERYWHERE, break_down, SweepLimits(mode=SweepMode.CORNER))
    assert fingerprint(handed_in) == held
    assert torch.equal(model.forward(TOKENS).logits, plain.logits)
    again = sweep(model, edits, SweepMode.CORNER)
    assert_same_values(again.values, full_run(case).values[::17], list(edits))
    model.close()
    assert fingerprint(handed_in) == before
