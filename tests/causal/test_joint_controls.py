"""Control keys of heads that are edited together: one draw for all, and still exchangeable with the gold keys."""

import json
from collections.abc import Mapping

import numpy as np
import pytest

from attnprobe.causal.controls import MIN_DOSE, ControlKind
from attnprobe.causal.head_sets import HeadSet
from attnprobe.causal.joint_controls import JointControl, joint_control
from attnprobe.causal.key_groups import key_groups
from attnprobe.causal.settings import PatchSettings
from attnprobe.causal.subject import Subject, prepare
from attnprobe.causal.units import Unit
from attnprobe.models.alignment import align_all
from attnprobe.models.model import Model
from tests.causal.conftest import ListTask, made_up

SETTINGS = PatchSettings()
PAIR = HeadSet.parse("L0H1,L1H2")
Rows = Mapping[int, tuple[int, ...]]


@pytest.fixture(scope="module")
def subject(tiny: Model) -> Subject:
    (aligned,) = align_all(tiny, ListTask(examples=[made_up("joint", seed=4, length=20, keys=[3, 6, 8])]))
    found = prepare(aligned, SETTINGS)
    assert isinstance(found, Subject)
    return found


def attention(subject: Subject, seed: int) -> dict[int, np.ndarray]:
    """Random patterns of two layers of four heads at the edited rows; some heads look almost nowhere but at 0."""
    rng = np.random.default_rng(seed)
    rows = sorted(subject.rows)
    found: dict[int, np.ndarray] = {}
    for layer in range(2):
        pattern = rng.dirichlet(np.full(len(subject.ids), 0.3), size=(4, len(rows)))
        for place, query in enumerate(rows):
            pattern[:, place, query + 1 :] = 0
        found[layer] = (pattern / pattern.sum(-1, keepdims=True)).astype(np.float32)
    return found


def drawn(
    subject: Subject,
    kind: ControlKind,
    unit: Unit | HeadSet,
    gold: Rows | None = None,
    windows: tuple[int | None, ...] = (None, None),
    seed: int = 0,
) -> JointControl:
    groups = {window: key_groups(gold or subject.rows, window=window) for window in set(windows)}
    return joint_control(kind, subject, SETTINGS, unit, windows, groups, attention(subject, seed))


@pytest.mark.parametrize("kind", [ControlKind.RANDOM_KEYS, ControlKind.DISTANCE, ControlKind.MASS], ids=str)
def test_every_head_of_a_set_gets_the_same_control_keys(subject: Subject, kind: ControlKind) -> None:
    joint = drawn(subject, kind, PAIR)
    assert joint.is_matched
    edges = [control.control for _, control in joint.drawn]
    assert all(edge is not None for edge in edges)
    keys = [dict(edge.rows) for edge in edges if edge is not None]
    for query in set(keys[0]).intersection(*keys):
        assert len({found[query] for found in keys}) == 1
    members = [member for units, _ in joint.drawn for member in units]
    assert sorted(map(str, members)) == ["L0H1", "L1H2"]


@pytest.mark.parametrize("seed", range(4))
def test_each_head_loses_as_much_of_its_own_mass_on_either_side(subject: Subject, seed: int) -> None:
    joint = drawn(subject, ControlKind.MASS, PAIR, seed=seed)
    patterns, place = attention(subject, seed), {query: at for at, query in enumerate(sorted(subject.rows))}
    doses = []
    for (member,), control in joint.drawn:
        assert control.gold is not None
        assert control.control is not None
        taken = [
            [
                strength * patterns[member.layer][member.index or 0, place[query], list(keys)].sum()
                for (query, keys), strength in zip(edges.rows, strengths, strict=True)
            ]
            for edges, strengths in (
                (control.gold, control.gold_strengths),
                (control.control, control.control_strengths),
            )
        ]
        np.testing.assert_allclose(taken[0], taken[1], rtol=1e-5)
        doses.append(sum(taken[0]) / len(place))
    assert joint.dose == pytest.approx(np.mean(doses), rel=1e-5)
    assert joint.is_matched == (max(doses) >= MIN_DOSE)


@pytest.mark.parametrize("seed", range(4))
def test_had_the_control_keys_been_gold_the_gold_ones_would_be_their_control(subject: Subject, seed: int) -> None:
    """What makes the joint comparison exact where gold keys are nothing special; heads matched apart would break it."""
    (query, keys), *_ = subject.rows.items()
    there = drawn(subject, ControlKind.MASS, PAIR, {query: keys}, seed=seed)
    swapped = next(dict(control.control.rows)[query] for _, control in there.drawn if control.control is not None)
    back = drawn(subject, ControlKind.MASS, PAIR, {query: swapped}, seed=seed)
    for (_, one), (_, other) in zip(there.drawn, back.drawn, strict=True):
        assert (one.gold, one.gold_strengths) == (other.control, other.control_strengths)
        assert (one.control, one.control_strengths) == (other.gold, other.gold_strengths)


@pytest.mark.parametrize("kind", [ControlKind.RANDOM_KEYS, ControlKind.DISTANCE, ControlKind.MASS], ids=str)
def test_a_set_of_one_head_draws_what_the_head_draws(subject: Subject, kind: ControlKind) -> None:
    alone = drawn(subject, kind, Unit(layer=1, index=2))
    in_set = drawn(subject, kind, HeadSet.parse("L1H2"))
    assert json.dumps(alone.as_record()) == json.dumps(in_set.as_record())
    assert "drawn" not in alone.as_record()
    assert "drawn" in drawn(subject, ControlKind.MASS, PAIR).as_record()


def test_heads_of_other_windows_draw_from_what_they_see_and_those_that_see_nothing_are_left_out(
    subject: Subject,
) -> None:
    windows = (None, 2)
    joint = drawn(subject, ControlKind.RANDOM_KEYS, PAIR, windows=windows)
    near = {query: [key for key in keys if query - key < 2] for query, keys in subject.rows.items()}
    assert len(joint.drawn) == (2 if any(near.values()) else 1)
    far = {max(subject.rows): (1, 2)}
    only = drawn(subject, ControlKind.RANDOM_KEYS, PAIR, far, windows=windows)
    assert [[str(unit) for unit in units] for units, _ in only.drawn] == [["L0H1"]]
    assert only.is_matched
    nobody = drawn(subject, ControlKind.RANDOM_KEYS, HeadSet.parse("L1H2"), far, windows=windows)
    assert nobody.reason == "no gold key is in sight of an edited row"
