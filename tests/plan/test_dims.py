"""Sizes of a model fit each other, layer by layer."""

from dataclasses import replace

import pytest

from attnprobe.errors import ModelError
from attnprobe.plan import ModelDims

DIMS = ModelDims(d_model=8, vocab=10, context=None, n_heads=(4, 2), n_kv_heads=(2, 1), d_head=(2, 4), windows=(None, 3))


def test_heads_are_listed_layer_by_layer() -> None:
    assert DIMS.n_layers == 2
    assert [str(head) for head in DIMS.heads] == ["L0H0", "L0H1", "L0H2", "L0H3", "L1H0", "L1H1"]
    assert [str(head) for head in DIMS.kv_heads] == ["L0KV0", "L0KV1", "L1KV0"]


def test_a_query_reaches_back_to_the_edge_of_its_window() -> None:
    assert [DIMS.is_reachable(1, 5, key) for key in range(7)] == [False] * 3 + [True] * 3 + [False]
    assert DIMS.is_reachable(0, 5, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"windows": (None,)}, "expected one entry a layer everywhere"),
        ({"n_heads": (4, 3), "n_kv_heads": (2, 2)}, "layer 1: 3 query heads cannot share 2 key heads"),
        ({"n_kv_heads": (0, 1)}, "layer 0: 4 query heads cannot share 0 key heads"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(change: dict[str, tuple[int, ...]], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        replace(DIMS, **change)
