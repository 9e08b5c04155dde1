"""Patching between prompts of unequal length: policies by hand, the induction circuit by hand, and laws.

In the circuit (`tests/models/test_known_circuit.py`) the gold word is completed wherever `A B` stands before, in a text
of any length: the logit difference is L clean and -L with the foil in B's place. What carries B from its place to the
answer brings it back, whatever stands in between: the values of L1H2 at B, and its output at the last word.
"""

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from attnprobe.causal.edits import replacement_write
from attnprobe.causal.effects import Readout
from attnprobe.causal.head_sets import HeadSet
from attnprobe.causal.measure import patch_heads
from attnprobe.causal.patch_sets import patch_sets
from attnprobe.causal.settings import Direction, InterventionKind, Metric, PatchSettings, UnequalSpans
from attnprobe.causal.span_alignment import match_positions
from attnprobe.causal.subject import Skip, Subject, prepare
from attnprobe.causal.units import Unit
from attnprobe.errors import TaskError
from attnprobe.models.alignment import align_all
from attnprobe.models.model import Model, Provenance
from attnprobe.models.native import NativeModel
from attnprobe.plan import Point, Replace, Tokens
from attnprobe.tasks.aligned import Stretch, UnevenCorruption
from attnprobe.tasks.collected import CollectedTask
from attnprobe.tasks.example import Example
from attnprobe.tasks.jsonl import jsonl_task
from tests.causal.conftest import ListTask, made_up
from tests.circuits import GOLD_LOGIT, INDUCTION, circuit_tokenizer, induction_gpt2

NEAR = 5e-6
INTO = Direction.CLEAN_TO_CORRUPTED
UNEVEN = UnevenCorruption(
    ids=tuple(range(9)),
    position=6,
    corrupted_position=8,
    gold=0,
    foil=1,
    stretches=(
        Stretch(name="predicting", clean=(5,), corrupted=(7,)),
        Stretch(name="who", clean=(1, 2), corrupted=(2, 3)),
        Stretch(name="where", clean=(3,), corrupted=(4, 5, 6)),
    ),
)


@pytest.mark.parametrize(
    ("direction", "policy", "sources", "n_unmatched"),
    [
        (INTO, UnequalSpans.LAST, {2: (1,), 3: (2,), 6: (3,), 7: (5,)}, 4),
        (INTO, UnequalSpans.MEAN, {2: (1,), 3: (2,), 4: (3,), 5: (3,), 6: (3,), 7: (5,)}, 2),
        (Direction.CORRUPTED_TO_CLEAN, UnequalSpans.LAST, {1: (2,), 2: (3,), 3: (6,), 5: (7,)}, 2),
        (Direction.CORRUPTED_TO_CLEAN, UnequalSpans.MEAN, {1: (2,), 2: (3,), 3: (4, 5, 6), 5: (7,)}, 2),
    ],
)
def test_parts_are_matched_by_the_policy(
    direction: Direction, policy: UnequalSpans, sources: dict[int, tuple[int, ...]], n_unmatched: int
) -> None:
    matched = match_positions(UNEVEN, direction, policy)
    assert matched.sources == sources
    assert list(matched.sources) == sorted(sources)
    assert (matched.n_even, matched.n_uneven, matched.n_unmatched) == (2, 1, n_unmatched)


def test_only_what_is_asked_for_is_matched() -> None:
    assert match_positions(UNEVEN, INTO, UnequalSpans.LAST, within=(2, 5)).sources == {3: (2,), 7: (5,)}
    where = match_positions(UNEVEN, INTO, UnequalSpans.LAST, within=(3,))
    assert (dict(where.sources), where.n_unmatched) == ({6: (3,)}, 2)
    assert match_positions(UNEVEN, INTO, UnequalSpans.LAST, within=(0, 4)).sources == {}
    # what is refused is not asked for here
    assert not match_positions(UNEVEN, INTO, UnequalSpans.REFUSE, within=(1,)).is_refused
    assert match_positions(UNEVEN, INTO, UnequalSpans.REFUSE).is_refused


TEXTS = (
    ("start ant bee cat dog ant", "start elk fox ant gnu cat ant", 1, 3),
    ("start kea lynx mole hen jay owl kea", "start kea newt mole kea", 1, 1),
    ("start fox ant hen bee fox", "start owl kea fox mole hen bee jay fox", 1, 3),
)
"""Clean, corrupted, and where `A B` and `A F` stand in them, by word; both end in A."""


