"""A sweep over what an edit can change gives what whole forward passes give, on every backend, family, point and write.

The oracle is `SweepMode.FULL`, which is itself held to a loop of single forward passes. One sweep carries all edits of
a family, so that edits of different layers, places and kinds meet in it.
"""

import pytest
from torch import Tensor

from attnprobe.errors import PlanError
from attnprobe.models.model import Model
from attnprobe.plan import Edges, Edit, EmptyRow, Point, Scale, Site, SweepMode, Unembedding, Write, mask_edges
from tests.models.loaders import Case, open_case
from tests.models.sweep_agreement import assert_every_edit_shows, assert_same_values, one_by_one, sweep
from tests.models.sweep_cases import (
    cases,
    edits_for,
    edits_for_further,
    full_run,
    open_further,
)
from tests.models.sweep_edits import IDS, LAST
from tests.models.sweep_families import FURTHER, FURTHER_ALWAYS, NOT_IN_PART

every_further = pytest.mark.parametrize(
    "name", [name if name in FURTHER_ALWAYS else pytest.param(name, marks=pytest.mark.slow) for name in FURTHER]
)


def clean_logits(model: Model) -> Tensor:
    nothing = mask_edges(layer=0, edges=Edges.of({LAST: [LAST]}), strength=0.0)
    return one_by_one(model, {"nothing": Edit(writes=(nothing,))})[0][0]


def assert_batches_agree_with_single_passes(model: Model, edits: dict[str, Edit]) -> None:
    values, fired = one_by_one(model, edits)
    run = sweep(model, edits, SweepMode.FULL)
    assert_same_values(run.values, values, list(edits))
    assert run.fired == fired
    assert_every_edit_shows(values, clean_logits(model), list(edits))


@pytest.mark.parametrize("case", cases(), ids=str)
def test_whole_passes_in_a_batch_give_what_single_passes_give(case: Case) -> None:
    """A share of the edits, another for each case; all of them below."""
    first = cases().index(case) % 11
    assert_batches_agree_with_single_passes(open_case(case)[0], dict(list(edits_for(case).items())[first::11]))


@pytest.mark.slow
@pytest.mark.parametrize("case", cases(), ids=str)
def test_every_edit_in_a_batch_gives_what_it_gives_alone(case: Case) -> None:
    assert_batches_agree_with_single_passes(open_case(case)[0], edits_for(case))


@pytest.mark.slow
@pytest.mark.parametrize("name", FURTHER)
def test_every_edit_of_further_families_in_a_batch_gives_what_it_gives_alone(name: str) -> None:
    model = open_further(name)
    assert_batches_agree_with_single_passes(model, edits_for_further(name, model.dims))


@pytest.mark.parametrize("case", cases(), ids=str)
def test_what_an_edit_can_change_is_computed_as_whole_passes_compute_it(case: Case) -> None:
    edits, full = edits_for(case), full_run(case)
    run = sweep(open_case(case)[0], edits, SweepMode.CORNER)
    assert_same_values(run.values, full.values, list(edits))
    assert run.fired == full.fired


@every_further
def test_further_families_give_what_whole_passes_give(name: str) -> None:
    model = open_further(name)
    edits = edits_for_further(name, model.dims)
    full = sweep(model, edits, SweepMode.FULL)
    if name in NOT_IN_PART:
        with pytest.raises(PlanError, match="cannot be run in part"):
            sweep(model, edits, SweepMode.CORNER)
        return
    run = sweep(model, edits, SweepMode.CORNER)
    assert_same_values(run.values, full.values, list(edits))
    assert run.fired == full.fired


@pytest.mark.parametrize("case", cases("gemma2", "gpt2", "direct"), ids=str)
@pytest.mark.parametrize("positions", [(LAST,), (0, 3, LAST), (0,)], ids=str)
def test_only_the_positions_and_tokens_asked_for_come_back(case: Case, positions: tuple[int, ...]) -> None:
    """Some lie before an edit's first position: there the logits are those of the unedited run."""
    tokens = (17, 3, 44)
    edits, expected = edits_for(case), full_run(case).values[:, list(positions)]
    run = sweep(open_case(case)[0], edits, SweepMode.CORNER, Unembedding(positions=positions, tokens=tokens))
    assert_same_values(run.values, expected[..., list(tokens)], list(edits))


@pytest.mark.parametrize("case", cases("gemma2", "direct"), ids=str)
@pytest.mark.parametrize("limits", [{"batch_size": 1}, {"batch_size": 3}, {"memory": 200_000}], ids=str)
def test_how_much_runs_at_once_changes_nothing(case: Case, limits: dict[str, int]) -> None:
    everything, full = edits_for(case), full_run(case)
    edits = dict(list(everything.items())[::6])
    run = sweep(open_case(case)[0], edits, SweepMode.CORNER, **limits)
    assert_same_values(run.values, full.values[::6], list(edits))
    assert run.fired == full.fired[::6]


@pytest.mark.parametrize("case", cases("gpt2", "qwen2"), ids=str)
def test_the_order_of_edits_is_the_order_of_results(case: Case) -> None:
    backwards = dict(reversed(edits_for(case).items()))
    run = sweep(open_case(case)[0], backwards, SweepMode.CORNER)
    assert_same_values(run.values, full_run(case).values.flip(0), list(backwards))
    assert run.fired == full_run(case).fired[::-1]


@pytest.mark.parametrize("case", cases("gpt2", "gemma2", "direct"), ids=str)
def test_a_sequence_of_one_token_is_swept(case: Case) -> None:
    model = open_case(case)[0]
    edits = {
        "z": Edit(writes=(Write(site=Site(point=Point.Z, layer=0), intervention=Scale(factor=0.5)),)),
        "resid": Edit(writes=(Write(site=Site(point=Point.RESID, layer=2), intervention=Scale(factor=0.5)),)),
        "mask": Edit(writes=(mask_edges(layer=1, edges=Edges.of({0: [0]}), empty_row=EmptyRow.ZERO),)),
    }
    only = Unembedding(positions=(0,))
    full, run = (sweep(model, edits, mode, only, ids=IDS[:1]) for mode in (SweepMode.FULL, SweepMode.CORNER))
    assert_same_values(run.values, full.values, list(edits))
    assert run.fired == full.fired
