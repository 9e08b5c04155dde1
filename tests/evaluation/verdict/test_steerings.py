"""What is edited while a proof is written, step by step."""

from attnprobe.evaluation.verdict.settings import VerdictSettings
from attnprobe.evaluation.verdict.steerings import FollowingMask, OneForcedWord, acts, agreement
from attnprobe.plan import Edges, Force, HeadId, ModelDims, Write

WINDOW = 4
DIMS = ModelDims(
    d_model=8, vocab=16, context=None, n_heads=(2, 2), n_kv_heads=(2, 2), d_head=(4, 4), windows=(None, WINDOW)
)
HEADS = (HeadId(layer=0, head=1), HeadId(layer=1, head=0), HeadId(layer=1, head=1))
PROMPT, GOLD = (1, 2, 3, 4, 5), (6, 7, 8, 9)
ROWS = {None: {4: (1,), 6: (2, 3)}, WINDOW: {4: (1,), 6: (3,)}}
"""Gold tokens 6 and 8, at positions 5 and 7, have keys."""
SETTINGS = VerdictSettings()


def following() -> FollowingMask:
    return FollowingMask(prompt_length=len(PROMPT), gold=GOLD, rows=ROWS, heads=HEADS, settings=SETTINGS, dims=DIMS)


def edges(writes: tuple[Write, ...]) -> dict[int, tuple[tuple[int, tuple[int, ...]], ...]]:
    found: dict[int, tuple[tuple[int, tuple[int, ...]], ...]] = {}
    for write in writes:
        assert isinstance(write.site.edges, Edges)
        found[write.site.layer] = write.site.edges.rows
    return found


def test_on_the_gold_text_each_step_is_masked_as_its_row_is_teacher_forced() -> None:
    for n_written in range(len(GOLD) + 1):
        query = len(PROMPT) + n_written - 1
        wanted = {
            layer: ((query, ROWS[window][query]),) for layer, window in enumerate(DIMS.windows) if query in ROWS[window]
        }
        assert edges(following().writes((*PROMPT, *GOLD[:n_written]))) == wanted


def test_all_heads_of_the_set_are_masked_together() -> None:
    first, second = following().writes(PROMPT)
    assert (first.site.heads, second.site.heads) == ((1,), (0, 1))


def test_where_the_text_leaves_gold_the_last_keys_stay_as_far_as_a_window_sees_them() -> None:
    # 0 in place of 8: the row of 8 has keys 2 and 3, of which a window of four shows 3 to query 6 and none to query 7
    off = (*PROMPT, 6, 7, 0)
    assert edges(following().writes(off)) == {0: ((7, (2, 3)),)}
    assert edges(following().writes((*off, 8, 9))) == {0: ((9, (2, 3)),)}


def test_one_word_is_forced_and_nothing_after_it() -> None:
    forced = OneForcedWord(
        rows={None: {4: (1,)}, WINDOW: {4: (2,)}}, heads=HEADS, mass=0.5, settings=SETTINGS, dims=DIMS
    )
    now = forced.writes(PROMPT)
    assert edges(now) == {0: ((4, (1,)),), 1: ((4, (2,)),)}
    assert all(isinstance(write.intervention, Force) and write.intervention.mass == 0.5 for write in now)
    assert forced.writes((*PROMPT, 6)) == ()


def test_agreement_is_the_length_of_what_is_written_alike() -> None:
    assert agreement((), GOLD) == 0
    assert agreement((6, 7), GOLD) == 2
    assert agreement((6, 0, 8), GOLD) == 1
    assert agreement((*GOLD, 1), GOLD) == 4


def test_a_set_acts_where_some_layer_sees_some_key() -> None:
    assert acts(ROWS, HEADS, DIMS)
    assert not acts({None: {}, WINDOW: {4: (1,)}}, HEADS[:1], DIMS)
