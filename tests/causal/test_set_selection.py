"""Choosing heads: halves that share no example, and values that no control can fake."""

from dataclasses import replace

import numpy as np
import pytest

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.head_sets import HeadSet
from attnprobe.causal.prepared import PreparedTask, prepare_task
from attnprobe.causal.rows import PairedEffects
from attnprobe.causal.set_selection import halves, rank_heads
from attnprobe.causal.set_settings import SetSettings
from attnprobe.causal.settings import PatchSettings
from attnprobe.errors import TaskError
from attnprobe.models.model import Model
from attnprobe.plan import HeadId
from tests.causal.conftest import made_up_task

HEADS = tuple(HeadId(layer=0, head=head) for head in range(4))


@pytest.fixture(scope="module")
def prepared(tiny: Model) -> PreparedTask:
    return prepare_task(tiny, made_up_task(5), PatchSettings(), [HeadSet.of(HEADS)])


def test_no_example_both_chooses_and_tests(prepared: PreparedTask) -> None:
    choosing, testing = halves(prepared.subjects, 0)
    names = [[one.aligned.example.id for one in half] for half in (choosing, testing)]
    assert [len(half) for half in names] == [2, 3]
    assert sorted(names[0] + names[1]) == [one.aligned.example.id for one in prepared.subjects]
    assert names[0] == sorted(names[0])
    assert any(halves(prepared.subjects, seed)[0] != choosing for seed in range(1, 9))
    with pytest.raises(TaskError, match="1 examples can be measured: choosing heads needs some"):
        halves(prepared.subjects[:1], 0)


def test_a_head_whose_control_does_something_is_not_ranked_for_it(
    prepared: PreparedTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand: effects 0, -.3, -.1 beside controls -.2, -.1, +.4; and an effect of -.15 that nothing matches."""
    effects = np.tile([0.0, -0.3, -0.1, -0.15], (2, 1))
    control = np.tile([-0.2, -0.1, 0.4, np.nan], (2, 1))
    matched = np.tile([True, True, True, False], (2, 1))
    paired = PairedEffects(effects=effects, kind=ControlKind.RANDOM_KEYS, matched=matched, control=control)
    monkeypatch.setattr("attnprobe.causal.set_selection.paired_effects", lambda *_: paired)
    settings = SetSettings(edit=PatchSettings(heads=(HEADS[0],)))
    chosen = replace(prepared, settings=settings.edit)
    ranked = rank_heads(chosen, settings, HEADS, prepared.subjects[:1]).ranked
    assert [one.head for one in ranked] == [HEADS[1], HEADS[3], HEADS[2], HEADS[0]]
    assert [one.value for one in ranked] == pytest.approx([-0.2, -0.15, -0.1, 0.0])