def circuit_line(number: int, clean: str, corrupted: str, at: int, other: int) -> str:
    """One text, with the pair `A B` and the word `start` as its spans."""

    def span(text: str, first: int, last: int) -> list[list[int]]:
        words = text.split()
        start = len(" ".join(words[:first])) + (first > 0)
        return [[start, start + len(" ".join(words[first : last + 1]))]]

    own = {"pair": span(clean, at, at + 1), "start": span(clean, 0, 0)}
    record = {
        "id": f"text-{number}",
        "prompt": clean,
        "gold": " " + clean.split()[at + 1],
        "foil": " " + corrupted.split()[other + 1],
        "corrupted": corrupted,
        "spans": own,
        "corrupted_spans": {"pair": span(corrupted, other, other + 1), "start": span(corrupted, 0, 0)},
    }
    return json.dumps(record) + "\n"


@pytest.fixture(scope="module")
def circuit() -> Model:
    provenance = Provenance(name="circuit", revision=None, architecture="gpt2")
    return NativeModel(induction_gpt2(), tokenizer=circuit_tokenizer(), provenance=provenance)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> CollectedTask:
    path = tmp_path_factory.mktemp("uneven") / "uneven.jsonl"
    path.write_text("".join(circuit_line(number, *text) for number, text in enumerate(TEXTS)))
    return jsonl_task(path)


def patch(**changes: object) -> PatchSettings:
    return PatchSettings(intervention=InterventionKind.PATCH, **changes)  # pyright: ignore[reportArgumentType]


def test_the_circuit_completes_the_pair_in_texts_of_any_length(circuit: Model, texts: CollectedTask) -> None:
    for one in align_all(circuit, texts):
        assert one.uneven is not None
        assert len(one.uneven.ids) != len(one.ids)
        for ids, place, sign in (
            (one.ids, one.uneven.position, 1),
            (one.uneven.ids, one.uneven.corrupted_position, -1),
        ):
            logits = circuit.forward(Tokens.of([ids])).logits_at(0, [place - 1])[0]
            assert (logits[one.uneven.gold] - logits[one.uneven.foil]).item() == pytest.approx(
                sign * GOLD_LOGIT, abs=NEAR
            )


@pytest.mark.parametrize(
    ("site", "queries", "expected"),
    [
        (Point.Z, "predicting", {"L1H2"}),
        (Point.Z, "pair", set[str]()),
        (Point.V, "pair", {"L1KV2"}),
        (Point.V, "predicting", set[str]()),
        (Point.ATTN_OUT, "all", {"L1"}),
    ],
    ids=str,
)
def test_what_carries_the_word_restores_everything_across_lengths(
    circuit: Model, texts: CollectedTask, site: Point, queries: str, expected: set[str]
) -> None:
    result = patch_heads(circuit, texts, patch(site=site, queries=queries, metric=Metric.RECOVERY))
    assert (result.n, result.counts["examples_matched_by_spans"]) == (len(TEXTS), len(TEXTS))
    full = {row.head for row in result.heads if row.effect == pytest.approx(1, abs=NEAR)}
    assert full == expected
    assert all(abs(row.effect) < 1e-4 for row in result.heads if row.head not in full)


def test_the_other_way_round_it_takes_everything_away(circuit: Model, texts: CollectedTask) -> None:
    backwards = patch(queries="predicting", metric=Metric.RECOVERY, direction=Direction.CORRUPTED_TO_CLEAN)
    result = patch_heads(circuit, texts, backwards)
    assert {row.head for row in result.heads if row.effect == pytest.approx(-1, abs=NEAR)} == {"L1H2"}


def test_the_last_layers_residual_stream_at_all_that_matches_gives_the_donors_logits(
    circuit: Model, texts: CollectedTask
) -> None:
    """Nothing of what does not match is looked at: only B has A before it."""
    result = patch_heads(circuit, texts, patch(site=Point.RESID, metric=Metric.LOGIT_DIFF))
    rows = result.rows[result.rows["head"] == "L1"]
    np.testing.assert_allclose(rows["edited"].to_numpy(), GOLD_LOGIT, atol=NEAR)
    np.testing.assert_allclose(rows["clean"].to_numpy(), -GOLD_LOGIT, atol=NEAR)


def test_positions_are_counted(circuit: Model, texts: CollectedTask) -> None:
    counts = patch_heads(circuit, texts, patch(metric=Metric.LOGIT_DIFF)).counts
    # predicting, pair and start of each; a pair has two tokens
    assert counts["spans_of_equal_length"] == 3 * len(TEXTS)
    assert counts["spans_of_unequal_length"] == 0
    assert counts["positions_matched"] == 4 * len(TEXTS)
    assert counts["positions_unmatched"] == sum(len(text[1].split()) - 4 for text in TEXTS)
    assert counts["examples_matched_token_by_token"] == 0


