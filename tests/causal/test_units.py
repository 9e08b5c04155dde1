"""Which heads, key and value heads or layers a sweep walks over."""

import pytest

from attnprobe.causal.settings import InterventionKind, PatchSettings
from attnprobe.causal.units import Unit, units_of
from attnprobe.errors import SpecError
from attnprobe.plan import HeadId, ModelDims, Point

DIMS = ModelDims(d_model=8, vocab=10, context=16, n_heads=(4, 2), n_kv_heads=(2, 1), d_head=(2, 4), windows=(None, 4))


def names(settings: PatchSettings) -> list[str]:
    return [str(unit) for unit in units_of(settings, DIMS)]


def test_a_mask_walks_over_every_query_head_layer_by_layer() -> None:
    assert names(PatchSettings()) == ["L0H0", "L0H1", "L0H2", "L0H3", "L1H0", "L1H1"]


def test_patching_keys_walks_over_key_and_value_heads() -> None:
    assert names(PatchSettings(intervention=InterventionKind.PATCH, site=Point.K)) == ["L0KV0", "L0KV1", "L1KV0"]


def test_patching_the_residual_stream_walks_over_layers() -> None:
    settings = PatchSettings(intervention=InterventionKind.PATCH, site=Point.RESID)
    assert units_of(settings, DIMS) == (Unit(layer=0), Unit(layer=1))
    assert names(settings) == ["L0", "L1"]


def test_chosen_heads_come_in_model_order_and_once() -> None:
    chosen = (HeadId(layer=1, head=1), HeadId(layer=0, head=3), HeadId(layer=1, head=1))
    assert names(PatchSettings(heads=chosen)) == ["L0H3", "L1H1"]


def test_a_head_that_does_not_exist_is_named_with_what_there_is() -> None:
    settings = PatchSettings(heads=(HeadId(layer=1, head=2),))
    with pytest.raises(SpecError, match=r"head L1H2 does not exist .* layers 0 to 1 with heads by layer \[4, 2\]"):
        units_of(settings, DIMS)


def test_heads_at_a_site_without_heads_are_refused() -> None:
    settings = PatchSettings(intervention=InterventionKind.PATCH, site=Point.MLP_OUT, heads=(HeadId(layer=0, head=0),))
    with pytest.raises(SpecError, match="site mlp_out: this site has no heads"):
        units_of(settings, DIMS)


def test_a_query_head_at_a_key_site_is_refused_with_the_right_form() -> None:
    settings = PatchSettings(intervention=InterventionKind.PATCH, site=Point.V, heads=(HeadId(layer=0, head=0),))
    with pytest.raises(SpecError, match="such as L0KV0"):
        units_of(settings, DIMS)
