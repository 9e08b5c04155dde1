"""Many sequences' edits of one query each, at once, are what the same edits do one after another."""

import pytest
import torch
from torch import Tensor

from attnprobe.errors import PlanError, SpecError
from attnprobe.plan import (
    Edges,
    EmptyRow,
    Execution,
    Firing,
    Force,
    Mask,
    ModelDims,
    Plan,
    Point,
    QueryEdit,
    Read,
    Replace,
    Scale,
    Site,
    Tokens,
    Write,
)

DIMS = ModelDims(d_model=8, vocab=20, context=32, n_heads=(3,), n_kv_heads=(1,), d_head=(4,), windows=(None,))
IDS = [[1, 2, 3, 4, 5, 6], [7, 8, 9, 1], [2, 3]]
WIDTH, CACHED = 6, 5
# of the third sequence both keys; of the second one that a window of 3 hides
ROWS = ((0, 5, (0, 3, 4)), (1, 3, (0, 2)), (2, 1, (0, 1)))
NOT_ALL = (*ROWS[:2], (2, 1, (0,)))


def tokens() -> Tokens:
    whole = Tokens.of(IDS)
    return Tokens(ids=whole.ids, lengths=whole.lengths, cached=CACHED)


def visible(window: int = WIDTH) -> Tensor:
    columns = torch.arange(WIDTH)
    starts = torch.tensor(tokens().starts)
    return ((columns > CACHED - window) & (columns >= starts[:, None]))[:, None, None]


def attend(plan: Plan, *, window: int = WIDTH, sinks: Tensor | None = None) -> tuple[Tensor, Execution]:
    """The pattern of the last column under a plan, beside its sinks."""
    execution = Execution(plan, DIMS, tokens())
    logits = 2 * torch.randn(3, 3, 1, WIDTH, generator=torch.Generator().manual_seed(0))
    seen = visible(window)
    edited = execution.attn_logits(0, logits.masked_fill(~seen, torch.finfo(logits.dtype).min), seen, sinks=sinks)
    if sinks is not None:
        edited = torch.cat([edited, sinks[None, :, None, None].expand(3, 3, 1, 1)], dim=-1)
    return execution.pattern(0, edited.softmax(-1)[..., :WIDTH], seen), execution


def one_by_one(what: Mask | Force, rows: tuple[tuple[int, int, tuple[int, ...]], ...]) -> Plan:
    sites = (
        Site(point=Point.ATTN_LOGITS, layer=0, heads=(0, 2), batch=(row,), edges=Edges(((query, keys),)))
        for row, query, keys in rows
    )
    return Plan(writes=tuple(Write(site=site, intervention=what) for site in sites))


def together(what: Mask | Force, rows: tuple[tuple[int, int, tuple[int, ...]], ...]) -> Plan:
    return Plan(query_edits=(QueryEdit(layer=0, heads=(0, 2), intervention=what, rows=rows),))


EVERYTHING = [
    Mask(empty_row=EmptyRow.SELF),
    Mask(empty_row=EmptyRow.ZERO),
    Mask(strength=0.37),
    Force(mass=0.7, empty_row=EmptyRow.SELF),
    Force(mass=0.7, empty_row=EmptyRow.ZERO),
    Force(mass=1.0),
    Force(mass=0.0, empty_row=EmptyRow.ZERO),
]


@pytest.mark.parametrize("sinks", [None, torch.tensor([0.5, -1.0, 2.0])], ids=["no sink", "sinks"])
@pytest.mark.parametrize("window", [WIDTH, 3])
@pytest.mark.parametrize("what", EVERYTHING, ids=str)
def test_rows_at_once_are_rows_one_by_one(what: Mask | Force, window: int, sinks: Tensor | None) -> None:
    plain, _ = attend(Plan(), window=window, sinks=sinks)
    alone, execution = attend(one_by_one(what, ROWS), window=window, sinks=sinks)
    found, at_once = attend(together(what, ROWS), window=window, sinks=sinks)

    assert torch.equal(found, alone)
    assert torch.equal(found[:, 1], plain[:, 1])
    assert not torch.equal(found, plain)
    assert sum(execution._fired, Firing()) == at_once._fired_queries[0]


