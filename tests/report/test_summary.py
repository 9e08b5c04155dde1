"""`summary.json` holds the fields that programs rely on, and null where a number does not apply."""

import json
from collections.abc import Callable
from dataclasses import fields

import pytest

from attnprobe.causal.result import PatchResult
from attnprobe.causal.settings import InterventionKind, PatchSettings
from attnprobe.plan import HeadId
from attnprobe.report.summary import settings_record, summary_record
from attnprobe.runs import json_bytes
from attnprobe.statistics.estimates import Estimate
from tests.report.rows import head

MakeResult = Callable[..., PatchResult]
HEAD_FIELDS = [
    "head", "layer", "index", "effect", "low", "high", "control_kind", "control", "difference", "difference_low",
    "difference_high", "n_matched", "p", "q", "fired",
]  # fmt: skip


def test_the_fields_are_those_that_are_promised(make_result: MakeResult) -> None:
    record = json.loads(json_bytes(summary_record(make_result(), model="zoo:demo", task="toy")))

    top = ["format", "command", "model", "task", "intervention", "metric", "unit", "n", "clean", "heads"]
    assert [record[name] for name in top[:8]] == [
        1, "patch", "zoo:demo", "toy", "mask", "gold_logprob", "nats", 16,
    ]  # fmt: skip
    assert {name: record["clean"][name] for name in ("value", "low", "high")} == {
        "value": -0.21,
        "low": -0.3,
        "high": -0.12,
    }
    assert [row["head"] for row in record["heads"]] == ["L0H0", "L0H1", "L1H0", "L1H1"]
    assert all(list(row)[: len(HEAD_FIELDS)] == HEAD_FIELDS for row in record["heads"])
    assert record["heads"][2]["control_kind"] == "random_keys"
    assert record["finding"]["verdict"] == "supported"
    assert record["strongest"] == {"value": -0.78, "low": -0.9, "high": -0.66, "n": 16, "heads": ["L1H0"]}
    assert list(record["by_control"]) == ["random_keys"]


def test_what_does_not_apply_is_null(make_result: MakeResult) -> None:
    settings = PatchSettings(intervention=InterventionKind.ABLATE)
    result = make_result(
        heads=[head("L0", -0.5, q=None)],
        settings=settings,
        strongest=None,
        strongest_heads=(),
        clean=Estimate(value=-0.5, low=None, high=None, n=1),
    )
    record = json.loads(json_bytes(summary_record(result, model="m", task="t")))

    row = record["heads"][0]
    nulls = ["index", "control", "difference", "difference_low", "difference_high", "n_matched", "p", "q"]
    assert [row[name] for name in nulls] == [None] * len(nulls)
    assert row["control_kind"] == "none"
    assert record["strongest"] is None
    assert record["clean"]["low"] is None
    assert record["by_control"] == {}


@pytest.mark.parametrize(
    ("kind", "own"),
    [
        (InterventionKind.MASK, {"keys", "strength", "empty_row", "placebo"}),
        (InterventionKind.ABLATE, {"ablation"}),
        (InterventionKind.PATCH, {"site", "direction", "unequal_spans"}),
        (InterventionKind.SCALE, {"factor"}),
    ],
)
def test_settings_that_do_not_act_are_not_told_and_so_do_not_make_another_configuration(
    kind: InterventionKind, own: set[str]
) -> None:
    shared = {"intervention", "queries", "heads", "metric", "control", "seed", "sweep", "batch_size"}

    assert set(settings_record(PatchSettings(intervention=kind))) == shared | own


def test_no_setting_is_forgotten() -> None:
    """A setting that the record left out would let another configuration into the same directory."""
    told = set().union(*(settings_record(PatchSettings(intervention=kind)) for kind in InterventionKind))

    assert told == {field.name for field in fields(PatchSettings)}


def test_settings_are_told_with_their_defaults_filled_in() -> None:
    heads = (HeadId(layer=2, head=3), HeadId(layer=0, head=1), HeadId(layer=2, head=3))
    record = settings_record(PatchSettings(heads=heads))

    assert record["heads"] == ["L0H1", "L2H3"]
    assert record["queries"] == "predicting"
    assert record["control"] == "random_keys"
