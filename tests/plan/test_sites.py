"""Heads, edges and sites: what may be named, and how a mistake is answered."""

import re

import pytest

from attnprobe.errors import SpecError
from attnprobe.plan import Edges, HeadId, Point, Site


def test_a_head_is_printed_as_it_is_read() -> None:
    assert str(HeadId.parse("L5H3")) == "L5H3"
    assert HeadId.parse(" L0KV12 ") == HeadId(layer=0, head=12, is_kv=True)
    assert sorted([HeadId(layer=1, head=0), HeadId(layer=0, head=3)])[0] == HeadId(layer=0, head=3)


@pytest.mark.parametrize("text", ["5.3", "L5", "H3", "l5h3", "L-1H0", "L5H3x", "L99999H0", ""])
def test_text_that_names_no_head_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match=re.escape(f"head {text!r}: expected a layer and a head counted from 0")):
        HeadId.parse(text)


def test_edges_are_sorted_and_empty_rows_left_out() -> None:
    edges = Edges.of({5: [3, 1, 3], 2: [], 4: {0}})
    assert edges.rows == ((4, (0,)), (5, (1, 3)))
    assert len(edges) == 3


def test_a_product_of_positions_keeps_keys_up_to_their_query() -> None:
    assert Edges.product([1, 3], [3, 0, 2]).rows == ((1, (0,)), (3, (0, 2, 3)))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((), "edges: got none"),
        (((2, (0,)), (1, (0,))), r"query positions \[2, 1\] must be sorted"),
        (((1, (0,)), (1, (1,))), r"query positions \[1, 1\] must be sorted, distinct"),
        (((-1, (0,)),), r"query positions \[-1\]"),
        (((1, ()),), r"keys \[\] of query 1 must be"),
        (((1, (1, 0)),), r"keys \[1, 0\] of query 1 must be"),
    ],
)
def test_malformed_edges_are_refused(rows: tuple[tuple[int, tuple[int, ...]], ...], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Edges(rows)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"point": Point.Z, "edges": Edges.of({1: [0]})}, "it has positions, not .* edges; give `positions`"),
        ({"point": Point.PATTERN, "edges": Edges.of({1: [0]}), "positions": (1,)}, "give `edges` or `positions`"),
        ({"point": Point.RESID, "heads": (0,)}, "it has no heads; leave `heads` out"),
        ({"point": Point.Z, "per_query_head": True}, "`per_query_head` is for k and v"),
        ({"point": Point.Z, "heads": (1, 0)}, r"heads \[1, 0\] must be sorted"),
        ({"point": Point.Z, "heads": ()}, r"heads \[\] must be .* not empty"),
        ({"point": Point.Z, "positions": (2, 2)}, r"positions \[2, 2\] must be sorted, distinct"),
        ({"point": Point.Z, "batch": (-1,)}, r"batch \[-1\] must be"),
    ],
)
def test_a_site_that_cannot_be_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Site(layer=0, **options)


def test_a_point_knows_its_axes() -> None:
    assert [point for point in Point if point.has_edges] == [Point.ATTN_LOGITS, Point.PATTERN]
    assert [point for point in Point if not point.has_heads] == [Point.RESID, Point.ATTN_OUT, Point.MLP_OUT]
    assert [point for point in Point if point.has_kv_heads] == [Point.K, Point.V]