def test_counts_are_worked_by_hand() -> None:
    """A window of 3 hides keys 0 of the first and 0 of the second sequence; two heads are edited."""
    _, execution = attend(together(Mask(empty_row=EmptyRow.SELF), ROWS), window=3)
    assert execution._fired_queries == [Firing(edited=10, unreachable=4)]
    _, execution = attend(together(Mask(), (ROWS[0], (1, 3, (0,)))), window=3)
    assert execution._fired_queries == [Firing(edited=4, unreachable=4, idle_rows=2)]


def test_a_row_left_without_keys_is_named() -> None:
    for what, words in ((Mask(), "no visible key left"), (Force(mass=0.5), "sees no key outside")):
        with pytest.raises(PlanError, match=rf"{words}.*query position 1 of sequence 2|query position 1 of sequence 2"):
            attend(together(what, ROWS))
        attend(together(what, NOT_ALL))


def test_edits_that_never_act_are_refused_at_the_end() -> None:
    _, execution = attend(together(Mask(), ((1, 3, (0,)),)), window=3)
    with pytest.raises(PlanError, match="fired 0 times"):
        execution.finish(torch.zeros(3, 1, 20))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": ()}, "at least one sequence"),
        ({"rows": (ROWS[0], ROWS[0])}, "each once"),
        ({"rows": ((0, 3, (4,)),)}, "none after it"),
        ({"rows": ((0, 3, ()),)}, "keys for every query"),
        ({"intervention": Mask(renormalise=False)}, "before the softmax"),
        ({"intervention": Force(mass=(0.5,))}, "of one strength or mass"),
    ],
)
def test_edits_without_a_meaning_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        QueryEdit(**{"layer": 0, "heads": None, "intervention": Mask(), "rows": ROWS, **change})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer": 1}, "layer 1 does not exist"),
        ({"heads": (3,)}, "L0H3 does not exist"),
        ({"rows": ((3, 1, (0,)),)}, "sequence 3 does not exist"),
        ({"rows": ((1, 4, (0,)),)}, "position 4 of sequence 1 does not run: it has 4 tokens"),
        ({"rows": ((1, 2, (0,)),)}, "those before position 3 are cached"),
    ],
)
def test_edits_that_do_not_fit_are_refused_before_anything_runs(change: dict[str, object], message: str) -> None:
    edit = QueryEdit(**{"layer": 0, "heads": None, "intervention": Mask(), "rows": ROWS, **change})  # type: ignore[arg-type]
    with pytest.raises(SpecError, match=message):
        Execution(Plan(query_edits=(edit,)), DIMS, tokens())


@pytest.mark.parametrize("what", [Scale(factor=-2.0), Replace(values=torch.arange(8.0).view(1, 2, 4))])
def test_outputs_of_rows_at_once_are_those_of_their_positions(what: Scale | Replace) -> None:
    """Without positions a write holds at all that run; here that is one column, the last position of each sequence."""
    z = torch.randn(3, 1, 3, 4, generator=torch.Generator().manual_seed(1))
    read = (Read(point=Point.Z, layer=0),)
    named = tuple(
        Write(
            site=Site(point=Point.Z, layer=0, heads=(0, 2), batch=(row,), positions=(len(IDS[row]) - 1,)),
            intervention=what,
        )
        for row in (0, 2)
    )
    unnamed = (Write(site=Site(point=Point.Z, layer=0, heads=(0, 2), batch=(0, 2)), intervention=what),)
    found = []
    for writes in (named, unnamed):
        execution = Execution(Plan(writes=writes, reads=read), DIMS, tokens())
        found.append(execution.vectors(Point.Z, 0, z))
        assert sum(execution._fired, Firing()) == Firing(edited=4)
    assert torch.equal(*found)
    assert torch.equal(found[0][1], z[1])
    assert not torch.equal(found[0][0], z[0])