def test_a_set_of_heads_is_patched_across_lengths_too(circuit: Model, texts: CollectedTask) -> None:
    heads = HeadSet.of([INDUCTION, replace(INDUCTION, head=0)])
    (row,) = patch_sets(circuit, texts, [heads], patch(metric=Metric.RECOVERY)).sets
    assert row.against.effect == pytest.approx(1, abs=NEAR)


@pytest.mark.parametrize("site", [Point.Q, Point.K, Point.PATTERN], ids=str)
def test_what_says_where_things_stand_is_not_carried_over(circuit: Model, texts: CollectedTask, site: Point) -> None:
    subjects = [prepare(one, patch(site=site)) for one in align_all(circuit, texts)]
    assert subjects == [Skip.UNEQUAL_PLACES] * len(TEXTS)
    with pytest.raises(TaskError, match="3 unequal places"):
        patch_heads(circuit, texts, patch(site=site))


TASK = ListTask(examples=[made_up(f"made-up-{number}", seed=number, length=18 + number % 5) for number in range(2)])


def subject_of(model: Model, example: Example, stretches: Sequence[Stretch], settings: PatchSettings) -> Subject | Skip:
    """The subject as if its corruption, which lines up, were uneven with these parts."""
    (aligned,) = align_all(model, ListTask(examples=[example]))
    swap = aligned.corruption
    assert swap is not None
    uneven = UnevenCorruption(
        ids=swap.ids,
        position=swap.position,
        corrupted_position=swap.position,
        gold=swap.gold,
        foil=swap.foil,
        stretches=tuple(stretches),
    )
    return prepare(replace(aligned, corruption=None, uneven=uneven), settings)


@pytest.mark.parametrize("direction", list(Direction), ids=str)
def test_parts_of_unequal_length_that_are_refused_leave_the_example_out(tiny: Model, direction: Direction) -> None:
    parts = [Stretch(name="part", clean=(2, 3), corrupted=(2,))]
    example = TASK.examples[0]
    for policy in UnequalSpans:
        found = subject_of(tiny, example, parts, patch(unequal_spans=policy, direction=direction))
        assert (found is Skip.UNEQUAL_SPANS) == (policy is UnequalSpans.REFUSE)
    assert subject_of(tiny, example, parts, patch(queries="predicting")) is Skip.NOTHING_IN_COMMON


@pytest.mark.parametrize("site", [Point.Z, Point.RESID], ids=str)
def test_where_lengths_are_equal_after_all_the_result_is_that_of_lined_up_texts(
    tiny: Model, monkeypatch: pytest.MonkeyPatch, site: Point
) -> None:
    """All tokens in one part, or cut into parts, are patched as if nothing had been matched at all."""
    settings = patch(site=site, metric=Metric.RECOVERY)
    expected = patch_heads(tiny, TASK, settings)

    def all_uneven(aligned: object, chosen: PatchSettings) -> Subject | Skip:
        example = next(one for one in TASK.examples if one.id == aligned.example.id)  # type: ignore[attr-defined]
        n = len(aligned.ids)  # type: ignore[attr-defined]
        cut = [range(5), range(5, 7), range(7, n)]
        return subject_of(
            tiny, example, [Stretch(name="part", clean=tuple(one), corrupted=tuple(one)) for one in cut], chosen
        )

    monkeypatch.setattr("attnprobe.causal.prepared.prepare", all_uneven)
    found = patch_heads(tiny, TASK, settings)
    np.testing.assert_array_equal(found.rows["effect"].to_numpy(), expected.rows["effect"].to_numpy())
    assert found.counts["examples_matched_by_spans"] == found.n == expected.n


def test_the_mean_of_a_part_is_put_at_each_of_its_tokens(tiny: Model) -> None:
    parts = [Stretch(name="part", clean=(1, 2, 4), corrupted=(3, 5)), Stretch(name="one", clean=(7,), corrupted=(6,))]
    settings = patch(unequal_spans=UnequalSpans.MEAN)
    subject = subject_of(tiny, TASK.examples[0], parts, settings)
    assert isinstance(subject, Subject)
    assert isinstance(subject.donor_readout, Readout)
    values = torch.randn(len(subject.ids), 4, 8)
    write = replacement_write(subject, settings, Unit(layer=1, index=2), {1: values})
    assert write.site.positions == (3, 5, 6)
    assert isinstance(write.intervention, Replace)
    mean = values[[1, 2, 4], 2].mean(0)
    assert torch.equal(write.intervention.values[:, 0], torch.stack([mean, mean, values[7, 2]]))
